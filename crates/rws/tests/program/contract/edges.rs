//! What stands between clients and the files: redirections, proxies, TLS, and what the log says of it all.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, configured, deb_form, expect_created, expect_status, get, put};
use crate::support::curl::{self, Answer};
use crate::support::form::Form;
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server, refused_start};
use crate::support::{temporary_directory, wait};

fn package() -> String {
    format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name)
}

#[test]
fn large_files_from_elsewhere() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["server"] = json!({
            "download": "redirect", "download_url": "https://cdn.example.org/files/", "download_from_bytes": 1000,
        });
    });
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let mut rows = Rows::default();
    rows.row("a package", || {
        for method in ["GET", "HEAD"] {
            let answer = Request::new(method, &package()).send(&server);
            expect_status(&answer, 302);
            assert_eq!(answer.header("location"), Some(format!("https://cdn.example.org/files{}", package()).as_str()));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert!(answer.body.is_empty());
        }
    });
    rows.row("roots, indexes and listings are answered here", || {
        for path in ["/", "/live/1.10/el/7/x86_64/repodata/repomd.xml", "/live/1.10/el/7/x86_64/repodata/"] {
            expect_status(&get(&server, path), 200);
        }
        let root = get(&server, "/live/1.10/el/7/x86_64/repodata/repomd.xml").text();
        let primary =
            root.split("href=\"").find(|href| href.contains("primary.xml")).unwrap().split('"').next().unwrap();
        expect_status(&get(&server, &format!("/live/1.10/el/7/x86_64/{primary}")), 200);
    });
    rows.row("what is missing is 404 here", || expect_status(&get(&server, &format!("{}x", package())), 404));
    rows.end();
}

#[test]
fn the_url_of_the_service() {
    let setup = "/-/setup/live/1.10/el/7.repo";
    let forwarded = |server: &Server| {
        let request = Request::get(setup).header("X-Forwarded-Proto", "https");
        request.header("X-Forwarded-Host", "packages.example.org").send(server).text()
    };
    let mut rows = Rows::default();
    rows.row("a proxy that is named is trusted", || {
        let directory = temporary_directory();
        let server =
            configured(directory.path(), |file| file["server"] = json!({ "trusted_proxies": ["127.0.0.0/8"] }));
        assert!(forwarded(&server).contains("gpgkey=https://packages.example.org/-/keys/main.asc"));
        assert!(get(&server, setup).text().contains(&format!("gpgkey={}/-/keys/main.asc", server.base_url())));
    });
    rows.row("nobody is trusted otherwise, not even on the same machine", || {
        let server = Server::start();
        assert!(forwarded(&server).contains(&format!("gpgkey={}/-/keys/main.asc", server.base_url())));
    });
    rows.row("what is configured wins", || {
        let directory = temporary_directory();
        let server =
            configured(directory.path(), |file| file["server"] = json!({ "public_url": "https://rws.example.org/x/" }));
        assert!(forwarded(&server).contains("gpgkey=https://rws.example.org/x/-/keys/main.asc"));
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
        let release = get(&server, "/release/2.8/ubuntu/dists/focal/Release").text();
        let snapshots = "\nSnapshots: https://rws.example.org/x/-/at/@SNAPSHOTID@/release/2.8/ubuntu/\n";
        assert!(release.contains(snapshots), "{release}");
    });
    rows.end();
}

/// A certificate for localhost, signed by itself.
#[track_caller]
fn certificate(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (directory.join("tls.pem"), directory.join("tls.key"));
    Program::new("openssl", directory)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
        .succeed();
    (certificate, key)
}

