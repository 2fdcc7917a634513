//! The built-in configuration.

use super::*;
use crate::configuration::{StoreConfiguration, file};

/// What the original's `config.default` has: CONTRACT.md, "The default configuration".
const DISTRIBUTIONS: [(&str, &str, &str); 10] = [
    ("debian", "deb", "bookworm bullseye buster jessie stretch"),
    ("ubuntu", "deb", "bionic disco eoan focal trusty xenial hirsute groovy impish jammy noble"),
    ("el", "rpm", "6 7 8"),
    ("fedora", "rpm", "25 26 27 28 29 30 31 32 33 34 35 36 37 38 39"),
    ("opensuse-leap", "rpm", "15.1 15.2"),
    ("redos", "rpm", "7.3"),
    ("astra", "deb", "1.7"),
    ("almalinux", "rpm", "8 9"),
    ("linux-rpm", "rpm", "static"),
    ("linux-deb", "deb", "static"),
];

const NUMBERED: [&str; 10] = ["1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"];

#[test]
fn everything_of_the_original_is_there() {
    let model = built_in().model;
    assert_eq!(model.kinds, ["live", "pre-release", "release"]);
    let series = [&["modules", "series-2", "series-2-gc64", "series-3"][..], &NUMBERED].concat();
    assert_eq!(model.series, series);
    assert_eq!(model.enabled, [&["modules"][..], &NUMBERED].concat());
    for (name, base, versions) in DISTRIBUTIONS {
        let known = &model.distributions[name];
        assert_eq!(known.base, base, "{name}");
        for version in versions.split(' ') {
            assert!(known.versions.iter().any(|known| known == version), "{name} {version}");
        }
    }
    assert_eq!(model.distributions.len(), DISTRIBUTIONS.len());
    let paths = |kind: &'static str| NUMBERED.iter().map(move |series| format!("{kind}/{series}/"));
    let anchor: Vec<_> = paths("live").chain(paths("release")).chain(["release/modules/".to_owned()]).collect();
    assert_eq!(anchor.len(), 21);
    assert_eq!(model.anchors, [("tarantool-modules".to_owned(), anchor)].into());
}

#[test]
fn versions_released_since_are_there() {
    let model = built_in().model;
    for (name, versions) in [
        ("debian", "trixie forky"),
        ("ubuntu", "oracular plucky questing resolute stonking"),
        ("el", "9 10"),
        ("fedora", "40 41 42 43 44 45 46"),
        ("opensuse-leap", "15.3 15.4 15.5 15.6 16.0 16.1"),
        ("redos", "8.0"),
        ("astra", "1.8"),
        ("almalinux", "10"),
    ] {
        for version in versions.split(' ') {
            assert!(model.distributions[name].versions.iter().any(|known| known == version), "{name} {version}");
        }
    }
}

#[test]
fn nothing_set_is_a_working_configuration() {
    let configuration = built_in();
    assert_eq!(configuration.source, Source::BuiltIn);
    assert_eq!(
        configuration.store,
        StoreConfiguration::Local { directory: "./rws-data".into(), allowed_links: Vec::new() }
    );
    assert_eq!(configuration.spool_directory, None);
    assert_eq!(configuration.credentials, None);
    assert_eq!((&configuration.main_key, &configuration.modules_key), (&None, &None));
    assert!(!configuration.force_sync && !configuration.sync_on_start && !configuration.server.service.read_only);
    assert_eq!(configuration.warnings, [""; 0]);
    assert_eq!(configuration.policy_for(&target("live/1.10/el/7")), rws_repository::catalogue::Policy::default());
}

#[test]
fn what_config_show_prints_of_the_model_can_be_read_again() {
    let model = shown(&built_in());
    let again = json!({ "model": { "supported_repos": model["model"] }, "anchors": model["anchors"] });
    assert_eq!(resolved(&again, &[]).model, built_in().model);
}

#[test]
fn the_default_states_each_known_section_or_leaves_it_to_the_operator() {
    let text = include_str!("../../../../../config.default");
    let value = file::parse("config.default", text).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["anchors", "common", "model"]);
    assert_eq!(value["common"], json!({ "sync_on_start": false }));
}
