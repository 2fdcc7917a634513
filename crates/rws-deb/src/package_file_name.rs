//! File names of the standard form `NAME_VERSION_ARCHITECTURE.deb` and `NAME_VERSION.dsc`, compared with the package: what
//! they say otherwise decides nothing, and is told to who sent the file.

use crate::architecture;
use crate::fault::printable;
use crate::field_syntax::{is_architecture, is_package_name, is_version};

/// What a package says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    /// `Package` or `Source`.
    pub(crate) name: &'a str,
    /// `Version`.
    pub(crate) version: &'a str,
}

/// Compares the name of a binary package's file with the package. Names of other forms say nothing.
pub(crate) fn compare_binary(file_name: &str, claims: Claims<'_>, architecture: &str) -> Result<(), String> {
    let stem = package_stem(file_name).unwrap_or(file_name);
    let Some((rest, named)) = stem.rsplit_once('_') else { return Ok(()) };
    let standard = standard_form(rest).filter(|_| is_architecture(named));
    if (standard.is_some() || architecture::is_known(named)) && named != architecture {
        return Err(contradiction("architecture", named, architecture));
    }
    standard.map_or(Ok(()), |form| compare(&form, claims))
}

/// Compares the name of a source control file with the source package.
pub(crate) fn compare_source(file_name: &str, claims: Claims<'_>) -> Result<(), String> {
    let form = standard_form(file_name.strip_suffix(".dsc").unwrap_or(file_name));
    form.map_or(Ok(()), |form| compare(&form, claims))
}

/// The version that the name of a package's or a source's file has.
pub(crate) fn version(file_name: &str) -> Option<String> {
    let stem = match file_name.strip_suffix(".dsc") {
        Some(stem) => stem,
        None => package_stem(file_name)?.rsplit_once('_')?.0,
    };
    standard_form(stem).map(|(_, version)| version)
}

/// The name of a package's file without its end.
fn package_stem(file_name: &str) -> Option<&str> {
    [".deb", ".udeb", ".ddeb"].iter().find_map(|end| file_name.strip_suffix(end))
}

/// A name and a decoded version.
type Form<'a> = (&'a str, String);

/// `NAME_VERSION` with legal parts; the colon of an epoch may be written `%3a`.
fn standard_form(text: &str) -> Option<Form<'_>> {
    let (name, version) = text.split_once('_')?;
    let version = version.replace("%3a", ":").replace("%3A", ":");
    (is_package_name(name) && is_version(&version)).then_some((name, version))
}

fn compare((name, version): &Form<'_>, claims: Claims<'_>) -> Result<(), String> {
    if *name != claims.name {
        return Err(contradiction("name", name, claims.name));
    }
    let without_epoch = claims.version.split_once(':').map_or(claims.version, |(_, rest)| rest);
    if version != claims.version && version != without_epoch {
        return Err(contradiction("version", version, claims.version));
    }
    Ok(())
}

fn contradiction(what: &'static str, named: &str, inside: &str) -> String {
    format!(
        "the file name says {what} {}, the package says {}",
        printable(named.as_bytes()),
        printable(inside.as_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Claims<'_> = Claims { name: "hello", version: "1:1.0~rc1-1" };

    #[test]
    fn the_standard_form_must_agree_and_other_forms_say_nothing() {
        for good in [
            "hello_1:1.0~rc1-1_amd64.deb",
            "hello_1%3a1.0~rc1-1_amd64.deb",
            "hello_1%3A1.0~rc1-1_amd64.deb",
            "hello_1.0~rc1-1_amd64.deb",
            "hello.deb",
            "hello-amd64.deb",
            "anything_amd64.deb",
            "my_cool_package.deb",
            "hello_1.0_rc1_amd64.deb",
            "hello_1.0~rc1-1_amd64.udeb",
        ] {
            assert_eq!(compare_binary(good, HELLO, "amd64"), Ok(()), "{good}");
        }
        for bad in [
            "hello_1:1.0~rc1-1_arm64.deb",
            "hello_1.0~rc1-1_any64.deb",
            "hello_2.0_amd64.deb",
            "hello_2:1.0~rc1-1_amd64.deb",
            "hallo_1.0~rc1-1_amd64.deb",
            "anything_arm64.deb",
            "hello_1.0_rc1_arm64.deb",
        ] {
            assert!(compare_binary(bad, HELLO, "amd64").is_err(), "{bad}");
        }
    }

    #[test]
    fn source_names_have_no_architecture() {
        assert_eq!(compare_source("hello_1.0~rc1-1.dsc", HELLO), Ok(()));
        assert_eq!(compare_source("hello.dsc", HELLO), Ok(()));
        assert!(compare_source("hello_1.0-1.dsc", HELLO).is_err());
        assert!(compare_source("hallo_1.0~rc1-1.dsc", HELLO).is_err());
    }
}
