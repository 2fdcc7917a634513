//! The digest of all that shapes a generation besides its packages: when it changes, a repository is published anew.

use rws_model::{Algorithm, Compression, RepositorySettings, Sha256, sha256};
use serde::Serialize;

use crate::catalogue::ConfiguredTarget;

/// The version of the form of published repositories: a larger one is published anew at start.
const EDITION: u32 = 1;

/// What is digested, as JSON in this order. These names are part of the disk format: where a name in the program changes, they
/// stay.
#[derive(Serialize)]
struct Shape<'a> {
    edition: u32,
    format: &'a str,
    key: Option<&'a str>,
    architectures: &'a [String],
    compression: &'a [Compression],
    origin: &'a str,
    label: &'a str,
    suite: Option<&'a str>,
    version: Option<&'a str>,
    description: &'a str,
    valid_until_seconds: Option<u64>,
    digests: &'a [Algorithm],
    contents: bool,
    /// Not written where it is not set: then all is as before there was such a setting.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    signed_by: bool,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshots: Option<&'a str>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    changelogs: Option<&'a str>,
    /// The same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    translations: bool,
    /// The same.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    components: &'a [String],
    /// The same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    debug_packages: bool,
}

fn text(format: &str, settings: &RepositorySettings, (key, signed_by): (Option<&str>, bool)) -> String {
    // exhaustive: a new setting has to be considered here
    let RepositorySettings {
        architectures,
        compression,
        origin,
        label,
        suite,
        version,
        description,
        valid_until_seconds,
        digests,
        contents,
        snapshots,
        changelogs,
        translations,
        components,
        debug_packages,
    } = settings;
    let shape = Shape {
        edition: EDITION,
        format,
        key,
        architectures,
        compression,
        origin,
        label,
        suite: suite.as_deref(),
        version: version.as_deref(),
        description,
        valid_until_seconds: *valid_until_seconds,
        digests,
        contents: *contents,
        signed_by,
        snapshots: snapshots.as_deref(),
        changelogs: changelogs.as_deref(),
        translations: *translations,
        components,
        debug_packages: *debug_packages,
    };
    serde_json::to_string(&shape).unwrap_or_default()
}

impl ConfiguredTarget {
    /// The digest that new heads state.
    pub fn configuration_fingerprint(&self) -> Sha256 {
        self.fingerprint_with(self.signer.as_ref().map(|signer| signer.fingerprint()))
    }

    fn fingerprint_with(&self, key: Option<&str>) -> Sha256 {
        sha256(text(self.format.name(), &self.settings, (key, self.policy.signed_by)).as_bytes())
    }

    /// Whether a generation whose head states this digest was made as one would be now.
    pub fn matches_fingerprint(&self, digest: &Sha256) -> bool {
        let former = || self.fingerprint_with(self.signer.as_ref().map(|signer| signer.former_fingerprint()));
        *digest == self.configuration_fingerprint() || *digest == former()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What this says is in every bucket: who changes it has all repositories published anew.
    #[test]
    fn the_form_stays_as_it_is() {
        let settings = RepositorySettings {
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            compression: vec![Compression::Gz, Compression::Xz],
            origin: "Origin \"ä\"".to_owned(),
            label: "Label".to_owned(),
            suite: Some("stable".to_owned()),
            version: None,
            description: "Description".to_owned(),
            valid_until_seconds: Some(3600),
            digests: vec![Algorithm::Sha512],
            contents: true,
            snapshots: None,
            changelogs: None,
            translations: false,
            components: Vec::new(),
            debug_packages: false,
        };
        assert_eq!(
            text("deb", &settings, (Some("0123ABCD"), false)),
            r#"{"edition":1,"format":"deb","key":"0123ABCD","architectures":["amd64","arm64"],"compression":["gz","xz"],"#
                .to_owned()
                + r#""origin":"Origin \"ä\"","label":"Label","suite":"stable","version":null,"description":"Description","#
                + r#""valid_until_seconds":3600,"digests":["sha512"],"contents":true}"#
        );
    }
}
