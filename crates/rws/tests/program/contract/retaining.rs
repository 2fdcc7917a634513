//! Retention: by `POST /-/retain`, and by itself.

use serde_json::{Value, json};

use super::index::{packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, RPM_TARGET, configured, deb_file, deb_form, expect_code, expect_created, expect_no_traces,
    expect_status, get, post_json, put, rpm_file, traces,
};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory, wait};

const ARCHIVE: &str = "/release/2.8/ubuntu";

fn retain(server: &Server, query: &str, body: &Value) -> Answer {
    post_json(server, &format!("/-/retain{query}"), body)
}

fn rpm(name: &str, version: &str, architecture: &str) -> File {
    rpm_file(&Rpm::new(name, version, "1").architecture(architecture))
}

fn names(listed: Vec<(String, String)>) -> Vec<String> {
    listed.into_iter().map(|(path, _)| path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

/// The files that a plan would remove.
fn removed(answer: &Answer) -> Vec<String> {
    let plan = answer.json();
    let repositories = plan["repositories"].as_object().into_iter().flatten();
    let of_one = |(_, planned): (&String, &Value)| planned["removed"].as_array().cloned().unwrap_or_default();
    let mut files: Vec<String> =
        repositories.flat_map(of_one).map(|one| one["file"].as_str().unwrap_or("?").to_owned()).collect();
    files.sort();
    files
}

#[test]
fn the_newest_versions_stay_by_the_order_of_the_format() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([
            { "match": "release/*/ubuntu/*", "retain": { "newest": 2, "names": ["rws-agent*"] } },
            { "match": "live/*/el/*", "retain": { "newest": 1 } },
        ]);
    });
    let mut rows = Rows::default();
    // 1.10 is newer than 1.9, and ~ sorts before nothing
    let versions = ["1.9-1", "1.10-1", "1.10~rc1-1", "1:0.1-1"];
    let debs = versions.map(|version| deb_file(&Deb::new("rws-agent", version, "amd64")));
    let other = ["1-1", "2-1", "3-1"].map(|version| deb_file(&Deb::new("kept", version, "amd64")));
    let arm = deb_file(&Deb::new("rws-agent", "1.9-1", "arm64"));
    let everything = debs.iter().chain(&other).chain([&arm]);
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(everything)));
    let request = json!({ "targets": [DEB_TARGET] });
    rows.row("a dry run", || {
        let before = traces(&server);
        let answer = retain(&server, "", &json!({ "targets": ["release/*/ubuntu/*"], "dry_run": true }));
        expect_status(&answer, 200);
        let mut expected = [debs[0].name.clone(), debs[2].name.clone()];
        expected.sort();
        assert_eq!(removed(&answer), expected);
        expect_no_traces(&server, &before);
    });
    rows.row("what it said goes", || {
        expect_created(&retain(&server, "?wait=30", &request));
        let mut left = names(packages(&server, ARCHIVE, "focal", "amd64"));
        left.sort();
        let mut expected: Vec<String> =
            other.iter().chain([&debs[1], &debs[3]]).map(|file| file.name.clone()).collect();
        expected.sort();
        assert_eq!(left, expected);
        assert_eq!(names(packages(&server, ARCHIVE, "focal", "arm64")), std::slice::from_ref(&arm.name));
    });
    rows.row("again: nothing to do", || {
        let answer = retain(&server, "?wait=30", &request);
        expect_status(&answer, 200);
        assert_eq!(answer.json()["repositories"], json!({}));
    });
    let rpms = [rpm("agent", "1.9", "x86_64"), rpm("agent", "1.10", "x86_64"), rpm("agent", "1.2", "aarch64")];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(&rpms)));
    rows.row("rpms, of each architecture", || {
        expect_created(&retain(&server, "?wait=30", &json!({ "targets": [RPM_TARGET] })));
        assert_eq!(names(primary(&server, &format!("{RPM_TARGET}/x86_64"))), [rpms[1].name.clone()]);
        assert_eq!(names(primary(&server, &format!("{RPM_TARGET}/aarch64"))), [rpms[2].name.clone()]);
    });
    rows.end();
}

