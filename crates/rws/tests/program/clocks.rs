//! Replicas whose clocks are minutes apart over one store: changes apply in the order in which they were answered, and roots
//! have dates that clients believe.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::server::{Options, Server};
use crate::support::storage::Storage;
use crate::support::{temporary_directory, wait};

const TARGET: &str = "/live/1.10/debian/bookworm";
const ARCHIVE: &str = "/live/1.10/debian";

/// What Debian's package faketime brings.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

crate::on_every_storage! {
    changes_apply_in_the_order_of_their_answers,
}

/// The variables of a program whose clock is off by so much; files keep their true times, as on a server of files.
fn clock(offset: &str) -> Vec<(String, String)> {
    assert!(std::path::Path::new(LIBRARY).exists(), "{LIBRARY} is missing: run tests/setup");
    let variables =
        [("LD_PRELOAD", LIBRARY), ("FAKETIME", offset), ("NO_FAKE_STAT", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn ran(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(std::process::Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
}

/// Three servers over one store: one ahead, one behind, one right.
#[track_caller]
fn replicas(storage: Storage) -> [Server; 3] {
    let offsets = ["+300s", "-300s", "+0s"];
    match storage {
        Storage::Ceph => {
            let bucket = Bucket::on_ceph();
            offsets.map(|offset| {
                let bucket =
                    clock(offset).iter().fold(bucket.clone(), |bucket, (name, value)| bucket.with(name, value));
                bucket.serve()
            })
        }
        Storage::Directory => {
            let directory = temporary_directory().keep();
            let mut credentials = None;
            offsets.map(|offset| {
                let options = Options {
                    data_dir: Some(directory.join("data")),
                    environment: clock(offset),
                    credentials: credentials.clone(),
                    ..Options::default()
                };
                let server = Server::start_with(options);
                credentials = Some(server.credentials().clone());
                server
            })
        }
    }
}

#[track_caller]
fn changes_apply_in_the_order_of_their_answers(storage: Storage) {
    let servers = replicas(storage);
    let files = temporary_directory();
    let build = |text: String| {
        let directory = files.path().join(&text);
        std::fs::create_dir_all(&directory).unwrap();
        Deb::new("rws-clock", "1.0-1", "amd64").file("usr/share/text", text.as_bytes()).build(&directory)
    };
    let send = |server: &Server, text: String, wait: &str| {
        let upload = Upload::to(&format!("{TARGET}{wait}")).field("product", "clock").file(&build(text));
        upload.send(server).expect_created();
    };
    // each is answered before the next begins: the last one counts, whoever took it and whoever publishes
    for (round, last) in [[0, 1], [1, 0], [0, 2], [1, 2]].iter().enumerate() {
        for (turn, server) in last.iter().chain(last).enumerate() {
            send(&servers[*server], format!("{round}-{turn}"), "");
        }
        let expected = ran("sha256sum", &[build(format!("{round}-3")).to_str().unwrap()]);
        let expected = expected.split(' ').next().unwrap().to_owned();
        wait::until("the bytes that were answered last", wait::BOUND, || {
            let index = curl::get(&servers[2].url(&format!("{ARCHIVE}/dists/bookworm/main/binary-amd64/Packages.gz")));
            index.text().contains(&expected).then_some(())
        });
        // and it stays so
        for server in &servers {
            send(server, format!("{round}-3"), "?wait=60");
        }
        let index =
            curl::get(&servers[0].url(&format!("{ARCHIVE}/dists/bookworm/main/binary-amd64/Packages.gz"))).text();
        assert!(index.contains(&expected), "{index}");
    }

    let root = |server: &Server| {
        let root = curl::get(&server.url(&format!("{ARCHIVE}/dists/bookworm/InRelease"))).expect_status(200);
        let modified: i64 = ran("date", &["-d", root.header("last-modified").unwrap(), "+%s"]).trim().parse().unwrap();
        let date = root.text().lines().find_map(|line| line.strip_prefix("Date: ").map(str::to_owned)).unwrap();
        (modified, date)
    };
    let mut last = root(&servers[0]).0;
    for (turn, server) in servers.iter().chain(&servers).enumerate() {
        send(server, format!("date-{turn}"), "?wait=60");
        let (modified, date) = root(server);
        assert!(modified > last, "{date}: the date of the root did not grow");
        let now: i64 = ran("date", &["+%s"]).trim().parse().unwrap();
        assert!((now - modified).abs() < 120, "{date} is the time of a replica, not of the store");
        last = modified;
    }
    let key = curl::get(&servers[0].url("/-/keys/main.asc")).expect_status(200).body;
    for server in &servers {
        Apt::signed_by(&server.url(ARCHIVE), "bookworm", &key).update().expect_clean();
    }
}
