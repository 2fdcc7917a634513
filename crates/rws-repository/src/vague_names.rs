//! What the name of a package file says of the package: enough to tell it from others, or too little.

use rws_model::{Inspected, Role};

/// What the sender of a package should know whose file name says no version or no architecture: other packages have, or will
/// have, the same name. `None` for names that say both, and for those that contradict the package, which is said already.
pub fn says_too_little(file: &Inspected) -> Option<String> {
    if !matches!(file.role, Role::Binary | Role::Source) || file.misnamed.is_some() {
        return None;
    }
    let name = file.file.name.as_str();
    let (stem, _) = name.rsplit_once('.')?;
    // sources of Debian have none: their name says all with the version
    let architecture = Some(file.architecture.as_str()).filter(|name| !matches!(*name, "" | "source"));
    let (rest, says_architecture) = match architecture.and_then(|architecture| stem.rsplit_once(architecture)) {
        Some((before, after)) => (format!("{before}{after}"), true),
        None => (stem.to_owned(), architecture.is_none()),
    };
    // the second word of an identity is the name of the package
    let package = file.identity.0.split(' ').nth(1).unwrap_or_default();
    let rest = rest.strip_prefix(package).unwrap_or(&rest);
    let missing = match (rest.contains(|one: char| one.is_ascii_digit()), says_architecture) {
        (true, true) => return None,
        (false, true) => "version",
        (true, false) => "architecture",
        (false, false) => "version and architecture",
    };
    Some(format!(
        "the file name does not contain the {missing} of the package. A second file of this name gets an address with its digest, \
         and RWS then refuses a DELETE of the name"
    ))
}

#[cfg(test)]
mod tests {
    use rws_model::{FileName, Identity, RecordFile, ShaDigester};

    use super::*;

    fn missing(name: &str, identity: &str, architecture: &str, role: Role) -> String {
        let (size_bytes, digests) = ShaDigester::default().finish([0; 16]);
        let file = RecordFile { name: FileName::parse(name).unwrap(), size_bytes, digests };
        let said = says_too_little(&Inspected {
            file,
            role,
            identity: Identity(identity.to_owned()),
            architecture: architecture.to_owned(),
            entries: Vec::new(),
            names: Vec::new(),
            renderer: 1,
            warnings: Vec::new(),
            misnamed: None,
        });
        let said = said.unwrap_or_default();
        said.split(" of the package")
            .next()
            .unwrap()
            .trim_start_matches("the file name does not contain the ")
            .to_owned()
    }

    #[test]
    fn names_say_version_and_architecture_or_are_named() {
        let rpm = |name: &str| missing(name, "rpm cat2 0 1.0 1 x86_64", "x86_64", Role::Binary);
        for (name, expected) in [
            ("cat2-1.0-1.x86_64.rpm", ""),
            ("cat2.rpm", "version and architecture"),
            ("cat.rpm", "version and architecture"),
            ("cat2.x86_64.rpm", "version"),
            ("cat2_latest_x86_64.rpm", "version"),
            ("cat2-1.0.rpm", "architecture"),
            ("other-1.0.x86_64.rpm", ""),
        ] {
            assert_eq!(rpm(name), expected, "{name}");
        }
        let deb = |name: &str| missing(name, "deb cat2 1:1.0-1 amd64", "amd64", Role::Binary);
        for (name, expected) in [
            ("cat2_1.0-1_amd64.deb", ""),
            ("cat2_current_amd64.deb", "version"),
            ("cat2.deb", "version and architecture"),
            ("agent.udeb", "version and architecture"),
        ] {
            assert_eq!(deb(name), expected, "{name}");
        }
        assert_eq!(missing("cat2_1.0.dsc", "source cat2 1.0", "source", Role::Source), "");
        assert_eq!(missing("cat2.dsc", "source cat2 1.0", "source", Role::Source), "version");
        assert_eq!(missing("cat2-1-1.src.rpm", "rpm cat2 0 1 1 src", "src", Role::Source), "");
        assert_eq!(missing("cat2.tar.gz", "file cat2.tar.gz", "", Role::Part), "");
    }
}
