//! Starts, ends and restarts; what is kept for the owner only; serving without writers.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::index::{expect_files_agree, packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, configuration, deb_form, expect_created, expect_status, get, public_files,
    put,
};
use crate::support::form::Form;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::{Connection, Request};
use crate::support::server::{Credentials, Options, Server, refused_start};
use crate::support::{files_below, temporary_directory, wait};

#[test]
fn kill_right_after_the_answer() {
    let mut rows = Rows::default();
    rows.row("one upload of each kind", || {
        let mut server = Server::start();
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm, &FIXTURES.source_rpm])));
        expect_created(&put(&server, DEB_TARGET, deb_form(FIXTURES.source().into_iter().chain([&FIXTURES.deb]))));
        server.restart();
        let repository = format!("{RPM_TARGET}/x86_64");
        server.wait_for_body(&format!("{repository}/repodata/repomd.xml"), |_| true);
        let listed = expect_files_agree(&server, &repository, &primary(&server, &repository));
        assert_eq!(listed, std::slice::from_ref(&FIXTURES.rpm.name));
        server.wait_for_body(&format!("{RPM_TARGET}/SRPMS/repodata/repomd.xml"), |_| true);
        server.wait_for_body("/release/2.8/ubuntu/dists/focal/InRelease", |_| true);
        let listed = packages(&server, "/release/2.8/ubuntu", "focal", "amd64");
        assert_eq!(
            expect_files_agree(&server, "/release/2.8/ubuntu", &listed),
            std::slice::from_ref(&FIXTURES.deb.name)
        );
        let sources = get(&server, "/release/2.8/ubuntu/dists/focal/main/source/Sources.gz").text();
        assert!(sources.contains(&FIXTURES.dsc.name), "{sources}");
    });
    rows.row("through an anchor: all 21 repositories", || {
        let mut server = Server::start();
        expect_created(&put(&server, "/tarantool-modules/el/7", Form::of([&FIXTURES.noarch_rpm])));
        server.restart();
        let all = || public_files(&server).iter().filter(|file| file.ends_with("/repodata/repomd.xml")).count();
        wait::until("42 repositories", wait::BOUND, || (all() == 42).then_some(()));
    });
    rows.row("again and again, an upload a start", || {
        let mut server = Server::start();
        let directory = temporary_directory();
        let names = ["rws-a", "rws-b", "rws-c", "rws-d"];
        for name in names {
            let path = Rpm::new(name, "1.0", "1").build(directory.path());
            let file =
                crate::support::form::File::new(&crate::support::file_name(&path), crate::support::read_file(&path));
            expect_created(&put(&server, RPM_TARGET, Form::of([&file])));
            server.restart();
        }
        let repository = format!("{RPM_TARGET}/x86_64");
        wait::until("all packages", wait::BOUND, || {
            let root = get(&server, &format!("{repository}/repodata/repomd.xml"));
            (root.status == 200 && primary(&server, &repository).len() == names.len()).then_some(())
        });
    });
    rows.end();
}

#[test]
fn a_second_start_uses_what_is_there() {
    let mut server = Server::start();
    let key = get(&server, "/-/keys/main.asc").text();
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    let root = get(&server, "/release/2.8/ubuntu/dists/focal/InRelease").text();
    assert!(server.terminate().success());
    server.restart();
    let mut rows = Rows::default();
    rows.row("the same key", || assert_eq!(get(&server, "/-/keys/main.asc").text(), key));
    rows.row("the password is shown once", || {
        let log = server.log();
        assert_eq!(log.lines().filter(|line| line.trim().starts_with("password:")).count(), 1, "{log}");
        assert_eq!(log.matches(&server.credentials().password).count(), 3, "once, and in the two curl lines:\n{log}");
        assert_eq!(log.lines().filter(|line| line.starts_with("listening on ")).count(), 2, "{log}");
    });
    rows.row("the same data, not published anew", || {
        assert_eq!(get(&server, "/release/2.8/ubuntu/dists/focal/InRelease").text(), root);
    });
    rows.row("the old password still works", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
    });
    rows.end();
}

#[test]
fn sigterm() {
    let mut rows = Rows::default();
    rows.row("idle: exit code 0", || {
        let mut server = Server::start();
        assert_eq!(server.terminate().code(), Some(0));
    });
    rows.row("with an idle connection open: exit code 0", || {
        let mut server = Server::start();
        let request = Request::get("/-/health");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        expect_status(&connection.answer(&request), 200);
        assert_eq!(server.terminate().code(), Some(0));
    });
    rows.row("in the middle of an upload: it ends, others are not taken any more, exit code 0", || {
        let mut server = Server::start();
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials()).form(Form::of([&FIXTURES.rpm]));
        let mut connection = Connection::open(&server);
        let (head, body) = (request.head(&server), request.content().to_vec());
        connection.write(&head);
        connection.write(&body[..body.len() / 2]);
        let address = server.base_url().trim_start_matches("http://").to_owned();
        // what the server has not heard of yet is not in its middle
        wait::until("the server to receive it", wait::BOUND, || {
            get(&server, "/-/metrics").text().contains("rws_uploads_open 1\n").then_some(())
        });
        std::thread::scope(|scope| {
            let (answer, address) = (&mut connection, &address);
            let ending = scope.spawn(move || {
                let gone = || std::net::TcpStream::connect(address).is_err().then_some(());
                wait::until("nobody listens any more", wait::BOUND, gone);
                answer.write(&body[body.len() / 2..]);
                answer.answer(&request)
            });
            assert_eq!(server.terminate().code(), Some(0));
            expect_created(&ending.join().unwrap());
        });
        server.restart();
        server.wait_for_body(&format!("{RPM_TARGET}/x86_64/repodata/repomd.xml"), |_| true);
    });
    rows.row("right after an answer: exit code 0, and nothing is lost", || {
        let mut server = Server::start();
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
        assert_eq!(server.terminate().code(), Some(0));
        server.restart();
        server.wait_for_body(&format!("{RPM_TARGET}/x86_64/repodata/repomd.xml"), |_| true);
        assert_eq!(primary(&server, &format!("{RPM_TARGET}/x86_64")).len(), 1);
    });
    rows.end();
}

