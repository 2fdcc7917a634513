//! The original and RWS take turns on one bucket, with clients that keep what they fetched: nothing is lost, and nothing older is
//! shown.

use std::path::{Path, PathBuf};

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::dnf::{self, Dnf};
use crate::support::original_service::Stand;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Ran;
use crate::support::server::Server;
use crate::support::{expect_same_files, temporary_directory, wait, write_file};

const DEB_TARGET: &str = "/live/2.8/ubuntu/focal";
const RPM_TARGET: &str = "/live/2.8/el/7";
const ARCHIVE: &str = "live/2.8/ubuntu";
const TREE: &str = "live/2.8/el/7/x86_64";

/// What is published, and who reads it from the bucket itself.
struct Turns {
    bucket: Bucket,
    directory: tempfile::TempDir,
    apt: Apt,
    dnf: Dnf,
    debs: Vec<PathBuf>,
    rpms: Vec<PathBuf>,
    names: Vec<String>,
    dates: Vec<i64>,
}

impl Turns {
    fn new(bucket: Bucket, key: &[u8]) -> Self {
        let directory = temporary_directory();
        let key_file = directory.path().join("key.asc");
        write_file(&key_file, key);
        let apt = Apt::signed_by(&bucket.url(ARCHIVE), "focal", key);
        let repo_file = dnf::repo_file("rws", &bucket.url(TREE), &format!("file://{}", key_file.display()));
        let dnf = Dnf::new(&repo_file, "7");
        let (debs, rpms, names, dates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { bucket, directory, apt, dnf, debs, rpms, names, dates }
    }

    /// One more package of each format, by whoever has the turn.
    #[track_caller]
    fn upload(&mut self, server: &Server, name: &str) {
        let deb = Deb::new(name, "1.0-1", "amd64").build(self.directory.path());
        let rpm = Rpm::new(name, "1.0", "1").url("https://example.invalid/").build(self.directory.path());
        let upload = Upload::to(DEB_TARGET).field("product", "turns").file(&deb).send(server);
        assert_eq!(upload.status, 201, "{}", upload.text());
        let upload = Upload::to(RPM_TARGET).file(&rpm).send(server);
        assert_eq!(upload.status, 201, "{}", upload.text());
        self.debs.push(deb);
        self.rpms.push(rpm);
        self.names.push(name.to_owned());
    }

    fn date(&self) -> i64 {
        let root = self.bucket.get(&format!("{ARCHIVE}/dists/focal/Release")).unwrap_or_default();
        let root = String::from_utf8_lossy(&root).into_owned();
        let date = root.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap_or_default();
        jiff::fmt::rfc2822::parse(&date.replace("UTC", "+0000")).map_or(0, |date| date.timestamp().as_second())
    }

    /// All that was ever uploaded is there, byte by byte, for clients that know an earlier state.
    #[track_caller]
    fn expect_all(&mut self) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut said = String::new();
        let complete = wait::until_or(3 * wait::BOUND, || {
            let (update, cache) = (self.apt.update(), self.dnf.makecache());
            // a publish of the original is seen half done
            let is_clean = update.errors.is_empty() && cache.succeeded();
            let queried = self.dnf.repoquery(&["--qf", "%{name}"]);
            let listed = queried.output();
            let has_all = names.iter().all(|name| listed.lines().any(|line| line == *name));
            let shown = self.apt.cache(&[&["show", "--no-all-versions"], names.as_slice()].concat());
            let text = shown.output();
            let knows_all = names.iter().all(|name| text.contains(&format!("Package: {name}\n")));
            said = [&update.ran, &cache, &queried, &shown.ran].map(Ran::transcript).join("\n");
            (is_clean && has_all && knows_all).then_some(())
        });
        assert!(complete.is_some(), "{names:?} are not all there:\n{said}");
        let installed = self.apt.install(&names).expect_clean();
        expect_same_files(&installed.files, &sorted(&self.debs));
        expect_same_files(&self.dnf.download(&names), &sorted(&self.rpms));
        let date = self.date();
        assert!(self.dates.last().is_none_or(|last| *last < date), "{:?}, then {date}", self.dates);
        self.dates.push(date);
    }
}

fn sorted(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = files.iter().map(|file| Path::new(file).to_owned()).collect();
    files.sort();
    files
}

#[test]
fn both_take_turns_on_one_bucket() {
    let stand = Stand::new(serde_json::json!({}));
    let bucket = stand.bucket().with("S3_PUBLIC_READ", "true");
    // the same key signs in any bucket
    let key = {
        let server = stand.rws(&stand.bucket());
        curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body
    };
    let mut turns = Turns::new(bucket.clone(), &key);

    let mut original = stand.original(&bucket);
    turns.upload(&original, "first-original");
    turns.expect_all();
    original.kill_hard();

    let mut rws = stand.rws(&bucket);
    turns.upload(&rws, "first-rws");
    turns.expect_all();
    rws.kill_hard();

    let mut original = stand.original(&bucket);
    turns.upload(&original, "second-original");
    turns.expect_all();
    original.kill_hard();

    let rws = stand.rws(&bucket);
    let packages = format!("/{ARCHIVE}/dists/focal/main/binary-amd64/Packages");
    // at no time less than what stands in the bucket
    wait::until("RWS to show what the original did", wait::BOUND, || {
        let shown = curl::get(&rws.url(&packages)).expect_status(200).text();
        turns.names.iter().all(|name| shown.contains(&format!("Package: {name}\n"))).then_some(())
    });
    turns.upload(&rws, "second-rws");
    turns.expect_all();
    bucket.command(&["verify", "--deep", DEB_TARGET, RPM_TARGET]).expect_success();
}
