//! Clients take what the keys in the package sign, and rpm the package when it is signed itself.

use std::fs;
use std::process::Command;

use rws_lab::{Gpg, PrivateSystem};
use rws_model::{BuiltPackage, UploadFormat};
use rws_rpm::Rpm;

use super::client::{self, Client, YUM, ZYPP, package};

/// The keys are replaced while clients look on: each version of the package makes them take the repository that is
/// signed then. `refresh` is a command for each client, and the directory that it reads.
fn keys(system: &dyn Fn() -> PrivateSystem, refresh: &[(&'static str, &[&str])]) {
    let gpg = Gpg::new("rsa2048", &["old", "new"]);
    let keys = ["old", "new"].map(|name| String::from_utf8(gpg.run(&["--armor", "--export", name])).unwrap());
    for (directory, refresh) in refresh {
        let mut installed = Client::new(system(), directory, "dnf");
        installed.versions = [package("1", &[&keys[0]], None), package("2", &[&keys[0], &keys[1]], None)];
        let tree = installed.system.path("/srv/live/1.10/el/9/x86_64");
        fs::create_dir_all(&tree).unwrap();
        let created = Command::new("createrepo_c").arg(&tree).output().unwrap();
        assert!(created.status.success());
        installed.system.write("/srv/-/mirrorlist/live/1.10/el/9/x86_64", "file:///srv/live/1.10/el/9/x86_64/\n");
        let root = fs::read(tree.join("repodata/repomd.xml")).unwrap();
        let publish = |key: &str| {
            let signature = gpg.sign(key, &["--armor", "--detach-sign"], &root);
            fs::write(tree.join("repodata/repomd.xml.asc"), signature).unwrap();
        };
        publish("old");
        installed.install(0);
        let (success, said) = installed.system.run(refresh);
        assert!(success, "{said}");
        publish("new");
        let (success, said) = installed.system.run(refresh);
        assert!(!success, "{said}");
        // clients leave the file as it is
        assert_eq!(client::said(&installed.install(1)), [""; 0]);
        let (success, said) = installed.system.run(refresh);
        assert!(success, "{said}");
    }
}

/// RWS signs the package as any other: the signature takes reserved room, and rpm verifies it.
fn signed(system: &PrivateSystem) {
    let gpg = Gpg::new("rsa2048", &["old", "new"]);
    let BuiltPackage { file: name, bytes } = package("1", &["key"], None);
    let front = Rpm.signing().unwrap().read(&name, &mut &bytes[..]).unwrap();
    let packet = gpg.sign("old", &["--detach-sign"], front.signed_bytes());
    let signed = front.with_signature(&packet).unwrap();
    assert_eq!(signed.len() as u64, front.length_bytes());
    let signed = [&signed, &bytes[signed.len()..]].concat();
    system.write("/tmp/signed.rpm", &signed);
    system.write("/tmp/key.asc", gpg.run(&["--armor", "--export", "old"]));
    system.write("/var/lib/rpm/none", "");
    system.succeed(&["rpmkeys", "--dbpath", "/var/lib/rpm", "--import", "/tmp/key.asc"]);
    let checked = system.succeed(&["rpmkeys", "--dbpath", "/var/lib/rpm", "--checksig", "/tmp/signed.rpm"]);
    assert_eq!(checked, "/tmp/signed.rpm: digests signatures OK\n");
}

#[test]
fn rpm_verifies_it_when_it_is_signed() {
    signed(&PrivateSystem::new());
}

#[test]
fn rpm_of_sid_verifies_it_when_it_is_signed() {
    signed(&PrivateSystem::of_sid());
}

const DNF: &[&str] = &["dnf", "-y", "--setopt=*.skip_if_unavailable=0", "--refresh", "makecache"];

#[test]
fn dnf_takes_repositories_signed_by_the_keys() {
    keys(&PrivateSystem::new, &[(YUM, DNF)]);
}

#[test]
fn clients_of_sid_take_repositories_signed_by_the_keys() {
    let dnf = ["dnf5", "-y", "--setopt=*.skip_if_unavailable=0", "--refresh", "makecache"];
    let zypper = ["zypper", "--non-interactive", "--gpg-auto-import-keys", "refresh", "--force"];
    keys(&PrivateSystem::of_sid, &[(YUM, &dnf), (ZYPP, &zypper)]);
}
