//! `POST /-/rollback`, `/-/repositories/<repository>/generations` and `…/diff`.

use serde_json::{Value, json};

use super::index::{expect_files_agree, packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_form, expect_code, expect_created, expect_no_traces, expect_status,
    get, post_json, put, traces,
};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;

const ARCHIVE: &str = "/release/2.8/ubuntu";

fn roll_back(server: &Server, query: &str, body: &Value) -> Answer {
    post_json(server, &format!("/-/rollback{query}"), body)
}

/// The generations of a repository, newest first.
fn generations(server: &Server, repository: &str) -> Vec<String> {
    let answer = get(server, &format!("/-/repositories/{repository}/generations"));
    expect_status(&answer, 200);
    let all = answer.json()["generations"].clone();
    all.as_array().into_iter().flatten().filter_map(|one| Some(one["generation"].as_str()?.to_owned())).collect()
}

fn files(plan: &Value, verb: &str) -> Vec<String> {
    let all = plan[verb].as_array().into_iter().flatten();
    all.map(|one| one["file"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn debs_come_back_with_their_bytes() {
    let server = Server::start();
    let mut rows = Rows::default();
    let repository = &DEB_TARGET[1..];
    let wait = format!("{DEB_TARGET}?wait=30");
    let everything = FIXTURES.source().into_iter().chain([&FIXTURES.deb, &FIXTURES.epoch_deb]);
    expect_created(&put(&server, &wait, deb_form(everything)));
    let first = generations(&server, repository).remove(0);
    let then = packages(&server, ARCHIVE, "focal", "amd64");
    let sources = get(&server, &format!("{ARCHIVE}/dists/focal/main/source/Sources.gz")).body;
    expect_created(&put(&server, &wait, deb_form([&FIXTURES.other_deb, &FIXTURES.arm_deb])));
    expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}?wait=30", FIXTURES.dsc.name)), 200);
    let changed = generations(&server, repository).remove(0);
    rows.row("what has changed since", || {
        let answer = get(&server, &format!("/-/repositories/{repository}/diff?from={first}"));
        expect_status(&answer, 200);
        let plan = &answer.json()["repositories"][repository];
        assert_eq!(files(plan, "added"), std::slice::from_ref(&FIXTURES.arm_deb.name));
        assert_eq!(files(plan, "replaced"), std::slice::from_ref(&FIXTURES.deb.name));
        assert_eq!(files(plan, "removed"), std::slice::from_ref(&FIXTURES.dsc.name));
        assert_eq!(plan["unchanged"], 1);
    });
    let request = json!({ "target": DEB_TARGET, "to": first });
    rows.row("a dry run says what comes and goes, and changes nothing", || {
        let before = traces(&server);
        let mut request = request.clone();
        request["dry_run"] = json!(true);
        let answer = roll_back(&server, "", &request);
        expect_status(&answer, 200);
        let plan = &answer.json()["repositories"][repository];
        assert_eq!(files(plan, "added"), std::slice::from_ref(&FIXTURES.dsc.name));
        assert_eq!(files(plan, "replaced"), std::slice::from_ref(&FIXTURES.deb.name));
        assert_eq!(files(plan, "removed"), std::slice::from_ref(&FIXTURES.arm_deb.name));
        expect_no_traces(&server, &before);
    });
    rows.row("the old set, as a new generation", || {
        expect_created(&roll_back(&server, "?wait=30", &request));
        let now = packages(&server, ARCHIVE, "focal", "amd64");
        let contents =
            |listed: &[(String, String)]| listed.iter().map(|(_, content)| content.clone()).collect::<Vec<_>>();
        assert_eq!(contents(&now), contents(&then));
        expect_files_agree(&server, ARCHIVE, &now);
        assert_eq!(get(&server, &format!("{ARCHIVE}/dists/focal/main/source/Sources.gz")).body, sources);
        for file in FIXTURES.source() {
            assert_eq!(get(&server, &format!("{ARCHIVE}/pool/focal/main/p/product/{}", file.name)).body, file.bytes);
        }
        assert_eq!(packages(&server, ARCHIVE, "focal", "arm64"), []);
        let all = generations(&server, repository);
        assert!(all.contains(&first) && all.contains(&changed) && all[0] > changed, "{all:?}");
    });
    rows.row("again: nothing to do", || {
        let before = generations(&server, repository);
        expect_created(&roll_back(&server, "?wait=30", &request));
        assert_eq!(generations(&server, repository), before);
    });
    rows.row("and forward again", || {
        expect_created(&roll_back(&server, "?wait=30", &json!({ "target": DEB_TARGET, "to": changed })));
        let [deb] = packages(&server, ARCHIVE, "focal", "arm64").try_into().unwrap();
        expect_files_agree(&server, ARCHIVE, &[deb]);
    });
    rows.row("pages of generations", || {
        let all = generations(&server, repository);
        let mut paged = Vec::new();
        let mut query = "limit=2".to_owned();
        loop {
            let page = get(&server, &format!("/-/repositories/{repository}/generations?{query}")).json();
            let part = page["generations"].as_array().unwrap();
            assert!(part.len() <= 2);
            paged.extend(part.iter().map(|one| one["generation"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("limit=2&before={next}");
        }
        assert_eq!(paged, all);
        let nonsense = get(&server, &format!("/-/repositories/{repository}/generations?before=yesterday"));
        expect_code(&nonsense, 400, "query");
    });
    rows.end();
}

#[test]
fn a_target_of_several_repositories_and_its_metadata() {
    let server = Server::start();
    let mut rows = Rows::default();
    let wait = format!("{RPM_TARGET}?wait=30");
    let comps = |name: &str| format!("<comps><group><id>{name}</id><name>{name}</name><packagelist/></group></comps>");
    let send = |name: &str| {
        let path = format!("/-/metadata{RPM_TARGET}/x86_64/comps?wait=30");
        let request = Request::new("PUT", &path).user(server.credentials());
        expect_created(&request.body(comps(name)).send(&server));
    };
    expect_created(&put(&server, &wait, Form::of([&FIXTURES.rpm, &FIXTURES.arm_rpm])));
    send("first");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    expect_created(&put(&server, &wait, Form::of([&FIXTURES.other_rpm, &FIXTURES.noarch_rpm])));
    send("second");
    let repository = format!("{}/x86_64", &RPM_TARGET[1..]);
    let has_comps = |name: &str| {
        let repomd = get(&server, &format!("/{repository}/repodata/repomd.xml")).text();
        let group = repomd.split("<data type=\"group\">").nth(1).and_then(|rest| rest.split("href=\"").nth(1));
        let href = group.and_then(|rest| rest.split('"').next()).unwrap_or("nothing").to_owned();
        get(&server, &format!("/{repository}/{href}")).text().contains(name)
    };
    assert!(has_comps("second"));
    rows.row("back to a time: in all repositories, with metadata", || {
        let request = json!({ "target": RPM_TARGET, "to": now });
        expect_created(&roll_back(&server, "?wait=30", &request));
        for (architecture, file) in [("x86_64", &FIXTURES.rpm), ("aarch64", &FIXTURES.arm_rpm)] {
            let listed = primary(&server, &format!("{RPM_TARGET}/{architecture}"));
            let names = expect_files_agree(&server, &format!("{RPM_TARGET}/{architecture}"), &listed);
            assert_eq!(names, std::slice::from_ref(&file.name));
        }
        assert!(has_comps("first"));
    });
    rows.row("a repository that came later is no part of that time", || {
        expect_created(&put(&server, &wait, Form::of([&FIXTURES.source_rpm])));
        let request = json!({ "target": RPM_TARGET, "to": now, "dry_run": true });
        expect_code(&roll_back(&server, "", &request), 410, "not-kept");
        let pin = json!({ "name": "then", "targets": [RPM_TARGET], "at": now }).to_string();
        let answer = Request::new("POST", "/-/pins").user(server.credentials()).body(pin).send(&server);
        expect_status(&answer, 201);
        assert_eq!(answer.json()["repositories"].as_object().map(serde_json::Map::len), Some(2));
    });
    rows.row("one repository to a generation of its own", || {
        let all = generations(&server, &repository);
        let request = json!({ "target": RPM_TARGET, "repository": repository, "to": all[1] });
        expect_created(&roll_back(&server, "?wait=30", &request));
        assert_eq!(primary(&server, &format!("{RPM_TARGET}/x86_64")).len(), 2);
        assert_eq!(primary(&server, &format!("{RPM_TARGET}/aarch64")).len(), 1);
        assert!(has_comps("second"));
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let before = traces(&server);
    let mut rows = Rows::default();
    let gone = "20200101T000000Z-00000000";
    for (request, status, code) in [
        (json!({ "target": RPM_TARGET, "to": gone }), 410, "not-kept"),
        (json!({ "target": RPM_TARGET, "to": "20200101T000000Z" }), 410, "not-kept"),
        (json!({ "target": RPM_TARGET, "to": "21200101T000000Z" }), 400, "future"),
        (json!({ "target": RPM_TARGET, "to": "yesterday" }), 404, "no-pin"),
        (json!({ "target": RPM_TARGET, "to": "yester day" }), 400, "state"),
        (json!({ "target": RPM_TARGET, "to": "20200230T000000Z" }), 400, "state"),
        (json!({ "target": RPM_TARGET, "to": "" }), 400, "state"),
        (json!({ "target": RPM_TARGET }), 400, "json"),
        (json!({ "target": RPM_TARGET, "to": gone, "when": 1 }), 400, "json"),
        (json!({ "target": "live/9.9/el/7", "to": gone }), 400, "path"),
        (json!({ "target": "live/enabled/fedora/30", "to": gone }), 400, "path"),
        (json!({ "target": RPM_TARGET, "repository": "live/1.10/el/8/x86_64", "to": gone }), 400, "repository"),
        (json!({ "target": "live/2.8/el/8", "to": gone }), 404, "no-repository"),
    ] {
        rows.row(&request.to_string(), || expect_code(&roll_back(&server, "?wait=30", &request), status, code));
    }
    rows.row("without a user", || {
        expect_status(&Request::new("POST", "/-/rollback").body("{}").send(&server), 401);
    });
    let repository = format!("{}/x86_64", &RPM_TARGET[1..]);
    for (path, status) in [
        (format!("{repository}/diff?from={gone}"), 410),
        (format!("{repository}/diff?from=x"), 404),
        (format!("{repository}/diff?from=-x"), 400),
        (format!("{repository}/diff"), 400),
        (format!("{repository}/generations?limit=0"), 400),
        (format!("{repository}/nothing"), 404),
        ("live/9.9/el/7/x86_64/generations".to_owned(), 404),
        ("live/2.8/el/8/x86_64/generations".to_owned(), 404),
        ("../generations".to_owned(), 404),
    ] {
        rows.row(&path, || expect_status(&get(&server, &format!("/-/repositories/{path}")), status));
    }
    rows.row("nothing is there that was not", || expect_no_traces(&server, &before));
    rows.end();
}
