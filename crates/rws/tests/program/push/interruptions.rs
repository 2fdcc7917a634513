//! A service that is busy, dies and comes back: what is safe is sent again.

use std::sync::atomic::{AtomicUsize, Ordering};

use rws_lab::{HttpServer, Reply};
use serde_json::json;

use super::stage::{DEB, RPM, bare, expect, json, logged_in, push, requests};
use crate::contract::stage::configured;
use crate::support::packages::deb::{Compression, Deb};
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{curl, files_in, temporary_directory, wait, write_file};

#[test]
fn a_server_that_is_killed_in_the_middle_of_an_upload_and_started_again() {
    let (mut server, directory) = (Server::start(), temporary_directory());
    let content = vec![7; 48 << 20];
    let deb = Deb::new("rws-large", "1.0", "amd64").compression(Compression::None).file("usr/share/x", &content);
    let files = [deb.build(directory.path())];
    let spool = server.data_dir().join(".rws/spool");
    let url = server.url(&format!("/{DEB}"));
    let credentials = server.credentials().clone();
    let client = std::thread::spawn(move || {
        let home = temporary_directory();
        logged_in(bare(home.path()), &credentials).args(["push", &url]).args(&files).run()
    });
    wait::until("a part of the package", wait::BOUND, || {
        files_in(&spool).iter().any(|file| file.metadata().is_ok_and(|file| file.len() > 0)).then_some(())
    });
    server.kill_hard();
    assert!(!server.log().contains(" accepted "), "the upload was over before the server was killed");
    server.restart_in_place();
    let ran = client.join().unwrap();
    expect(&ran, 0, &["warning: rws-large_1.0_amd64.deb: ", "trying again in 0.5 s (1 of 6)", "published rws-large"]);
    let index = curl::get(&server.url("/live/2.8/ubuntu/dists/jammy/main/binary-amd64/Packages")).expect_status(200);
    assert_eq!(index.text().matches("Package: rws-large").count(), 1);
}

#[test]
fn what_a_busy_service_asks_for_is_done() {
    let asked = AtomicUsize::new(0);
    let service = HttpServer::start(move |_| {
        let after = |status: u16, seconds: &str| Reply {
            headers: vec![("Retry-After", seconds.to_owned()), ("Content-Type", "application/json".to_owned())],
            ..Reply::new(status, "{\"message\": \"Too much is under way.\", \"code\": \"busy\"}")
        };
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => after(503, "1"),
            1 => after(429, "2"),
            _ => Reply {
                headers: vec![("RWS-Status", "/-/status/20260301T120000Z-0123456789abcdef".to_owned())],
                ..Reply::new(201, "{\"message\": \"OK\"}")
            },
        }
    });
    let (directory, home) = (temporary_directory(), temporary_directory());
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let program = bare(home.path()).env("RWS_TOKEN", "rws_x").args(["push", "--no-wait", "--json"]);
    let ran = program.arg(format!("{}/{RPM}", service.url())).arg(&rpm).run();
    let again = "rws-one-1.0-1.x86_64.rpm: Too much is under way.; trying again in ";
    expect(&ran, 0, &[&format!("{again}1 s (1 of 6)"), &format!("{again}2 s (2 of 6)")]);
    assert_eq!(json(&ran)["uploads"][0]["upload"], "20260301T120000Z-0123456789abcdef");
    let asked = service.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|asked| asked.body.len() > 1000 && asked.header("authorization") == "Bearer rws_x"));
}

/// A user who has too much that is not published is told to wait (429), and gets in once there is room.
#[test]
fn a_share_that_is_used_up_is_waited_for() {
    let directory = temporary_directory();
    let rpms = ["rws-a", "rws-b"].map(|name| Rpm::new(name, "1.0", "1").padding(&[7; 3000]).build(directory.path()));
    let size = rpms.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).max().unwrap();
    let settings = temporary_directory();
    let server = configured(settings.path(), |file| {
        file["server"] = json!({ "limits": { "pending_bytes": size * 3 / 2 } });
    });
    // nothing can be published where a file is in the way
    let in_the_way = server.data_dir().join("live");
    write_file(&in_the_way, "in the way");
    expect(&push(&server, RPM, &["--no-wait"], &rpms[..1]), 0, &[]);
    let (url, credentials, rpm) = (server.url(&format!("/{RPM}")), server.credentials().clone(), rpms[1].clone());
    let client = std::thread::spawn(move || {
        let home = temporary_directory();
        logged_in(bare(home.path()), &credentials).args(["push", &url]).arg(&rpm).run()
    });
    server.wait_for_log(" status=429 ");
    std::fs::remove_file(in_the_way).unwrap();
    let ran = client.join().unwrap();
    expect(&ran, 0, &["trying again in ", "published rws-b-1.0-1.x86_64.rpm"]);
    assert!(requests(&server, "PUT") >= 3);
}
