//! Disks that are full: that of a local directory, at every point of a publish, and that of the spool.

#![expect(clippy::expect_used, reason = "a test says so by failing")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rws_lab::{Fault, Proxy};

use crate::support::bucket::{Bucket, expect_ready};
use crate::support::curl::{self, Upload};
use crate::support::gpgv::Verifier;
use crate::support::packages::deb::{Compression, Deb};
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Options, Server};
use crate::support::{read_file, temporary_directory, wait};

/// How large the disk is.
const DISK_BYTES: u64 = 24 << 20;

/// Runs the program with a disk of its own, which is seen by it alone and goes with it.
const WITH_A_DISK: &str = "mount -t tmpfs -o size=$1 disk \"$2\" && shift 2 && exec \"$@\" --listen 127.0.0.1:0";

/// The server, and its disk as others see it.
fn server_on_a_disk(directory: &Path) -> (Server, PathBuf) {
    let (disk, spool) = (directory.join("disk"), directory.join("spool"));
    let environment = vec![("RWS_SPOOL_DIR".to_owned(), spool.display().to_string())];
    let arguments = vec!["--data-dir".to_owned(), disk.join("data").display().to_string()];
    let server =
        Server::start_with(Options { environment, arguments, launcher: Some(launcher(&disk)), ..Options::default() });
    let disk = PathBuf::from(format!("/proc/{}/root{}", server.process_id(), disk.display()));
    (server, disk)
}

/// Starts the program with a small disk at a path.
fn launcher(disk: &Path) -> Vec<String> {
    fs::create_dir(disk).expect("a directory");
    let mut launcher = vec!["unshare", "--mount"];
    if !is_root() {
        launcher.push("--map-root-user");
    }
    let (size, disk) = (DISK_BYTES.to_string(), disk.display().to_string());
    launcher.extend(["--", "sh", "-c", WITH_A_DISK, "sh", &size, &disk, env!("CARGO_BIN_EXE_rws")]);
    launcher.into_iter().map(str::to_owned).collect()
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
            assert!(ready.contains("is full"), "{ready}");
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

/// What an upload took of a spool that it does not fit in is there for others once it is answered, even while the store still
/// takes the parts that it was sent.
#[test]
fn an_upload_that_fills_the_spool_gives_its_room_back_at_once() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let directory = temporary_directory();
    let disk = directory.path().join("disk");
    let bucket = bucket.through(&proxy).with("RWS_SPOOL_DIR", &disk.display().to_string());
    let server = bucket.start_by(launcher(&disk));
    expect_ready(&server);
    let small = Rpm::new("rws-small", "1.0", "1").build(directory.path());
    let large = Deb::new("rws-large", "1.0-1", "amd64").compression(Compression::None);
    let large = large.file("usr/share/rws-large/data", &vec![b'x'; 32 << 20]).build(directory.path());
    proxy.set_fault(Some(Arc::new(|seen| {
        seen.query.contains("partNumber=").then_some(Fault::Slow { pause: Duration::from_secs(3) })
    })));
    for _ in 0..2 {
        let answer = Upload::to("/live/2.8/debian/bookworm").field("product", "large").file(&large).send(&server);
        assert_eq!(answer.status, 507, "{}", answer.text());
        let disk = format!("/proc/{}/root{}", server.process_id(), disk.display());
        let free = free_bytes(Path::new(&disk));
        assert!(free > DISK_BYTES - (1 << 20), "{free} bytes are free");
        Upload::to("/live/2.8/el/8").file(&small).send(&server).expect_created();
    }
}
