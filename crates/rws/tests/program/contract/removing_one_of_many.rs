//! DELETE where a file name says too little, and at the address where the file is downloaded.

use std::path::Path;

use serde_json::json;

use super::index::{packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_form, expect_code, expect_created, expect_message, expect_no_traces,
    expect_status, get, put, traces,
};
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{read_file, temporary_directory};

const ARCHIVE: &str = "/release/2.8/ubuntu";

/// A package under a name that never changes.
fn agent(build: impl FnOnce(&Path) -> std::path::PathBuf, name: &str) -> File {
    let directory = temporary_directory();
    File { name: name.to_owned(), bytes: read_file(&build(directory.path())) }
}

fn debs(server: &Server, architecture: &str) -> Vec<String> {
    packages(server, ARCHIVE, "focal", architecture).into_iter().map(|(path, _)| path).collect()
}

fn rpms(server: &Server, architecture: &str) -> Vec<String> {
    primary(server, &format!("{RPM_TARGET}/{architecture}")).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_name_of_several_packages_takes_none() {
    let server = Server::start();
    let mut rows = Rows::default();
    for (version, architecture) in [("1.0", "amd64"), ("1.1", "amd64"), ("1.0", "arm64")] {
        let deb = agent(|directory| Deb::new("agent", version, architecture).build(directory), "agent.deb");
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&deb])));
    }
    for (version, architecture) in [("1.0", "x86_64"), ("1.1", "x86_64"), ("1.0", "aarch64")] {
        let rpm = Rpm::new("agent", version, "1").architecture(architecture);
        let rpm = agent(|directory| rpm.build(directory), "agent.rpm");
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&rpm])));
    }
    for (target, name, paths) in [
        (DEB_TARGET, "agent.deb", [debs(&server, "amd64"), debs(&server, "arm64")].concat()),
        (RPM_TARGET, "agent.rpm", [rpms(&server, "x86_64"), rpms(&server, "aarch64")].concat()),
    ] {
        rows.row(&format!("{name}: 409 with each package and its address"), || {
            let before = traces(&server);
            let answer = call(&server, "DELETE", &format!("{target}/{name}?wait=30"));
            expect_code(&answer, 409, "ambiguous");
            assert_eq!(answer.json()["file"], name);
            assert_eq!(paths.len(), 3);
            for part in paths.iter().map(String::as_str).chain(["agent", "1.0", "1.1"]) {
                assert!(answer.text().contains(part), "{part}: {}", answer.text());
            }
            assert!(answer.json()["hint"].as_str().is_some_and(|hint| hint.contains("address")), "{}", answer.text());
            expect_no_traces(&server, &before);
        });
    }
    rows.row("one of them goes by its address, until the name says enough", || {
        let [first, second] = debs(&server, "amd64").try_into().unwrap();
        expect_status(&call(&server, "DELETE", &format!("{ARCHIVE}/{second}?wait=30")), 200);
        assert_eq!(debs(&server, "amd64"), std::slice::from_ref(&first));
        assert_eq!(debs(&server, "arm64").len(), 1);
        expect_status(&call(&server, "DELETE", &format!("{ARCHIVE}/{first}?wait=30")), 200);
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/agent.deb?wait=30")), 200);
        assert_eq!(debs(&server, "arm64"), Vec::<String>::new());
    });
    rows.row("through an anchor: one name of two packages in two repositories", || {
        let [old, new] = ["2.0", "2.1"].map(|version| {
            let rpm = Rpm::new("agent", version, "1");
            agent(|directory| rpm.build(directory), "agent.rpm")
        });
        for (series, rpm) in [("2.1", &old), ("2.2", &new)] {
            expect_created(&put(&server, &format!("/live/{series}/el/8?wait=30"), Form::of([rpm])));
        }
        expect_code(&call(&server, "DELETE", "/live/enabled/el/8/agent.rpm"), 409, "ambiguous");
    });
    rows.end();
}

