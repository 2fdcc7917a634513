//! The commands that change and list repositories of a service from afar.

use super::stage::{bare, expect, json, logged_in, push};
use crate::contract::rows::Rows;
use crate::contract::stage::configured;
use crate::support::packages::deb::Deb;
use crate::support::program::Ran;
use crate::support::temporary_directory;

const FROM: &str = "live/2.8/ubuntu/jammy";
const TO: &str = "release/2.8/ubuntu/jammy";

#[test]
fn a_repository_is_changed_and_listed_from_afar() {
    let (directory, settings) = (temporary_directory(), temporary_directory());
    let server = configured(settings.path(), |file| {
        file["repositories"] = serde_json::json!([{ "match": "release/*", "retain": { "newest": 1 } }]);
    });
    let home = temporary_directory();
    let run = |arguments: &str| -> Ran {
        let program = logged_in(bare(home.path()), server.credentials()).env("RWS_SERVER", server.base_url());
        program.args(arguments.split(' ')).run()
    };
    let debs = ["1.0", "2.0"].map(|version| Deb::new("rws-one", version, "amd64").build(directory.path()));
    let other = Deb::new("rws-two", "1.0", "amd64").build(directory.path());
    expect(&push(&server, FROM, &["--product", "one"], &[&debs[..], &[other]].concat()), 0, &[]);
    let mut rows = Rows::default();
    rows.row("ls", || {
        expect(&run("ls"), 0, &["live/2.8/ubuntu/jammy  published  3 packages  20"]);
        assert_eq!(run("ls live/2.8").expect_success().output(), "ubuntu/\n");
        let all = run("ls --recursive live/2.8/ubuntu/pool").expect_success().output();
        assert!(all.lines().count() == 3 && all.contains("rws-one_1.0_amd64.deb  "), "{all}");
        assert_eq!(json(&run("ls --json live/2.8"))["name"], "ubuntu");
        // where there is no directory of that name
        expect(&run(&format!("ls {FROM}")), 0, &["live/2.8/ubuntu/jammy  published  3 packages"]);
        expect(&run("ls live/2.8/ubuntu/foc"), 3, &["does not exist"]);
        expect(&run("ls live/2.8/nothing"), 3, &["This file or directory does not exist."]);
    });
    rows.row("search", || {
        let found = run("search rws").expect_success().output();
        assert!(
            found.starts_with("rws-one  2.0, 1.0  ") && found.contains("\n  live/2.8/ubuntu/jammy\nrws-two  1.0  "),
            "{found}"
        );
        assert_eq!(run("search rws --limit 1").expect_success().output().lines().count(), 2);
        assert_eq!(json(&run("search two --json"))["name"], "rws-two");
        assert_eq!(run("search two --kind release").expect_success().output(), "");
        assert_eq!(run("search nothing-like-it").expect_success().output(), "");
    });
    rows.row("promote", || {
        let ran = run(&format!("promote {FROM} --to {TO} --dry-run rws-one=1.0"));
        assert_eq!(
            ran.expect_success().output(),
            format!("{TO}: 0 packages stay as they are\n+ rws-one 1.0 amd64  rws-one_1.0_amd64.deb\n")
        );
        assert_eq!(run(&format!("promote {FROM} --to {TO} --all")).expect_success().output(), "published\n");
        expect(&run("ls"), 0, &["release/2.8/ubuntu/jammy  published  3 packages"]);
        expect(
            &run(&format!("promote {FROM} --to {TO} nothing-like-it")),
            3,
            &["No package in live/2.8/ubuntu/jammy is nothing-like-it."],
        );
        expect(&run(&format!("promote {FROM} --to {TO}")), 2, &["PACKAGE"]);
    });
    rows.row("pin", || {
        expect(&run(&format!("pin create before {TO}")), 0, &["pinned"]);
        expect(&run("pin list"), 0, &["before  20", "  release/2.8/ubuntu/jammy  20"]);
    });
    rows.row("retain", || {
        expect(&run("retain release/* --dry-run"), 3, &["release/*"]);
        expect(&run("retain release/*/*/* --dry-run"), 0, &["- rws-one 1.0 amd64"]);
        expect(&run("retain release/*/*/*"), 0, &["published"]);
        expect(&run("ls"), 0, &["release/2.8/ubuntu/jammy  published  2 packages"]);
    });
    rows.row("delete", || {
        expect(
            &run(&format!("delete {TO} rws-* --architecture amd64 --dry-run")),
            0,
            &["- rws-one 2.0", "- rws-two 1.0"],
        );
        expect(&run(&format!("delete {TO} rws-two=1.0")), 0, &["published"]);
        expect(&run("ls"), 0, &["release/2.8/ubuntu/jammy  published  1 package"]);
        expect(&run(&format!("delete {TO} rws-two=1.0")), 3, &["There is no such package"]);
    });
    rows.row("rollback, and log and diff after it", || {
        expect(&run(&format!("rollback {TO} before --dry-run")), 0, &["+ rws-one 1.0", "+ rws-two 1.0"]);
        expect(&run(&format!("rollback {TO} before")), 0, &["published"]);
        expect(&run("ls"), 0, &["release/2.8/ubuntu/jammy  published  3 packages"]);
        expect(&run(&format!("log {TO}")), 0, &["rollback by rws", "pinned: before"]);
        assert_eq!(run(&format!("diff {TO} before")).expect_success().output(), "");
        expect(&run("pin remove before"), 0, &["removed"]);
        expect(&run("pin remove before"), 3, &["before"]);
    });
    rows.row("status", || {
        expect(&run("status"), 0, &[": version ", "writers: ", "key "]);
        let pushed = json(&push(&server, FROM, &["--json", "--product", "one"], &debs[..1]));
        let upload = pushed["uploads"][0]["upload"].as_str().unwrap().to_owned();
        expect(&run(&format!("status {upload}")), 0, &["published", "  live/2.8/ubuntu/jammy  20"]);
        expect(&run("status 20200101T000000Z-0000000000000000"), 3, &["This address does not exist."]);
    });
    rows.row("a promotion that is refused names the packages", || {
        let other = temporary_directory();
        let changed = Deb::new("rws-one", "1.0", "amd64").file("usr/share/x", b"x").build(other.path());
        expect(&push(&server, FROM, &["--product", "one"], &[changed]), 0, &[]);
        let ran = run(&format!("promote {FROM} --to {TO} rws-one=1.0"));
        expect(&ran, 6, &["; rws-one in release/2.8/ubuntu/jammy: "]);
        expect(&run(&format!("promote {FROM} --to {TO} rws-one=1.0 --replace")), 0, &["published"]);
    });
    rows.row("nobody and nowhere", || {
        let program = bare(home.path()).env("RWS_SERVER", server.base_url());
        expect(&program.args(["retain", TO]).run(), 4, &["no login was found"]);
        expect(&bare(home.path()).args(["ls"]).run(), 2, &["give --server URL, or set RWS_SERVER"]);
    });
    rows.end();
}
