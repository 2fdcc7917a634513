//! A local directory on a disk that is full, at every point of a publish.

#![expect(clippy::expect_used, reason = "a test says so by failing")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::curl::{self, Upload};
use crate::support::gpgv::Verifier;
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Options, Server};
use crate::support::{read_file, temporary_directory, wait};

/// How large the disk is.
const DISK_BYTES: u64 = 24 << 20;

/// Runs the program on a disk of its own, which is seen by it alone and goes with it.
const ON_A_DISK: &str =
    "mount -t tmpfs -o size=$1 disk \"$2\" && exec \"$3\" \"$4\" --listen 127.0.0.1:0 --data-dir \"$2/data\"";

/// The server, and its disk as others see it.
fn server_on_a_disk(directory: &Path) -> (Server, PathBuf) {
    let (disk, spool) = (directory.join("disk"), directory.join("spool"));
    fs::create_dir(&disk).expect("a directory");
    let mut launcher = vec!["unshare", "--mount"];
    if !is_root() {
        launcher.push("--map-root-user");
    }
    let (size, disk_text) = (DISK_BYTES.to_string(), disk.display().to_string());
    launcher.extend(["--", "sh", "-c", ON_A_DISK, "sh", &size, &disk_text, env!("CARGO_BIN_EXE_rws")]);
    let launcher = Some(launcher.into_iter().map(str::to_owned).collect());
    let environment = vec![("RWS_SPOOL_DIR".to_owned(), spool.display().to_string())];
    let server = Server::start_with(Options { environment, launcher, ..Options::default() });
    let disk = PathBuf::from(format!("/proc/{}/root{}", server.process_id(), disk.display()));
    (server, disk)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("there is a /proc").uid() == 0
}

/// Leaves so many bytes on the disk.
fn fill(disk: &Path, left_bytes: u64) {
    let filler = fs::File::create(disk.join("filler")).expect("a file on the disk");
    let free = free_bytes(disk);
    let mut writer = std::io::BufWriter::with_capacity(4096, filler);
    let taken = free.saturating_sub(left_bytes);
    // the last block may be gone already
    _ = std::io::copy(&mut std::io::Read::take(std::io::repeat(1), taken), &mut writer);
}

fn free_bytes(disk: &Path) -> u64 {
    // df would look its mount up, which is not seen here
    let output =
        std::process::Command::new("stat").args(["-f", "-c", "%a %S"]).arg(disk).output().expect("stat starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|number| number.parse::<u64>().expect("a number")).product()
}

/// Whoever reads the directory as files always finds a signature that fits its root, however much room is left: what an
/// exposure needs is there before it begins. Once there is room, all is published.
#[test]
fn a_full_disk_never_parts_a_root_from_its_signature() {
    let directory = temporary_directory();
    let (server, disk) = server_on_a_disk(directory.path());
    let verifier = Verifier::new(&curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body);
    let series = ["1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"];
    let targets = ["7", "8"].into_iter().flat_map(|el| series.map(|series| format!("live/{series}/el/{el}")));
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let mut full = 0;
    for (step, target) in (0..).zip(targets) {
        fill(&disk, step * 4096);
        let answer = Upload::to(&format!("/{target}?wait=1")).file(&package).send(&server);
        if answer.status != 201 {
            full += 1;
            let ready = curl::get(&server.url("/-/ready")).text();
            assert!(ready.contains("there is no room"), "{ready}");
        }
        let repodata = disk.join("data").join(&target).join("x86_64/repodata");
        if repodata.join("repomd.xml").exists() {
            assert!(repodata.join("repomd.xml.asc").exists(), "{target}: a root without its signature");
            let [root, signature] = ["repomd.xml", "repomd.xml.asc"].map(|name| read_file(&repodata.join(name)));
            verifier.verify_detached(&root, &signature);
        }
        fs::remove_file(disk.join("filler")).expect("the filler");
        if answer.status == 202 || answer.status == 201 {
            let address = answer.header("RWS-Status").expect("an address").to_owned();
            wait::until("the publish", wait::BOUND, || {
                let answer = curl::get(&server.url(&address));
                (answer.status == 200 && answer.json()["state"] == "published").then_some(())
            });
        }
    }
    assert!(full > 2, "the disk was never full");
    let ready = curl::get(&server.url("/-/ready")).expect_status(200).text();
    assert_eq!(ready, "ready\n");
}
