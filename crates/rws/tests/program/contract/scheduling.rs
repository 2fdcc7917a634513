//! POST, OPTIONS, and methods that a path does not have.

use super::index::{expect_files_agree, packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, OK, RPM_TARGET, call, deb_form, expect_created, expect_message, expect_no_traces,
    expect_status, put, traces,
};
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::write_file;

#[test]
fn post() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    for path in [RPM_TARGET, DEB_TARGET, "/live/2.9/fedora/30"] {
        rows.row(&format!("{path} does not exist"), || {
            let message = format!("Can't update repository: Repository {} doesn't exist", path.trim_start_matches('/'));
            expect_message(&call(&server, "POST", path), 404, &message);
            expect_no_traces(&server, &before);
        });
    }
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    for path in [RPM_TARGET, DEB_TARGET, "/live%2F1.10/el/7", "/live/1.10/el/7?wait=30"] {
        rows.row(&format!("{path} exists"), || {
            let answer = call(&server, "POST", path);
            assert_eq!((answer.status, answer.text().as_str()), (200, OK));
        });
    }
    rows.row("another version of the rpm distribution does not exist", || {
        expect_status(&call(&server, "POST", "/live/1.10/el/8"), 404);
    });
    rows.row("without Content-Length", || {
        let answer = Request::new("POST", RPM_TARGET).user(server.credentials()).send(&server);
        assert_eq!((answer.status, answer.text().as_str()), (200, OK));
    });
    let data = server.data_dir();
    rows.row("packages that were put there by hand are indexed, gone ones are not", || {
        let (arm, noarch) = (&FIXTURES.arm_deb, &FIXTURES.noarch_rpm);
        write_file(&data.join("live/1.10/el/7/x86_64/Packages").join(&noarch.name), &noarch.bytes);
        std::fs::remove_file(data.join("live/1.10/el/7/x86_64/Packages").join(&FIXTURES.rpm.name)).unwrap();
        write_file(&data.join("release/2.8/ubuntu/pool/focal/main/h/hand").join(&arm.name), &arm.bytes);
        for path in [RPM_TARGET, DEB_TARGET] {
            expect_status(&call(&server, "POST", &format!("{path}?wait=30")), 200);
        }
        let repository = format!("{RPM_TARGET}/x86_64");
        let listed = expect_files_agree(&server, &repository, &primary(&server, &repository));
        assert_eq!(listed, std::slice::from_ref(&noarch.name));
        let listed = packages(&server, "/release/2.8/ubuntu", "focal", "arm64");
        assert_eq!(expect_files_agree(&server, "/release/2.8/ubuntu", &listed), std::slice::from_ref(&arm.name));
    });
    rows.end();
}

#[test]
fn methods() {
    let server = Server::start();
    let sorted = |allow: Option<&str>| {
        let mut methods: Vec<String> = allow.unwrap_or_default().split(',').map(|m| m.trim().to_owned()).collect();
        methods.sort();
        methods.join(", ")
    };
    let (of_root, of_paths) = ("GET, HEAD, OPTIONS", "DELETE, GET, HEAD, OPTIONS, POST, PUT");
    let mut rows = Rows::default();
    for (method, path, status, allow) in [
        ("OPTIONS", "/", 200, of_root),
        ("PUT", "/", 405, of_root),
        ("POST", "/", 405, of_root),
        ("DELETE", "/", 405, of_root),
        ("PATCH", "/", 405, of_root),
        ("OPTIONS", "/live/1.10/el/7", 200, of_paths),
        ("OPTIONS", "/not/there", 200, of_paths),
        ("PATCH", "/live/1.10/el/7", 405, of_paths),
        ("TRACE", "/live/1.10/el/7", 405, of_paths),
        ("BREW", "/live/1.10/el/7", 405, of_paths),
        ("PUT", "/-/health", 405, of_root),
        ("POST", "/-/version", 405, of_root),
        ("OPTIONS", "/-/health", 200, of_root),
    ] {
        rows.row(&format!("{method} {path}"), || {
            let answer = call(&server, method, path);
            expect_status(&answer, status);
            assert_eq!(sorted(answer.header("allow")), allow);
            if method == "OPTIONS" {
                assert_eq!(answer.text(), "");
            }
        });
    }
    for path in ["/", "/live"] {
        rows.row(&format!("405 needs no user where no user could help: PATCH {path}"), || {
            expect_status(&Request::new("PATCH", path).send(&server), 405);
        });
    }
    rows.end();
}
