//! Repositories that clients read from the bucket itself over plain HTTP, with no RWS in between.

use std::path::PathBuf;
use std::sync::Arc;

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::dnf::{self, Dnf};
use crate::support::gpgv::SecretKey;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::zypper::{self, Zypper};
use crate::support::{configuration_file, expect_same_files, file_name, read_file, temporary_directory, write_file};
use rws_lab::{Fault, Proxy};
use tempfile::TempDir;

const ARCHIVE: &str = "release/2.8/ubuntu";
const TREE: &str = "live/1.10/el/7/x86_64";
const KEY: &str = "live/1.10/el/7/x86_64/repodata/repomd.xml.key";

/// A bucket with a deb and an rpm repository, whose server has ended.
struct Published {
    bucket: Bucket,
    key: Vec<u8>,
    deb: PathBuf,
    source: Vec<PathBuf>,
    rpm: PathBuf,
    directory: TempDir,
}

impl Published {
    #[track_caller]
    fn into(bucket: Bucket) -> Self {
        let directory = temporary_directory();
        let deb = Deb::new("rws-one", "1:1.0~rc1+git3-1", "amd64").build(directory.path());
        let source = SourcePackage::new("rws-src", "1.0-1").upstream_signature().build(directory.path()).all();
        let rpm = Rpm::new("rws-one", "1.0~rc1+git3", "1.el7").build(directory.path());
        let mut server = bucket.serve();
        let upload = Upload::to(&format!("/{ARCHIVE}/focal?wait=60")).field("product", "product");
        upload.file(&deb).files(&source).send(&server).expect_created();
        Upload::to("/live/1.10/el/7?wait=60").file(&rpm).send(&server).expect_created();
        let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
        assert!(server.terminate().success());
        Self { bucket, key, deb, source, rpm, directory }
    }

    #[track_caller]
    fn open_to_all() -> Self {
        Self::into(Bucket::on_ceph().with("S3_PUBLIC_READ", "true"))
    }

    fn apt(&self, key: &[u8]) -> Apt {
        Apt::signed_by(&self.bucket.url(ARCHIVE), "focal", key)
    }

    /// The text of a `.repo` file for dnf, with a key at a URL.
    fn repo_file(&self, key_url: &str) -> String {
        dnf::repo_file("rws", &self.bucket.url(TREE), key_url)
    }

    /// The URL of a key that signed nothing here.
    #[track_caller]
    fn key_of_a_stranger(&self) -> String {
        let file = self.directory.path().join("stranger.asc");
        write_file(&file, SecretKey::generate("ed25519").public_armored());
        format!("file://{}", file.display())
    }
}

#[test]
fn apt_reads_the_bucket() {
    let published = Published::open_to_all();
    let apt = published.apt(&published.key);
    apt.update().expect_clean();
    expect_same_files(&apt.install(&["rws-one"]).expect_clean().files, std::slice::from_ref(&published.deb));
    expect_same_files(&apt.source("rws-src").expect_clean().files, &published.source);
    let again = apt.update().expect_clean().output();
    assert!(again.contains("Hit:1") && !again.contains("Get:"), "{again}");
    published.apt(&SecretKey::generate("ed25519").public_armored()).update().expect_complaint("NO_PUBKEY");
}

#[test]
fn apt_follows_the_bucket_while_a_server_publishes() {
    let published = Published::open_to_all();
    let apt = published.apt(&published.key);
    apt.update().expect_clean();
    let server = published.bucket.serve();
    let newer = Deb::new("rws-one", "1:1.0-1", "amd64").build(published.directory.path());
    let upload = Upload::to(&format!("/{ARCHIVE}/focal?wait=60")).field("product", "product");
    upload.file(&newer).send(&server).expect_created();
    drop(server);
    apt.update().expect_clean();
    expect_same_files(&apt.install(&["rws-one"]).expect_clean().files, &[newer]);
}

#[test]
fn dnf_reads_the_bucket() {
    let published = Published::open_to_all();
    let dnf = Dnf::new(&published.repo_file(&published.bucket.url(KEY)), "7");
    dnf.makecache().expect_success();
    expect_same_files(&dnf.download(&["rws-one"]), std::slice::from_ref(&published.rpm));
    let stranger = Dnf::new(&published.repo_file(&published.key_of_a_stranger()), "7");
    let said = stranger.makecache().expect_failure().everything();
    assert!(said.contains("GPG") || said.contains("signature"), "{said}");
}

