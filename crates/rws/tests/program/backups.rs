//! `rws backup` and `rws restore`: what clients see of a copy is what they saw of the source.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rws_lab::{Fault, Proxy};
use serde_json::{Value, json};

use crate::contract::index::sha256;
use crate::contract::rows::Rows;
use crate::contract::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_file, deb_form, expect_created, expect_status, get, post_json, put,
    rpm_file,
};
use crate::support::apt::Apt;
use crate::support::bucket::{Bucket, PASSWORD_HASH};
use crate::support::dnf::{self, Dnf};
use crate::support::form::Form;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::{Program, Ran};
use crate::support::server::{Credentials, Options, Server, own_variables};
use crate::support::storage::Storage;
use crate::support::{expect_same_files, files_below, read_file, temporary_directory, wait, write_file};

const ARCHIVE: &str = "/release/2.8/ubuntu";
const RPM_REPOSITORY: &str = "/live/1.10/el/7/x86_64";

crate::on_every_storage! {
    clients_of_a_restored_backup_see_what_they_saw,
}

/// One of the two sides: a directory or a bucket, and what the program is told of it.
struct Side {
    environment: Vec<(String, String)>,
    /// How the command line names it as a backup.
    name: String,
    credentials: Credentials,
    _directory: tempfile::TempDir,
}

impl Side {
    fn on(storage: Storage) -> Self {
        let directory = temporary_directory();
        let bucket = Bucket::on_ceph();
        let mut environment = bucket.environment();
        environment.push((
            "RWS_CREDENTIALS".to_owned(),
            json!({ "ci": { "hash": PASSWORD_HASH, "admin": true } }).to_string(),
        ));
        let name = match storage {
            Storage::Ceph => format!("s3://{}/", bucket.name),
            Storage::Directory => {
                environment.retain(|(name, _)| !name.starts_with("S3_"));
                let data = directory.path().join("data");
                environment.push(("RWS_DATA_DIR".to_owned(), data.display().to_string()));
                data.display().to_string()
            }
        };
        let credentials = Credentials { user: "ci".to_owned(), password: "password".to_owned() };
        Self { environment, name, credentials, _directory: directory }
    }

    fn serve(&self) -> Server {
        let data = self.environment.iter().find(|(name, _)| name == "RWS_DATA_DIR").map(|(_, value)| value.into());
        let (environment, credentials) = (self.environment.clone(), Some(self.credentials.clone()));
        let server = Server::start_with(Options { environment, credentials, data_dir: data, ..Options::default() });
        server.wait_for_body("/-/ready", |body| body.starts_with("ready"));
        server
    }

    /// A command whose configured store is this one; the other one is where its variables say.
    fn program(&self, arguments: &[&str], other: &Self) -> Program {
        let home = temporary_directory();
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), home.path());
        let mut program = own_variables().into_iter().fold(program, Program::env_remove);
        for (name, value) in &other.environment {
            if ["S3_URL", "S3_REGION", "S3_ACCESS_KEY", "S3_SECRET_KEY"].contains(&name.as_str()) {
                program = program.env(&format!("RWS_BACKUP_{name}"), value);
            }
        }
        for (name, value) in &self.environment {
            program = program.env(name, value);
        }
        program.args(arguments)
    }

    fn backup(&self, to: &Self, more: &[&str]) -> Ran {
        self.program(&[&["backup", &to.name], more].concat(), to).run()
    }

    fn restore(&self, from: &Self, more: &[&str]) -> Ran {
        self.program(&[&["restore", &from.name], more].concat(), from).run()
    }
}

/// What `--json` says of one repository, or of the records.
fn counts(ran: &Ran, repository: Option<&str>) -> [u64; 3] {
    let said: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.transcript()));
    let of = repository.map_or(&said["records"], |name| &said["repositories"][name]);
    ["copied", "unchanged", "deleted"].map(|key| of[key].as_u64().unwrap_or_else(|| panic!("no {key}: {said}")))
}

/// What the roots of a server say, and the packages that they list.
fn seen(server: &Server) -> BTreeMap<String, Vec<u8>> {
    let roots = [
        format!("{ARCHIVE}/dists/focal/InRelease"),
        format!("{ARCHIVE}/dists/focal/main/binary-amd64/Packages.gz"),
        format!("{RPM_REPOSITORY}/repodata/repomd.xml"),
        format!("{RPM_REPOSITORY}/repodata/repomd.xml.asc"),
        "/-/pins".to_owned(),
        format!("/-/repositories{RPM_REPOSITORY}/generations"),
    ];
    let read = |path: String| {
        let answer = get(server, &path);
        expect_status(&answer, 200);
        (path, answer.body)
    };
    roots.into_iter().map(read).collect()
}

