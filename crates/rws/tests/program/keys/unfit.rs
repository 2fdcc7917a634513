//! Keys that may not sign any more, that clients cannot read, or that changed: what is published stays good, and all else goes on.

use std::path::Path;

use serde_json::json;

use super::stand::{DNF, Stand, keys};
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::gpgv::{KeyOptions, SecretKey, Verifier};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::{temporary_directory, wait, write_file};

/// The key of RFC 9580, appendix A.4: version 6.
const VERSION_6: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----

xUsGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laMAGXKB
exK+cH6NX1hs5hNhIB00TrJmosgv3mg1ditlsLfCsQYfGwoAAABCBYJjh3/jAwsJ
BwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lwgyU2kCcUmKfvBXbAf6rh
RYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaEQsiPlR4zxP/TP7mhfVEe
7XWPxtnMUMtf15OyA51YBMdLBmOHf+MZAAAAIIaTJINn+eUBXbki+PSAld2nhJh/
LVmFsS+60WyvXkQ1AE1gCk95TUR3XFeibg/u/tVY6a//1q0NWC1X+yui3O24wpsG
GBsKAAAALAWCY4d/4wKbDCIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJAAAAAAQBIKbpGG2dWTX8j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDE
M0g12vYxoWM8Y81W+bHBw805I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUr
k0mXubZvyl4GBg==
-----END PGP PRIVATE KEY BLOCK-----
";

const INRELEASE: &str = "/live/2.11/debian/dists/bookworm/InRelease";

fn root(stand: &Stand) -> Vec<u8> {
    curl::get(&stand.server.url(INRELEASE)).expect_status(200).body
}

fn config_check(stand: &Stand) -> String {
    let ran = Program::new(env!("CARGO_BIN_EXE_rws"), &stand.path(""))
        .current_dir(&stand.path(""))
        .args(["--config", &stand.path("rws.json").display().to_string(), "config", "check"])
        .run();
    assert!(!ran.succeeded(), "{}", ran.transcript());
    ran.everything()
}

/// A key that expired while nobody looked: the service starts, what was published stays, repositories of other keys go on.
#[test]
fn a_key_that_ended_stops_nothing_else() {
    let good = SecretKey::generate("ed25519");
    let options = KeyOptions { made_at: "20200101T000000", expires: "1d", ..KeyOptions::default() };
    let ended = SecretKey::generate_with("rsa2048", &options);
    let mut stand = Stand::with_keys(&[("good", &good), ("ended", &ended)], &json!({ "keys": keys("good", &[], &[]) }));
    stand.publish("1.0");
    let before = root(&stand);
    let problem = |stand: &Stand| {
        let status = curl::get(&stand.server.url("/-/status")).expect_status(200).json();
        status["keys"]["ended"]["problem"].as_str().unwrap_or_default().to_owned()
    };
    assert!(problem(&stand).contains("expired on 2020-01-02"), "{}", problem(&stand));
    assert!(curl::get(&stand.server.url("/-/ready")).expect_status(200).text().contains("key ended cannot sign"));
    assert!(config_check(&stand).contains("keys.ended"));
    // the key of one distribution: what it would sign waits, the other goes on
    stand.add_waiting_entry(&json!({ "match": "*/*/debian", "keys": keys("ended", &[], &[]) }));
    let directory = temporary_directory();
    let deb = Deb::new("rws-thing", "2.0", "all").build(directory.path());
    let upload = Upload::to("/live/2.11/debian/bookworm?wait=2").field("product", "thing").file(&deb);
    assert_eq!(upload.send(&stand.server).status, 202);
    let rpm = stand.rpm("2.0", directory.path());
    Upload::to(&format!("/{DNF}?wait=60")).file(&rpm).send(&stand.server).expect_created();
    assert_eq!(root(&stand), before);
}

/// An extended key is the same key with other bytes: clients get it, and roots are signed anew.
#[test]
fn a_key_that_was_extended_reaches_all_places() {
    let key = SecretKey::generate_with("ed25519", &KeyOptions { expires: "60d", ..KeyOptions::default() });
    let mut stand = Stand::with_keys(&[("first", &key)], &json!({ "keys": keys("first", &[], &[]) }));
    stand.publish("1.0");
    let of_repository = |stand: &Stand| {
        let path = format!("/{DNF}/x86_64/repodata/repomd.xml.key");
        curl::get(&stand.server.url(&path)).expect_status(200).text()
    };
    let (before, root_before) = (of_repository(&stand), root(&stand));
    key.add_subkey();
    write_file(&stand.path("first.asc"), key.secret_armored());
    stand.change(&json!({ "keys": keys("first", &[], &[]) }));
    let after = of_repository(&stand);
    assert_ne!(after, before);
    let setup = curl::get(&stand.server.url(&format!("/-/setup/{DNF}.asc"))).expect_status(200).text();
    assert_eq!(after, setup);
    assert_ne!(root(&stand), root_before);
    Verifier::new(&key.public_armored()).verify_inline(&root(&stand));
}

/// gpgv 2.2 stops at a key of version 6, and then knows none of the keys.
#[test]
fn a_key_that_apt_cannot_read_is_not_given_to_clients() {
    let good = SecretKey::generate("ed25519");
    let sources = |work: &Path| {
        write_file(&work.join("good.asc"), good.secret_armored());
        write_file(&work.join("v6.asc"), VERSION_6);
        json!({ "good": { "file": work.join("good.asc") }, "next": { "public": work.join("v6.asc") } })
    };
    let stand = Stand::start(sources, &json!({ "keys": keys("good", &[], &["next"]) }));
    stand.publish("1.0");
    let said = config_check(&stand);
    assert!(said.contains("keys.next") && said.contains("version 6"), "{said}");
    let key = curl::get(&stand.server.url("/-/setup/live/2.11/debian/bookworm.asc")).expect_status(200).body;
    let apt = Apt::signed_by(&stand.server.url("/live/2.11/debian"), "bookworm", &key);
    apt.update().expect_clean();
    wait::until("the log says it", wait::BOUND, || {
        stand.server.log().contains("the key is not given to clients").then_some(())
    });
}