#[test]
fn zypper_reads_the_bucket() {
    let published = Published::open_to_all();
    let zypper = Zypper::new();
    let text = zypper::repo_file("rws", &published.bucket.url(TREE), &published.bucket.url(KEY));
    zypper.add_repo_file(&text).expect_success();
    zypper.refresh().expect_success();
    expect_same_files(&zypper.install(&["rws-one"]), std::slice::from_ref(&published.rpm));
    let stranger = Zypper::new();
    let text = zypper::repo_file("rws", &published.bucket.url(TREE), &published.key_of_a_stranger());
    stranger.add_repo_file(&text).expect_success();
    let said = stranger.refresh_without_import().expect_failure().everything();
    assert!(said.contains("Signature verification failed"), "{said}");
}

/// The keys that nobody but RWS may read: all below its prefix.
fn is_private(key: &str) -> bool {
    key.starts_with(".rws/")
}

#[test]
fn anonymous_users_read_the_public_files_only() {
    let published = Published::open_to_all();
    let keys = published.bucket.keys();
    assert!(keys.iter().any(|key| is_private(key)), "no private object: {keys:?}");
    for key in &keys {
        let expected = if is_private(key) { 403 } else { 200 };
        assert_eq!(published.bucket.anonymous_status(key), expected, "{key}");
    }
    for key in [".rws/none", "none"] {
        assert_eq!(published.bucket.anonymous_status(key), 403, "{key}");
    }
    // nor is the bucket listed for them
    assert_eq!(curl::get(&published.bucket.url("?list-type=2")).status, 403);
    let served = format!("{ARCHIVE}/pool/focal/main/p/product/{}", file_name(&published.deb));
    assert!(keys.contains(&served), "{served} is not among {keys:?}");
}

#[test]
fn packages_of_uploads_under_way_are_private() {
    let proxied = Bucket::on_ceph();
    let proxy = Proxy::start(&proxied.s3.url);
    let bucket = proxied.through(&proxy).with("S3_PUBLIC_READ", "true").with("S3_RETRIES", "1");
    let server = bucket.serve();
    // nothing gets beyond the promise; the check at start has made its copies
    proxy.set_fault(Some(Arc::new(|seen| {
        let refused = Fault::Answer { status: 503, code: "SlowDown", effect: false };
        seen.header("x-amz-copy-source").map(|_| refused)
    })));
    let directory = temporary_directory();
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7").file(&rpm).send(&server).expect_created();
    let keys = proxied.keys();
    let waiting: Vec<&String> = keys.iter().filter(|key| key.starts_with(".rws/incoming/")).collect();
    assert_eq!(waiting.len(), 1, "{keys:?}");
    for key in keys {
        assert_eq!(proxied.anonymous_status(&key), 403, "{key}");
    }
}

#[test]
fn without_public_read_nothing_is_for_anonymous_users() {
    let published = Published::into(Bucket::on_ceph());
    let keys = published.bucket.keys();
    assert!(keys.iter().any(|key| key.ends_with("/InRelease")), "{keys:?}");
    for key in keys {
        assert_eq!(published.bucket.anonymous_status(&key), 403, "{key}");
    }
    assert_eq!(curl::get(&published.bucket.url("?list-type=2")).status, 403);
    published.apt(&published.key).update().expect_complaint("403");
}

/// `download: redirect`: a package comes from the bucket itself, by a signed URL that nobody else has.
#[test]
fn large_packages_are_read_from_the_bucket_by_signed_urls() {
    let directory = temporary_directory();
    let file = configuration_file(directory.path(), |file| {
        file["server"] = serde_json::json!({ "download": "redirect", "download_from_bytes": 1 });
    });
    let bucket = Bucket::on_ceph().with("RWS_CFG", &file);
    let server = bucket.serve();
    let rpm = Rpm::new("rws-one", "1.0~rc1+git3", "1.el7").build(directory.path());
    Upload::to("/live/1.10/el/7?wait=60").file(&rpm).send(&server).expect_created();
    let path = format!("{TREE}/Packages/{}", file_name(&rpm));
    assert_eq!(bucket.anonymous_status(&path), 403);
    let url = server.url(&format!("/{path}"));
    let answer = curl::get(&url).expect_status(302);
    let address = answer.header("location").expect("an address").to_owned();
    assert!(address.contains("X-Amz-Signature="), "{address}");
    assert!(!server.log().contains("X-Amz-Signature"), "the signed URL is in the log");
    assert!(curl::get(&address).expect_status(200).body == read_file(&rpm), "other bytes");
    // a signature is good for one method
    let head = curl::head(&url).expect_status(200);
    assert_eq!(head.header("content-length"), Some(read_file(&rpm).len().to_string().as_str()));
    let tag = head.header("etag").expect("a tag");
    curl::request(&url, None, &["--header".to_owned(), format!("If-None-Match: {tag}")]).expect_status(304);
    let dnf = Dnf::new(&curl::get(&server.url("/-/setup/live/1.10/el/7.repo")).expect_status(200).text(), "7");
    let downloaded = dnf.download(&["rws-one"]);
    expect_same_files(&downloaded, &[rpm]);
}
