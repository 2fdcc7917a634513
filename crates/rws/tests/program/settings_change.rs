//! What a change of settings does to repositories that are there already.

use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server};
use crate::support::temporary_directory;

/// The hash that `rws hash-password` prints.
fn hash(password: &str) -> String {
    let home = temporary_directory();
    let program = Program::new(env!("CARGO_BIN_EXE_rws"), home.path()).arg("hash-password");
    program.input(format!("{password}\n")).succeed().output().trim().to_owned()
}

const TARGET: &str = "/live/1.10/debian/bookworm";
const ROOT: &str = "/live/1.10/debian/dists/bookworm/InRelease";

#[test]
fn repositories_stay_signed_when_users_are_configured_later() {
    let data = temporary_directory();
    let data_dir = || Some(data.path().join("data"));
    let mut server = Server::start_with(Options { data_dir: data_dir(), ..Options::default() });
    let package = Deb::new("hello", "1.0-1", "amd64").build(data.path());
    let upload = |version: &str| Upload::to(&format!("{TARGET}?wait=30&v={version}")).field("product", "hello");
    upload("1").file(&package).send(&server).expect_created();
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).text();
    assert!(server.terminate().success());

    let credentials = Credentials { user: "bob".to_owned(), password: "pass: wörd".to_owned() };
    let users = serde_json::json!({ "bob": hash(&credentials.password) }).to_string();
    let environment = vec![("RWS_CREDENTIALS".to_owned(), users)];
    let credentials = Some(credentials);
    let server = Server::start_with(Options { data_dir: data_dir(), environment, credentials, ..Options::default() });
    assert_eq!(curl::get(&server.url("/-/keys/main.asc")).expect_status(200).text(), key);
    let package = Deb::new("hello", "1.0-2", "amd64").build(data.path());
    upload("2").file(&package).send(&server).expect_created();
    let root = curl::get(&server.url(ROOT)).expect_status(200).text();
    assert!(root.starts_with("-----BEGIN PGP SIGNED MESSAGE-----"), "{root}");
}
