//! States of repositories, judged by apt and dnf that keep their caches: promoted, removed, rolled back, and as they were.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rws_lab::Chroot;
use serde_json::{Value, json};

use crate::contract::index::sha256;
use crate::contract::stage::{configuration, configured};
use crate::judges_rpm::generated::judges::{AnyDnf, System};
use crate::support::apt::{Apt, Sources};
use crate::support::bucket::{Bucket, PASSWORD_HASH};
use crate::support::curl::{self, Answer, Upload};
use crate::support::dnf::repo_file;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::private_root::PrivateRoot;
use crate::support::program::{Program, Ran};
use crate::support::raw::Request;
use crate::support::server::{Server, own_variables};
use crate::support::storage::Storage;
use crate::support::{file_name, files_in, temporary_directory, wait, write_file};

const KEY: &str = "/-/keys/main.asc";

crate::on_every_storage! {
    packages_are_promoted_removed_and_rolled_back_for_apt,
    packages_are_promoted_removed_and_rolled_back_for_dnf,
}

/// A server whose user may do everything.
fn server_on(storage: Storage) -> Server {
    match storage {
        Storage::Directory => Server::start(),
        Storage::Ceph => {
            let users = json!({ "ci": { "hash": PASSWORD_HASH, "admin": true } }).to_string();
            Bucket::on_ceph().with("RWS_CREDENTIALS", &users).serve()
        }
    }
}

fn post(server: &Server, what: &str, body: &Value) -> Answer {
    let request = Request::new("POST", &format!("/-/{what}?wait=30")).user(server.credentials());
    request.body(body.to_string()).send(server)
}

/// The time now, between two seconds in which something was published.
fn moment() -> String {
    sleep(Duration::from_millis(1200));
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    sleep(Duration::from_millis(1200));
    now
}

/// The versions of a package that apt sees.
#[track_caller]
fn seen_by_apt(apt: &Apt, package: &str) -> Vec<String> {
    apt.update().expect_clean();
    let output = apt.cache(&["madison", package]).output();
    let binary = output.lines().filter(|line| line.contains("Packages"));
    let mut versions: Vec<String> = binary.filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect();
    versions.sort();
    versions.dedup();
    versions
}

