//! Kinds, series, distributions, anchors.

use super::*;

fn supported(key: &str, value: Value) -> Value {
    with(small(), &format!("/model/supported_repos/{key}"), value)
}

#[test]
fn enabled_is_a_list_and_may_stand_among_the_series_as_well() {
    let list = supported("enabled", json!(["1.10"]));
    let both = with(list.clone(), "/model/supported_repos/tarantool_series", json!(["modules", "enabled", "1.10"]));
    for file in [list, both] {
        let configuration = resolved(&file, &[]);
        assert_eq!(configuration.model.series, ["modules", "1.10"]);
        assert_eq!(configuration.model.enabled, ["1.10"]);
        assert_eq!(configuration.warnings, [""; 0]);
    }
    let configuration = resolved(&supported("tarantool_series", json!(["modules", "enabled"])), &[]);
    assert_eq!(configuration.model.series, ["modules"]);
    assert_eq!(configuration.model.enabled, [""; 0]);
    let line = "rws.json: model.supported_repos.tarantool_series contains enabled, which has no meaning without the \
                list model.supported_repos.enabled";
    assert_eq!(configuration.warnings, [line]);
}

#[test]
fn an_unknown_base_is_kept_with_a_warning() {
    let distributions = json!({ "alpine": { "base": "apk", "versions": ["3"] } });
    let configuration = resolved(&supported("distrs", distributions), &[]);
    assert_eq!(configuration.model.distributions["alpine"].base, "apk");
    let line = "rws.json: model.supported_repos.distrs.alpine.base is \"apk\"; RWS refuses uploads there; allowed is \
                \"deb\" or \"rpm\"";
    assert_eq!(configuration.warnings, [line]);
}

#[test]
fn a_name_that_is_listed_twice_counts_once() {
    let configuration = resolved(&supported("repo_kind", json!(["live", "live"])), &[]);
    assert_eq!(configuration.model.kinds, ["live"]);
    assert_eq!(
        configuration.warnings,
        ["rws.json: model.supported_repos.repo_kind[1] is \"live\" for the second time"]
    );
}

#[test]
fn anchors_stand_for_paths_and_for_parts_of_them() {
    let anchors = json!({ "all": ["live/1.10/", "release//modules"], "enabled": ["1.10"], "both": ["el/7", "ubuntu"] });
    let configuration = resolved(&with(small(), "/anchors", anchors), &[]);
    assert_eq!(configuration.model.anchors["all"], ["live/1.10/", "release//modules"]);
    assert_eq!(configuration.warnings, [""; 0]);
    let anchors = json!({ "a": ["/live/1.10"], "b": ["live/9.9"], "c": [] });
    let configuration = resolved(&with(small(), "/anchors", anchors), &[]);
    let names_none = "which names no repository; allowed are the names in model.supported_repos";
    let lines = [
        format!("rws.json: anchors.a[0] is \"/live/1.10\", {names_none}"),
        format!("rws.json: anchors.b[0] is \"live/9.9\", {names_none}"),
        "rws.json: anchors.c is empty: it names no repository".to_owned(),
    ];
    assert_eq!(configuration.warnings, lines);
}

#[test]
fn the_targets_are_all_combinations() {
    let targets: Vec<String> = resolved(&small(), &[]).model.targets().map(|target| target.to_string()).collect();
    assert_eq!(targets.len(), 2 * 2 * 3);
    assert!(targets.contains(&"release/modules/ubuntu/focal".to_owned()));
}
