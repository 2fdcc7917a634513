//! What is sent: what a list or a source names, each package by itself, and the product that the source says.

use serde_json::json;

use super::stage::{DEB, RPM, bare, expect, json, logged_in, push, requests};
use crate::support::apt::{Apt, Sources};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::upload::BuiltPackage;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{curl, file_name, files_below, files_in, temporary_directory, write_file};

/// The names of the files in the pool, with their directory.
fn pool(server: &Server) -> Vec<String> {
    let pool = server.data_dir().join("live/2.8/ubuntu/pool/jammy/main");
    files_below(&pool).iter().map(|path| path.strip_prefix(&pool).unwrap().display().to_string()).collect()
}

#[test]
fn a_build_directory_with_all_that_a_build_leaves() {
    let (server, directory) = (Server::start(), temporary_directory());
    let built = BuiltPackage::new("rws-built", "1.0-1").upstream("text\n").build(directory.path());
    // a package of another source, and what is no package
    Deb::new("rws-tools", "2.0", "amd64").field("Source", "rws-suite (1.9)").build(directory.path());
    write_file(&directory.path().join("build.log"), "no package\n");
    write_file(&directory.path().join("rws-built-dbgsym_1.0-1_amd64.ddeb"), "debug symbols\n");
    let all = files_in(directory.path());
    let ran = push(&server, DEB, &[], &all);
    expect(
        &ran,
        0,
        &[
            "and 5 files that it names: good",
            "product rws-built",
            "rws-tools_2.0_amd64.deb: good",
            "product rws-suite",
            "build.log is not sent: it is no package",
            ".ddeb is not sent: .ddeb packages of debug symbols are skipped here",
            "published rws-tools_2.0_amd64.deb in live/2.8/ubuntu/jammy",
            " rws-built rws-tools",
        ],
    );
    assert!(!ran.everything().contains(&server.credentials().password));
    assert_eq!(requests(&server, "PUT"), 2, "one for the list, one for the package that it does not name");
    let stored = pool(&server);
    let published = built.others.iter().map(|path| file_name(path)).filter(|name| !name.ends_with(".buildinfo"));
    let mut expected: Vec<String> = published.map(|name| format!("r/rws-built/{name}")).collect();
    expected.push("r/rws-suite/rws-tools_2.0_amd64.deb".to_owned());
    expected.sort();
    assert_eq!(stored, expected);
    // the commands install it, with another place for what apt keeps
    let apt = Apt::new(&Sources::Deb822(""));
    let sources = apt.path("etc/apt/sources.list.d/").display().to_string();
    let commands: String = ran.output().lines().skip(1).map(|line| format!("{}\n", line.trim())).collect();
    let commands = commands.replace("/etc/apt/sources.list.d/", &sources);
    let commands = commands.replace("apt-get install", "apt-get install --download-only --yes");
    let shell = Program::new("bash", directory.path()).args(["-euc", &commands]);
    shell.env("APT_CONFIG", apt.path("apt.conf")).succeed();
    for package in ["rws-built_1.0-1_amd64.deb", "rws-tools_2.0_amd64.deb"] {
        assert!(apt.path("var/cache/apt/archives").join(package).is_file(), "{commands}");
    }
}