#[test]
fn tls() {
    let directory = temporary_directory();
    let (certificate_file, key_file) = certificate(directory.path(), "first");
    let configuration = super::stage::configuration(directory.path(), |file| {
        file["server"] = json!({ "tls": { "certificate": certificate_file, "key": key_file } });
    });
    let server = Server::start_with(Options { environment: configuration, ..Options::default() });
    assert!(server.base_url().starts_with("https://"), "{}", server.base_url());
    let ask = |path: &str, more: &[&str]| -> Answer {
        let arguments = [&["--cacert", certificate_file.to_str().unwrap()], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        curl::request(&server.url(path), Some(server.credentials()), &arguments)
    };
    let subject = || ask("/-/health", &["--verbose"]).transcript;
    let mut rows = Rows::default();
    rows.row("HTTP/2 is chosen, HTTP/1.1 is spoken", || {
        assert!(ask("/-/health", &["--verbose"]).transcript.contains("HTTP/2 200"), "{}", subject());
        assert!(ask("/-/health", &["--verbose", "--http1.1"]).transcript.contains("HTTP/1.1 200"));
    });
    rows.row("an upload, and what clients are told of the URL", || {
        std::fs::write(directory.path().join(&FIXTURES.rpm.name), &FIXTURES.rpm.bytes).unwrap();
        let form = format!("x=@{}", directory.path().join(&FIXTURES.rpm.name).display());
        expect_status(&ask(&format!("{RPM_TARGET}?wait=30"), &["--request", "PUT", "--form", &form]), 201);
        assert!(ask(&package(), &[]).body == FIXTURES.rpm.bytes);
        let setup = ask("/-/setup/live/1.10/el/7.repo", &[]).text();
        assert!(setup.contains(&format!("gpgkey={}/", server.base_url())), "{setup}");
    });
    rows.row("plain HTTP is not answered", || {
        let plain = server.url("/-/health").replace("https://", "http://");
        assert_ne!(curl::get(&plain).status, 200);
    });
    rows.row("rws health knows of it", || {
        let address = server.base_url().trim_start_matches("https://").to_owned();
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path()).args(["health", "--listen", &address]);
        program.succeed();
    });
    rows.row("rws push trusts the authorities of SSL_CERT_FILE, and repeats nothing where it trusts none", || {
        let push = || {
            let program = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path()).env_remove("RWS_TOKEN");
            let program = program.env("RWS_USER", &server.credentials().user);
            let program = program.env("RWS_PASSWORD", &server.credentials().password);
            program.arg("push").arg(server.url(RPM_TARGET)).arg(directory.path().join(&FIXTURES.rpm.name))
        };
        let ran = push().run();
        assert_eq!(ran.code, Some(7), "{}", ran.transcript());
        let said = ran.everything();
        assert!(said.contains("is not trusted: ") && said.contains("SSL_CERT_FILE"), "{said}");
        assert!(!said.contains("trying again"), "{said}");
        push().env("SSL_CERT_FILE", &certificate_file).succeed();
    });
    rows.row("another certificate is taken while it runs", || {
        assert!(subject().contains("CN=first"), "{}", subject());
        certificate(directory.path(), "second");
        server.signal("HUP");
        wait::until_or(wait::BOUND, || subject().contains("CN=second").then_some(()))
            .unwrap_or_else(|| panic!("{}", subject()));
    });
    rows.row("a bad one is not", || {
        std::fs::write(&key_file, "nothing").unwrap();
        server.signal("HUP");
        let said = wait::until_or(wait::BOUND, || {
            server.log().contains("RWS cannot use the new certificate and keeps the old one").then_some(())
        });
        assert!(said.is_some(), "{}", server.log());
        assert!(subject().contains("CN=second"));
    });
    rows.end();
}

#[test]
fn a_certificate_that_cannot_be_used() {
    let directory = temporary_directory();
    let environment = super::stage::configuration(directory.path(), |file| {
        file["server"] = json!({ "tls": { "certificate": "/nowhere/a.pem", "key": "/nowhere/a.key" } });
    });
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ran = refused_start(&pairs).expect_failure();
    assert!(ran.everything().contains("/nowhere/a.pem cannot be read"), "{}", ran.transcript());
}

#[test]
fn the_log_in_json() {
    let directory = temporary_directory();
    let trusting = |file: &mut Value| file["server"] = json!({ "trusted_proxies": ["127.0.0.1"] });
    let mut environment = super::stage::configuration(directory.path(), trusting);
    environment.push(("RWS_LOG_FORMAT".to_owned(), "json".to_owned()));
    let mut server = Server::start_with(Options { environment, ..Options::default() });
    let answer = put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm]));
    expect_created(&answer);
    let id = answer.header("x-request-id").unwrap().to_owned();
    let upload = answer.header("rws-status").unwrap().rsplit('/').next().unwrap().to_owned();
    let wrong = Credentials { user: "rws".to_owned(), password: "a-wrong-secret".to_owned() };
    expect_status(&Request::new("PUT", RPM_TARGET).user(&wrong).body("").send(&server), 401);
    expect_status(&Request::get(&package()).header("X-Forwarded-For", "198.51.100.7").send(&server), 200);
    expect_status(&get(&server, "/a%1b%5b31mred%0aline"), 404);
    let password = server.credentials().password.clone();
    assert!(server.terminate().success());
    let log = server.log();
    let lines: Vec<Value> =
        log.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |accept: &dyn Fn(&Value) -> bool| {
        lines.iter().find(|line| accept(line)).unwrap_or_else(|| panic!("no such line in\n{log}")).clone()
    };
    let mut rows = Rows::default();
    rows.row("one line of the upload", || {
        let line = line(&|line| line["message"] == "request" && line["id"] == id.as_str());
        assert_eq!((&line["method"], &line["path"], &line["status"]), (&json!("PUT"), &json!(RPM_TARGET), &json!(201)));
        assert_eq!(line["user"], server.credentials().user.as_str());
        assert!(line["received"].as_u64().unwrap() > FIXTURES.rpm.bytes.len() as u64);
        assert!(line["microseconds"].as_u64().unwrap() > 0);
    });
    rows.row("one of what it promised, one of what was published", || {
        let accepted = line(&|line| line["message"] == "accepted" && line["upload"] == upload.as_str());
        assert_eq!(accepted["span"]["id"], id.as_str(), "{accepted}");
        let published = line(&|line| line["message"] == "published");
        assert_eq!(published["repository"], "live/1.10/el/7/x86_64");
        assert!(published["generation"].is_string() && published["milliseconds"].is_u64());
    });
    rows.row("one of a download, with the client that the proxy tells of", || {
        let line = line(&|line| line["path"] == package().as_str());
        assert_eq!(line["client"], "198.51.100.7");
        assert_eq!(line["sent"], FIXTURES.rpm.bytes.len());
        assert_eq!(line["cut"], Value::Null);
    });
    rows.row("no secrets, no control characters", || {
        let after_start = lines.iter().map(Value::to_string).collect::<String>();
        assert!(!after_start.contains(&password) && !after_start.contains("a-wrong-secret"));
        assert!(!log.contains('\u{1b}'));
    });
    rows.end();
}