/// The versions that a plan says there are afterwards, of those that there were.
fn after(plan: &Value, repository: &str, before: &[String]) -> Vec<String> {
    let planned = &plan["repositories"][repository];
    let of = |verb: &str| {
        let all = planned[verb].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|one| one["version"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let removed = of("removed");
    let mut versions: Vec<String> = before.iter().filter(|version| !removed.contains(version)).cloned().collect();
    versions.extend(of("added"));
    versions.sort();
    versions.dedup();
    versions
}

fn packages_are_promoted_removed_and_rolled_back_for_apt(storage: Storage) {
    const LIVE: &str = "live/2.8/ubuntu/focal";
    const RELEASE: &str = "release/2.8/ubuntu/focal";
    let server = server_on(storage);
    let work = temporary_directory();
    let key = || curl::get(&server.url(KEY)).expect_status(200).body;
    let publish = |version: &str| {
        let deb = Deb::new("rws-thing", version, "amd64").build(work.path());
        let upload = Upload::to(&format!("/{LIVE}?wait=60")).field("product", "thing").file(&deb);
        upload.send(&server).expect_created();
    };
    let client = |archive: &str| Apt::signed_by(&server.url(archive), "focal", &key());
    publish("1.0");
    let march = moment();
    let pin = json!({ "name": "march", "targets": ["live/*/ubuntu/focal"] });
    assert_eq!(post(&server, "pins", &pin).status, 201);
    publish("2.0~rc");
    let live = client("/live/2.8/ubuntu");
    assert_eq!(seen_by_apt(&live, "rws-thing"), ["1.0", "2.0~rc"]);

    // what the dry run says is what apt sees
    let promotion = json!({ "from": LIVE, "to": [RELEASE], "packages": ["rws-thing=2.*"], "dry_run": true });
    let expected = after(&post(&server, "promote", &promotion).json(), RELEASE, &[]);
    let promotion = json!({ "from": LIVE, "to": [RELEASE], "packages": ["rws-thing=2.*"] });
    assert_eq!(post(&server, "promote", &promotion).status, 201);
    let release = client("/release/2.8/ubuntu");
    assert_eq!(seen_by_apt(&release, "rws-thing"), expected);
    release.install(&["rws-thing=2.0~rc"]).expect_clean();

    // the old version goes, and the build of March can still be installed
    let delete = |query: &str| {
        let path = format!("/{LIVE}?name=rws-thing&version=1.0{query}");
        Request::new("DELETE", &path).user(server.credentials()).body("").send(&server)
    };
    let expected = after(&delete("&dry_run=1").json(), LIVE, &["1.0".to_owned(), "2.0~rc".to_owned()]);
    assert_eq!(delete("&wait=30").status, 201);
    assert_eq!(seen_by_apt(&live, "rws-thing"), expected);
    for state in [&march, "march"] {
        let past = client(&format!("/-/at/{state}/live/2.8/ubuntu"));
        assert_eq!(seen_by_apt(&past, "rws-thing"), ["1.0"], "{state}");
        let installed = past.install(&["rws-thing=1.0"]).expect_clean();
        assert!(installed.file_names().iter().any(|name| name.contains("1.0")), "{:?}", installed.file_names());
    }

    let rollback = json!({ "target": LIVE, "to": march, "dry_run": true });
    let expected = after(&post(&server, "rollback", &rollback).json(), LIVE, &["2.0~rc".to_owned()]);
    let rollback = json!({ "target": LIVE, "to": march });
    assert_eq!(post(&server, "rollback", &rollback).status, 201);
    let again = client("/live/2.8/ubuntu");
    assert_eq!(seen_by_apt(&again, "rws-thing"), expected);
    assert_eq!(expected, ["1.0"]);
    again.install(&["rws-thing"]).expect_clean();
}

fn packages_are_promoted_removed_and_rolled_back_for_dnf(storage: Storage) {
    packages_are_promoted_removed_and_rolled_back_for(&System::Here, &server_on(storage));
}

#[test]
fn dnf5_of_sid_sees_what_is_promoted_removed_and_rolled_back() {
    packages_are_promoted_removed_and_rolled_back_for(&System::Sid(Chroot::sid()), &Server::start());
}

/// dnf 4 of this machine, or dnf5.
fn packages_are_promoted_removed_and_rolled_back_for(system: &System, server: &Server) {
    const LIVE: &str = "live/2.8/el/9";
    const RELEASE: &str = "release/2.8/el/9";
    let (work, home) = (temporary_directory(), PrivateRoot::new());
    let publish = |version: &str| {
        let rpm = Rpm::new("rws-thing", version, "1.el9").build(work.path());
        Upload::to(&format!("/{LIVE}?wait=60")).file(&rpm).send(server).expect_created();
        file_name(&rpm)
    };
    let client = |path: &str| {
        let url = server.url(&format!("{path}/x86_64/"));
        system.dnf_with(&repo_file("rws", &url, &server.url(KEY)), home.path())
    };
    let seen = |dnf: &AnyDnf<'_>| {
        dnf.run(&["makecache", "--refresh"]).expect_success();
        let output = dnf.run(&["--quiet", "repoquery", "rws-thing"]).expect_success().output();
        let version = |line: &str| Some(line.strip_prefix("rws-thing-0:")?.strip_suffix(".x86_64")?.to_owned());
        let mut versions: Vec<String> = output.lines().filter_map(version).collect();
        versions.sort();
        versions
    };
    let download = |dnf: &AnyDnf<'_>| {
        let directory = home.join("downloads");
        _ = std::fs::remove_dir_all(&directory);
        dnf.run(&["download", "--destdir", &directory.display().to_string(), "rws-thing"]).expect_success();
        files_in(&directory).iter().map(|path| file_name(path)).collect::<Vec<_>>()
    };
    let first = publish("1.0");
    let march = moment();
    let pin = json!({ "name": "march", "targets": [LIVE], "at": march });
    assert_eq!(post(server, "pins", &pin).status, 201);
    publish("2.0");
    let live = client(&format!("/{LIVE}"));
    assert_eq!(seen(&live), ["1.0-1.el9", "2.0-1.el9"]);

    let promotion = json!({ "from": LIVE, "to": [RELEASE], "packages": ["rws-thing=2.0-1.el9"], "dry_run": true });
    let repository = format!("{RELEASE}/x86_64");
    let expected = after(&post(server, "promote", &promotion).json(), &repository, &[]);
    let promotion = json!({ "from": LIVE, "to": [RELEASE], "packages": ["rws-thing=2.0-1.el9"] });
    assert_eq!(post(server, "promote", &promotion).status, 201);
    let release = client(&format!("/{RELEASE}"));
    assert_eq!(seen(&release), expected);
    assert_eq!(download(&release).len(), 1);

    let path = format!("/{LIVE}?name=rws-thing&version=1.0-*&wait=30");
    assert_eq!(Request::new("DELETE", &path).user(server.credentials()).body("").send(server).status, 201);
    assert_eq!(seen(&live), ["2.0-1.el9"]);
    for state in [&march, "march"] {
        let past = client(&format!("/-/at/{state}/{LIVE}"));
        assert_eq!(seen(&past), ["1.0-1.el9"], "{state}");
        assert_eq!(download(&past), std::slice::from_ref(&first));
    }

    let rollback = json!({ "target": LIVE, "to": "march" });
    assert_eq!(post(server, "rollback", &rollback).status, 201);
    assert_eq!(seen(&live), ["1.0-1.el9"]);
    assert_eq!(download(&live), std::slice::from_ref(&first));
}

