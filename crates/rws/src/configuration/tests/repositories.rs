//! The list `repositories`.

use super::*;
use rws_deb::Deb;
use rws_model::Compression;
use rws_repository::catalogue::OnConflict;
use rws_rpm::Rpm;

#[test]
fn the_defaults_depend_on_the_format_only() {
    let configuration = built_in();
    let deb = configuration.settings_for(&target("live/1.10/ubuntu/focal"), &Deb);
    assert_eq!(deb.architectures, [""; 0], "all that dpkg knows");
    assert_eq!((deb.origin.as_str(), deb.label.as_str(), deb.suite), ("Tarantool", "tarantool.org", None));
    assert_eq!(deb.description, "Tarantool DBMS and Tarantool modules");
    assert_eq!((deb.compression, deb.valid_until_seconds), (Vec::new(), None));
    let rpm = configuration.settings_for(&target("live/1.10/el/7"), &Rpm);
    assert_eq!(rpm.architectures, ["x86_64", "aarch64"]);
}

#[test]
fn later_entries_win_for_what_they_mention() {
    let file = with(
        small(),
        "/repositories",
        json!([
            { "match": "*", "origin": "Ours", "label": "l", "keep": { "generations": 5 }, "contents": true, "on_conflict": "refuse" },
            { "match": "live/*/el/*", "architectures": ["x86_64", "ppc64le"], "compression": ["gz", "zstd"] },
            { "match": "live/1.*/el/7", "origin": "Seven", "valid_until_seconds": 3600, "suite": "stable/seven" },
            { "match": "release", "description": "d", "create_empty": true, "on_conflict": "replace", "file_names": "strict" },
        ]),
    );
    let configuration = resolved(&file, &[]);
    let seven = configuration.settings_for(&target("live/1.10/el/7"), &Rpm);
    assert_eq!(
        (seven.origin.as_str(), seven.label.as_str(), seven.suite.as_deref()),
        ("Seven", "l", Some("stable/seven"))
    );
    assert_eq!(seven.architectures, ["x86_64", "ppc64le"]);
    assert_eq!(seven.compression, [Compression::Gz, Compression::Zstd]);
    assert_eq!(seven.valid_until_seconds, Some(3600));
    let eight = configuration.settings_for(&target("live/1.10/el/8"), &Rpm);
    assert_eq!((eight.origin.as_str(), eight.suite, eight.valid_until_seconds), ("Ours", None, None));
    let focal = configuration.settings_for(&target("release/1.10/ubuntu/focal"), &Deb);
    assert_eq!((focal.origin.as_str(), focal.description.as_str()), ("Ours", "d"));
    assert_eq!(focal.architectures, [""; 0]);
    assert!(focal.contents);
    let policy = configuration.policy_for(&target("release/1.10/ubuntu/focal"));
    assert_eq!((policy.on_conflict, policy.create_empty, policy.strict_names), (OnConflict::Replace, true, true));
    let of_all = resolved(&with(file.clone(), "/common/create_empty", json!(true)), &[]);
    assert!(of_all.policy_for(&target("live/1.10/el/7")).create_empty);
    let policy = configuration.policy_for(&target("live/1.10/el/7"));
    assert_eq!((policy.on_conflict, policy.create_empty), (OnConflict::Refuse, false));
    assert_eq!((policy.keep_generations, policy.keep_seconds), (Some(5), None));
}

#[test]
fn an_entry_shows_as_it_was_written() {
    let entries = json!([
        { "match": "live/**/el/7", "architectures": ["x86_64"], "compression": ["xz"], "on_conflict": "refuse",
          "origin": "o", "label": "l", "suite": "s", "version": "v", "digests": ["md5", "sha512"], "description": "d", "valid_until_seconds": 1, "create_empty": true,
          "contents": false, "keep": { "generations": 3, "hours": 48 } },
        { "match": "release" },
    ]);
    assert_eq!(shown(&resolved(&with(small(), "/repositories", entries.clone()), &[]))["repositories"], entries);
}

#[test]
fn what_has_no_effect_is_said() {
    let entries = json!([{ "match": "nightly", "contents": true }, { "match": "live" }]);
    let lines = ["rws.json: repositories[0].match is \"nightly\", which matches no repository"];
    assert_eq!(resolved(&with(small(), "/repositories", entries), &[]).warnings, lines);
}