fn clients_of_a_restored_backup_see_what_they_saw(storage: Storage) {
    let (source, backup, again) = (Side::on(storage), Side::on(Storage::Directory), Side::on(storage));
    let server = source.serve();
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb, &FIXTURES.epoch_deb])));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(FIXTURES.source())));
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.noarch_rpm])));
    let pin = json!({ "name": "march", "targets": [&RPM_TARGET[1..]] });
    expect_status(&post_json(&server, "/-/pins", &pin), 201);
    let first = source.backup(&backup, &["--json"]).expect_success();
    let [copied, _, _] = counts(&first, Some(&RPM_REPOSITORY[1..]));
    assert!(copied > 5, "{}", first.transcript());
    let mut rows = Rows::default();
    rows.row("what is there is not copied again", || {
        let same = source.backup(&backup, &["--json"]).expect_success();
        for repository in [&RPM_REPOSITORY[1..], "release/2.8/ubuntu/focal"] {
            let [copied, unchanged, deleted] = counts(&same, Some(repository));
            assert!(copied == 0 && unchanged > 5 && deleted == 0, "{}", same.transcript());
        }
        assert_eq!(counts(&same, None)[0], 0, "{}", same.transcript());
    });
    rows.row("one more package is copied alone, with its indexes", || {
        let more = rpm_file(&Rpm::new("rws-more", "1.0", "1"));
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&more])));
        expect_status(&call(&server, "DELETE", &format!("{RPM_TARGET}/{}?wait=30", FIXTURES.noarch_rpm.name)), 200);
        let ran = source.backup(&backup, &[]).expect_success();
        assert!(ran.output().contains("uploads, pins, tokens and purges: "), "{}", ran.transcript());
        let ran = source.backup(&backup, &["--deep", "--json"]).expect_success();
        assert_eq!(counts(&ran, Some("release/2.8/ubuntu/focal"))[2], 0);
    });
    let before = seen(&server);
    drop(server);

    again.restore(&backup, &[]).expect_success();
    let restored = again.serve();
    rows.row("root files, indexes and history are the same", || assert_eq!(seen(&restored), before));
    rows.row("apt", || {
        let key = get(&restored, "/-/keys/main.asc").body;
        let apt = Apt::signed_by(&restored.url(ARCHIVE), "focal", &key);
        apt.update().expect_clean();
        let installed = apt.install(&["rws-one", "rws-epoch"]).expect_clean();
        let names: Vec<&[u8]> = vec![&FIXTURES.deb.bytes, &FIXTURES.epoch_deb.bytes];
        let mut got: Vec<Vec<u8>> = installed.files.iter().map(|path| read_file(path)).collect();
        got.sort_by_key(Vec::len);
        let mut names: Vec<Vec<u8>> = names.into_iter().map(<[u8]>::to_vec).collect();
        names.sort_by_key(Vec::len);
        assert!(got == names, "{:?}", installed.files);
        assert_eq!(apt.source("rws-src").expect_clean().files.len(), 4);
    });
    rows.row("dnf", || {
        let repo = dnf::repo_file("rws", &restored.url(RPM_REPOSITORY), &restored.url("/-/keys/main.asc"));
        let dnf = Dnf::new(&repo, "7");
        dnf.makecache().expect_success();
        assert_eq!(dnf.packages(), ["rws-more-0:1.0-1.x86_64", "rws-one-0:1.0-1.x86_64"]);
        assert_eq!(dnf.download(&["rws-one"]).len(), 1);
    });
    rows.row("RWS finds nothing wrong, and goes on", || {
        again.program(&["verify", "--all", "--deep"], &backup).run().expect_success();
        let more = deb_file(&Deb::new("rws-later", "1.0-1", "amd64"));
        expect_created(&put(&restored, &format!("{DEB_TARGET}?wait=30"), deb_form([&more])));
        expect_created(&put(&restored, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.arm_rpm])));
        let audit = crate::support::raw::Request::get("/-/repositories").send(&restored).text();
        assert!(audit.contains("\"packages\":4"), "{audit}");
    });
    drop(restored);
    rows.row("a backup of what went on is a later state of the same repositories", || {
        again.backup(&backup, &[]).expect_success();
    });
    rows.row("the state before does not come over the later one", || {
        let refused = source.backup(&backup, &[]);
        assert_eq!(refused.code, Some(1), "{}", refused.transcript());
        assert!(refused.everything().contains("no earlier state") && refused.everything().contains("--force"));
        source.backup(&backup, &["--force"]).expect_success();
    });
    rows.end();
}

