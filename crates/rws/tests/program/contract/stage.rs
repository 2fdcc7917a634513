//! What the rows share: a server, fixtures in memory, and what an answer must be.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{configuration_file, file_name, files_below, read_file, temporary_directory, wait};

pub const RPM_TARGET: &str = "/live/1.10/el/7";
pub const DEB_TARGET: &str = "/release/2.8/ubuntu/focal";
pub const OK: &str = "{\"message\":\"OK\"}\n";

/// Small packages, made once for all tests of this program.
pub struct Fixtures {
    pub deb: File,
    /// the same identity as `deb`, other bytes
    pub other_deb: File,
    /// for arm64
    pub arm_deb: File,
    /// version 1:2.0-1, in a file without the epoch
    pub epoch_deb: File,
    pub rpm: File,
    /// the same identity as `rpm`, other bytes
    pub other_rpm: File,
    pub arm_rpm: File,
    pub i686_rpm: File,
    pub noarch_rpm: File,
    pub source_rpm: File,
    pub dsc: File,
    /// `.debian.tar.xz`
    pub debian: File,
    /// `.orig.tar.gz`
    pub orig: File,
    /// `.orig.tar.gz.asc`
    pub signature: File,
}

pub static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    let directory = temporary_directory();
    let read = |path: &Path| File { name: file_name(path), bytes: read_file(path) };
    let deb = |architecture| Deb::new("rws-one", "1.0-1", architecture);
    let rpm = || Rpm::new("rws-one", "1.0", "1");
    let source = SourcePackage::new("rws-src", "1.0-1").upstream_signature().build(directory.path());
    let of_source = |end: &str| read(source.all().iter().find(|path| file_name(path).ends_with(end)).unwrap());
    Fixtures {
        deb: read(&deb("amd64").build(directory.path())),
        other_deb: read(&deb("amd64").file("usr/share/more", b"more").build(directory.path())),
        arm_deb: read(&deb("arm64").build(directory.path())),
        epoch_deb: read(&Deb::new("rws-epoch", "1:2.0-1", "amd64").build(directory.path())),
        rpm: read(&rpm().build(directory.path())),
        other_rpm: read(&rpm().tag("Provides", "rws-more").build(directory.path())),
        arm_rpm: read(&rpm().architecture("aarch64").build(directory.path())),
        i686_rpm: read(&rpm().architecture("i686").build(directory.path())),
        noarch_rpm: read(&Rpm::new("rws-all", "1.0", "1").architecture("noarch").build(directory.path())),
        source_rpm: read(&rpm().build_source(directory.path())),
        dsc: of_source(".dsc"),
        debian: of_source(".debian.tar.xz"),
        orig: of_source(".orig.tar.gz"),
        signature: of_source(".asc"),
    }
});

impl Fixtures {
    /// All files of the source package.
    pub fn source(&self) -> [&File; 4] {
        [&self.dsc, &self.debian, &self.orig, &self.signature]
    }
}

/// A PUT by the server's own user.
pub fn put(server: &Server, path: &str, form: Form) -> Answer {
    Request::new("PUT", path).user(server.credentials()).form(form).send(server)
}

/// A request without a body by the server's own user.
pub fn call(server: &Server, method: &str, path: &str) -> Answer {
    Request::new(method, path).user(server.credentials()).body("").send(server)
}

pub fn get(server: &Server, path: &str) -> Answer {
    Request::get(path).send(server)
}

/// A form for an apt repository: the files, then the product.
pub fn deb_form<'a>(files: impl IntoIterator<Item = &'a File>) -> Form {
    Form::of(files).field("product", "product")
}

#[track_caller]
pub fn expect_created(answer: &Answer) {
    expect_status(answer, 201);
    assert_eq!(answer.text(), OK);
}

#[track_caller]
pub fn expect_status(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}: {}", answer.transcript, answer.text());
}

/// A refusal with exactly this message.
#[track_caller]
pub fn expect_message(answer: &Answer, status: u16, message: &str) {
    expect_status(answer, status);
    expect_json_form(answer);
    assert_eq!(answer.json()["message"], message);
    assert!(answer.json()["code"].is_string(), "no code: {}", answer.text());
}

