//! Search, as JSON.

use serde_json::Value;

use super::stage::{DEB_TARGET, PRIVATE_TARGET, RELEASED_TARGET, RPM_TARGET, page, published, text_of, upload, visit};
use crate::contract::rows::Rows;
use crate::contract::stage::{call, deb_file, expect_code, expect_status, get, user};
use crate::support::form::Form;
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::{temporary_directory, wait};

fn names(answer: &Value) -> Vec<&str> {
    answer["packages"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn search(server: &Server, query: &str) -> Value {
    let answer = get(server, &format!("/-/search?{query}"));
    expect_status(&answer, 200);
    answer.json()
}

#[test]
fn by_name_and_summary_in_all_repositories() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let mut rows = Rows::default();
    let all = ["example-demo", "example-tool", "rws-all", "rws-one", "rws-src"];
    for (query, expected) in [
        ("", &all[..]),
        ("q=", &all),
        ("q=example", &["example-demo", "example-tool"]),
        ("q=EXAMPLE-tool", &["example-tool"]),
        ("q=tool", &["example-tool"]),
        ("q=time+it", &["example-tool"]),
        ("q=what%20tool", &["example-tool"]),
        ("q=nothing-like-this", &[]),
        ("q=example&kind=live", &["example-demo"]),
        ("q=example&kind=other", &[]),
        ("kind=release", &["example-demo", "example-tool", "rws-one", "rws-src"]),
        // the one that is named so, those that begin so, those that have it somewhere
        ("q=one", &["rws-one"]),
        // what is private is not there
        ("q=secret", &[]),
    ] {
        rows.row(query, || assert_eq!(names(&search(&server, query)), expected));
    }
    rows.row("what is said of a package", || {
        let found = search(&server, "q=example-tool")["packages"][0].clone();
        assert_eq!(found["summary"], "Says what time it is");
        assert_eq!(found["versions"], serde_json::json!(["1.10-1", "1.0-1"]));
        assert_eq!(found["targets"], serde_json::json!([DEB_TARGET]));
        assert_eq!(found["url"], format!("/-/browse/{DEB_TARGET}/example-tool"));
        let found = search(&server, "q=example-demo")["packages"][0].clone();
        assert_eq!(found["targets"], serde_json::json!([RPM_TARGET, RELEASED_TARGET]));
        page(&server, found["url"].as_str().unwrap());
    });
    rows.row("page by page", || {
        let mut seen = Vec::new();
        let mut next = Some("/-/search?limit=2".to_owned());
        while let Some(address) = next {
            let answer = get(&server, &address).json();
            assert!(names(&answer).len() <= 2);
            seen.extend(names(&answer).into_iter().map(str::to_owned));
            next = answer["next"].as_str().map(str::to_owned);
        }
        assert_eq!(seen, all);
        assert_eq!(search(&server, "limit=5")["next"], Value::Null);
    });
    rows.row("wrong queries", || {
        let long = format!("q={}", "x".repeat(201));
        for query in ["limit=0", "limit=x", "limit=-1", "after=x", &long] {
            expect_code(&get(&server, &format!("/-/search?{query}")), 400, "query");
        }
    });
    rows.row("who may read it finds it", || {
        let answer = crate::support::raw::Request::get("/-/search?q=secret").user(&user("ann")).send(&server);
        assert_eq!(names(&answer.json()), ["secret-plan"]);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        assert_eq!(names(&search(&server, "q=secret")), [""; 0]);
        let address = format!("/-/packages/{PRIVATE_TARGET}/x86_64/secret-plan");
        expect_status(&get(&server, &address), 401);
        let page = visit(&server, &format!("/-/browse/{PRIVATE_TARGET}/secret-plan"), Some(&user("ann")));
        expect_status(&page, 200);
    });
    rows.row("it follows what is published", || {
        let fresh = deb_file(&Deb::new("fresh-thing", "1", "all"));
        upload(&server, DEB_TARGET, Form::of(&[fresh]).field("product", "fresh"));
        assert_eq!(names(&search(&server, "q=fresh")), ["fresh-thing"]);
        assert!(text_of(&page(&server, &format!("/-/browse/{DEB_TARGET}"))).contains("fresh-thing"));
        let gone = call(&server, "DELETE", &format!("/{DEB_TARGET}?name=fresh-thing"));
        expect_status(&gone, 201);
        let found = wait::until_or(wait::BOUND, || names(&search(&server, "q=fresh")).is_empty().then_some(()));
        assert!(found.is_some(), "it is still found");
        expect_status(&visit(&server, &format!("/-/browse/{DEB_TARGET}/fresh-thing"), None), 404);
    });
    rows.end();
}

#[test]
fn all_versions_of_a_package() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let answer = get(&server, &format!("/-/packages/{DEB_TARGET}/example-tool"));
    expect_status(&answer, 200);
    let json = answer.json();
    assert_eq!((&json["repository"], &json["name"]), (&DEB_TARGET.into(), &"example-tool".into()));
    assert_eq!(json["summary"], "Says what time it is");
    let versions = json["versions"].as_array().unwrap();
    let said = |one: &Value| format!("{} {}", one["version"].as_str().unwrap(), one["architecture"].as_str().unwrap());
    assert_eq!(versions.iter().map(said).collect::<Vec<_>>(), ["1.10-1 amd64", "1.0-1 arm64", "1.0-1 amd64"]);
    for one in versions {
        let file = &one["files"][0];
        let downloaded = get(&server, file["path"].as_str().unwrap());
        expect_status(&downloaded, 200);
        assert_eq!(file["size"], downloaded.body.len());
        assert_eq!(file["sha256"], rws_model::sha256(&downloaded.body).hex());
    }
    let source = get(&server, &format!("/-/packages/{DEB_TARGET}/rws-src")).json();
    assert_eq!(source["versions"][0]["architecture"], "source");
    assert_eq!(source["versions"][0]["files"].as_array().unwrap().len(), 4);
    let rpm = get(&server, &format!("/-/packages/{RPM_TARGET}/x86_64/example-demo")).json();
    assert_eq!(rpm["versions"][0]["version"], "2.0-1");
    for (path, code) in [
        (format!("{DEB_TARGET}/nothing"), "no-package"),
        (format!("{RPM_TARGET}/example-demo"), "no-repository"),
        ("live/1.10/el/7/x86_64/a".to_owned(), "no-repository"),
    ] {
        expect_code(&get(&server, &format!("/-/packages/{path}")), 404, code);
    }
}