#[test]
fn sighup_changes_nothing_where_nothing_has_changed() {
    let server = Server::start();
    server.signal("HUP");
    server.wait_for_log("RWS has read users, groups and rights again");
    assert!(!server.log().contains("restart"), "{}", server.log());
    expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
}

#[test]
fn secrets_are_for_the_owner_only() {
    let server = Server::start();
    let private = server.data_dir().join(".rws");
    let secrets = private.join("secrets");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut rows = Rows::default();
    rows.row("the directory", || assert_eq!(mode(&secrets), 0o700));
    rows.row("every file in it", || {
        let files = files_below(&secrets);
        assert!(files.len() >= 2, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    });
    rows.row("the password is in no file", || {
        let password = server.credentials().password.as_bytes();
        for file in files_below(&server.data_dir()) {
            let content = std::fs::read(&file).unwrap_or_default();
            assert!(!content.windows(password.len()).any(|window| window == password), "{}", file.display());
        }
    });
    rows.row("others cannot read what is being uploaded", || {
        assert_eq!(mode(&private.join("spool")) & 0o007 & mode(&private), 0, "spool and .rws are open to others");
    });
    rows.end();
}

#[test]
fn a_server_that_only_reads() {
    let data = temporary_directory();
    let data_dir = || Some(data.path().join("data"));
    let server = Server::start_with(Options { data_dir: data_dir(), ..Options::default() });
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    drop(server);
    let directory = temporary_directory();
    let credentials = Credentials { user: "bob".to_owned(), password: "password".to_owned() };
    // "password" by argon2-cffi
    let hash = "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0";
    let mut rows = Rows::default();
    for (name, users) in [("without users", "{}".to_owned()), ("with users", json!({"bob": hash}).to_string())] {
        let mut environment = configuration(directory.path(), |value| value["server"] = json!({"read_only": true}));
        environment.push(("RWS_CREDENTIALS".to_owned(), users));
        let server = Server::start_with(Options {
            data_dir: data_dir(),
            environment,
            credentials: Some(credentials.clone()),
            ..Options::default()
        });
        rows.row(&format!("{name}: reads"), || {
            expect_status(&get(&server, &format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name)), 200);
            expect_status(&get(&server, &format!("{RPM_TARGET}/x86_64/repodata/repomd.xml")), 200);
        });
        rows.row(&format!("{name}: no writes"), || {
            let before = public_files(&server);
            let answers = [
                put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.noarch_rpm])),
                call(&server, "POST", RPM_TARGET),
            ];
            for answer in answers {
                let refused = matches!(answer.status, 401 | 403 | 405 | 503);
                assert!(refused, "{}: {} {}", answer.transcript, answer.status, answer.text());
            }
            assert_eq!(public_files(&server), before);
        });
        rows.row(&format!("{name}: none is made"), || {
            assert!(!server.log().contains("password: "), "{}", server.log());
        });
    }
    rows.end();
}

#[test]
fn starts_that_are_refused() {
    let mut rows = Rows::default();
    for (name, environment) in [
        ("no users", vec![("RWS_CREDENTIALS", "{}")]),
        ("users that are no JSON", vec![("RWS_CREDENTIALS", "bob:hush-hush")]),
        ("S3 without users", vec![("S3_URL", "http://127.0.0.1:9")]),
        ("configuration file missing", vec![("RWS_CFG", "missing.json")]),
        ("address", vec![("RWS_LISTEN", "nonsense"), ("RWS_CFG", "missing.json")]),
    ] {
        rows.row(name, || {
            let ran = refused_start(&environment);
            assert_eq!(ran.code, Some(2), "{}", ran.transcript());
            assert_eq!(ran.everything().lines().count(), 1, "{}", ran.transcript());
            assert!(!ran.everything().contains("hush"), "{}", ran.transcript());
        });
    }
    rows.end();
}

#[test]
fn a_start_with_synchronisation_answers_at_once() {
    let directory = temporary_directory();
    let data = directory.path().join("data");
    for number in 0..45 {
        let target = format!("live/2.{}/el/{}", number % 9 + 1, number % 5 + 6);
        let packages = data.join(target).join("x86_64/Packages");
        crate::support::write_file(&packages.join(&FIXTURES.rpm.name), &FIXTURES.rpm.bytes);
    }
    let server = Server::start_with(Options {
        data_dir: Some(data),
        environment: configuration(directory.path(), |value| value["common"]["sync_on_start"] = json!(true)),
        ..Options::default()
    });
    expect_status(&get(&server, "/-/health"), 200);
    expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
    server.wait_for_body("/live/2.1/el/6/x86_64/repodata/repomd.xml", |_| true);
}
