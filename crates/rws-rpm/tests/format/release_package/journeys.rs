//! What rpm does, with every file that can be there before.

use std::fs;

use rws_lab::PrivateSystem;
use rws_model::with_digest;

use super::client::{BASE, Client, KEY, OWN, YUM, ZYPP, by_hand, said};

/// Where `.repo` files are in this directory and have this form.
fn journeys(system: &dyn Fn() -> PrivateSystem, directory: &'static str, form: &'static str) {
    let new = || Client::new(system(), directory, form);
    for journey in [nothing, deleted, by_hand_and_unchanged, edited, others, edited_later] {
        journey(&new);
    }
}

/// Nothing was there.
fn nothing(new: &dyn Fn() -> Client) {
    let fresh = new();
    assert_eq!(said(&fresh.install(0)), [""; 0]);
    fresh.expect_own();
    assert!(fresh.read(OWN).contains(&format!("\ngpgkey=file://{KEY}\n")), "{}", fresh.read(OWN));
    assert_eq!(fs::read_to_string(fresh.system.path(KEY)).unwrap(), "one key\n");
    assert_eq!(said(&fresh.install(1)), [""; 0]);
    fresh.expect_own();
    assert!(fresh.read(OWN).contains(&format!("\ngpgkey=file://{KEY} file://{KEY}_packages\n")), "{}", fresh.read(OWN));
    assert_eq!(fs::read_to_string(fresh.system.path(KEY)).unwrap(), "one key\nanother key\n");
    assert_eq!(fs::read_to_string(fresh.system.path(&format!("{KEY}_packages"))).unwrap(), "of others\n");
    assert_eq!(said(&fresh.install(1)), [""; 0]);
    fresh.expect_own();
    assert_eq!(said(&fresh.remove()), [""; 0]);
    assert_eq!(fresh.files(), [""; 0]);
    fresh.install(1);
    fresh.expect_own();
}

/// The administrator deleted it.
fn deleted(new: &dyn Fn() -> Client) {
    let directory = new().directory;
    let deleted = new();
    deleted.install(0);
    fs::remove_file(deleted.system.path(&format!("{directory}/{OWN}"))).unwrap();
    deleted.install(1);
    assert_eq!(deleted.files(), [""; 0]);
    deleted.remove();
}

/// Written by hand from /-/setup/, by any name and in any form.
fn by_hand_and_unchanged(new: &dyn Fn() -> Client) {
    for end in ["repo", "yum.repo", "zypper.repo"] {
        for name in [OWN, "rws.repo", "a b.repo"] {
            let client = new();
            client.write(name, &by_hand(end, "9"));
            client.install(0);
            client.expect_own();
            client.write(name, &by_hand(end, "9"));
            client.install(1);
            client.expect_own();
            client.remove();
            assert_eq!(client.files(), [""; 0], "{name}");
        }
    }
}

/// Edited, or written by another program.
fn edited(new: &dyn Fn() -> Client) {
    let directory = new().directory;
    let end = new().end();
    let edited = [
        (OWN, by_hand(&end, "9").replace("gpgcheck=0", "gpgcheck=1")),
        ("rws.repo", by_hand(&end, "9").replace("enabled=1", "enabled=0")),
        ("rws.repo", format!("[mine]\nname=mine\nbaseurl = {BASE}/live/1.10/el/9/x86_64")),
        ("rws.repo", format!("[mine]\nname=mine\nmirrorlist={BASE}/-/mirrorlist/live/1.10/el/9/$basearch\n")),
        ("rws.repo", "[rws-live-1.10-el-9]\nname=mine\nbaseurl=http://mirror.example.org/\n".to_owned()),
    ];
    for (name, text) in &edited {
        let client = new();
        client.write(name, text);
        for version in [0, 1] {
            let output = client.install(version);
            assert_eq!(said(&output).len(), 2, "{output}");
            assert!(said(&output)[0].contains(&format!(" {directory}/{name}")), "{output}");
            assert_eq!((client.files(), &client.read(name)), (vec![(*name).to_owned()], text));
        }
        assert_eq!(said(&client.remove()), [""; 0]);
        assert_eq!((client.files(), &client.read(name)), (vec![(*name).to_owned()], text));
    }
}

