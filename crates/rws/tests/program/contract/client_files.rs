//! Client files name the architectures that a repository has, so that apt asks for these alone.

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, call, configured, deb_form, expect_created, expect_status, get, put};
use crate::support::apt::{Apt, Sources};
use crate::support::form::File;
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::{files_below, read_file, temporary_directory, write_file};

const SETUP: &str = "/-/setup/release/2.8/ubuntu/focal";

fn client_file(server: &Server, extension: &str) -> String {
    let answer = get(server, &format!("{SETUP}.{extension}"));
    expect_status(&answer, 200);
    answer.text()
}

/// The architectures that both kinds of files name, with blanks between them; empty where they name none.
#[track_caller]
fn named(server: &Server) -> String {
    let sources = client_file(server, "sources");
    let named = sources.lines().find_map(|line| line.strip_prefix("Architectures: ")).unwrap_or_default().to_owned();
    let list = client_file(server, "list");
    let in_list: Vec<&str> = list.split("arch=").skip(1).filter_map(|rest| rest.split([' ', ']']).next()).collect();
    let expected = if named.is_empty() { Vec::new() } else { vec![named.replace(' ', ",")] };
    assert!(in_list.iter().all(|list| *list == expected[0]), "{list}");
    assert_eq!(in_list.len(), 2 * expected.len(), "{list}");
    named
}

/// What apt with amd64 and arm64 says of an update by each kind of file.
#[track_caller]
fn expect_no_notice(server: &Server) {
    let key = get(server, "/-/keys/main.asc").body;
    let (sources, list) = (client_file(server, "sources"), client_file(server, "list"));
    for sources in [Sources::Deb822(&sources), Sources::OneLine(&list)] {
        let apt = Apt::from_server(&sources, &key);
        let said = apt.update().expect_clean().ran.everything();
        assert!(!said.contains("Skipping acquire") && !said.contains("N: "), "{said}");
        let known = apt.cache(&["policy", "rws-one"]).expect_clean().output();
        assert!(known.contains("Candidate: 1.0-1"), "{known}");
    }
}

fn all() -> File {
    let directory = temporary_directory();
    let package = Deb::new("rws-all", "1.0-1", "all").build(directory.path());
    File { name: crate::support::file_name(&package), bytes: read_file(&package) }
}

#[test]
fn of_what_is_published() {
    let server = Server::start();
    let mut rows = Rows::default();
    let wait = format!("{DEB_TARGET}?wait=30");
    rows.row("nothing yet", || assert_eq!(named(&server), ""));
    rows.row("one architecture", || {
        expect_created(&put(&server, &wait, deb_form([&FIXTURES.deb])));
        assert_eq!(named(&server), "amd64");
        expect_no_notice(&server);
    });
    rows.row("two, and sources", || {
        let files = FIXTURES.source().into_iter().chain([&FIXTURES.arm_deb]);
        expect_created(&put(&server, &wait, deb_form(files)));
        assert_eq!(named(&server), "amd64 arm64");
        expect_no_notice(&server);
    });
    rows.row("packages for all architectures alone: those whose indexes they are in", || {
        let server = Server::start();
        expect_created(&put(&server, &wait, deb_form([&all()])));
        let release = get(&server, "/release/2.8/ubuntu/dists/focal/Release").text();
        assert!(release.contains(&format!("\nArchitectures: all {}\n", named(&server))), "{release}");
    });
    rows.row("dnf needs none", || {
        let file = get(&server, "/-/setup/live/1.10/el/7.repo").text();
        assert!(!file.contains("arch=") || file.contains("$basearch"), "{file}");
    });
    rows.end();
}

#[test]
fn of_what_is_created_or_of_another_tool() {
    let mut rows = Rows::default();
    rows.row("created empty, with the configured architectures", || {
        let directory = temporary_directory();
        let server = configured(directory.path(), |file| {
            file["repositories"] = serde_json::json!([
                { "match": "release/2.8/ubuntu/focal", "create_empty": true, "architectures": ["amd64", "riscv64"] },
            ]);
        });
        server.wait_for_body("/release/2.8/ubuntu/dists/focal/Release", |_| true);
        assert_eq!(named(&server), "amd64 riscv64");
    });
    rows.row("a root of another tool", || {
        let mut server = Server::start();
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.arm_deb])));
        server.kill_hard();
        // what is left without RWS's own state is any archive
        for path in files_below(&server.data_dir().join(".rws/heads")) {
            std::fs::remove_file(path).unwrap();
        }
        let release = server.data_dir().join("release/2.8/ubuntu/dists/focal/Release");
        let text = String::from_utf8(read_file(&release)).unwrap();
        let text = text.replace("Architectures: arm64", "Architectures: arm64 all source x\u{1}y armhf");
        write_file(&release, text);
        server.restart();
        assert_eq!(named(&server), "arm64 armhf");
        expect_status(&call(&server, "GET", &format!("{SETUP}.repo")), 404);
    });
    rows.end();
}
