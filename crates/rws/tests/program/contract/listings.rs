//! Directories for programs: JSON, part by part; all files below a path as a stream of lines.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rows::Rows;
use super::stage::{FIXTURES, RPM_TARGET, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::write_file;

/// All entries of a directory, from all parts of its listing.
#[track_caller]
fn all_parts(server: &Server, path: &str) -> Vec<Value> {
    let (mut entries, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let answer = get(server, &path);
        expect_status(&answer, 200);
        let json = answer.json();
        entries.extend(json["entries"].as_array().unwrap().clone());
        next = json["next"].as_str().map(str::to_owned);
    }
    entries
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn json() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let mut rows = Rows::default();
    let of_packages = format!("{RPM_TARGET}/x86_64/Packages");
    rows.row("by Accept and by ?format=json", || {
        let asked = Request::get(&of_packages).header("Accept", "application/json").send(&server);
        let formatted = get(&server, &format!("{of_packages}?format=json"));
        assert!(asked.body == formatted.body);
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let json = asked.json();
        assert_eq!(json["path"], of_packages.trim_start_matches('/'));
        assert_eq!(json["next"], Value::Null);
        let [entry] = json["entries"].as_array().unwrap().as_slice() else { panic!("{json}") };
        assert_eq!(entry["name"], FIXTURES.rpm.name.as_str());
        assert_eq!(entry["type"], "file");
        assert_eq!(entry["size"], FIXTURES.rpm.bytes.len());
        assert!(entry["modified"].as_str().unwrap().ends_with('Z'));
    });
    rows.row("directories, private ones left out", || {
        let json = get(&server, "/?format=json").json();
        assert_eq!(names(json["entries"].as_array().unwrap()), ["live"]);
        assert_eq!(json["entries"][0]["type"], "directory");
    });
    rows.row("a browser and ?format=html get a page", || {
        let browser = Request::get("/").header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").send(&server);
        let chosen = Request::get("/?format=html").header("Accept", "application/json").send(&server);
        for answer in [browser, chosen] {
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        }
    });
    rows.row("what is missing is 404 in JSON too", || {
        let answer = get(&server, "/nothing?format=json");
        expect_status(&answer, 404);
        assert_eq!(answer.json()["code"], "not-found");
    });
    rows.row("kept for some seconds only", || {
        assert_eq!(get(&server, "/?format=json").header("cache-control"), Some("public, max-age=5"));
        assert_eq!(get(&server, "/").header("cache-control"), Some("public, max-age=5"));
    });
    rows.end();
}

#[test]
fn large_directories() {
    let server = Server::start();
    let names_of = |count: usize| (0..count).map(|number| format!("f{number:05}")).collect::<BTreeSet<_>>();
    let many = names_of(2500);
    for name in &many {
        write_file(&server.data_dir().join("many").join(name), "x");
    }
    for name in ["many/a/deep/1", "many/a.b", "many/z/2", "many/z <&> \"é\"/3", "many/.hidden/4"] {
        write_file(&server.data_dir().join(name), "y");
    }
    let directories: BTreeSet<&str> = ["a", "z", "z <&> \"é\""].into();
    let mut rows = Rows::default();
    rows.row("part by part", || {
        let entries = all_parts(&server, "/many?format=json&limit=7");
        let whole = all_parts(&server, "/many?format=json");
        assert_eq!(entries.len(), whole.len());
        let found = names(&entries);
        assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "an entry twice");
        let expected: BTreeSet<&str> =
            many.iter().map(String::as_str).chain(directories.iter().copied()).chain(["a.b"]).collect();
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    });
    rows.row("the page has all, directories first", || {
        let answer = get(&server, "/many");
        expect_status(&answer, 200);
        let page = answer.text();
        assert!(page.trim_end().ends_with("</html>"), "it breaks off");
        let rows: Vec<&str> = page.split("<td><a href=\"").skip(1).map(|row| row.split('"').next().unwrap()).collect();
        // the first one leads up
        assert_eq!(rows.len(), 1 + directories.len() + many.len() + 1);
        assert_eq!(rows[1..4], ["/many/a", "/many/z%20%3C%26%3E%20%22%C3%A9%22", "/many/z"]);
        assert!(rows[4..].is_sorted());
        let head = Request::new("HEAD", "/many").send(&server);
        expect_status(&head, 200);
        assert!(head.body.is_empty());
    });
    rows.row("all files below, as lines", || {
        let lines = |path: &str| -> (Answer, Vec<Value>) {
            let answer = get(&server, path);
            expect_status(&answer, 200);
            assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
            let lines = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (answer, lines)
        };
        let (_, below) = lines("/many?recursive=1");
        let found: BTreeSet<&str> = names(&below).into_iter().collect();
        assert_eq!(found.len(), below.len());
        let deep = ["a.b", "a/deep/1", "z/2", "z <&> \"é\"/3"];
        assert_eq!(found, many.iter().map(String::as_str).chain(deep).collect());
        let (_, of_all) = lines("/?recursive=true");
        assert_eq!(of_all.len(), below.len());
        assert!(names(&of_all).iter().all(|name| name.starts_with("many/")), "a private file");
        let (_, empty) = lines("/many/a?recursive=1");
        assert_eq!(names(&empty), ["deep/1"]);
    });
    rows.row("a cursor makes no directory", || {
        expect_status(&get(&server, "/none?format=json&from=x"), 404);
        expect_status(&get(&server, "/none?from=x"), 404);
    });
    rows.row("a cache is told what decides", || {
        assert_eq!(get(&server, "/many?format=json").header("vary"), Some("Accept"));
        assert_eq!(get(&server, "/none").header("vary"), Some("Accept"));
    });
    rows.row("nothing below nothing", || expect_status(&get(&server, "/none?recursive=1"), 404));
    rows.row("?recursive=0 is a page", || {
        assert_eq!(get(&server, "/many?recursive=0").header("content-type"), Some("text/html; charset=utf-8"));
    });
    rows.end();
}
