//! `rws sync`, `rws verify` and `rws config` as an operator runs them: what they say, and their exit codes.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::Path;

use crate::support::curl::Upload;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::{Program, Ran};
use crate::support::server::{Server, own_variables};
use crate::support::{files_below, temporary_directory, write_file};

fn rws(directory: &Path, arguments: &[&str]) -> Ran {
    let program = Program::new(env!("CARGO_BIN_EXE_rws"), directory).args(arguments).current_dir(directory);
    own_variables().into_iter().fold(program, Program::env_remove).run()
}

/// One of the commands on the data directory of a server.
fn on(server: &Server, arguments: &[&str]) -> Ran {
    let directory = server.data_dir();
    rws(&directory, &[arguments, &["--data-dir", directory.to_str().unwrap()]].concat())
}

#[track_caller]
fn expect(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.transcript());
    for part in parts {
        assert!(ran.everything().contains(part), "{part:?} is not in\n{}", ran.transcript());
    }
}

#[test]
fn paths_that_cannot_be_are_a_wrong_command_line() {
    let server = Server::start();
    for command in ["sync", "verify"] {
        for (path, part) in [
            ("live/1.10/el/99", "Distribution version \"99\" is not supported."),
            ("live/9.9/el/7", "Tarantool series \"9.9\" is not supported."),
            ("nightly/1.10/el/7", "Repo kind \"nightly\" is not supported."),
            ("live/1.10/el", "Invalid URL."),
            ("no-such-anchor/el/7", "Invalid URL."),
            ("", "Invalid URL."),
        ] {
            expect(&on(&server, &[command, path]), 2, &["error: ", path, part]);
        }
        expect(&on(&server, &[command, "live/1.10/el/7"]), 1, &["there is no repository at live/1.10/el/7"]);
    }
}

#[test]
fn all_of_nothing_is_said() {
    let server = Server::start();
    for command in ["sync", "verify"] {
        let ran = on(&server, &[command, "--all"]);
        expect(&ran, 1, &["error: there is no repository in this store", "--data-dir", "S3_BUCKET"]);
        assert_eq!(ran.output(), "");
    }
}

#[test]
fn what_waits_and_is_not_published_is_named() {
    let (mut server, directory) = (Server::start(), temporary_directory());
    let (data, packages) = (server.data_dir(), directory.path());
    // nothing can be published where a file is in the way
    for kind in ["live", "release"] {
        write_file(&data.join(kind), "in the way");
    }
    let deb = Upload::to("/release/2.8/ubuntu/focal").field("product", "product");
    let debs = [Deb::new("rws-one", "1.0-1", "amd64").build(packages), Deb::new("rws-two", "1", "all").build(packages)];
    deb.files(&debs).send(&server).expect_created();
    let rpm = Rpm::new("rws-one", "1.0", "1").build(packages);
    Upload::to("/live/1.10/el/7").file(&rpm).send(&server).expect_created();
    server.kill_hard();
    // since when is what the store says
    let pointers = files_below(&data.join(".rws/pending"));
    assert_eq!(pointers.len(), 2, "{pointers:?}");
    for pointer in &pointers {
        let home = temporary_directory();
        Program::new("touch", home.path()).args(["--date", "2026-02-03T04:05:06Z"]).arg(pointer).succeed();
    }
    let name = |at: usize| pointers[at].file_name().unwrap().to_str().unwrap();
    let since = "RWS accepted it at 2026-02-03T04:05:06Z and has not published it";
    let all = [name(0), name(1), since, "live/1.10/el/7/x86_64", "release/2.8/ubuntu/focal", "2 of 2 repositories"];
    expect(&on(&server, &["verify", "--all"]), 1, &all);
    expect(&on(&server, &["verify", "live/1.10/el/7"]), 1, &[since, "1 of 1 repositories"]);
    expect(&on(&server, &["verify", "--all", "--repair"]), 1, &[since]);

    for kind in ["live", "release"] {
        std::fs::remove_file(data.join(kind)).unwrap();
    }
    expect(&on(&server, &["verify", "--all", "--repair"]), 0, &["2 repositories are consistent"]);
    let ran = on(&server, &["verify", "--all", "--deep"]);
    expect(&ran, 0, &["2 repositories are consistent"]);
    assert!(!ran.everything().contains("accepted"), "{}", ran.transcript());
}

#[test]
fn what_waits_is_published_by_a_synchronisation() {
    let (mut server, directory) = (Server::start(), temporary_directory());
    let in_the_way = server.data_dir().join("live");
    write_file(&in_the_way, "in the way");
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7").file(&rpm).send(&server).expect_created();
    server.kill_hard();
    std::fs::remove_file(in_the_way).unwrap();
    expect(
        &on(&server, &["sync", "--all"]),
        0,
        &["live/1.10/el/7/x86_64: published", "1 repositories are in sync with the store"],
    );
}

#[test]
fn what_is_on_its_way_is_waited_for() {
    let (server, directory) = (Server::start(), temporary_directory());
    let in_the_way = server.data_dir().join("live");
    write_file(&in_the_way, "in the way");
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7").file(&rpm).send(&server).expect_created();
    // a server that is about to publish it
    let failing = |body: &str| body.contains("live/1.10/el/7/x86_64");
    server.wait_for_body("/-/status", failing);
    std::fs::remove_file(in_the_way).unwrap();
    expect(&on(&server, &["verify", "--all"]), 0, &["1 repositories are consistent"]);
    server.wait_for_body("/-/status", |body| !failing(body));
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (server, directory) = (Server::start(), temporary_directory());
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7?wait=30").file(&rpm).send(&server).expect_created();
    let data = server.data_dir();
    for arguments in ["config show", "config check", "verify --all --data-dir data", "sync --all --data-dir data"] {
        // the reader is gone before the first byte comes, and the exit code is that of the command
        let script = format!("set -o pipefail; (sleep 0.2; exec {} {arguments}) | true", env!("CARGO_BIN_EXE_rws"));
        let script = script.replace("--data-dir data", &format!("--data-dir {}", data.display()));
        let program = Program::new("bash", directory.path()).args(["-c", &script]).current_dir(directory.path());
        let ran = own_variables().into_iter().fold(program, Program::env_remove).run();
        assert_eq!((ran.code, ran.everything().as_str()), (Some(0), ""), "{arguments}: {}", ran.transcript());
    }
    let script = format!("{} config show > /dev/full", env!("CARGO_BIN_EXE_rws"));
    let ran = Program::new("bash", directory.path()).args(["-c", &script]).current_dir(directory.path()).run();
    expect(&ran, 1, &["error: standard output cannot be written"]);
}