#[test]
fn places_that_are_no_backup_are_refused() {
    let (source, other) = (Side::on(Storage::Directory), Side::on(Storage::Directory));
    let server = source.serve();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let mut rows = Rows::default();
    let refused = |ran: Ran, text: &str| {
        assert_eq!(ran.code, Some(1), "{}", ran.transcript());
        assert!(ran.everything().contains(text), "{}", ran.transcript());
    };
    let to = |place: &str| source.program(&["backup", place], &other).run();
    rows.row("itself", || refused(to(&source.name), "are one place"));
    rows.row("inside itself", || refused(to(&format!("{}/backup", source.name)), "one lies in the other"));
    rows.row("inside another installation", || {
        let third = Side::on(Storage::Directory);
        let server = third.serve();
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
        refused(to(&format!("{}/backup", third.name)), "is part of the installation");
    });
    rows.row("a directory with other files", || {
        let home = temporary_directory();
        write_file(&home.path().join("letter"), "dear");
        refused(to(&home.path().display().to_string()), "is no backup of RWS");
        assert_eq!(read_file(&home.path().join("letter")), b"dear");
    });
    rows.row("a place without repositories, as a source", || {
        let home = temporary_directory();
        let place = home.path().join("nothing").display().to_string();
        refused(source.program(&["restore", &place], &other).run(), "no repository at the source");
    });
    rows.row("a repository with another history", || {
        let server = other.serve();
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.noarch_rpm])));
        drop(server);
        refused(other.restore(&source, &[]), "no earlier state");
        other.restore(&source, &["--force"]).expect_success();
        let server = other.serve();
        assert!(get(&server, &format!("{RPM_REPOSITORY}/repodata/repomd.xml")).status == 200);
    });
    rows.end();
}

#[test]
fn a_damaged_package_is_found_at_both_ends() {
    let (source, backup) = (Side::on(Storage::Directory), Side::on(Storage::Directory));
    let server = source.serve();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    drop(server);
    let below = |side: &Side| {
        let all = files_below(std::path::Path::new(&side.name));
        all.into_iter().find(|path| path.ends_with(&FIXTURES.rpm.name)).unwrap_or_default()
    };
    source.backup(&backup, &[]).expect_success();
    // same size, other bytes, in a file of its own
    let mut other = FIXTURES.rpm.bytes.clone();
    other.reverse();
    let replace = |side: &Side, bytes: &[u8]| {
        let path = below(side);
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{error}"));
        write_file(&path, bytes);
    };
    replace(&backup, &other);
    let mended = source.backup(&backup, &["--deep", "--json"]).expect_success();
    assert_eq!(counts(&mended, Some(&RPM_REPOSITORY[1..]))[0], 2, "{}", mended.transcript());
    expect_same_files(&[below(&backup)], &[below(&source)]);
    replace(&source, &other);
    source.backup(&backup, &[]).expect_success();
    let found = source.backup(&backup, &["--deep"]);
    // what the backup has is good, and is not read from the source
    found.expect_success();
    let empty = Side::on(Storage::Directory);
    let found = source.backup(&empty, &[]);
    assert_eq!(found.code, Some(1), "{}", found.transcript());
    assert!(found.everything().contains("is damaged in the source"), "{}", found.transcript());
}

#[test]
fn what_was_purged_leaves_the_backup_too() {
    let (source, backup) = (Side::on(Storage::Directory), Side::on(Storage::Directory));
    let server = source.serve();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.noarch_rpm])));
    let pin = json!({ "name": "march", "targets": [&RPM_TARGET[1..]] });
    expect_status(&post_json(&server, "/-/pins", &pin), 201);
    source.backup(&backup, &[]).expect_success();
    let copies = || {
        let all = files_below(std::path::Path::new(&backup.name));
        all.into_iter().filter(|path| read_file(path) == FIXTURES.rpm.bytes).count()
    };
    assert_eq!(copies(), 1);
    let body = json!({ "sha256": [sha256(&FIXTURES.rpm.bytes)] });
    expect_status(&post_json(&server, "/-/purge?wait=30", &body), 201);
    // the pinned state still lists it
    source.backup(&backup, &[]).expect_success();
    assert_eq!(copies(), 0);
    let again = Side::on(Storage::Directory);
    again.restore(&backup, &[]).expect_success();
    let restored = again.serve();
    let path = format!("{RPM_REPOSITORY}/Packages/{}", FIXTURES.rpm.name);
    // its first sweep reads the records
    wait::until("410", wait::BOUND, || (get(&restored, &path).status == 410).then_some(()));
    assert!(get(&restored, "/-/pins").text().contains("march"));
}

