//! Real clients of private repositories, with and without credentials.

use rws_lab::Chroot;
use serde_json::json;

use super::secrecy::{close, users};
use crate::contract::stage::{deb_form, expect_created, expect_status, get, post_json, user, with_users};
use crate::judges_rpm::generated::judges::System;
use crate::support::apt::{Apt, Sources};
use crate::support::dnf::Dnf;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::private_root::PrivateRoot;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::zypper::Zypper;
use crate::support::{file_name, read_file, temporary_directory, write_file};

const DEB: &str = "release/2.8/ubuntu";
const RPM: &str = "live/1.10/el/8/x86_64";

/// A server with private repositories, and tokens: one to log in with, one for paths.
struct Place {
    server: Server,
    token: String,
    path_token: String,
    _directory: tempfile::TempDir,
}

impl Place {
    fn start() -> Self {
        let directory = temporary_directory();
        let server = with_users(directory.path(), &users(), |file| {
            close(file);
            file["server"] = json!({});
        });
        let file = |path: std::path::PathBuf| File { name: file_name(&path), bytes: read_file(&path) };
        let put = |target: &str, form: Form| {
            let request = Request::new("PUT", &format!("{target}?wait=30")).user(&user("root"));
            expect_created(&request.form(form).send(&server));
        };
        let build = temporary_directory();
        let deb = file(Deb::new("rws-secret", "1.0-1", "amd64").build(build.path()));
        put("/release/2.8/ubuntu/jammy", deb_form([&deb]));
        put("/live/1.10/el/8", Form::of([&file(Rpm::new("rws-secret", "1.0", "1").build(build.path()))]));
        let make = |path: bool| {
            let grants = ["release/*", "live/1.10/*"].map(|pattern| json!({ "match": pattern, "verbs": ["read"] }));
            let body = json!({ "name": format!("clients {path}"), "allow": grants, "path": path });
            let answer = post_json(&server, "/-/tokens", &body);
            expect_status(&answer, 201);
            answer.json()["token"].as_str().unwrap_or_default().to_owned()
        };
        let (token, path_token) = (make(false), make(true));
        Self { server, token, path_token, _directory: directory }
    }

    fn through(&self, path: &str) -> String {
        self.server.url(&format!("/-/t/{}/{path}", self.path_token))
    }

    fn host(&self) -> &str {
        self.server.base_url().strip_prefix("http://").unwrap_or_default()
    }
}

fn apt_source(url: &str) -> String {
    format!("Types: deb\nURIs: {url}\nSuites: jammy\nComponents: main\nTrusted: yes\n")
}

fn apt_reads(place: &Place, new: fn() -> Apt) {
    let apt = |url: &str| {
        let apt = new();
        write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), apt_source(url));
        apt
    };
    let url = place.server.url(&format!("/{DEB}/"));
    apt(&url).update().expect_complaint("401");
    for (login, password) in [("reader", place.token.as_str()), ("ann", "password")] {
        let apt = apt(&url);
        // as docs/access.md says, for a server without TLS
        let line = format!("machine http://{} login {login} password {password}\n", place.host());
        write_file(&apt.path("etc/apt/auth.conf.d/rws.conf"), line);
        apt.update().expect_clean();
        assert!(apt.cache(&["madison", "rws-secret"]).output().contains("1.0-1"));
        assert_eq!(apt.install(&["rws-secret"]).expect_clean().file_names(), ["rws-secret_1.0-1_amd64.deb"]);
    }
    let apt = apt(&place.through(&format!("{DEB}/")));
    apt.update().expect_clean();
    assert!(apt.cache(&["madison", "rws-secret"]).output().contains("1.0-1"));
}

#[test]
fn apt_reads_with_a_login_and_through_a_path() {
    let place = Place::start();
    apt_reads(&place, || Apt::new(&Sources::Deb822("")));
    assert!(!place.server.log().contains(&place.path_token[4..44]));
}

#[test]
fn apt_of_sid_reads_with_a_login_and_through_a_path() {
    apt_reads(&Place::start(), Apt::of_sid);
}

fn repo_file(url: &str, more: &str) -> String {
    format!("[rws]\nname=rws\nbaseurl={url}\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\nskip_if_unavailable=0\n{more}")
}

/// The texts of `.repo` files that work, and of one that does not. A login with a password or with a token is the same to a client.
fn repo_files(place: &Place) -> ([String; 2], String) {
    let url = place.server.url(&format!("/{RPM}/"));
    let setup = get(&place.server, &format!("/-/t/{}/-/setup/live/1.10/el/8.repo", place.path_token));
    expect_status(&setup, 200);
    let login = repo_file(&url, &format!("username=reader\npassword={}\n", place.token));
    ([login, setup.text()], repo_file(&url, ""))
}

#[test]
fn dnf_reads_with_a_login_and_through_a_path() {
    let place = Place::start();
    let (good, bad) = repo_files(&place);
    for text in &good {
        let dnf = Dnf::new(text, "8");
        dnf.makecache().expect_success();
        assert_eq!(dnf.packages(), ["rws-secret-0:1.0-1.x86_64"], "{text}");
        assert_eq!(dnf.download(&["rws-secret"]).len(), 1);
    }
    Dnf::new(&bad, "8").makecache().expect_failure();
}

#[test]
fn dnf5_of_sid_reads_with_a_login_and_through_a_path() {
    let place = Place::start();
    let (good, bad) = repo_files(&place);
    let system = System::Sid(Chroot::sid());
    for text in &good {
        let home = PrivateRoot::new();
        let dnf = system.dnf_with(text, home.path());
        dnf.run(&["makecache", "--refresh"]).expect_success();
        assert!(dnf.run(&["repoquery", "rws-secret"]).output().contains("rws-secret-0:1.0-1.x86_64"), "{text}");
    }
    let home = PrivateRoot::new();
    system.dnf_with(&bad, home.path()).run(&["makecache", "--refresh"]).expect_failure();
}

#[test]
fn zypper_reads_with_a_login_and_through_a_path() {
    let place = Place::start();
    let url = place.server.url(&format!("/{RPM}/"));
    for (address, login) in [
        (format!("{url}?credentials=rws"), Some(("reader", place.token.as_str()))),
        (place.through(&format!("{RPM}/")), None),
    ] {
        let zypper = Zypper::new();
        if let Some((name, password)) = login {
            let file = zypper.path("root/etc/zypp/credentials.d/rws");
            write_file(&file, format!("username={name}\npassword={password}\n"));
        }
        let text = format!("[rws]\nname=rws\nbaseurl={address}\nenabled=1\nautorefresh=1\ntype=rpm-md\ngpgcheck=0\n");
        write_file(&zypper.path("added.repo"), text);
        let file = zypper.path("added.repo").display().to_string();
        zypper.run(&["addrepo", "--no-gpgcheck", "--refresh", &file]).expect_success();
        zypper.refresh().expect_success();
        assert_eq!(zypper.search(&["rws-secret"]).len(), 1, "{address}");
        assert_eq!(zypper.install(&["rws-secret"]).len(), 1, "{address}");
    }
    let zypper = Zypper::new();
    zypper.run(&["addrepo", "--no-gpgcheck", "--refresh", &url, "rws"]).expect_success();
    zypper.refresh().expect_failure();
}
