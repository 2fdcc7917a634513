//! The version before this one: what it left is taken over, it and this one work on one store during a rolling upgrade, and it can
//! come back.

use std::path::{Path, PathBuf};

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::dnf::{self, Dnf};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{files_below, project_root, read_file, temporary_directory, wait};

const DEB: &str = "/live/1.10/ubuntu/focal";
const ARCHIVE: &str = "/live/1.10/ubuntu";
const RPM: &str = "/live/1.10/el/8";
const REPOMD: &str = "/live/1.10/el/8/x86_64/repodata/repomd.xml";

/// What version 0.1 (manifests of version 4) left of two debs, a source, an rpm, a comps file and a removal.
const DATA: &str = "crates/rws/tests/data/version-0.1.tar.xz";
const PASSWORD: &str = "pk2b8kjs5n65y3uuaq9xiyq9";

/// The program of version 0.1, which `tests/setup full` builds.
fn former_program() -> PathBuf {
    let program = rws_lab::cache().join("former/rws");
    assert!(program.exists(), "{} is missing: run tests/setup full", program.display());
    program
}

fn upload(server: &Server, target: &str, file: &Path, query: &str) -> curl::Answer {
    let upload = Upload::to(&format!("{target}?{query}")).file(file);
    let upload = if target == DEB { upload.field("product", "hello") } else { upload };
    upload.send(server)
}

fn deb(directory: &Path, name: &str) -> PathBuf {
    Deb::new(name, "1.0", "amd64").build(directory)
}

fn get(server: &Server, path: &str) -> Vec<u8> {
    curl::get(&server.url(path)).expect_status(200).body
}

fn release(server: &Server) -> Vec<u8> {
    get(server, &format!("{ARCHIVE}/dists/focal/InRelease"))
}

/// What apt finds in the archive, as a new client.
fn names(server: &Server) -> Vec<String> {
    let key = get(server, "/-/keys/main.asc");
    let apt = Apt::signed_by(&server.url(ARCHIVE), "focal", &key);
    apt.update().expect_clean();
    let ran = apt.cache(&["pkgnames"]).expect_clean();
    let mut names: Vec<String> = ran.output().lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// Waits until a program says that it has met state of a later version.
fn expect_only_reads(server: &Server) {
    wait::until("the earlier program to say that it only reads", wait::BOUND * 2, || {
        let answer = curl::get(&server.url("/-/ready"));
        (answer.status == 503 && answer.text().contains("a later version of RWS wrote")).then_some(())
    });
}

#[test]
fn what_it_left_is_taken_over() {
    let directory = temporary_directory();
    // as if it were of today: what is old is cleared away
    let unpack = Program::new("tar", directory.path()).args(["-xmJf"]).arg(project_root().join(DATA));
    unpack.args(["-C"]).arg(directory.path()).succeed();
    let data_dir = directory.path().join("data");
    let manifests = || -> Vec<Vec<u8>> {
        files_below(&data_dir.join(".rws/generations")).iter().map(|path| read_file(path)).collect()
    };
    let of_version = |version: &str| {
        let start = format!("RWS manifest {version}\n");
        manifests().iter().filter(|manifest| manifest.starts_with(start.as_bytes())).count()
    };
    let all = of_version("4");
    assert_eq!((all, of_version("6")), (manifests().len(), 0));
    let root = read_file(&data_dir.join(&format!("{ARCHIVE}/dists/focal/InRelease")[1..]));
    let comps = |server: &Server| String::from_utf8_lossy(&get(server, REPOMD)).contains("<data type=\"group\">");

    let credentials = Some(Credentials { user: "rws".to_owned(), password: PASSWORD.to_owned() });
    let server = Server::start_with(Options { data_dir: Some(data_dir.clone()), credentials, ..Options::default() });
    wait::until("the server to be ready", wait::BOUND, || {
        (curl::get(&server.url("/-/ready")).status == 200).then_some(())
    });
    assert_eq!(release(&server), root, "nothing is published anew");
    assert_eq!(names(&server), ["hello"]);
    assert!(comps(&server));
    // generations that it published can be read, and so can what became of its uploads
    for path in files_below(&data_dir.join(".rws/generations").join(&DEB[1..])) {
        let generation = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        get(&server, &format!("/@{generation}{ARCHIVE}/dists/focal/InRelease"));
    }
    for path in files_below(&data_dir.join(".rws/uploads")) {
        let id = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let answer = curl::get(&server.url(&format!("/-/status/{id}"))).expect_status(200);
        assert_eq!(answer.json()["state"], "published", "{}", answer.text());
    }
    upload(&server, DEB, &deb(directory.path(), "aa"), "wait=30").expect_created();
    upload(&server, RPM, &Rpm::new("aa", "1.0", "1").build(directory.path()), "wait=30").expect_created();
    assert_eq!((of_version("4"), of_version("6") > 0), (all, true), "what is kept for readers stays as it was");
    assert_eq!(names(&server), ["aa", "hello"]);
    assert!(comps(&server));
    let dnf =
        Dnf::new(&dnf::repo_file("rws", &server.url(&format!("{RPM}/x86_64")), &server.url("/-/keys/main.asc")), "8");
    assert_eq!(dnf.packages(), ["aa-0:1.0-1.x86_64", "hello-0:1.0-1.noarch"]);
    let verify = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path());
    verify.args(["verify", "--all", "--deep", "--data-dir"]).arg(&data_dir).succeed();
}

