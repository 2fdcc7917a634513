//! The architectures that dpkg knows (`dpkg-architecture --list-known`; its `cputable` and `tupletable`).

/// The architecture that a variant is one of: `amd64` of `amd64v3`, whose packages run on newer processors of it only (dpkg,
/// `Architecture-Variant`). `None` for what is no variant.
pub(crate) fn base_of(variant: &str) -> Option<&str> {
    let (base, level) = variant.rsplit_once('v')?;
    let is_level = (1..=2).contains(&level.len()) && level.bytes().all(|byte| byte.is_ascii_digit());
    (is_level && base != ALL && is_basic(base)).then_some(base)
}

/// Whether dpkg knows the architecture, or it is a variant of one that dpkg knows.
pub(crate) fn is_known(name: &str) -> bool {
    is_basic(name) || base_of(name).is_some()
}

/// Every machine.
pub(crate) const ALL: &str = "all";

const CPUS: [&str; 37] = [
    "alpha",
    "amd64",
    "arc",
    "arm",
    "arm64",
    "armeb",
    "avr32",
    "hppa",
    "i386",
    "ia64",
    "loong64",
    "m32r",
    "m68k",
    "mips",
    "mips64",
    "mips64el",
    "mips64r6",
    "mips64r6el",
    "mipsel",
    "mipsr6",
    "mipsr6el",
    "nios2",
    "or1k",
    "powerpc",
    "powerpcel",
    "ppc64",
    "ppc64el",
    "riscv64",
    "s390",
    "s390x",
    "sh3",
    "sh3eb",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "tilegx",
];

/// Names of their own for an ABI.
const ABIS: [&str; 13] = [
    "arm64ilp32",
    "armel",
    "armhf",
    "kfreebsd-armhf",
    "mint-m68k",
    "mipsn32",
    "mipsn32el",
    "mipsn32r6",
    "mipsn32r6el",
    "musl-linux-armhf",
    "powerpcspe",
    "uclibc-linux-armel",
    "x32",
];

/// Kernels and libraries other than Linux with glibc.
const SYSTEMS: [&str; 14] = [
    "aix",
    "darwin",
    "dragonflybsd",
    "freebsd",
    "hurd",
    "kfreebsd",
    "knetbsd",
    "kopensolaris",
    "musl-linux",
    "netbsd",
    "openbsd",
    "solaris",
    "uclibc-linux",
    "uclinux",
];

/// Names that dpkg has had, or has since: packages of them are around.
const OTHERS: [&str; 3] = ["loongarch64", "lpia", "uclinux-armel"];

/// Whether dpkg knows an architecture, or `all`.
pub(crate) fn is_basic(name: &str) -> bool {
    let of_cpu = |name: &str| CPUS.contains(&name);
    let of_system = || {
        SYSTEMS
            .iter()
            .any(|system| name.strip_prefix(system).and_then(|rest| rest.strip_prefix('-')).is_some_and(of_cpu))
    };
    name == ALL || of_cpu(name) || ABIS.contains(&name) || OTHERS.contains(&name) || of_system()
}

#[cfg(test)]
mod tests {
    use super::{base_of, is_known};

    /// Nothing that the dpkg of this machine knows is missing.
    #[test]
    fn all_that_dpkg_knows() {
        let listed = std::process::Command::new("dpkg-architecture").arg("-L").output();
        let listed =
            String::from_utf8(listed.expect("dpkg-architecture is installed: run tests/setup").stdout).unwrap();
        let unknown: Vec<&str> = listed.lines().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty() && listed.lines().count() > 500, "{unknown:?}");
    }

    #[test]
    fn variants_have_an_architecture() {
        assert_eq!(base_of("amd64v3"), Some("amd64"));
        for other in ["amd64", "riscv64", "allv3", "amd64v", "amd64v123", "amd64vx", "v3", "amd64v3v3", "xv3"] {
            assert_eq!(base_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_dpkg_does_not_know() {
        for name in ["", "x86_64", "AMD64", "any", "source", "linux-any", "amd64-", "-amd64", "musl-linux", "hurd-x32"]
        {
            assert!(!is_known(name), "{name}");
        }
    }
}