#[test]
fn a_backup_that_was_killed_goes_on_where_it_was() {
    let source = Side::on(Storage::Directory);
    let server = source.serve();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.noarch_rpm])));
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let mut backup = Side::on(Storage::Ceph);
    backup.name = format!("s3://{}/copies/rws", bucket.name);
    backup.environment = bucket.through(&proxy).environment();
    let is_reached = Arc::new(AtomicBool::new(false));
    let reached = Arc::clone(&is_reached);
    proxy.set_fault(Some(Arc::new(move |seen| {
        let is_head = seen.method == "PUT" && seen.path.ends_with("/x86_64.json");
        reached.fetch_or(is_head, Ordering::SeqCst);
        is_head.then_some(Fault::Stall { effect: false })
    })));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rws"));
    own_variables().iter().for_each(|name| _ = command.env_remove(name));
    command.envs(source.environment.iter().map(|(name, value)| (name, value)));
    for (name, value) in backup.environment.iter().filter(|(name, _)| name.starts_with("S3_")) {
        command.env(format!("RWS_BACKUP_{name}"), value);
    }
    command.args(["backup", &backup.name]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{error}"));
    wait::until("the head", wait::BOUND, || is_reached.load(Ordering::SeqCst).then_some(()));
    child.kill().and_then(|()| child.wait()).unwrap_or_else(|error| panic!("{error}"));
    proxy.set_fault(None);
    let head = format!("copies/rws/.rws/heads{RPM_REPOSITORY}.json");
    assert!(bucket.get(&head).is_none());
    // without the head nobody says what the files are: they are read, and not sent once more
    proxy.forget();
    let ran = source.backup(&backup, &["--json"]).expect_success();
    let [copied, unchanged, _] = counts(&ran, Some(&RPM_REPOSITORY[1..]));
    assert!(copied == 0 && unchanged > 5, "{}", ran.transcript());
    assert!(proxy.seen().iter().all(|seen| seen.method != "PUT" || !seen.path.ends_with(".rpm")));
    assert!(bucket.get(&head).is_some());
}

/// Uploads and removals go on while backups are made one after the other. Every backup is whole, and has what was answered before
/// it began.
#[test]
fn backups_beside_uploads_are_whole() {
    let (source, backup) = (Side::on(Storage::Directory), Side::on(Storage::Directory));
    let server = source.serve();
    let (is_over, answered) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let names = || answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    thread::scope(|scope| {
        // whatever happens, the uploads end
        let _over = Over(&is_over);
        let uploading = scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let file = rpm_file(&Rpm::new(&format!("rws-{number}"), "1.0", "1"));
                // half of them are still pending when the next one comes
                let wait = if number % 2 == 0 { "?wait=30" } else { "" };
                expect_created(&put(&server, &format!("{RPM_TARGET}{wait}"), Form::of([&file])));
                answered.lock().unwrap_or_else(PoisonError::into_inner).push(file.name);
                if number % 3 == 2 {
                    let body = json!({ "from": RPM_TARGET, "to": ["/live/1.10/el/8"], "packages": "all" });
                    expect_status(&post_json(&server, "/-/promote?wait=30", &body), 201);
                    let path = format!("/live/1.10/el/8?name=rws-{}", number - 1);
                    expect_status(&call(&server, "DELETE", &path), 201);
                }
            }
        });
        wait::until("packages", wait::BOUND, || (names().len() > 3).then_some(()));
        for _ in 0..2 {
            let before = names();
            source.backup(&backup, &[]).expect_success();
            let copy = Side::on(Storage::Directory);
            copy.restore(&backup, &[]).expect_success();
            let restored = copy.serve();
            for name in before {
                // what was pending in the copy is published
                let path = format!("{RPM_REPOSITORY}/Packages/{name}");
                wait::until(&name, wait::BOUND, || (get(&restored, &path).status == 200).then_some(()));
            }
            copy.program(&["verify", "--all", "--deep"], &backup).run().expect_success();
        }
        is_over.store(true, Ordering::SeqCst);
        uploading.join().unwrap_or_else(|_| panic!("the uploads failed"));
    });
}

/// Says so when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
