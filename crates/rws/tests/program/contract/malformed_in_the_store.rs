//! A malformed package that somebody put into the store by other means: whoever notices it, it stays named in `/-/status` as
//! long as it lies there, and keeps no upload from being published.

use std::path::PathBuf;

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_form, expect_created, expect_status, get, put};
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::{Server, own_variables};
use crate::support::{file_name, read_file, temporary_directory, write_file};

/// A repository with a malformed package.
struct Case {
    target: &'static str,
    repository: &'static str,
    /// Where its packages are.
    directory: &'static str,
    malformed: &'static str,
    packages: [File; 2],
}

fn cases() -> [Case; 2] {
    let directory = temporary_directory();
    let read = |path: PathBuf| File { name: file_name(&path), bytes: read_file(&path) };
    let deb = read(Deb::new("rws-two", "1.0-1", "all").build(directory.path()));
    let rpm = read(Rpm::new("rws-two", "1.0", "1").build(directory.path()));
    [
        Case {
            target: DEB_TARGET,
            repository: "release/2.8/ubuntu/focal",
            directory: "release/2.8/ubuntu/pool/focal/main/b/bad",
            malformed: "bad_1_amd64.deb",
            packages: [FIXTURES.deb.clone(), deb],
        },
        Case {
            target: RPM_TARGET,
            repository: "live/1.10/el/7/x86_64",
            directory: "live/1.10/el/7/x86_64/Packages",
            malformed: "bad-1-1.x86_64.rpm",
            packages: [FIXTURES.rpm.clone(), rpm],
        },
    ]
}

impl Case {
    fn place(&self, server: &Server) -> PathBuf {
        let path = server.data_dir().join(self.directory).join(self.malformed);
        write_file(&path, b"no package");
        path
    }

    #[track_caller]
    fn upload(&self, server: &Server, file: &File) {
        let form = if file.name.ends_with(".deb") { deb_form([file]) } else { Form::of([file]) };
        expect_created(&put(server, &format!("{}?wait=30", self.target), form));
    }

    /// What is said of it; empty where nothing is.
    fn failing(&self, server: &Server) -> String {
        let failing = &get(server, "/-/status").json()["failing"];
        failing[self.repository].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn expect_named(&self, server: &Server) {
        // it is noted when the run has ended, a moment after what it published
        let named = crate::support::wait::until_or(crate::support::wait::BOUND, || {
            self.failing(server).contains(self.malformed).then_some(())
        });
        assert!(named.is_some(), "not named: {:?}", self.failing(server));
    }

    fn post(&self, server: &Server) -> u16 {
        call(server, "POST", &format!("{}?wait=30", self.target)).status
    }

    fn sync(&self, server: &Server) -> (Option<i32>, String) {
        let directory = server.data_dir();
        let program =
            Program::new(env!("CARGO_BIN_EXE_rws"), &directory).args(["sync", &self.target[1..], "--data-dir"]);
        let ran = own_variables().into_iter().fold(program.arg(&directory), Program::env_remove).run();
        (ran.code, ran.everything())
    }
}

#[test]
fn it_stays_named_as_long_as_it_lies_there() {
    let mut rows = Rows::default();
    for case in cases() {
        rows.row(&format!("noticed by an upload: {}", case.target), || {
            let mut server = Server::start();
            let path = case.place(&server);
            for file in &case.packages {
                case.upload(&server, file);
                case.expect_named(&server);
            }
            assert_eq!(case.post(&server), 409);
            case.expect_named(&server);
            let (code, said) = case.sync(&server);
            assert!(code == Some(1) && said.contains(case.malformed), "{code:?}: {said}");
            server.restart();
            case.expect_named(&server);
            std::fs::remove_file(path).unwrap();
            assert_eq!(case.post(&server), 200);
            assert_eq!(case.failing(&server), "");
            server.restart();
            case.upload(&server, &case.packages[0]);
            assert_eq!(case.failing(&server), "");
        });
        rows.row(&format!("noticed by a POST, before and after the first upload: {}", case.target), || {
            let server = Server::start();
            case.place(&server);
            assert_eq!(case.post(&server), 409);
            case.expect_named(&server);
            case.upload(&server, &case.packages[0]);
            case.expect_named(&server);
            case.upload(&server, &case.packages[1]);
            case.expect_named(&server);
        });
        rows.row(&format!("put there when the repository was taken over already: {}", case.target), || {
            let mut server = Server::start();
            case.upload(&server, &case.packages[0]);
            let path = case.place(&server);
            assert_eq!(case.post(&server), 409);
            case.upload(&server, &case.packages[1]);
            case.expect_named(&server);
            server.restart();
            case.expect_named(&server);
            // what is right now is no longer wrong
            write_file(&path, &case.packages[0].bytes);
            assert_eq!(case.post(&server), 200);
            assert_eq!(case.failing(&server), "");
        });
        rows.row(&format!("`/-/repositories` says so, too: {}", case.target), || {
            let server = Server::start();
            case.place(&server);
            case.upload(&server, &case.packages[0]);
            case.expect_named(&server);
            let answer = get(&server, "/-/repositories");
            expect_status(&answer, 200);
            let all = answer.json()["repositories"].as_array().unwrap().clone();
            let one = all.iter().find(|one| one["repository"] == case.repository).unwrap();
            assert_eq!(one["state"], "failing", "{one}");
            assert_eq!(one["packages"], 1, "{one}");
        });
    }
    rows.end();
}