#[test]
fn sources_leave_with_the_last_package_that_was_built_from_them() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "*", "retain": { "newest": 1 } }]);
    });
    let mut files = Vec::new();
    for version in ["1.0-1", "2.0-1", "3.0-1"] {
        let source = SourcePackage::new("rws-src", version).build(directory.path());
        files.extend(source.all().iter().map(|path| File { name: file_name(path), bytes: read_file(path) }));
        let binary = |name: &str| Deb::new(name, version, "amd64").field("Source", "rws-src");
        files.push(deb_file(&binary("rws-bin")));
        if version != "3.0-1" {
            // the newest of another package that the second source makes
            files.push(deb_file(&binary("rws-tools")));
        }
    }
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(&files)));
    let answer = retain(&server, "?wait=30", &json!({ "targets": [DEB_TARGET], "dry_run": true }));
    assert_eq!(
        removed(&answer),
        ["rws-bin_1.0-1_amd64.deb", "rws-bin_2.0-1_amd64.deb", "rws-src_1.0-1.dsc", "rws-tools_1.0-1_amd64.deb"]
    );
    expect_created(&retain(&server, "?wait=30", &json!({ "targets": [DEB_TARGET] })));
    let sources = get(&server, &format!("{ARCHIVE}/dists/focal/main/source/Sources.gz")).text();
    let versions: Vec<&str> = sources.lines().filter_map(|line| line.strip_prefix("Version: ")).collect();
    assert_eq!(versions, ["2.0-1", "3.0-1"]);
}

/// RWS applies the rules by itself, at start and once in an hour.
#[test]
fn rules_are_applied_without_a_request() {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live/*/el/*", "retain": { "newest": 1 } }]);
    });
    let rpms = [rpm("agent", "1.0", "x86_64"), rpm("agent", "2.0", "x86_64")];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(&rpms)));
    server.terminate();
    server.restart_in_place();
    wait::until("the older one is gone", wait::BOUND, || {
        (names(primary(&server, &format!("{RPM_TARGET}/x86_64"))) == [rpms[1].name.clone()]).then_some(())
    });
}

#[test]
fn days_keep_what_is_young_and_what_is_wrong_changes_nothing() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live/*/el/*", "retain": { "days": 30 } }]);
    });
    let rpms = [rpm("agent", "1.0", "x86_64"), rpm("agent", "2.0", "x86_64"), rpm("agent", "3.0", "x86_64")];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(&rpms)));
    let mut rows = Rows::default();
    let dry = json!({ "targets": [RPM_TARGET], "dry_run": true });
    rows.row("all are young", || assert_eq!(removed(&retain(&server, "", &dry)), Vec::<String>::new()));
    // the time of the file in the store counts
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 24 * 60 * 60);
    for file in [&rpms[0], &rpms[2]] {
        let path = server.data_dir().join(format!("{}/x86_64/Packages/{}", &RPM_TARGET[1..], file.name));
        std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    rows.row("an old one goes, and never the newest", || {
        assert_eq!(removed(&retain(&server, "", &dry)), [rpms[0].name.clone()]);
    });
    let before = traces(&server);
    for (request, status, code) in [
        (json!({ "targets": [] }), 400, "path"),
        (json!({ "targets": ["live/9.9/el/7"] }), 400, "path"),
        (json!({ "targets": ["nothing/*/el/7"] }), 400, "path"),
        (json!({ "targets": ["live/*"] }), 400, "path"),
        (json!({ "targets": [DEB_TARGET] }), 404, "no-rule"),
        (json!({ "target": [DEB_TARGET] }), 400, "json"),
    ] {
        rows.row(&request.to_string(), || expect_code(&retain(&server, "?wait=30", &request), status, code));
    }
    rows.row("without a user", || {
        expect_status(&Request::new("POST", "/-/retain").body("{}").send(&server), 401);
    });
    rows.row("nothing is gone", || expect_no_traces(&server, &before));
    rows.end();
}
