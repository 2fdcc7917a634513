//! What goes wrong, each with its exit code: nothing is sent in vain.

use serde_json::json;

use super::stage::{DEB, RPM, bare, expect, json, logged_in, push, requests};
use crate::contract::rows::Rows;
use crate::contract::stage::configured;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Credentials, Server};
use crate::support::{read_file, temporary_directory, write_file};

#[test]
fn a_broken_package_costs_no_request() {
    let (server, directory) = (Server::start(), temporary_directory());
    let good = Deb::new("rws-one", "1.0", "amd64").build(directory.path());
    let broken = directory.path().join("rws-two_1.0_amd64.deb");
    write_file(&broken, &read_file(&good)[..300]);
    let ran = push(&server, DEB, &[], &[good, broken]);
    expect(
        &ran,
        3,
        &[
            "error: rws-two_1.0_amd64.deb: it is cut: ",
            "error: nothing was sent: the service would refuse 1 of the files",
        ],
    );
    assert_eq!((requests(&server, "PUT"), requests(&server, "GET")), (0, 0), "{}", server.log());
}

#[test]
fn a_wrong_password_costs_no_upload() {
    let (server, directory) = (Server::start(), temporary_directory());
    let home = temporary_directory();
    // more than a connection takes before somebody reads
    let rpm = Rpm::new("rws-large", "1.0", "1").padding(&vec![7; 4 << 20]).build(directory.path());
    let wrong = Credentials { password: "wrong-secret".to_owned(), ..server.credentials().clone() };
    let program = logged_in(bare(home.path()), &wrong).arg("push").arg(server.url(&format!("/{RPM}")));
    let ran = program.arg(&rpm).run();
    expect(&ran, 4, &["401 Unauthorized; it does not take user rws of RWS_USER"]);
    assert!(!ran.everything().contains("wrong-secret"));
    server.wait_for_log(" status=401 received=0 ");
}

#[test]
fn exit_codes() {
    let directory = temporary_directory();
    let refusing = temporary_directory();
    let mut server = configured(refusing.path(), |file| {
        file["repositories"] = json!([{ "match": "live/2.8/*", "on_conflict": "refuse" }]);
    });
    let deb = [Deb::new("rws-one", "1.0", "amd64").build(directory.path())];
    let rpm = [Rpm::new("rws-one", "1.0", "1").build(directory.path())];
    let other = temporary_directory();
    let other_deb = [Deb::new("rws-one", "1.0", "amd64").file("usr/share/x", b"x").build(other.path())];
    let mut rows = Rows::default();
    rows.row("2: wrong use", || {
        expect(&push(&server, DEB, &[], &["/nonexistent.deb".into()]), 2, &["/nonexistent.deb: No such file"]);
        expect(&push(&server, DEB, &[], &[other.path().to_owned()]), 2, &["there is nothing to upload", "/*"]);
        expect(&push(&server, DEB, &[], &[&deb[..], &rpm[..]].concat()), 2, &["push them to their own repositories"]);
        expect(&push(&server, "", &[], &deb), 2, &["names no repository"]);
        let bare = || bare(other.path()).arg("push");
        let ran = bare().arg("http://me:hush@127.0.0.1:9/live/1/el/9").args(&deb).run();
        expect(&ran, 2, &["no user and no password stands in a URL"]);
        assert!(!ran.everything().contains("hush"));
        expect(&bare().args(&deb).args(&deb).run(), 2, &["is no address of a repository"]);
        expect(&bare().args(&deb).run(), 2, &["<FILE>"]);
        expect(&push(&server, DEB, &["--password", "x"], &deb), 2, &["--password"]);
        expect(&push(&server, DEB, &["--product", "a/b"], &deb), 2, &["\"a/b\" is no name of a product"]);
    });
    rows.row("3: refused", || {
        let ran = push(&server, "live/9.9/ubuntu/jammy", &["--json"], &deb);
        expect(&ran, 3, &["Tarantool series"]);
        let said = json(&ran);
        assert_eq!((&said["exit_code"], &said["uploads"][0]["state"]), (&json!(3), &json!("failed")));
        expect(&push(&server, RPM, &[], &deb), 3, &["does not match the type of files"]);
    });
    rows.row("4: nobody", || {
        let ran = bare(other.path()).arg("push").arg(server.url(&format!("/{DEB}"))).args(&deb).run();
        expect(&ran, 4, &["no login was found", "set RWS_TOKEN", "id-token: write"]);
    });
    rows.row("6: other bytes", || {
        expect(&push(&server, DEB, &[], &deb), 0, &[]);
        expect(&push(&server, DEB, &[], &other_deb), 6, &["rws-one_1.0_amd64.deb"]);
    });
    rows.row("7: nobody there", || {
        let home = temporary_directory();
        let program = bare(home.path()).args(["push", "--retries", "1", "http://127.0.0.1:9/live/1/el/9"]);
        expect(&program.args(&rpm).run(), 7, &["trying again in 0.5 s (1 of 1)", "cannot be reached"]);
    });
    rows.row("5: not published in time", || {
        // nothing can be published where a file is in the way
        write_file(&server.data_dir().join("release"), "in the way");
        let ran = push(&server, "release/2.8/ubuntu/jammy", &["--timeout", "1"], &deb);
        expect(&ran, 5, &["is accepted, and ", " after 1 seconds; ", "/-/status/"]);
        std::fs::remove_file(server.data_dir().join("release")).unwrap();
    });
    rows.row("of several the one that has to be mended first", || {
        let fresh = Deb::new("rws-two", "1.0", "amd64").build(other.path());
        let ran = push(&server, DEB, &["--jobs", "1"], &[&other_deb[..], &[fresh]].concat());
        expect(&ran, 6, &["1 of 2 uploads failed. To push all of them again is safe", "published rws-two_1.0_amd64"]);
    });
    rows.end();
    server.kill_hard();
}
