//! DELETE by name, version and architecture.

use serde_json::{Value, json};

use super::index::{packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_form, expect_code, expect_created, expect_no_traces, expect_status,
    get, put, traces,
};
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory};

const ARCHIVE: &str = "/release/2.8/ubuntu";

fn deb(name: &str, version: &str, architecture: &str) -> File {
    let directory = temporary_directory();
    let path = Deb::new(name, version, architecture).build(directory.path());
    File { name: file_name(&path), bytes: read_file(&path) }
}

fn rpm(name: &str, version: &str, architecture: &str) -> File {
    let directory = temporary_directory();
    let path = Rpm::new(name, version, "1").architecture(architecture).build(directory.path());
    File { name: file_name(&path), bytes: read_file(&path) }
}

fn debs(server: &Server, architecture: &str) -> Vec<String> {
    packages(server, ARCHIVE, "focal", architecture).into_iter().map(|(path, _)| path).collect()
}

fn rpms(server: &Server, target: &str, architecture: &str) -> Vec<String> {
    primary(server, &format!("{target}/{architecture}")).into_iter().map(|(path, _)| path).collect()
}

/// Name, version and architecture of what a dry run would remove, by repository.
fn removed(plan: &Value) -> Vec<(String, Vec<String>)> {
    let of_one = |(repository, planned): (&String, &Value)| {
        let packages = planned["removed"].as_array().into_iter().flatten();
        let words = ["name", "version", "architecture"];
        let text = |package: &Value| words.map(|word| package[word].as_str().unwrap_or("?").to_owned()).join(" ");
        (repository.clone(), packages.map(text).collect())
    };
    plan["repositories"].as_object().into_iter().flatten().map(of_one).collect()
}

#[test]
fn what_a_dry_run_says_goes() {
    let server = Server::start();
    let mut rows = Rows::default();
    for (name, version, architecture) in [
        ("agent", "1.0-1", "amd64"),
        ("agent", "1:1.1-1", "amd64"),
        ("agent", "1.0-1", "arm64"),
        ("agent++", "1.0+b1", "amd64"),
        ("agent-doc", "1.0-1", "all"),
    ] {
        let deb = deb(name, version, architecture);
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&deb])));
    }
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(FIXTURES.source())));
    for (query, expected) in [
        ("name=agent&version=1:1.1-1", vec!["agent 1:1.1-1 amd64"]),
        ("name=agent&version=1.1-1", vec![]),
        ("name=agent&version=1.0-1&architecture=arm64", vec!["agent 1.0-1 arm64"]),
        (
            "name=agent*&architecture=a??64",
            vec!["agent 1.0-1 amd64", "agent 1.0-1 arm64", "agent 1:1.1-1 amd64", "agent++ 1.0+b1 amd64"],
        ),
        ("name=agent++&version=1.0+b1", vec!["agent++ 1.0+b1 amd64"]),
        ("name=agent%2B%2B&version=1.0%2Bb1", vec!["agent++ 1.0+b1 amd64"]),
        ("architecture=source", vec!["rws-src 1.0-1 source"]),
        ("version=*-1&architecture=all", vec!["agent-doc 1.0-1 all"]),
        ("name=", vec![]),
        ("name=gent", vec![]),
        ("name=Agent", vec![]),
    ] {
        rows.row(query, || {
            let before = traces(&server);
            let answer = call(&server, "DELETE", &format!("{DEB_TARGET}?{query}&dry_run=1"));
            expect_status(&answer, 200);
            let mut planned: Vec<String> =
                removed(&answer.json()).into_iter().flat_map(|(_, packages)| packages).collect();
            planned.sort();
            assert_eq!(planned, expected);
            expect_no_traces(&server, &before);
            if expected.is_empty() {
                expect_code(&call(&server, "DELETE", &format!("{DEB_TARGET}?{query}")), 404, "no-package");
            }
        });
    }
    rows.row("a plan says what it was made on, and the file with its digest", || {
        for word in ["dry_run", "dry_run=", "dry_run=yes"] {
            let answer = call(&server, "DELETE", &format!("{DEB_TARGET}?name=agent-doc&{word}"));
            expect_status(&answer, 200);
        }
        let answer = call(&server, "DELETE", &format!("{DEB_TARGET}?name=agent-doc&dry_run=true"));
        let plan = &answer.json()["repositories"][&DEB_TARGET[1..]];
        assert_eq!(plan["removed"][0]["file"], "agent-doc_1.0-1_all.deb");
        let [(_, digest)] = <[_; 1]>::try_from(
            packages(&server, ARCHIVE, "focal", "amd64")
                .into_iter()
                .filter(|(path, _)| path.contains("agent-doc"))
                .collect::<Vec<_>>(),
        )
        .expect("one package");
        assert_eq!(plan["removed"][0]["sha256"], digest.as_str());
        assert_eq!(plan["unchanged"], 5);
        assert!(plan["generation"].is_string(), "{plan}");
        assert_eq!((&plan["added"], &plan["replaced"]), (&json!([]), &json!([])));
    });
    rows.row("they go, at once", || {
        let answer = call(&server, "DELETE", &format!("{DEB_TARGET}?name=agent*&version=1.0-1&wait=30"));
        expect_created(&answer);
        assert!(answer.header("rws-status").is_some_and(|status| status.starts_with("/-/status/")));
        let [first, second] = debs(&server, "amd64").try_into().unwrap();
        assert!(first.contains("agent_1.1-1") && second.contains("agent++_1.0+b1"), "{first} {second}");
        assert_eq!(debs(&server, "arm64"), Vec::<String>::new());
        expect_code(&call(&server, "DELETE", &format!("{DEB_TARGET}?name=agent&version=1.0-1")), 404, "no-package");
    });
    rows.row("a source goes with all its files", || {
        expect_created(&call(&server, "DELETE", &format!("{DEB_TARGET}?architecture=source&wait=30")));
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}", FIXTURES.orig.name)), 404);
    });
    rows.end();
}