/// A refusal that names the file, and says something of it.
#[track_caller]
pub fn expect_file_refused(answer: &Answer, file: &str) {
    expect_status(answer, 400);
    expect_json_form(answer);
    let json = answer.json();
    let message = json["message"].as_str().unwrap_or_default();
    assert!(message.contains(file) && message.len() > file.len() + 10, "the message is {message:?}");
    assert_eq!(json["file"], file, "{}", answer.text());
    assert!(json["code"].is_string(), "no code: {}", answer.text());
}

/// A refusal with this status and code.
#[track_caller]
pub fn expect_code(answer: &Answer, status: u16, code: &str) {
    expect_status(answer, status);
    assert_eq!(answer.json()["code"], code, "{}", answer.text());
}

/// Compact, ASCII, one line with its end.
#[track_caller]
pub fn expect_json_form(answer: &Answer) {
    let text = answer.text();
    assert_eq!(answer.header("content-type"), Some("application/json"), "{text}");
    let compact = text.starts_with("{\"") && text.contains("\"message\":\"") && text.ends_with("\"}\n");
    assert!(compact && text.is_ascii(), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// The files of the data directory that uploads could leave: all but secrets and the store's own locks.
pub fn traces(server: &Server) -> BTreeSet<String> {
    let data = server.data_dir();
    let files = files_below(&data);
    let names = files.iter().filter_map(|path| Some(path.strip_prefix(&data).ok()?.to_string_lossy().into_owned()));
    names.filter(|name| !name.starts_with(".rws/secrets/") && !name.starts_with(".rws/local/")).collect()
}

/// What readers could see of the data directory.
pub fn public_files(server: &Server) -> BTreeSet<String> {
    traces(server).into_iter().filter(|name| !name.starts_with(".rws/")).collect()
}

/// Waits until the data directory holds what it held before, and no more.
#[track_caller]
pub fn expect_no_traces(server: &Server, before: &BTreeSet<String>) {
    let gone = wait::until_or(wait::BOUND, || (traces(server) == *before).then_some(()));
    let left = traces(server);
    assert!(gone.is_some(), "left behind: {:?}; gone: {:?}", left.difference(before), before.difference(&left));
}

/// A configuration file with these keys on top of the shipped ones. It lives as long as the directory.
pub fn configuration(directory: &Path, change: impl FnOnce(&mut serde_json::Value)) -> Vec<(String, String)> {
    vec![("RWS_CFG".to_owned(), configuration_file(directory, change))]
}

/// A server with a changed configuration file.
#[track_caller]
pub fn configured(directory: &Path, change: impl FnOnce(&mut serde_json::Value)) -> Server {
    Server::start_with(Options { environment: configuration(directory, change), ..Options::default() })
}

/// Posts JSON as the server's own user.
pub fn post_json(server: &Server, path: &str, body: &serde_json::Value) -> Answer {
    Request::new("POST", path).user(server.credentials()).body(body.to_string()).send(server)
}

/// A deb to be sent.
pub fn deb_file(package: &Deb) -> File {
    let directory = temporary_directory();
    let path = package.build(directory.path());
    File { name: file_name(&path), bytes: read_file(&path) }
}

/// An rpm to be sent.
pub fn rpm_file(package: &Rpm) -> File {
    let directory = temporary_directory();
    let path = package.build(directory.path());
    File { name: file_name(&path), bytes: read_file(&path) }
}

/// A server with a configuration file and these users, each with the password of
/// [`PASSWORD_HASH`](crate::support::bucket::PASSWORD_HASH). A test is `root`.
pub fn with_users(directory: &Path, users: &serde_json::Value, change: impl FnOnce(&mut serde_json::Value)) -> Server {
    let mut environment = configuration(directory, change);
    environment.push(("RWS_CREDENTIALS".to_owned(), users.to_string()));
    Server::start_with(Options { environment, credentials: Some(user("root")), ..Options::default() })
}

/// One of these users.
pub fn user(name: &str) -> Credentials {
    Credentials { user: name.to_owned(), password: "password".to_owned() }
}
