//! State of a later version of RWS, as after a roll back: what it published is served, nothing is written, and `/-/ready` says so.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test says so by failing")]

use std::path::{Path, PathBuf};

use crate::support::curl::{self, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{files_below, read_file, temporary_directory, wait, write_file};

const TARGET: &str = "/live/1.10/el/7";
const ROOT: &str = "/live/1.10/el/7/x86_64/repodata/repomd.xml";

/// A server with one package, and what it has below its private prefix.
struct Stand {
    server: Server,
    directory: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let stand = Self { server: Server::start(), directory: temporary_directory() };
        stand.upload("rws-one", "?wait=30").expect_created();
        stand
    }

    fn upload(&self, name: &str, query: &str) -> curl::Answer {
        let package = Rpm::new(name, "1.0", "1").build(self.directory.path());
        Upload::to(&format!("{TARGET}{query}")).file(&package).send(&self.server)
    }

    fn private_files(&self, below: &str) -> Vec<PathBuf> {
        files_below(&self.server.data_dir().join(".rws").join(below))
    }

    /// Everything that could be lost.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let kept = |path: &PathBuf| !path.display().to_string().contains("/.rws/local/");
        let files = files_below(&self.server.data_dir()).into_iter().filter(kept);
        files.map(|path| (path.clone(), read_file(&path))).collect()
    }

    /// After a start on such state.
    #[track_caller]
    fn expect_only_reads(&mut self) {
        let served = curl::get(&self.server.url(ROOT)).expect_status(200).body;
        self.server.terminate();
        let before = self.everything();
        self.server.restart();
        wait::until("the server to say that it only reads", wait::BOUND, || {
            let answer = curl::get(&self.server.url("/-/ready"));
            (answer.status == 503 && answer.text().contains("a later version of RWS wrote")).then_some(())
        });
        assert_eq!(curl::get(&self.server.url(ROOT)).expect_status(200).body, served);
        let refused = self.upload("rws-two", "").expect_status(503);
        assert_eq!(refused.json()["code"], "later-version");
        let status = curl::get(&self.server.url("/-/status")).expect_status(200);
        assert!(status.json()["writers"]["message"].as_str().unwrap().contains("upgrade this replica"));
        self.server.terminate();
        assert!(self.everything() == before, "something was written");
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let bytes = read_file(path);
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("the text is there");
    write_file(path, [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat());
}

#[test]
fn a_later_head_is_served_and_stays() {
    let mut stand = Stand::new();
    replace(&stand.private_files("heads")[0], "\"format\":1", "\"format\":3");
    stand.expect_only_reads();
}

#[test]
fn a_later_manifest_stays() {
    let mut stand = Stand::new();
    for manifest in stand.private_files("generations") {
        replace(&manifest, "RWS manifest 6\n", "RWS manifest 7\n");
    }
    stand.expect_only_reads();
}

#[test]
fn a_later_upload_stays_pending() {
    let mut stand = Stand::new();
    let upload = stand.private_files("uploads").remove(0);
    let name = upload.file_stem().unwrap().to_string_lossy().into_owned();
    let later = format!("{}-{:016x}", name.rsplit_once('-').unwrap().0, 1);
    let text = String::from_utf8(read_file(&upload)).unwrap();
    let text = text.replace(&name, &later).replace("\"format\":1", "\"format\":3");
    write_file(&upload.with_file_name(format!("{later}.json")), text);
    let pending = stand.server.data_dir().join(".rws/pending").join(&TARGET[1..]).join("x86_64");
    std::fs::create_dir_all(&pending).unwrap();
    write_file(&pending.join(later), "");
    stand.expect_only_reads();
}