/// Other repositories, and what clients do not read.
fn others(new: &dyn Fn() -> Client) {
    let end = new().end();
    let others = new();
    let text = [
        ("other.repo", by_hand(&end, "8")),
        ("nine.repo", by_hand(&end, "9.4")),
        ("keys.repo", format!("[x]\nbaseurl=http://x/\ngpgkey={BASE}/live/1.10/el/9/x86_64/repodata/repomd.xml.key\n")),
        ("off.repo", format!("#[rws-live-1.10-el-9]\n;baseurl={BASE}/live/1.10/el/9/\n")),
        ("rws.repo.rpmsave", by_hand(&end, "9")),
        // of the package of another target, whose name starts alike
        ("alike.repo", with_digest(&format!("[y]\nbaseurl=http://y/\ngpgkey=file://{KEY}-2\n"))),
    ];
    for (name, text) in &text {
        others.write(name, text);
    }
    for version in [0, 1] {
        assert_eq!(said(&others.install(version)), [""; 0]);
        assert_eq!(others.files().len(), text.len() + 1);
    }
    assert_eq!(said(&others.remove()), [""; 0]);
    for (name, text) in &text {
        assert_eq!(&others.read(name), text, "{name}");
    }
}

/// Edited or renamed after the installation.
fn edited_later(new: &dyn Fn() -> Client) {
    let directory = new().directory;
    let later = new();
    later.install(0);
    let changed = later.read(OWN).replace("enabled=1", "enabled=0");
    later.write(OWN, &changed);
    assert!(said(&later.install(1))[0].contains("these files were changed by hand and stay as they are"));
    let output = later.remove();
    assert!(said(&output).len() == 1 && said(&output)[0].contains("was changed by hand and stays"), "{output}");
    assert_eq!((later.files(), later.read(OWN)), (vec![OWN.to_owned()], changed));
    let renamed = new();
    renamed.install(0);
    let path = |name: &str| renamed.system.path(&format!("{directory}/{name}"));
    fs::rename(path(OWN), path("z.repo")).unwrap();
    renamed.install(1);
    renamed.expect_own();
}

fn all_journeys(system: &dyn Fn() -> PrivateSystem) {
    journeys(system, YUM, "dnf");
    journeys_of_others(system);
    where_there_are_both_and_neither(system);
}

fn journeys_of_others(system: &dyn Fn() -> PrivateSystem) {
    journeys(system, YUM, "yum");
    journeys(system, ZYPP, "zypper");
}

fn where_there_are_both_and_neither(system: &dyn Fn() -> PrivateSystem) {
    // where both kinds of clients are, each has its own file; where neither is, that of dnf
    let both = Client::new(system(), YUM, "dnf");
    fs::create_dir_all(both.system.path(ZYPP)).unwrap();
    both.install(0);
    both.expect_own();
    assert_eq!(both.system.names(ZYPP), [OWN]);
    both.remove();
    assert_eq!((both.files(), both.system.names(ZYPP)), (vec![], vec![]));
    let neither = Client::new(system(), YUM, "dnf");
    fs::remove_dir(neither.system.path(YUM)).unwrap();
    neither.install(0);
    neither.expect_own();
}

#[test]
fn every_file_that_can_be_there_before() {
    journeys(&PrivateSystem::new, YUM, "dnf");
    where_there_are_both_and_neither(&PrivateSystem::new);
}

#[test]
fn every_file_that_can_be_there_before_of_yum_and_zypper() {
    journeys_of_others(&PrivateSystem::new);
}

#[test]
fn every_file_that_can_be_there_before_of_sid_and_its_rpm() {
    all_journeys(&PrivateSystem::of_sid);
}
