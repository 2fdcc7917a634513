//! What a package says of others: the source package that it was built from (tag 1044) and what it requires (tag 1049).

use rws_model::{FileName, Identity, Inspected, PackageRelations, Role};

use crate::identity;

/// Read from the entry of a package in `primary`, as [`crate::primary`] writes it.
pub fn of(package: &Inspected) -> PackageRelations {
    let primary = package.entries.iter().find(|entry| entry.partition == "primary" && package.role == Role::Binary);
    let Some(text) = primary.and_then(|entry| std::str::from_utf8(&entry.text).ok()) else {
        return PackageRelations::default();
    };
    let requires = between(text, "<rpm:requires>", "</rpm:requires>").unwrap_or_default();
    let names = requires.split("<rpm:entry name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    PackageRelations {
        source: between(text, "<rpm:sourcerpm>", "</rpm:sourcerpm>").map(str::to_owned),
        needs: names.map(|name| vec![name.to_owned()]).collect(),
    }
}

/// The source in the entry of a package in `primary`.
pub fn source_of_entry(entry: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(entry).ok()?;
    between(text, "<rpm:sourcerpm>", "</rpm:sourcerpm>").map(str::to_owned)
}

/// Packages name the file of their source.
pub fn source_name(source: &Identity, file: &FileName) -> Option<String> {
    let package = identity::package_name(source, None)?;
    ["src", "nosrc"].contains(&package.architecture.as_str()).then(|| file.to_string())
}

/// The name in `NAME-VERSION-RELEASE.src.rpm`; of another text all of it.
pub fn source_package(file: &str) -> &str {
    file.rsplitn(3, '-').nth(2).unwrap_or(file)
}

fn between<'text>(text: &'text str, start: &str, end: &str) -> Option<&'text str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}