/// Ready-made files for clients of a state. One who gets the state in place of the newer live root keeps the newer one.
#[test]
fn clients_are_set_up_for_a_state() {
    const TARGET: &str = "live/2.8/ubuntu/focal";
    let server = Server::start();
    let work = temporary_directory();
    let publish = |version: &str| {
        let deb = Deb::new("rws-thing", version, "amd64").build(work.path());
        let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "thing").file(&deb);
        upload.send(&server).expect_created();
    };
    publish("1.0");
    let march = moment();
    assert_eq!(post(&server, "pins", &json!({ "name": "march", "targets": [TARGET] })).status, 201);
    publish("2.0");
    let file = |extension: &str, at: &str| {
        let path = format!("/-/setup/{TARGET}.{extension}?at={at}");
        curl::get(&server.url(&path)).expect_status(200).text()
    };
    let key = curl::get(&server.url(KEY)).expect_status(200).body;
    for state in [&march, "march"] {
        let (sources, list) = (file("sources", state), file("list", state));
        assert!(
            sources.contains("\nCheck-Valid-Until: no\n") && list.contains("check-valid-until=no"),
            "{sources}{list}"
        );
        for sources in [Sources::Deb822(&sources), Sources::OneLine(&list)] {
            let apt = Apt::from_server(&sources, &key);
            assert_eq!(seen_by_apt(&apt, "rws-thing"), ["1.0"]);
            apt.install(&["rws-thing=1.0"]).expect_clean();
        }
    }
    for (at, status) in [("20200101T000000Z", 410), ("21200101T000000Z", 400), ("april", 404), ("a%20b", 400)] {
        curl::get(&server.url(&format!("/-/setup/{TARGET}.sources?at={at}"))).expect_status(status);
    }
    // a client of a mirror that goes back: it stays with what it knows
    let mirror = temporary_directory();
    let dists = mirror.path().join("dists/focal");
    let copy = |prefix: &str| {
        let get = |name: &str| {
            curl::get(&server.url(&format!("{prefix}/live/2.8/ubuntu/dists/focal/{name}"))).expect_status(200).body
        };
        let packages = get("main/binary-amd64/Packages.xz");
        let by_hash = format!("main/binary-amd64/by-hash/SHA256/{}", sha256(&packages));
        std::fs::create_dir_all(dists.join(&by_hash).parent().expect("a parent")).expect("a directory can be made");
        write_file(&dists.join(by_hash), packages);
        write_file(&dists.join("InRelease"), get("InRelease"));
    };
    copy("");
    let sources = format!(
        "Types: deb\nURIs: file:{}\nSuites: focal\nComponents: main\nArchitectures: amd64\nSigned-By: /\n",
        mirror.path().display()
    );
    let client = Apt::from_server(&Sources::Deb822(&sources), &key);
    assert_eq!(seen_by_apt(&client, "rws-thing"), ["1.0", "2.0"]);
    copy("/-/at/march");
    client.update();
    let madison = client.cache(&["madison", "rws-thing"]).output();
    assert!(madison.contains("2.0"), "{madison}");
    let new = Apt::from_server(&Sources::Deb822(&sources), &key);
    assert_eq!(seen_by_apt(&new, "rws-thing"), ["1.0"]);
}