#[test]
fn the_address_of_a_file_is_enough() {
    let server = Server::start();
    let mut rows = Rows::default();
    let everything = FIXTURES.source().into_iter().chain([&FIXTURES.deb, &FIXTURES.epoch_deb]);
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(everything)));
    let all = [&FIXTURES.rpm, &FIXTURES.noarch_rpm, &FIXTURES.source_rpm];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(all)));
    rows.row("a deb, and what is at its address then", || {
        let path = format!("{ARCHIVE}/pool/focal/main/p/product/{}", FIXTURES.deb.name);
        expect_status(&get(&server, &path), 200);
        let answer = call(&server, "DELETE", &format!("{path}?wait=30"));
        expect_status(&answer, 200);
        assert!(answer.header("rws-status").is_some());
        assert_eq!(debs(&server, "amd64").len(), 1);
        let (directory, name) = path[1..].rsplit_once('/').unwrap();
        let message = format!("There is no package file {name} at {directory}.");
        expect_message(&call(&server, "DELETE", &path), 404, &message);
    });
    rows.row("as it is listed, and as readers may write it", || {
        let [path] = debs(&server, "amd64").try_into().unwrap();
        let path = path.replace("pool/", "pool//./").replace(':', "%3A");
        expect_status(&call(&server, "DELETE", &format!("/{ARCHIVE}/{path}?wait=30")), 200);
        assert_eq!(debs(&server, "amd64"), Vec::<String>::new());
    });
    rows.row("the colon of an epoch, however it is written", || {
        let name = "rws-epoch_1%3a2.0-1_amd64.deb";
        for path in [
            format!("{ARCHIVE}/pool/focal/main/p/product/rws-epoch_1%253a2.0-1_amd64.deb"),
            format!("{ARCHIVE}/pool/focal/main/p/product/rws-epoch_1%3A2.0-1_amd64.deb"),
            format!("{DEB_TARGET}/rws-epoch_1%253a2.0-1_amd64.deb"),
            format!("{DEB_TARGET}/rws-epoch_1:2.0-1_amd64.deb"),
        ] {
            let form = deb_form([&FIXTURES.epoch_deb.named(name)]);
            expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), form));
            expect_status(&call(&server, "DELETE", &format!("{path}?wait=30")), 200);
        }
    });
    rows.row("a part of a source: 409", || {
        let answer = call(&server, "DELETE", &format!("{ARCHIVE}/pool/focal/main/p/product/{}", FIXTURES.orig.name));
        expect_code(&answer, 409, "part-of-source");
    });
    rows.row("a source", || {
        let path = format!("{ARCHIVE}/pool/focal/main/p/product/{}", FIXTURES.dsc.name);
        expect_status(&call(&server, "DELETE", &format!("{path}?wait=30")), 200);
        expect_status(&call(&server, "DELETE", &path), 404);
    });
    rows.row("an rpm, its source, and one for all architectures, which goes from all", || {
        for (file, architecture) in
            [(&FIXTURES.rpm, "x86_64"), (&FIXTURES.source_rpm, "SRPMS"), (&FIXTURES.noarch_rpm, "aarch64")]
        {
            let path = format!("{RPM_TARGET}/{architecture}/Packages/{}", file.name);
            expect_status(&call(&server, "DELETE", &format!("{path}?wait=30")), 200);
        }
        for architecture in ["x86_64", "aarch64", "SRPMS"] {
            assert_eq!(rpms(&server, architecture), Vec::<String>::new());
        }
    });
    rows.row("right behind its upload, which is not published yet", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.arm_rpm])));
        let path = format!("{RPM_TARGET}/aarch64/Packages/{}", FIXTURES.arm_rpm.name);
        expect_status(&call(&server, "DELETE", &format!("{path}?wait=30")), 200);
        assert_eq!(rpms(&server, "aarch64"), Vec::<String>::new());
    });
    rows.end();
}

#[test]
fn an_address_needs_the_rights_of_its_target() {
    // "password" by argon2-cffi
    let hash = "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0";
    let user = |name: &str| Credentials { user: name.to_owned(), password: "password".to_owned() };
    let users = json!({ "all": hash, "release": {"hash": hash, "allow": ["release/*"]} });
    let server = Server::start_with(Options {
        environment: vec![("RWS_CREDENTIALS".to_owned(), users.to_string())],
        credentials: Some(user("all")),
        ..Options::default()
    });
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let path = format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name);
    expect_code(&Request::new("DELETE", &path).user(&user("release")).send(&server), 403, "forbidden");
    expect_status(&Request::new("DELETE", &path).send(&server), 401);
    expect_status(&call(&server, "DELETE", &format!("{path}?wait=30")), 200);
}
