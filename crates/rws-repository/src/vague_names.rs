//! What the name of a package file says of the package: enough to tell it from others, or too little.

use rws_model::{Inspected, Role};

/// What the sender of a package should know whose file name says no version or no architecture: other packages have, or will
/// have, the same name. `None` for names that say both, and for those that contradict the package, which is said already.
pub fn says_too_little(file: &Inspected) -> Option<String> {
    if !matches!(file.role, Role::Binary | Role::Source) || file.misnamed.is_some() {
        return None;
    }
    let unsaid = file.unsaid?;
    Some(format!(
        "the file name does not contain the {unsaid} of the package: another one of this name gets an address that nobody can guess, \
         and RWS then refuses a DELETE of the name"
    ))
}

#[cfg(test)]
mod tests {
    use rws_model::{FileName, Identity, RecordFile, ShaDigester};

    use super::*;

    #[test]
    fn only_packages_are_named_and_once() {
        let said = |role: Role, misnamed: Option<&str>, unsaid: Option<&'static str>| {
            let (size_bytes, digests) = ShaDigester::default().finish([0; 16]);
            let file = RecordFile { name: FileName::parse("cat2.rpm").unwrap(), size_bytes, digests };
            says_too_little(&Inspected {
                file,
                role,
                identity: Identity("rpm cat2 0 1.0 1 x86_64".to_owned()),
                architecture: "x86_64".to_owned(),
                entries: Vec::new(),
                names: Vec::new(),
                renderer: 1,
                warnings: Vec::new(),
                misnamed: misnamed.map(str::to_owned),
                unsaid,
            })
        };
        let version = Some("version");
        assert!(
            said(Role::Binary, None, version).unwrap().starts_with("the file name does not contain the version of")
        );
        assert!(said(Role::Source, None, version).is_some());
        assert_eq!(said(Role::Binary, None, None), None);
        assert_eq!(said(Role::Binary, Some("it is another package"), version), None);
        assert_eq!(said(Role::Part, None, version), None);
    }
}