/// `--snapshot` of apt 3: Release says where earlier states are.
#[test]
fn apt_of_sid_installs_from_snapshots() {
    const TARGET: &str = "live/2.8/ubuntu/focal";
    let work = temporary_directory();
    let mut server = configured(work.path(), |_| {});
    let url = server.base_url().to_owned();
    configuration(work.path(), |file| file["server"] = json!({ "public_url": url }));
    server.restart_in_place();
    let publish = |server: &Server, version: &str| {
        let deb = Deb::new("rws-thing", version, "amd64").build(work.path());
        let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "thing").file(&deb);
        upload.send(server).expect_created();
    };
    publish(&server, "1.0");
    let march = moment();
    publish(&server, "2.0");
    let path = format!("/{TARGET}?name=rws-thing&version=1.0&wait=30");
    assert_eq!(Request::new("DELETE", &path).user(server.credentials()).body("").send(&server).status, 201);
    let apt = Apt::of_sid();
    let sources = curl::get(&server.url(&format!("/-/setup/{TARGET}.sources"))).expect_status(200).text();
    write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), sources);
    apt.update().expect_clean();
    apt.get(&["--snapshot", &march, "update"]).expect_clean();
    apt.get(&["--snapshot", &march, "install", "--yes", "--download-only", "rws-thing=1.0"]).expect_clean();
    apt.update().expect_clean();
    apt.get(&["install", "--yes", "--download-only", "rws-thing=1.0"]).expect_complaint("1.0");
}

