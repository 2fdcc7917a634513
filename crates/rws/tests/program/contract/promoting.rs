//! `POST /-/promote`.

use serde_json::{Value, json};

use super::index::{expect_files_agree, gunzip, packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_file, deb_form, expect_code, expect_created, expect_no_traces,
    expect_status, get, put, rpm_file, traces, user, with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Server};
use crate::support::temporary_directory;

const ARCHIVE: &str = "/release/2.8/ubuntu";

fn promote(server: &Server, query: &str, body: &Value) -> Answer {
    promote_as(server, server.credentials(), query, body)
}

fn promote_as(server: &Server, user: &Credentials, query: &str, body: &Value) -> Answer {
    let request = Request::new("POST", &format!("/-/promote{query}")).user(user);
    request.header("Content-Type", "application/json").body(body.to_string()).send(server)
}

fn rpm(name: &str, version: &str, architecture: &str) -> File {
    rpm_file(&Rpm::new(name, version, "1").architecture(architecture))
}

/// The files that a plan would add to a repository.
fn added(answer: &Answer, repository: &str) -> Vec<String> {
    let plan = &answer.json()["repositories"][repository]["added"];
    plan.as_array().into_iter().flatten().map(|one| one["file"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn debs_go_to_another_codename_with_their_source_and_product() {
    let server = Server::start();
    let mut rows = Rows::default();
    let from = DEB_TARGET;
    let (to, archive) = ("/release/2.8/ubuntu/jammy", ARCHIVE);
    let of_source = deb_file(&Deb::new("rws-bin", "1.0-1", "amd64").field("Source", "rws-src"));
    let needs = deb_file(
        &Deb::new("rws-needs", "2.0-1", "amd64").field("Depends", "rws-bin (>= 1), libc6, rws-other | rws-one"),
    );
    let files = FIXTURES.source().into_iter().chain([&of_source, &needs, &FIXTURES.deb]);
    expect_created(&put(&server, &format!("{from}?wait=30"), deb_form(files)));
    let request = json!({ "from": from, "to": [to], "packages": ["rws-bin"] });
    let repository = &to[1..];
    let expected = vec![of_source.name.clone(), FIXTURES.dsc.name.clone()];
    rows.row("a dry run says what comes, and changes nothing", || {
        let before = traces(&server);
        let mut request = request.clone();
        request["dry_run"] = json!(true);
        let answer = promote(&server, "", &request);
        expect_status(&answer, 200);
        assert_eq!(added(&answer, repository), expected);
        expect_no_traces(&server, &before);
    });
    rows.row("it comes, with the same bytes, at the same product", || {
        let answer = promote(&server, "?wait=30", &request);
        expect_created(&answer);
        let [listed] = packages(&server, archive, "jammy", "amd64").try_into().unwrap();
        assert_eq!(listed.0, format!("pool/jammy/main/p/product/{}", of_source.name));
        expect_files_agree(&server, archive, &[listed]);
        for file in FIXTURES.source() {
            let answer = get(&server, &format!("{archive}/pool/jammy/main/p/product/{}", file.name));
            assert_eq!((answer.status, &answer.body), (200, &file.bytes), "{}", file.name);
        }
    });
    rows.row("again: nothing to do", || {
        let answer = promote(&server, "?wait=30", &request);
        expect_created(&answer);
        let mut request = request.clone();
        request["dry_run"] = json!(true);
        assert_eq!(promote(&server, "", &request).json()["repositories"], json!({}));
    });
    rows.row("what it needs and the target would not have is named", || {
        let request = json!({ "from": from, "to": [to, "/live/2.8/ubuntu/focal"], "packages": ["rws-needs"],
            "dependencies": "report", "dry_run": true });
        let answer = promote(&server, "", &request);
        expect_status(&answer, 200);
        let needs = |target: &str, names: &[&str]| json!({ "target": target, "package": "rws-needs", "needs": names });
        let expected = json!([
            needs("live/2.8/ubuntu/focal", &["rws-bin"]),
            needs("live/2.8/ubuntu/focal", &["rws-other", "rws-one"]),
            needs(repository, &["rws-other", "rws-one"]),
        ]);
        assert_eq!(answer.json()["missing"], expected);
    });
    rows.row("without sources", || {
        let request =
            json!({ "from": from, "to": ["live/2.8/ubuntu/focal"], "packages": ["rws-bin"], "sources": false });
        expect_created(&promote(&server, "?wait=30", &request));
        assert_eq!(get(&server, "/live/2.8/ubuntu/dists/focal/main/source/Sources.gz").text(), "");
    });
    rows.row("other content is refused, and replaces where it is wanted", || {
        expect_created(&put(&server, "/live/2.8/ubuntu/jammy?wait=30", deb_form([&FIXTURES.other_deb])));
        let mut request = json!({ "from": from, "to": ["live/2.8/ubuntu/jammy"], "packages": ["rws-one", "rws-bin"] });
        let before = traces(&server);
        let answer = promote(&server, "?wait=30", &request);
        expect_code(&answer, 409, "refused");
        let refused = &answer.json()["refused"];
        assert_eq!(refused[0]["package"]["name"], "rws-one");
        assert!(refused[0]["reason"].as_str().is_some_and(|reason| reason.contains("other content")), "{refused}");
        assert_eq!(refused.as_array().map(Vec::len), Some(1));
        expect_no_traces(&server, &before);
        request["replace"] = json!(true);
        expect_created(&promote(&server, "?wait=30", &request));
        let listed = packages(&server, "/live/2.8/ubuntu", "jammy", "amd64");
        assert!(listed.contains(&(
            listed.iter().find(|(path, _)| path.contains("rws-one")).unwrap().0.clone(),
            super::index::sha256(&FIXTURES.deb.bytes)
        )));
        expect_files_agree(&server, "/live/2.8/ubuntu", &listed);
    });
    rows.end();
}

#[test]
fn rpms_go_to_all_their_architectures() {
    let server = Server::start();
    let mut rows = Rows::default();
    let files = [
        rpm("agent", "1.0", "x86_64"),
        rpm("agent", "1.1", "x86_64"),
        rpm("agent", "1.1", "aarch64"),
        rpm("agent-data", "1.1", "noarch"),
    ];
    let everything = files.iter().chain([&FIXTURES.source_rpm, &FIXTURES.rpm]);
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(everything)));
    rows.row("a name of several versions is ambiguous", || {
        let request = json!({ "from": RPM_TARGET, "to": ["live/2.8/el/8"], "packages": ["agent"] });
        let answer = promote(&server, "", &request);
        expect_code(&answer, 409, "ambiguous");
        assert!(answer.text().contains("1.0-1, 1.1-1"), "{}", answer.text());
    });
    rows.row("a pattern of versions is not", || {
        let request = json!({ "from": RPM_TARGET, "to": ["live/2.8/el/8"], "packages": ["agent*=1.1-*"] });
        expect_created(&promote(&server, "?wait=30", &request));
        for (architecture, expected) in [("x86_64", &files[1]), ("aarch64", &files[2])] {
            let listed = primary(&server, &format!("/live/2.8/el/8/{architecture}"));
            let names = expect_files_agree(&server, &format!("/live/2.8/el/8/{architecture}"), &listed);
            assert_eq!(names, [&expected.name, &files[3].name].map(Clone::clone));
        }
    });
    rows.row("to an anchor, everything, with sources", || {
        let request = json!({ "from": RPM_TARGET, "to": ["/live/enabled/fedora/30"], "packages": "all" });
        expect_created(&promote(&server, "?wait=60", &request));
        for series in ["modules", "2.9"] {
            let target = format!("/live/{series}/fedora/30");
            assert_eq!(primary(&server, &format!("{target}/x86_64")).len(), 4);
            assert_eq!(primary(&server, &format!("{target}/SRPMS")).len(), 1);
        }
    });
    rows.row("right behind an upload that is not published yet", || {
        let late = rpm("late", "1.0", "noarch");
        expect_created(&put(&server, RPM_TARGET, Form::of([&late])));
        let request = json!({ "from": RPM_TARGET, "to": ["live/2.8/el/8"], "packages": ["late"] });
        expect_created(&promote(&server, "?wait=30", &request));
    });
    rows.row("a moved repository", || {
        let dry = json!({ "from": RPM_TARGET, "to": ["live/2.8/el/7"], "packages": ["late"], "dry_run": true });
        let generation = |repository: &str| {
            let all = get(&server, "/-/repositories").json();
            let mut all = all["repositories"].as_array().into_iter().flatten();
            all.find(|one| one["repository"] == repository).map_or(Value::Null, |one| one["generation"].clone())
        };
        let source = format!("{}/x86_64", &RPM_TARGET[1..]);
        let current = generation(&source);
        assert!(current.is_string(), "{current}");
        let mut request = dry.clone();
        request["if_generation"] = json!({ (source.as_str()): current });
        expect_status(&promote(&server, "", &request), 200);
        request["if_generation"] = json!({ (source.as_str()): "20200101T000000Z-00000000" });
        request["dry_run"] = json!(false);
        let answer = promote(&server, "", &request);
        expect_code(&answer, 409, "moved");
        assert_eq!(added(&answer, "live/2.8/el/7/x86_64").len(), 1);
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.arm_rpm, &FIXTURES.rpm])));
    let before = traces(&server);
    let mut rows = Rows::default();
    let to = ["live/2.8/el/8"];
    for (request, status, words) in [
        (json!({ "from": RPM_TARGET, "to": to, "packages": ["no-such"] }), 404, "no-such"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": ["rws-one=9"] }), 404, "rws-one=9"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": [""] }), 400, "packages"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": [] }), 400, "packages"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": "some" }), 400, "packages"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": 7 }), 400, "packages"),
        (json!({ "from": RPM_TARGET, "to": to }), 400, "packages"),
        (json!({ "from": RPM_TARGET, "packages": "all" }), 400, "to"),
        (json!({ "from": RPM_TARGET, "to": [], "packages": "all" }), 400, "no target"),
        (json!({ "from": RPM_TARGET, "to": ["live/9.9/el/8"], "packages": "all" }), 400, "9.9"),
        (json!({ "from": "live/9.9/el/8", "to": to, "packages": "all" }), 400, "from"),
        (json!({ "from": "live/enabled/fedora/30", "to": to, "packages": "all" }), 400, "one target"),
        (json!({ "from": RPM_TARGET, "to": [RPM_TARGET], "packages": "all" }), 400, "same target"),
        (json!({ "from": RPM_TARGET, "to": [DEB_TARGET], "packages": "all" }), 400, "deb packages"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": "all", "colour": 1 }), 400, "colour"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": "all", "metadata": ["comps"] }), 404, "no-metadata"),
        (json!({ "from": RPM_TARGET, "to": to, "packages": "all", "component": "main" }), 400, "component"),
        (json!({ "from": "live/2.8/el/8", "to": [RPM_TARGET], "packages": "all" }), 404, "live/2.8/el/8"),
        (json!({ "from": "../x", "to": to, "packages": "all" }), 400, "from"),
        (json!([1]), 400, "JSON"),
    ] {
        rows.row(&request.to_string(), || {
            let answer = promote(&server, "?wait=30", &request);
            expect_status(&answer, status);
            assert!(answer.text().contains(words), "{}", answer.text());
        });
    }
    rows.row("no JSON", || {
        let request = Request::new("POST", "/-/promote").user(server.credentials());
        expect_code(&request.body("{").send(&server), 400, "json");
    });
    rows.row("too much of it", || {
        let request = Request::new("POST", "/-/promote").user(server.credentials());
        expect_code(&request.body(vec![b' '; 2 << 20]).send(&server), 413, "too-large");
    });
    rows.row("without a user", || {
        expect_status(&Request::new("POST", "/-/promote").body("{}").send(&server), 401);
    });
    rows.row("another method", || expect_status(&call(&server, "DELETE", "/-/promote"), 405));
    rows.row("nothing is there that was not", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn who_may_promote_is_said_by_verbs() {
    let hash = PASSWORD_HASH;
    let directory = temporary_directory();
    let users = [
        ("plain", json!(hash)),
        ("uploader", json!({ "hash": hash, "allow": ["live/*"] })),
        ("promoter", json!({ "hash": hash, "allow": [{ "match": "live/2.8/*", "verbs": ["promote"] }] })),
        ("deleter", json!({ "hash": hash, "allow": [{ "match": "*", "verbs": ["delete"] }] })),
        ("root", json!({ "hash": hash, "admin": true })),
    ];
    let credentials: serde_json::Value = users.iter().map(|(name, user)| ((*name).to_owned(), user.clone())).collect();
    let server = with_users(directory.path(), &credentials, |_| {});
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.arm_rpm])));
    let mut rows = Rows::default();
    for (name, to, status) in [
        ("plain", "live/2.8/el/8", 403),
        ("uploader", "live/2.8/el/8", 403),
        ("deleter", "live/2.8/el/8", 403),
        ("promoter", "live/2.8/el/8", 201),
        ("promoter", "live/2.9/el/8", 403),
        ("promoter", "live/enabled/el/8", 403),
        ("root", "release/2.9/el/8", 201),
    ] {
        rows.row(&format!("{name} to {to}"), || {
            let request = json!({ "from": RPM_TARGET, "to": [to], "packages": "all" });
            let answer = promote_as(&server, &user(name), "", &request);
            expect_status(&answer, status);
            if status == 403 {
                expect_code(&answer, 403, "forbidden");
            }
        });
    }
    for (name, method, status) in [
        ("promoter", "PUT", 403),
        ("promoter", "DELETE", 403),
        ("promoter", "POST", 403),
        ("deleter", "PUT", 403),
        ("deleter", "POST", 403),
        ("uploader", "PUT", 201),
        ("plain", "DELETE", 200),
        ("deleter", "DELETE", 200),
    ] {
        rows.row(&format!("{name}: {method}"), || {
            let (file, form) = match (method, name) {
                ("DELETE", "plain") => (format!("/{}", FIXTURES.arm_rpm.name), None),
                ("DELETE", _) => (format!("/{}", FIXTURES.rpm.name), None),
                ("PUT", _) => (String::new(), Some(Form::of([&FIXTURES.rpm]))),
                _ => (String::new(), None),
            };
            let request = Request::new(method, &format!("{RPM_TARGET}{file}")).user(&user(name));
            let request = if let Some(form) = form { request.form(form) } else { request.body("") };
            expect_status(&request.send(&server), status);
        });
    }
    rows.end();
}

