//! What the name of a package file says of the package.

use rws_model::FileName;

use crate::fault::Fault;
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

/// Whether a file of this name can be a package.
pub fn is_package(name: &str) -> bool {
    name.ends_with(".rpm")
}

/// Compares the file name with the package.
///
/// Where the name ends in an architecture it must be the package's (`src` or `nosrc` for sources); where it has the
/// form `NAME-VERSION-RELEASE.ARCHITECTURE.rpm` all of it must be. Any other name says nothing.
pub fn check(file_name: &FileName, nevra: &Nevra) -> Result<(), Fault> {
    let stem = file_name.as_str().strip_suffix(".rpm").unwrap_or(file_name.as_str());
    let Some((nvr, architecture)) = stem.rsplit_once('.') else { return Ok(()) };
    let is_own = if nevra.architecture == "src" {
        matches!(architecture, "src" | "nosrc")
    } else {
        architecture == nevra.architecture
    };
    let is_other = !is_own && ARCHITECTURES.contains(&architecture);
    let is_other_package = is_own && has_standard_form(nvr) && nvr != nevra.nvr();
    if is_other || is_other_package {
        let own = if is_own { architecture } else { &nevra.architecture };
        return Err(Fault::FileName { said: stem.to_owned(), is: format!("{}.{own}", nevra.nvr()) });
    }
    Ok(())
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

    use super::check;
    use crate::package::Nevra;

    fn agrees(file_name: &str, architecture: &str) -> bool {
        let nevra = Nevra {
            name: "my-tool".to_owned(),
            epoch: 1,
            version: "1.0~rc1".to_owned(),
            release: "2.el9".to_owned(),
            architecture: architecture.to_owned(),
        };
        check(&FileName::parse(file_name).unwrap(), &nevra).is_ok()
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
