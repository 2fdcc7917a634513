//! What RWS did not write, and where it writes.

use std::collections::BTreeMap;

use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::{read_file, temporary_directory, wait};

const RPM_TARGET: &str = "/live/1.10/el/7";
const DEB_TARGET: &str = "/release/2.8/ubuntu/focal";

#[test]
fn objects_of_others_stay_as_they_are() {
    let bucket = Bucket::on_ceph();
    let foreign = [
        "readme.txt",
        "index.html",
        ".hidden/notes",
        ".rws-other/lease.json",
        "backups/2020/dump + 100%.sql",
        // markers of directories, as consoles of S3 make them
        "live/",
        "live/1.10/",
        "live/1.10/el/7/x86_64/",
        "live/1.10/el/7/x86_64/Packages/",
        "live/1.10/el/7/x86_64/repodata/",
        "release/2.8/ubuntu/pool/",
        "release/2.8/ubuntu/dists/focal/",
        // among the files of repositories
        "live/1.10/el/7/x86_64/Packages/notes.txt",
        "live/1.10/el/7/x86_64/comps.xml",
        "live/1.10/el/7/x86_64/repodata/0000-comps.xml",
        "release/2.8/ubuntu/pool/focal/main/p/product/notes.txt",
        "release/2.8/ubuntu/dists/focal/ChangeLog",
        "release/2.8/ubuntu/dists/noble/Release",
        // an empty part, as the original made it, and a file that is a directory too
        "live//1.10/el/7/x86_64/Packages/lost.rpm",
        "live/2.1/both",
        "live/2.1/both/below",
        "unicode/п р-имер~:^",
    ];
    for key in foreign {
        let content = if key.ends_with('/') { String::new() } else { format!("{key} is not of RWS\n") };
        bucket.put(key, content);
    }
    let tags = |bucket: &Bucket| -> BTreeMap<&str, String> { foreign.map(|key| (key, bucket.tag(key))).into() };
    let before = tags(&bucket);

    let server = bucket.serve();
    let directory = temporary_directory();
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let deb = Deb::new("rws-one", "1.0-1", "amd64").build(directory.path());
    Upload::to(&format!("{RPM_TARGET}?wait=60")).file(&rpm).send(&server).expect_created();
    let upload = Upload::to(&format!("{DEB_TARGET}?wait=60")).field("product", "product");
    upload.file(&deb).send(&server).expect_created();
    assert_eq!(tags(&bucket), before, "after the uploads");

    for target in [RPM_TARGET, DEB_TARGET] {
        let post = ["--request".to_owned(), "POST".to_owned()];
        curl::request(&server.url(target), Some(server.credentials()), &post).expect_status(200);
    }
    bucket.command(&["sync", RPM_TARGET, DEB_TARGET]).expect_success();
    bucket.command(&["verify", "--deep", "--repair", RPM_TARGET, DEB_TARGET]).expect_success();
    assert_eq!(tags(&bucket), before, "after the synchronisation");

    let own = [".rws/", "live/1.10/el/7/", "release/2.8/ubuntu/pool/focal/", "release/2.8/ubuntu/dists/focal/"];
    for key in bucket.keys() {
        let written = own.iter().any(|prefix| key.starts_with(prefix));
        assert!(written || before.contains_key(key.as_str()), "{key} has come");
    }
}

#[test]
fn a_package_that_another_tool_put_there_is_indexed_where_it_is() {
    let bucket = Bucket::on_ceph();
    let server = bucket.serve();
    let directory = temporary_directory();
    let [own, other] = ["1.0-1", "2.0-1"].map(|version| Deb::new("rws-one", version, "amd64").build(directory.path()));
    let upload = Upload::to(&format!("{DEB_TARGET}?wait=60")).field("product", "product");
    upload.file(&own).send(&server).expect_created();
    let key = "release/2.8/ubuntu/pool/focal/main/o/other/rws-one_2.0-1_amd64.deb";
    bucket.put(key, read_file(&other));
    let tag = bucket.tag(key);
    bucket.command(&["sync", DEB_TARGET]).expect_success();
    let packages = "/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz";
    server.wait_for_body(packages, |text| {
        text.contains("Filename: pool/focal/main/o/other/rws-one_2.0-1_amd64.deb") && text.contains("Version: 1.0-1")
    });
    assert_eq!(bucket.tag(key), tag);
}