/// A state is a tree that does not change, whatever is published.
#[test]
fn a_state_does_not_change() {
    let server = Server::start();
    let work = temporary_directory();
    let publish = |version: &str| {
        let deb = Deb::new("rws-thing", version, "amd64").build(work.path());
        let upload = Upload::to("/live/2.8/ubuntu/focal?wait=60").field("product", "thing").file(&deb);
        upload.send(&server).expect_created();
        file_name(&deb)
    };
    let first = publish("1.0");
    let generations = curl::get(&server.url("/-/repositories/live/2.8/ubuntu/focal/generations")).json();
    let generation = generations["generations"][0]["generation"].as_str().expect("a generation").to_owned();
    let time = moment();
    let paths = [
        "dists/focal/InRelease",
        "dists/focal/Release",
        "dists/focal/main/binary-amd64/Packages.xz",
        "dists/focal/main/binary-amd64/Packages.gz",
    ];
    let get = |state: &str, path: &str| curl::get(&server.url(&format!("/-/at/{state}/live/2.8/ubuntu/{path}")));
    let before: Vec<Vec<u8>> = paths.iter().map(|path| get(&time, path).expect_status(200).body).collect();
    let second = publish("2.0");
    for state in [&time, &generation] {
        for (path, content) in paths.iter().zip(&before) {
            assert_eq!(get(state, path).expect_status(200).body, *content, "{state} {path}");
        }
        get(state, &format!("pool/focal/main/t/thing/{first}")).expect_status(200);
        // what came later is not there
        get(state, &format!("pool/focal/main/t/thing/{second}")).expect_status(404);
        get(state, "dists/jammy/InRelease").expect_status(404);
    }
    for (path, status) in [
        ("20200101T000000Z/live/2.8/ubuntu/dists/focal/InRelease", 410),
        ("20200101T000000Z-00000000/live/2.8/ubuntu/dists/focal/InRelease", 410),
        ("21200101T000000Z/live/2.8/ubuntu/dists/focal/InRelease", 400),
        ("march/live/2.8/ubuntu/dists/focal/InRelease", 404),
        ("-march/live/2.8/ubuntu/dists/focal/InRelease", 400),
        ("20200101T000000Z/.rws/heads/live/2.8/ubuntu/focal.json", 404),
        ("20200101T000000Z/", 404),
        ("20200101T000000Z", 404),
    ] {
        curl::get(&server.url(&format!("/-/at/{path}"))).expect_status(status);
    }
    // a second that is not over is no state
    let soon = (jiff::Timestamp::now() + Duration::from_secs(2)).strftime("%Y%m%dT%H%M%SZ").to_string();
    get(&soon, paths[0]).expect_status(400);
    // ranges, tags and HEAD as elsewhere
    let answer = get(&time, paths[0]).expect_status(200);
    let tag = answer.header("etag").expect("a tag").to_owned();
    let path = format!("/-/at/{time}/live/2.8/ubuntu/{}", paths[0]);
    assert_eq!(Request::get(&path).header("If-None-Match", &tag).send(&server).status, 304);
    assert_eq!(Request::get(&path).header("Range", "bytes=0-9").send(&server).status, 206);
    assert_eq!(Request::new("HEAD", &path).send(&server).status, 200);
}

