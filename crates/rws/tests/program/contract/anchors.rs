//! Anchors: in any position, several at once, with slashes as they come.

use std::collections::BTreeSet;

use serde_json::json;

use super::rows::Rows;
use super::stage::{
    FIXTURES, OK, call, configured, expect_created, expect_message, expect_no_traces, expect_status, get, public_files,
    put, traces,
};
use crate::support::form::Form;
use crate::support::server::Server;
use crate::support::temporary_directory;

fn with_anchors(directory: &std::path::Path) -> Server {
    configured(directory, |value| {
        value["anchors"] = json!({
            "both-kinds": ["live", "release/"],
            "old-and-new": ["1.10", "2.9"],
            "two-distributions": ["el/7", "fedora/30/"],
            "versions": ["7", "8"],
            "whole": ["live/2.1/el/7"],
            "slashes": ["live//2.2///"],
            "bad": ["live/1.10", "live/9.9"],
            "dots": ["release/../live/./1.10"],
            "leading": ["/live/1.10"],
            "short": ["live"],
        });
    })
}

/// The targets that have a package of these.
fn targets(server: &Server) -> BTreeSet<String> {
    let name = format!("/Packages/{}", FIXTURES.rpm.name);
    let files = public_files(server);
    let targets = files.iter().filter_map(|file| file.strip_suffix(&name)?.strip_suffix("/x86_64"));
    targets.map(str::to_owned).collect()
}

#[test]
fn good_anchors() {
    let directory = temporary_directory();
    let mut rows = Rows::default();
    for (path, expected) in [
        ("/both-kinds/1.10/el/7", vec!["live/1.10/el/7", "release/1.10/el/7"]),
        ("/live/old-and-new/el/7", vec!["live/1.10/el/7", "live/2.9/el/7"]),
        ("/live/1.10/two-distributions", vec!["live/1.10/el/7", "live/1.10/fedora/30"]),
        ("/live/1.10/el/versions", vec!["live/1.10/el/7", "live/1.10/el/8"]),
        ("/whole", vec!["live/2.1/el/7"]),
        ("/whole/", vec!["live/2.1/el/7"]),
        ("/slashes/el/7", vec!["live/2.2/el/7"]),
        ("/slashes//el//7//", vec!["live/2.2/el/7"]),
        ("//whole", vec!["live/2.1/el/7"]),
        (
            "/both-kinds/old-and-new/el/7",
            vec!["live/1.10/el/7", "live/2.9/el/7", "release/1.10/el/7", "release/2.9/el/7"],
        ),
        ("/both-kinds%2F1.10/el/7", vec!["live/1.10/el/7", "release/1.10/el/7"]),
        ("/both-kinds/./1.10/el/./7/.", vec!["live/1.10/el/7", "release/1.10/el/7"]),
        ("/both-kinds/1.10/el/8/../7", vec!["live/1.10/el/7", "release/1.10/el/7"]),
        ("/both-kinds/x/../1.10/y/z/../../el/7/", vec!["live/1.10/el/7", "release/1.10/el/7"]),
        ("/both-kinds/%2e%2e/live/1.10/el/7", vec!["live/1.10/el/7"]),
        ("/dots/el/7", vec!["live/1.10/el/7"]),
    ] {
        rows.row(&format!("PUT {path}"), || {
            let server = with_anchors(directory.path());
            let answer = put(&server, &format!("{path}?wait=30"), Form::of([&FIXTURES.rpm]));
            expect_created(&answer);
            assert_eq!(targets(&server), expected.iter().map(|target| (*target).to_owned()).collect());
        });
    }
    for path in ["/live/enabled/el/7/", "//live//enabled/./el/8/../7"] {
        rows.row(&format!("`enabled` is read so, too: {path}"), || {
            let server = with_anchors(directory.path());
            expect_created(&put(&server, &format!("{path}?wait=60"), Form::of([&FIXTURES.rpm])));
            assert_eq!(targets(&server).len(), 11);
        });
    }
    rows.row("anchor and `enabled` together", || {
        let server = with_anchors(directory.path());
        expect_created(&put(&server, "/both-kinds/enabled/el/7?wait=30", Form::of([&FIXTURES.rpm])));
        assert_eq!(targets(&server).len(), 22);
    });
    rows.end();
}

#[test]
fn bad_anchors() {
    let directory = temporary_directory();
    let server = with_anchors(directory.path());
    let before = traces(&server);
    let mut rows = Rows::default();
    for (name, path, message) in [
        ("one bad value of several", "/bad/el/7", "Tarantool series \"9.9\" is not supported."),
        ("a value with a leading slash", "/leading/el/7", "Invalid URL."),
        ("too few pieces", "/short/el/7", "Invalid URL."),
        ("too many pieces", "/whole/x86_64", "Invalid URL."),
        ("nothing but slashes in a plain path", "/live/1.10/el/7/", "Invalid URL."),
        ("an unknown anchor", "/unknown/el/7", "Invalid URL."),
        ("dots that lead outside", "/../both-kinds/1.10/el/7", "Invalid URL."),
        ("dots that lead outside, behind the anchor", "/whole/../../../../../live/1.10/el/7", "Invalid URL."),
        ("dots in a plain path", "/live/1.10/el/8/../7", "Invalid URL."),
    ] {
        for method in ["PUT", "POST"] {
            rows.row(&format!("{method}, {name}: {path}"), || {
                let answer = match method {
                    "PUT" => put(&server, path, Form::of([&FIXTURES.rpm])),
                    _ => call(&server, method, path),
                };
                expect_message(&answer, 400, message);
                expect_no_traces(&server, &before);
            });
        }
    }
    rows.row("GET knows nothing of anchors", || {
        expect_created(&put(&server, "/both-kinds/1.10/el/7?wait=30", Form::of([&FIXTURES.rpm])));
        for path in ["/both-kinds", "/both-kinds/1.10/el/7", "/live/enabled", "/live/enabled/el/7"] {
            expect_status(&get(&server, path), 404);
        }
    });
    rows.end();
}

#[test]
fn post_through_an_anchor() {
    let directory = temporary_directory();
    let server = with_anchors(directory.path());
    let mut rows = Rows::default();
    rows.row("none exists: 404", || {
        let answer = call(&server, "POST", "/both-kinds/1.10/el/7");
        expect_status(&answer, 404);
        for target in ["live/1.10/el/7", "release/1.10/el/7"] {
            assert!(answer.text().contains(target), "{}", answer.text());
        }
    });
    expect_created(&put(&server, "/release/1.10/el/7?wait=30", Form::of([&FIXTURES.rpm])));
    rows.row("some exist: 200, and the answer lists the missing ones", || {
        let answer = call(&server, "POST", "/both-kinds/1.10/el/7");
        expect_status(&answer, 200);
        assert_eq!(answer.json()["message"], "OK");
        assert!(answer.text().contains("live/1.10/el/7"), "{}", answer.text());
        assert!(!answer.text().contains("release/1.10/el/7"), "{}", answer.text());
    });
    expect_created(&put(&server, "/live/1.10/el/7?wait=30", Form::of([&FIXTURES.rpm])));
    rows.row("all exist", || {
        let answer = call(&server, "POST", "/both-kinds/1.10/el/7");
        assert_eq!((answer.status, answer.text().as_str()), (200, OK));
    });
    rows.end();
}
