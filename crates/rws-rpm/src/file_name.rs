//! What the name of a package file says of the package.

use rws_model::FileName;

use crate::package::Nevra;

/// The architectures of `rpmrc` that stand in file names. A last part that is none of them is no architecture.
const ARCHITECTURES: &[&str] = &[
    "aarch64",
    "alpha",
    "amd64",
    "armv3l",
    "armv4b",
    "armv4l",
    "armv5tejl",
    "armv5tel",
    "armv5tl",
    "armv6hl",
    "armv6l",
    "armv7hl",
    "armv7hnl",
    "armv7l",
    "armv8hl",
    "armv8l",
    "athlon",
    "e2k",
    "geode",
    "i386",
    "i486",
    "i586",
    "i686",
    "ia32e",
    "ia64",
    "loongarch64",
    "m68k",
    "mips",
    "mips64",
    "mips64el",
    "mipsel",
    "noarch",
    "nosrc",
    "parisc",
    "pentium3",
    "pentium4",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppc64p7",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sparc",
    "sparc64",
    "sparc64v",
    "sparcv8",
    "sparcv9",
    "sparcv9v",
    "src",
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
];

/// What the names of packages end in.
pub const EXTENSION: &str = ".rpm";

/// Whether a file of this name can be a package.
pub fn is_package(name: &str) -> bool {
    name.ends_with(EXTENSION)
}

/// What the file name says otherwise than the package; nothing where they agree.
///
/// A name that ends in an architecture says the package's (`src` or `nosrc` for sources), and one of the form
/// `NAME-VERSION-RELEASE.ARCHITECTURE.rpm` says all of it. Any other name says nothing. Whatever it says decides nothing:
/// two of three public repositories have such files, and clients read only the metadata.
pub fn contradiction(file_name: &FileName, nevra: &Nevra) -> Option<String> {
    let stem = file_name.as_str().strip_suffix(EXTENSION).unwrap_or(file_name.as_str());
    let (nvr, architecture) = stem.rsplit_once('.')?;
    let is_own = if nevra.architecture == "src" {
        matches!(architecture, "src" | "nosrc")
    } else {
        architecture == nevra.architecture
    };
    let is_other = !is_own && ARCHITECTURES.contains(&architecture);
    let is_other_package = is_own && has_standard_form(nvr) && nvr != nevra.nvr();
    if !is_other && !is_other_package {
        return None;
    }
    let own = if is_own { architecture } else { &nevra.architecture };
    Some(format!("the file name says {stem}, the package is {}.{own}", nevra.nvr()))
}

/// Whether it is `NAME-VERSION-RELEASE`: versions have digits, so that `my-tool-1.0` is none.
fn has_standard_form(nvr: &str) -> bool {
    let mut parts = nvr.rsplitn(3, '-');
    let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) else { return false };
    !release.is_empty() && !name.is_empty() && version.contains(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use rws_model::FileName;

    use super::contradiction;
    use crate::package::Nevra;

    fn agrees(file_name: &str, architecture: &str) -> bool {
        let nevra = Nevra {
            name: "my-tool".to_owned(),
            epoch: 1,
            version: "1.0~rc1".to_owned(),
            release: "2.el9".to_owned(),
            architecture: architecture.to_owned(),
        };
        contradiction(&FileName::parse(file_name).unwrap(), &nevra).is_none()
    }

    #[test]
    fn names_that_say_nothing_else_agree() {
        for name in ["my-tool-1.0~rc1-2.el9.x86_64.rpm", "my-tool.rpm", "my-tool-1.0.rpm", "a.x86_64.rpm"] {
            assert!(agrees(name, "x86_64"), "{name}");
        }
        for name in ["my-tool-1.0~rc1-2.el9.src.rpm", "my-tool-1.0~rc1-2.el9.nosrc.rpm", "other-tool-beta.src.rpm"] {
            assert!(agrees(name, "src"), "{name}");
        }
    }

    #[test]
    fn names_of_another_package_do_not() {
        for name in ["my-tool-1.0-2.el9.x86_64.rpm", "my-tool-1.0~rc1-2.el9.i686.rpm", "a.noarch.rpm", "a.src.rpm"] {
            assert!(!agrees(name, "x86_64"), "{name}");
        }
        assert!(!agrees("my-tool-1.0~rc1-2.el9.x86_64.rpm", "src"));
    }
}
