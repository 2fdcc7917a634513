//! apt takes what the keys in the package sign.

use std::path::Path;

use rws_lab::{Gpg, PrivateSystem};

use super::client::{Client, package};
use crate::support::run;

/// The keys are replaced while apt looks on: each version of the package makes it take the archive that is signed then.
fn keys(system: PrivateSystem) {
    let gpg = Gpg::new("ed25519", &["old", "new"]);
    let exported = ["old", "new"].map(|name| gpg.run(&["--export", name]));
    let keys = exported.each_ref().map(Vec::as_slice);
    let mut client = Client::new(system);
    client.versions = [package("20231114.1", &["amd64"], &keys[..1]), package("20231114.2", &["amd64"], &keys)];
    let date = String::from_utf8(run("date", "coreutils", &["--utc", "--rfc-email"], Path::new("/"))).unwrap();
    let none = rws_model::sha256(b"").hex();
    let release = format!(
        "Origin: RWS\nLabel: RWS\nSuite: bookworm\nCodename: bookworm\nDate: {}\nArchitectures: amd64\n\
         Components: main\n\
         SHA256:\n {none} 0 main/binary-amd64/Packages\n {none} 0 main/source/Sources\n",
        date.trim_end().replace("+0000", "UTC"),
    );
    let publish = |key: &str| {
        client.system.write(
            "/srv/live/1.10/debian/dists/bookworm/InRelease",
            gpg.sign(key, &["--clearsign"], release.as_bytes()),
        )
    };
    let update = || client.system.run(&["apt-get", "update", "--error-on=any", "-o", "APT::Sandbox::User=root"]);
    publish("old");
    client.install(0);
    let (success, said) = update();
    assert!(success && !said.contains("W: "), "{said}");
    publish("new");
    let (success, said) = update();
    assert!(!success && said.contains("NO_PUBKEY") | said.contains("Missing key"), "{said}");
    client.install(1);
    let (success, said) = update();
    assert!(success && !said.contains("W: "), "{said}");
}

#[test]
fn apt_takes_archives_signed_by_the_keys() {
    keys(PrivateSystem::new());
}

#[test]
fn apt_of_sid_takes_archives_signed_by_the_keys() {
    keys(PrivateSystem::of_sid());
}