/// Two replicas over one bucket change states of the same repositories at once: each answer is kept, in an order that both agree on,
/// and what is left is consistent.
#[test]
fn two_replicas_change_states_at_once() {
    const LIVE: &str = "live/2.8/el/9";
    const RELEASE: &str = "release/2.8/el/9";
    const VERSIONS: usize = 6;
    let users = json!({ "ci": { "hash": PASSWORD_HASH, "admin": true } }).to_string();
    let bucket = Bucket::on_ceph().with("RWS_CREDENTIALS", &users);
    let servers = [bucket.serve(), bucket.serve()];
    let work = temporary_directory();
    let rpms: Vec<_> =
        (1..=VERSIONS).map(|version| Rpm::new("rws-thing", &format!("{version}.0"), "1").build(work.path())).collect();
    let upload = |server: &Server, number: usize| {
        Upload::to(&format!("/{LIVE}?wait=60")).file(&rpms[number]).send(server).expect_created();
    };
    upload(&servers[0], 0);
    let is_uploading = AtomicBool::new(true);
    let promote = |server: &Server| {
        let body = json!({ "from": LIVE, "to": [RELEASE], "packages": "all", "replace": true });
        let answer = post(server, "promote", &body);
        // another one promoted or published meanwhile, or everything is there already
        assert!(matches!(answer.status, 200 | 201 | 202 | 409), "{}", answer.text());
        answer.status
    };
    std::thread::scope(|scope| {
        let uploads = scope.spawn(|| {
            for number in 1..VERSIONS {
                upload(&servers[number % 2], number);
            }
            is_uploading.store(false, Ordering::SeqCst);
        });
        for server in &servers {
            scope.spawn(|| {
                while is_uploading.load(Ordering::SeqCst) {
                    promote(server);
                }
            });
        }
        scope.spawn(|| {
            for number in 0.. {
                if !is_uploading.load(Ordering::SeqCst) {
                    return;
                }
                let (server, name) = (&servers[number % 2], format!("pin-{number}"));
                let body = json!({ "name": name, "targets": [LIVE, RELEASE] });
                let answer = post(server, "pins", &body);
                assert!(matches!(answer.status, 201 | 410), "{}", answer.text());
                let other = &servers[(number + 1) % 2];
                let gone = Request::new("DELETE", &format!("/-/pins/{name}")).user(other.credentials()).body("");
                assert_eq!(gone.send(other).status, if answer.status == 201 { 200 } else { 404 });
            }
        });
        assert!(uploads.join().is_ok());
    });
    promote(&servers[1]);
    let versions = |server: &Server, target: &str| {
        let client = System::Here;
        let home = PrivateRoot::new();
        let url = server.url(&format!("/{target}/x86_64/"));
        let dnf = client.dnf_with(&repo_file("rws", &url, &server.url(KEY)), home.path());
        dnf.run(&["makecache", "--refresh"]).expect_success();
        dnf.run(&["--quiet", "repoquery", "rws-thing"]).expect_success().output().lines().count()
    };
    assert_eq!([LIVE, RELEASE].map(|target| versions(&servers[0], target)), [VERSIONS, VERSIONS]);
    assert_eq!(versions(&servers[1], RELEASE), VERSIONS);
    let pins = curl::get(&servers[0].url("/-/pins")).expect_status(200).json();
    assert_eq!(pins, json!({ "pins": [] }));
    // the last publisher may be on its way to readers of the bucket itself
    let verify = || Some(bucket.command(&["verify", "--all", "--deep"])).filter(Ran::succeeded);
    let consistent = wait::until_or(wait::BOUND, verify);
    assert!(consistent.is_some(), "{}", bucket.command(&["verify", "--all", "--deep"]).transcript());
}

/// `rws log` and `rws diff` of a service.
#[test]
fn the_command_line_shows_the_history() {
    const TARGET: &str = "live/2.8/ubuntu/focal";
    let server = Server::start();
    let work = temporary_directory();
    let publish = |version: &str| {
        let deb = Deb::new("rws-thing", version, "amd64").build(work.path());
        Upload::to(&format!("/{TARGET}?wait=60")).field("product", "thing").file(&deb).send(&server).expect_created();
    };
    publish("1.0");
    publish("2.0");
    let run = |login: bool, arguments: &[&str]| {
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), work.path());
        let program = own_variables().into_iter().fold(program, Program::env_remove);
        let program = program.env("RWS_SERVER", server.base_url());
        let program = match login {
            true => {
                program.env("RWS_USER", &server.credentials().user).env("RWS_PASSWORD", &server.credentials().password)
            }
            false => program,
        };
        program.args(arguments).run()
    };
    let log = run(true, &["log", TARGET]).expect_success().output();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.lines().next().is_some_and(|line| line.ends_with("+1  upload by rws")), "{log}");
    let first = log.lines().last().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default().to_owned();
    assert!(!run(false, &["log", TARGET]).expect_success().output().contains("rws"), "users are for administrators");
    assert_eq!(run(true, &["log", TARGET, "--limit", "1", "--json"]).expect_success().output().lines().count(), 1);
    let diff = run(false, &["diff", TARGET, &first]).expect_success().output();
    assert_eq!(diff, "+ rws-thing 2.0 amd64  rws-thing_2.0_amd64.deb\n");
    assert_eq!(run(false, &["log", "live/2.8/ubuntu/none"]).code, Some(3));
    assert_eq!(run(false, &["diff", TARGET, "20200101T000000Z"]).code, Some(3));
}