/// A rolling upgrade over one bucket, and back, and forward again: two real programs.
#[test]
fn two_programs_on_one_bucket() {
    let former = former_program();
    let (bucket, directory) = (Bucket::on_ceph(), temporary_directory());
    let mut before = bucket.serve_with(&former);
    let mut expected = vec!["aa".to_owned()];
    upload(&before, DEB, &deb(directory.path(), "aa"), "wait=30").expect_created();

    // both run: what either one takes is published
    let mut now = bucket.serve();
    assert_eq!(release(&now), release(&before));
    upload(&before, DEB, &deb(directory.path(), "bb"), "wait=30").expect_created();
    upload(&now, DEB, &deb(directory.path(), "cc"), "wait=30").expect_created();
    expected.extend(["bb".to_owned(), "cc".to_owned()]);
    for server in [&before, &now] {
        assert_eq!(names(server), expected, "readers of both see all of it");
    }
    // the earlier one meets state that it does not know: it takes nothing any more, and loses nothing that it takes
    let answer = upload(&before, DEB, &deb(directory.path(), "dd"), "wait=1");
    match answer.status {
        201 | 202 => {
            expected.push("dd".to_owned());
            wait::until("what it took to be published", wait::BOUND * 2, || (names(&now) == expected).then_some(()));
        }
        503 => {}
        other => panic!("{other}: {}", answer.text()),
    }
    expect_only_reads(&before);
    assert_eq!(
        upload(&before, DEB, &deb(directory.path(), "ee"), "").expect_status(503).json()["code"],
        "later-version"
    );

    // roll back: the earlier one alone serves what is there, and writes nothing
    now.terminate();
    before.restart();
    expect_only_reads(&before);
    let objects = || -> Vec<(String, String)> {
        let keys = bucket.keys().into_iter();
        keys.map(|key| (key.clone(), bucket.tag(&key))).collect()
    };
    let kept = objects();
    assert_eq!(names(&before), expected);
    upload(&before, DEB, &deb(directory.path(), "ee"), "").expect_status(503);
    assert_eq!(objects(), kept);
    before.terminate();

    // and forward again
    now.restart();
    crate::support::bucket::expect_ready(&now);
    upload(&now, DEB, &deb(directory.path(), "ff"), "wait=30").expect_created();
    expected.push("ff".to_owned());
    assert_eq!(names(&now), expected);
    let verified = bucket.command(&["verify", "--all", "--deep"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
