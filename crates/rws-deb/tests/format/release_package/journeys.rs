//! What dpkg does, with every file that can be there before.

use std::fs;

use rws_lab::PrivateSystem;
use rws_model::with_digest;

use super::client::{BASE, Client, KEYRING, OWN, PARTS, by_hand, said};

fn journeys(system: &dyn Fn() -> PrivateSystem) {
    let new = || Client::new(system());
    for journey in [
        nothing,
        deleted,
        by_hand_and_unchanged,
        edited,
        edited_beside_unchanged,
        main_file,
        link,
        others,
        edited_later,
        old_apt,
    ] {
        journey(&new);
    }
}

/// Nothing was there.
fn nothing(new: &dyn Fn() -> Client) {
    let fresh = new();
    assert_eq!(said(&fresh.install(0)), [""; 0]);
    fresh.expect_own("sources");
    assert!(fresh.read(OWN).contains("Architectures: amd64\n"));
    assert!(fresh.read(OWN).ends_with(&format!("Signed-By: {KEYRING}\n")));
    assert_eq!(fresh.system.succeed(&["cat", KEYRING]), "one key");
    assert_eq!(said(&fresh.install(1)), [""; 0]);
    fresh.expect_own("sources");
    assert!(fresh.read(OWN).contains("Architectures: amd64 arm64\n"));
    assert_eq!(fresh.system.succeed(&["cat", KEYRING]), "one keyanother key");
    assert_eq!(said(&fresh.install(1)), [""; 0]);
    fresh.expect_own("sources");
    assert_eq!(said(&fresh.remove("--remove")), [""; 0]);
    assert_eq!(fresh.sources(), [""; 0]);
    // after a removal it is a first installation
    fresh.install(1);
    fresh.expect_own("sources");
    fresh.remove("--purge");
    assert_eq!(fresh.sources(), [""; 0]);
}

/// The administrator deleted it.
fn deleted(new: &dyn Fn() -> Client) {
    let deleted = new();
    deleted.install(0);
    fs::remove_file(deleted.system.path(&format!("{PARTS}/{OWN}"))).unwrap();
    deleted.install(1);
    assert_eq!(deleted.sources(), [""; 0]);
    deleted.remove("--purge");
}

/// Written by hand from /-/setup/, by any name.
fn by_hand_and_unchanged(new: &dyn Fn() -> Client) {
    let own_list = OWN.replace(".sources", ".list");
    for (end, name) in [("sources", OWN), ("sources", "rws.sources"), ("list", own_list.as_str()), ("list", "a b.list")]
    {
        let client = new();
        client.system.write(&format!("{PARTS}/{name}"), by_hand(end, "bookworm"));
        client.expect_no_error();
        client.install(0);
        client.expect_own("sources");
        client.install(1);
        client.expect_own("sources");
        // and once more after the package
        client.system.write(&format!("{PARTS}/{name}"), by_hand(end, "bookworm"));
        client.install(1);
        client.expect_own("sources");
        client.remove("--purge");
        assert_eq!(client.sources(), [""; 0], "{name}");
    }
}

/// Edited.
fn edited(new: &dyn Fn() -> Client) {
    let own_list = OWN.replace(".sources", ".list");
    let archive = format!("{BASE}/live/1.10/debian");
    let edited = [
        (OWN, by_hand("sources", "bookworm").replace("Components: main", "Components: main extra")),
        ("rws.sources", by_hand("sources", "bookworm").replace("deb deb-src", "deb")),
        ("rws.sources", format!("enabled: no\ntypes: deb\nuris: http://a/\n {archive}\nsuites: a\n\tbookworm\n")),
        (own_list.as_str(), by_hand("list", "bookworm").replace("/keyrings/", "/keyrings/mine-")),
        ("rws.list", format!("# mine\n  deb [ signed-by=/a arch=amd64 ] {archive} bookworm main # rws")),
        ("rws.list", format!("deb-src {archive}/ bookworm main\n")),
        ("rws.sources", by_hand("sources", "bookworm").replace('\n', "\r\n")),
    ];
    for (name, text) in &edited {
        let client = new();
        client.system.write(&format!("{PARTS}/{name}"), text);
        for version in [0, 1] {
            let output = client.install(version);
            assert_eq!(said(&output).len(), 2, "{output}");
            assert!(said(&output)[0].contains(&format!(" {PARTS}/{name}")), "{output}");
            assert_eq!((client.sources(), &client.read(name)), (vec![(*name).to_owned()], text));
            let (_, apt) = client.system.run(&["apt-get", "indextargets"]);
            assert!(!apt.contains("Conflicting"), "{apt}");
        }
        assert_eq!(said(&client.remove("--purge")), [""; 0]);
        assert_eq!((client.sources(), &client.read(name)), (vec![(*name).to_owned()], text));
    }
}

/// Edited ones beside an unchanged one: the administrator decides which stays.
fn edited_beside_unchanged(new: &dyn Fn() -> Client) {
    let both = new();
    both.system.write(&format!("{PARTS}/rws.sources"), by_hand("sources", "bookworm"));
    both.system.write(&format!("{PARTS}/mine.sources"), by_hand("sources", "bookworm").replace("deb deb-src", "deb"));
    both.install(0);
    assert_eq!(both.sources(), ["mine.sources", "rws.sources"]);
    let conflict = || both.system.run(&["apt-get", "indextargets"]).1.contains("E: Conflicting values");
    assert!(!conflict());
    // what is prevented
    let shipped =
        both.system.succeed(&["cat", "/usr/share/rws-live-archive-keyring/rws-live-1.10-debian-bookworm.sources"]);
    both.system.write(&format!("{PARTS}/{OWN}"), shipped);
    assert!(conflict());
}