#[test]
fn metadata_comes_along() {
    let server = Server::start();
    let mut rows = Rows::default();
    let (one, two) = (rpm("rws-one", "1.0", "x86_64"), rpm("rws-two", "1.0", "x86_64"));
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&one, &two])));
    let update = |id: &str, name: &str| {
        format!(
            "<update from=\"a\" status=\"final\" type=\"security\" version=\"1\"><id>{id}</id><title>t</title>\
             <release>r</release><issued date=\"2026-01-01 00:00:00\"/><description>d</description><pkglist>\
             <collection short=\"c\"><name>c</name><package name=\"{name}\" version=\"1.0\" release=\"1\" \
             epoch=\"0\" arch=\"x86_64\" src=\"s\"><filename>f.rpm</filename></package></collection></pkglist></update>"
        )
    };
    let comps = |name: &str| format!("<comps><group><id>{name}</id><name>{name}</name><packagelist/></group></comps>");
    let send = |target: &str, kind: &str, content: String| {
        let path = format!("/-/metadata{target}/x86_64/{kind}?wait=30");
        expect_created(&Request::new("PUT", &path).user(server.credentials()).body(content).send(&server));
    };
    let updates = |updates: &[String]| format!("<updates>{}</updates>", updates.concat());
    send(RPM_TARGET, "updateinfo", updates(&[update("RWS-1", "rws-one"), update("RWS-2", "rws-two")]));
    send(RPM_TARGET, "comps", comps("new"));
    let to = "/live/2.8/el/8";
    let metadata = |kind: &str| {
        let repomd = get(&server, &format!("{to}/x86_64/repodata/repomd.xml")).text();
        let found =
            repomd.split(&format!("<data type=\"{kind}\">")).nth(1).and_then(|rest| rest.split("href=\"").nth(1));
        let href = found.and_then(|rest| rest.split('"').next()).unwrap_or("nothing").to_owned();
        let answer = get(&server, &format!("{to}/x86_64/{href}"));
        if href.ends_with(".gz") { gunzip(&answer.body) } else { answer.text() }
    };
    let request =
        json!({ "from": RPM_TARGET, "to": [to], "packages": ["rws-one"], "metadata": ["updateinfo", "comps"] });
    rows.row("a dry run says so", || {
        let mut request = request.clone();
        request["dry_run"] = json!(true);
        let plan = promote(&server, "", &request).json();
        assert_eq!(plan["repositories"][format!("{}/x86_64", &to[1..])]["metadata"], json!(["group", "updateinfo"]));
    });
    rows.row("of updates those of the packages", || {
        expect_created(&promote(&server, "?wait=30", &request));
        let text = metadata("updateinfo");
        assert!(text.contains("RWS-1") && !text.contains("RWS-2"), "{text}");
        assert!(metadata("group").contains("<id>new</id>"));
    });
    rows.row("beside those that are there; other metadata in place of it", || {
        send(to, "updateinfo", updates(&[update("RWS-1", "rws-old"), update("OLD", "rws-old")]));
        send(to, "comps", comps("old"));
        let request = json!({ "from": RPM_TARGET, "to": [to], "packages": "all", "metadata": ["updateinfo", "comps"] });
        expect_created(&promote(&server, "?wait=30", &request));
        let text = metadata("updateinfo");
        assert!(
            ["RWS-1", "RWS-2", "OLD"].iter().all(|id| text.matches(&format!("<id>{id}</id>")).count() == 1),
            "{text}"
        );
        assert!(text.contains("rws-one") && metadata("group").contains("<id>new</id>"));
    });
    rows.row("what the source does not have", || {
        let request = json!({ "from": RPM_TARGET, "to": [to], "packages": "all", "metadata": ["modules"] });
        expect_code(&promote(&server, "", &request), 404, "no-metadata");
        let request = json!({ "from": DEB_TARGET, "to": ["/release/2.8/ubuntu/jammy"], "packages": "all", "metadata": ["comps"] });
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
        expect_code(&promote(&server, "", &request), 404, "no-metadata");
    });
    rows.end();
}