#[test]
fn a_source_alone_brings_its_files_along_and_a_product_can_be_given() {
    let (server, directory) = (Server::start(), temporary_directory());
    let built = BuiltPackage::new("rws-built", "1.0-1").upstream("text\n").build(directory.path());
    let dsc = built.ending(&[".dsc"]);
    let ran = push(&server, DEB, &["--json", "--product", "other"], &dsc);
    expect(&ran, 0, &[]);
    let said = json(&ran);
    assert_eq!((&said["exit_code"], &said["dry_run"], &said["target"]), (&json!(0), &json!(false), &json!(DEB)));
    assert_eq!(said["install"], json!(null), "nothing that can be installed");
    let upload = &said["uploads"][0];
    assert_eq!((&upload["state"], &upload["product"]), (&json!("published"), &json!("other")));
    assert_eq!(upload["files"].as_array().unwrap().len(), 3);
    let generation = upload["repositories"][DEB].as_str().unwrap();
    assert!(server.wait_for_body("/-/repositories", |_| true).contains(generation));
    assert!(pool(&server).iter().all(|path| path.starts_with("o/other/")));

    // the next revision has the same upstream tarball, which is not there any more
    let next = temporary_directory();
    let built = BuiltPackage::new("rws-built", "1.0-2").upstream("text\n").build(next.path());
    let is_orig = |name: &str| name.contains(".orig.");
    let dsc = built.ending(&[".dsc"]);
    for path in built.others.iter().filter(|path| is_orig(&file_name(path))) {
        std::fs::remove_file(path).unwrap();
    }
    let ran = push(&server, DEB, &["--product", "other"], &dsc);
    expect(&ran, 0, &["names rws-built_1.0.orig.tar.xz, which the repository must have already"]);
    let ran = push(&server, DEB, &["--product", "another"], &dsc);
    expect(&ran, 3, &["rws-built_1.0.orig.tar.xz"]);
    // a list is complete or nothing
    let ran = push(&server, DEB, &[], std::slice::from_ref(&built.changes));
    expect(&ran, 3, &["it lists files that are not in the upload: rws-built_1.0.orig.tar.xz", "nothing was sent"]);
}

#[test]
fn packages_of_rpm_go_one_by_one() {
    let (server, directory) = (Server::start(), temporary_directory());
    for number in 0..6 {
        Rpm::new(&format!("rws-{number}"), "1.0", "1").build(directory.path());
    }
    Rpm::new("rws-0", "1.0", "1").build_source(directory.path());
    let files = files_in(directory.path());
    let ran = push(&server, RPM, &["--jobs", "3"], &files);
    expect(&ran, 0, &[" rws-0 rws-1 rws-2 rws-3 rws-4 rws-5", "/-/setup/live/1.10/el/8.repo"]);
    assert_eq!(requests(&server, "PUT"), 7);
    let repositories = curl::get(&server.url("/-/repositories")).json();
    let counts: Vec<_> = repositories["repositories"].as_array().unwrap().iter().map(|one| &one["packages"]).collect();
    assert_eq!(counts, [&json!(1), &json!(6)]);
    // all of it again changes nothing
    expect(&push(&server, RPM, &[], &files), 0, &["published rws-5-1.0-1.x86_64.rpm in live/1.10/el/8/x86_64"]);
}

#[test]
fn a_dry_run_sends_nothing_and_no_wait_does_not_wait() {
    let (server, directory) = (Server::start(), temporary_directory());
    let deb = [Deb::new("rws-one", "1.0", "amd64").build(directory.path())];
    let ran = push(&server, DEB, &["--dry-run", "--json"], &deb);
    expect(&ran, 0, &["rws-one_1.0_amd64.deb: good"]);
    let said = json(&ran);
    assert_eq!((&said["dry_run"], &said["uploads"][0]["state"]), (&json!(true), &json!("planned")));
    assert_eq!((requests(&server, "PUT"), requests(&server, "GET")), (0, 0));
    let ran = push(&server, DEB, &["--no-wait", "--json"], &deb);
    expect(&ran, 0, &[]);
    assert_eq!(json(&ran)["uploads"][0]["state"], "accepted");
    assert_eq!((requests(&server, "PUT"), requests(&server, "GET")), (1, 0));
}

#[test]
fn a_service_of_the_environment_and_an_anchor() {
    let (server, directory) = (Server::start(), temporary_directory());
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let home = temporary_directory();
    let program = logged_in(bare(home.path()), server.credentials()).env("RWS_SERVER", server.base_url());
    let ran = program.args(["push", "tarantool-modules/el/7"]).arg(&rpm).run();
    expect(&ran, 0, &["live/2.9/el/7/x86_64, release/1.10/el/7/x86_64"]);
    assert_eq!(ran.output(), "", "no one command sets up a client of all of them");
}