#[test]
fn through_anchors_and_of_all_architectures() {
    let server = Server::start();
    let mut rows = Rows::default();
    let everywhere = "/live/enabled/fedora/30";
    let (old, new, both) =
        (rpm("agent", "1.0", "x86_64"), rpm("agent", "1.1", "x86_64"), rpm("agent-data", "1.0", "noarch"));
    expect_created(&put(&server, &format!("{everywhere}?wait=60"), Form::of([&old, &new, &both])));
    rows.row("a dry run names each repository", || {
        let answer = call(&server, "DELETE", &format!("{everywhere}?name=agent*&version=1.0-1&dry_run=1"));
        expect_status(&answer, 200);
        let planned = removed(&answer.json());
        assert!(planned.len() > 3, "{planned:?}");
        for (repository, packages) in planned {
            let expected = ["agent 1.0-1 x86_64", "agent-data 1.0-1 noarch"];
            match repository.ends_with("/x86_64") {
                true => assert_eq!(packages, expected, "{repository}"),
                false => assert_eq!(packages, expected[1..], "{repository}"),
            }
        }
    });
    rows.row("one upload takes them out of all", || {
        expect_created(&call(&server, "DELETE", &format!("{everywhere}?name=agent*&version=1.0-1&wait=60")));
        for series in ["modules", "1.10", "2.9"] {
            let target = format!("/live/{series}/fedora/30");
            let [left] = rpms(&server, &target, "x86_64").try_into().unwrap();
            assert!(left.ends_with(&new.name), "{left}");
            assert_eq!(rpms(&server, &target, "aarch64"), Vec::<String>::new());
        }
    });
    rows.row("right behind its upload, which is not published yet", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&old])));
        expect_created(&call(&server, "DELETE", &format!("{RPM_TARGET}?name=agent&wait=30")));
        assert_eq!(rpms(&server, RPM_TARGET, "x86_64"), Vec::<String>::new());
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let before = traces(&server);
    let mut rows = Rows::default();
    for (path, status, words) in [
        (format!("{RPM_TARGET}?name=rws-one&release=1"), 400, "release"),
        (format!("{RPM_TARGET}?name=rws-one&arch=x86_64"), 400, "arch"),
        (format!("{DEB_TARGET}?name=agent*&name=x"), 400, "twice"),
        (format!("{RPM_TARGET}?dry_run=1"), 400, "by name, version and architecture"),
        (format!("{RPM_TARGET}/{}?dry_run=1", FIXTURES.rpm.name), 400, "by name, version and architecture"),
        (format!("{RPM_TARGET}/x86_64?name=rws-one"), 400, ""),
        ("/live/9.9/el/7?name=rws-one".to_owned(), 400, ""),
        ("/live?name=*".to_owned(), 400, ""),
        ("/.rws?name=*".to_owned(), 400, ""),
        (format!("{DEB_TARGET}?name=rws-one"), 404, "no such package"),
    ] {
        rows.row(&path, || {
            let answer = call(&server, "DELETE", &path);
            expect_status(&answer, status);
            assert!(answer.text().contains(words), "{}", answer.text());
        });
        rows.row(&format!("without a user: {path}"), || {
            expect_status(&Request::new("DELETE", &path).send(&server), 401);
        });
    }
    rows.row("nothing is gone", || {
        expect_no_traces(&server, &before);
        expect_status(&get(&server, &format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name)), 200);
    });
    rows.end();
}