/// In the file of the system.
fn main_file(new: &dyn Fn() -> Client) {
    let archive = format!("{BASE}/live/1.10/debian");
    let main = new();
    main.system.write("/etc/apt/sources.list", format!("deb [trusted=yes] {archive}/ bookworm main\n"));
    assert!(said(&main.install(0))[0].contains(" /etc/apt/sources.list"));
    assert_eq!(main.sources(), [""; 0]);
}

/// A link: to nothing, which switches the source off, or to a file that somebody else takes care of.
fn link(new: &dyn Fn() -> Client) {
    for content in [None, Some(by_hand("sources", "bookworm"))] {
        let link = new();
        let target = if content.is_some() { "/srv/rws.sources" } else { "/dev/null" };
        link.system.write("/srv/rws.sources", content.as_deref().unwrap_or_default());
        fs::create_dir_all(link.system.path(PARTS)).unwrap();
        std::os::unix::fs::symlink(target, link.system.path(&format!("{PARTS}/{OWN}"))).unwrap();
        for version in [0, 1] {
            assert_eq!(said(&link.install(version)).len(), 2);
            assert!(link.system.path(&format!("{PARTS}/{OWN}")).is_symlink());
        }
    }
}

/// Other sources, and what apt does not read.
fn others(new: &dyn Fn() -> Client) {
    let archive = format!("{BASE}/live/1.10/debian");
    let others = new();
    let text = [
        ("other.sources", by_hand("sources", "trixie")),
        ("other.list", by_hand("list", "trixie")),
        ("mirror.list", "deb [trusted=yes] file:///mirror/live/1.10/debian bookworm main\n".to_owned()),
        ("off.list", format!("#deb {archive} bookworm main\n")),
        (
            "two.sources",
            format!(
                "Types: deb\nURIs: {archive}\nSuites: sid\nTrusted: yes\nComponents: main\n\n\
                 Types: deb\nURIs: file:///a\nSuites: bookworm\nTrusted: yes\nComponents: main\n"
            ),
        ),
        ("rws.list.save", format!("deb {archive} bookworm main\n")),
        // of the package of another target, whose name starts alike
        (
            "alike.sources",
            with_digest(&format!(
                "Types: deb\nURIs: file:///b\nSuites: x\nComponents: main\nSigned-By: {KEYRING}.gpg\n"
            )),
        ),
    ];
    for (name, text) in &text {
        others.system.write(&format!("{PARTS}/{name}"), text);
    }
    for version in [0, 1] {
        assert_eq!(said(&others.install(version)), [""; 0]);
        assert_eq!(others.sources().len(), text.len() + 1);
    }
    assert_eq!(said(&others.remove("--purge")), [""; 0]);
    for (name, text) in &text {
        assert_eq!(&others.read(name), text, "{name}");
    }
}

/// Edited or renamed after the installation.
fn edited_later(new: &dyn Fn() -> Client) {
    let later = new();
    later.install(0);
    let changed = later.read(OWN).replace("Components: main", "Components: main extra");
    later.system.write(&format!("{PARTS}/{OWN}"), &changed);
    assert!(said(&later.install(1))[0].contains("these files were changed by hand and stay as they are"));
    let output = later.remove("--purge");
    assert_eq!(said(&output).len(), 1, "{output}");
    assert!(said(&output)[0].contains("was changed by hand and stays"), "{output}");
    assert_eq!((later.sources(), later.read(OWN)), (vec![OWN.to_owned()], changed));
    let renamed = new();
    renamed.install(0);
    fs::rename(renamed.system.path(&format!("{PARTS}/{OWN}")), renamed.system.path(&format!("{PARTS}/z.sources")))
        .unwrap();
    renamed.install(1);
    renamed.expect_own("sources");
}

/// apt before 1.1.
fn old_apt(new: &dyn Fn() -> Client) {
    let old = new();
    let installed = |version: &str| {
        format!(
            "Package: apt\nStatus: install ok installed\nMaintainer: a\nArchitecture: amd64\nVersion: {version}\n\
             Description: d\n\n"
        )
    };
    old.system.write("var/lib/dpkg/status", installed("1.0.1ubuntu2.24"));
    old.install(0);
    old.expect_own("list");
    let trusted = old.system.path("/etc/apt/trusted.gpg.d/rws-live-archive-keyring.gpg");
    assert_eq!(fs::read(&trusted).unwrap(), b"one key");
    old.install(1);
    assert_eq!(fs::read(&trusted).unwrap(), b"one keyanother key");
    let status = fs::read_to_string(old.system.path("var/lib/dpkg/status")).unwrap();
    old.system.write("var/lib/dpkg/status", status.replace("1.0.1ubuntu2.24", "1.2.35"));
    old.install(1);
    old.expect_own("sources");
    assert!(!trusted.exists());
    old.remove("--purge");
    let old = new();
    old.system.write("var/lib/dpkg/status", installed("1.0.9.8.6"));
    old.install(0);
    old.remove("--remove");
    assert_eq!(old.sources(), [""; 0]);
    assert!(old.system.names("/etc/apt/trusted.gpg.d").is_empty());
}

#[test]
fn every_file_that_can_be_there_before() {
    journeys(&PrivateSystem::new);
}

#[test]
fn every_file_that_can_be_there_before_of_sid_and_its_dpkg() {
    journeys(&PrivateSystem::of_sid);
}
