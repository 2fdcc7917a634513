//! The architectures that dpkg knows (`dpkg-architecture --list-known`; its `cputable` and `tupletable`).

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
pub(crate) fn is_known(name: &str) -> bool {
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
    use super::is_known;

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
    fn what_dpkg_does_not_know() {
        for name in ["", "x86_64", "AMD64", "any", "source", "linux-any", "amd64-", "-amd64", "musl-linux", "hurd-x32"]
        {
            assert!(!is_known(name), "{name}");
        }
    }
}