/// A store that carries out a write long after it was given up leaves a root of RWS's own that no head knows any more. It
/// is mended, by the next publish and by a repair, without a look at anything else; behind a root of another tool there may be
/// its packages.
#[test]
fn an_own_root_that_comes_late_is_written_over() {
    let bucket = Bucket::on_ceph();
    let server = bucket.serve();
    let directory = temporary_directory();
    let root = "live/1.10/el/7/x86_64/repodata/repomd.xml";
    let publish = |version: &str| {
        let package = Rpm::new("rws-one", version, "1").build(directory.path());
        Upload::to(&format!("{RPM_TARGET}?wait=60")).file(&package).send(&server).expect_created();
    };
    let expect_mended = || {
        let served = curl::get(&server.url(&format!("/{root}"))).expect_status(200).body;
        wait::until("the root in the bucket", wait::BOUND, || {
            (bucket.get(root).as_ref() == Some(&served)).then_some(())
        });
    };
    publish("1.0");
    let late = b"<repomd/>".to_vec();
    bucket.write_as_program(root, late.clone());
    bucket.command(&["verify", RPM_TARGET]).expect_failure();
    let repair = || bucket.command(&["verify", "--repair", RPM_TARGET]).expect_success().transcript();
    let repaired = repair();
    assert!(!repaired.contains(": published "), "what is there is known: {repaired}");
    expect_mended();
    bucket.write_as_program(root, late.clone());
    publish("2.0");
    expect_mended();
    // the same bytes, by another tool: what that did is taken in first
    bucket.put(root, &late);
    let repaired = repair();
    assert!(repaired.contains(": published "), "{repaired}");
    expect_mended();
}

#[test]
fn slashes_around_the_base_path_are_trimmed() {
    for (base_path, prefix) in
        [("/base/", "base/"), ("base/", "base/"), ("//base/path//", "base/path/"), ("/", ""), ("base", "base/")]
    {
        let bucket = Bucket::on_ceph().with("S3_BASE_PATH", base_path);
        let server = bucket.serve();
        let directory = temporary_directory();
        let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
        Upload::to(&format!("{RPM_TARGET}?wait=60")).file(&package).send(&server).expect_created();
        let path = "live/1.10/el/7/x86_64/Packages/rws-one-1.0-1.x86_64.rpm";
        assert!(
            bucket.get(&format!("{prefix}{path}")) == Some(read_file(&package)),
            "{base_path}: {:?}",
            bucket.keys()
        );
        assert!(curl::get(&server.url(&format!("/{path}"))).expect_status(200).body == read_file(&package));
        curl::get(&server.url("/live/1.10/el/7/x86_64/repodata/repomd.xml")).expect_status(200);
        let keys = bucket.keys();
        assert!(keys.iter().all(|key| key.starts_with(prefix) && !key.contains("//")), "{base_path}: {keys:?}");
    }
}

#[test]
fn nothing_outside_the_base_path_is_reachable() {
    let bucket = Bucket::on_ceph();
    bucket.put("secret.txt", "hush");
    bucket.put("other/secret.txt", "hush");
    bucket.put("basement/secret.txt", "hush");
    let server = bucket.with("S3_BASE_PATH", "base").serve();
    for path in [
        "/secret.txt",
        "/../secret.txt",
        "/../other/secret.txt",
        "/%2e%2e/other/secret.txt",
        "/..%2fother/secret.txt",
        "/live/../../secret.txt",
        "/ment/secret.txt",
        "/../basement/",
    ] {
        let answer = curl::get(&server.url(path));
        assert!(answer.status == 404 && !answer.text().contains("hush"), "{path}: {} {}", answer.status, answer.text());
    }
}
