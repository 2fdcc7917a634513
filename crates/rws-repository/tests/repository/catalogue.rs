//! What the path of an upload stands for, with the messages of the original service.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_deb::Deb;
use rws_repository::catalogue::{Catalogue, Distribution, Model};
use rws_rpm::Rpm;

fn catalogue() -> Catalogue {
    let distribution = |format: Result<Arc<dyn rws_model::Format>, String>, versions: &[&str]| Distribution {
        format,
        versions: versions.iter().map(|&version| version.to_owned()).collect(),
    };
    let anchors = [
        ("modules-of", vec!["release/1.10/", "release/modules/", "live/1.10/"]),
        ("els", vec!["el/7", "el/8"]),
        ("everything", vec!["live/1.10/el/7"]),
        ("slashed", vec!["/live/1.10"]),
        ("wrong", vec!["live/1.10", "live/9.9"]),
        ("two", vec!["live/1.10", "live/1.10"]),
    ];
    let model = Model {
        kinds: vec!["live".to_owned(), "release".to_owned()],
        series: vec!["1.10".to_owned(), "2.8".to_owned(), "modules".to_owned()],
        enabled: vec!["1.10".to_owned(), "2.8".to_owned()],
        distributions: BTreeMap::from([
            ("el".to_owned(), distribution(Ok(Arc::new(Rpm)), &["7", "8"])),
            ("ubuntu".to_owned(), distribution(Ok(Arc::new(Deb)), &["focal"])),
            ("alpine".to_owned(), distribution(Err("apk".to_owned()), &["3"])),
        ]),
        anchors: anchors
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()))
            .collect(),
    };
    Catalogue::new(model, |_, _| (crate::support::settings(&["x86_64"]), None))
}

#[test]
fn paths_stand_for_targets() {
    let catalogue = catalogue();
    for (path, expected) in [
        ("live/1.10/el/7", "live/1.10/el/7"),
        ("modules-of/el/7", "release/1.10/el/7 release/modules/el/7 live/1.10/el/7"),
        ("modules-of/el/7/", "release/1.10/el/7 release/modules/el/7 live/1.10/el/7"),
        ("modules-of//el//7", "release/1.10/el/7 release/modules/el/7 live/1.10/el/7"),
        ("live/1.10/els", "live/1.10/el/7 live/1.10/el/8"),
        ("live/enabled/el/8", "live/1.10/el/8 live/2.8/el/8"),
        ("live/enabled/els", "live/1.10/el/7 live/1.10/el/8 live/2.8/el/7 live/2.8/el/8"),
        ("everything", "live/1.10/el/7"),
        ("two/el/7", "live/1.10/el/7"),
    ] {
        let mut found: Vec<_> =
            catalogue.resolve(path).unwrap().iter().map(|target| target.target.to_string()).collect();
        let mut expected: Vec<_> = expected.split(' ').map(str::to_owned).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn other_paths_are_refused_in_the_words_of_the_original() {
    let catalogue = catalogue();
    for (path, message) in [
        ("", "Invalid URL."),
        ("live/1.10/el", "Invalid URL."),
        ("live/1.10/el/7/", "Invalid URL."),
        ("live//1.10/el/7", "Invalid URL."),
        ("slashed/el/7", "Invalid URL."),
        ("nightly/1.10/el/7", "Repo kind \"nightly\" is not supported."),
        ("live/9.9/el/7", "Tarantool series \"9.9\" is not supported."),
        ("wrong/el/7", "Tarantool series \"9.9\" is not supported."),
        ("live/1.10/arch/7", "Distribution \"arch\" is not supported."),
        ("live/1.10/el/5", "Distribution version \"5\" is not supported."),
        ("live/1.10/alpine/3", "Unknown repository base: apk."),
        ("../1.10/el/7", "Repo kind \"..\" is not supported."),
    ] {
        match catalogue.resolve(path) {
            Err(error) => assert_eq!(error.to_string(), message, "{path}"),
            Ok(_) => panic!("{path} stands for something"),
        }
    }
}

#[test]
fn a_public_path_belongs_to_the_repository_whose_metadata_it_is() {
    let catalogue = catalogue();
    for (path, expected) in [
        ("live/1.10/ubuntu/dists/focal/InRelease", Some("live/1.10/ubuntu/focal")),
        ("live/1.10/ubuntu/dists/focal/main/binary-amd64/by-hash/SHA256/00", Some("live/1.10/ubuntu/focal")),
        ("live/1.10/ubuntu/dists/jammy/InRelease", None),
        ("live/1.10/ubuntu/pool/focal/main/p/product/x.deb", None),
        ("live/1.10/el/7/SRPMS/repodata/repomd.xml", Some("live/1.10/el/7/SRPMS")),
        ("live/1.10/el/7/x86_64/Packages/x.rpm", None),
        ("repodata/repomd.xml", None),
    ] {
        assert_eq!(catalogue.by_metadata(path).map(|tree| tree.repository.to_string()).as_deref(), expected, "{path}");
    }
}
