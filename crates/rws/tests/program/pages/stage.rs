//! A server with something on every page, and what a page must be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rws_lab::fixture;
use serde_json::{Value, json};

use crate::contract::stage::{FIXTURES, configuration, deb_file, expect_created, expect_status, rpm_file, user};
use crate::support::bucket::{PASSWORD_HASH, SIGNING_KEY};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{file_name, files_below, read_file, temporary_directory, write_file};

pub const DEB_TARGET: &str = "release/2.8/ubuntu/focal";
pub const RPM_TARGET: &str = "live/1.10/el/8";
/// What was promoted from [`RPM_TARGET`].
pub const RELEASED_TARGET: &str = "release/1.10/el/8";
/// Only `ann` may read it.
pub const PRIVATE_TARGET: &str = "live/1.10/el/9";

/// What browsers send.
pub const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

pub fn users() -> Value {
    json!({
        "root": { "hash": PASSWORD_HASH, "admin": true },
        "ann": { "hash": PASSWORD_HASH, "allow": [] },
    })
}

/// A service with a name, lists of files in packages, and a private target.
pub fn configure(file: &mut Value) {
    file["pages"] = json!({ "name": "Packages of Example", "description": "Builds of every day, and releases." });
    file["repositories"] = json!([
        { "match": "*", "contents": true },
        { "match": PRIVATE_TARGET, "read": ["ann"] },
    ]);
}

/// A server with users, and a package or more in each of these targets.
#[track_caller]
pub fn published(directory: &Path) -> Server {
    published_with(directory, configure)
}

#[track_caller]
pub fn published_with(directory: &Path, change: impl FnOnce(&mut Value)) -> Server {
    let server = started(directory, &users(), change);
    let tool = |version: &str, architecture: &str| {
        let tool = Deb::new("example-tool", version, architecture).field("Section", "utils");
        let tool = tool.field("Description", "Says what time it is\n It asks the clock.\n .\n  clock --ask");
        deb_file(&tool.field("Depends", "rws-one (>= 1.0), libc6 | musl").field("Homepage", "https://example.org/tool"))
    };
    let debs = [tool("1.0-1", "amd64"), tool("1.0-1", "arm64"), FIXTURES.deb.clone()];
    upload(&server, DEB_TARGET, Form::of(&debs).field("product", "tool"));
    upload(&server, DEB_TARGET, Form::of(&[tool("1.10-1", "amd64")]).field("product", "tool"));
    upload(&server, DEB_TARGET, Form::of(FIXTURES.source()).field("product", "source"));
    let demo = Rpm::new("example-demo", "2.0", "1").architecture("noarch").tag("Recommends", "rws-all >= 1.0");
    upload(&server, RPM_TARGET, Form::of(&[rpm_file(&demo), FIXTURES.noarch_rpm.clone(), FIXTURES.rpm.clone()]));
    let secret = Rpm::new("secret-plan", "1.0", "1");
    upload(&server, PRIVATE_TARGET, Form::of(&[rpm_file(&secret)]));
    let promotion = json!({ "from": RPM_TARGET, "to": [RELEASED_TARGET], "packages": ["example-demo"] });
    let request = Request::new("POST", "/-/promote?wait=30").user(&user("root")).body(promotion.to_string());
    expect_created(&request.send(&server));
    server
}

/// A server that signs, with these users and a changed configuration.
#[track_caller]
pub fn started(directory: &Path, users: &Value, change: impl FnOnce(&mut Value)) -> Server {
    let mut environment = configuration(directory, change);
    environment.push(("RWS_CREDENTIALS".to_owned(), users.to_string()));
    environment.push(("GPG_SIGN_KEY_ARMORED".to_owned(), SIGNING_KEY.clone()));
    Server::start_with(Options { environment, credentials: Some(user("root")), ..Options::default() })
}

#[track_caller]
pub fn upload(server: &Server, target: &str, form: Form) {
    let request = Request::new("PUT", &format!("/{target}?wait=30")).user(server.credentials()).form(form);
    expect_created(&request.send(server));
}

/// An rpm of a spec.
#[track_caller]
pub fn built(name: &str, spec: &str) -> File {
    let directory = fixture(&format!("pages {spec}"), |kept| {
        let work = temporary_directory();
        let (file, top) = (work.path().join(format!("{name}.spec")), work.path().join("top"));
        write_file(&file, spec);
        Program::new("rpmbuild", work.path())
            .args(["-bb", "--define", &format!("_topdir {}", top.display())])
            .args(["--define", "_buildhost build.example.invalid"])
            .arg(&file)
            .succeed();
        for path in files_below(&top).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rpm")) {
            write_file(&kept.join(file_name(&path)), read_file(&path));
        }
    });
    let path = files_below(&directory).into_iter().next().unwrap();
    File { name: file_name(&path), bytes: read_file(&path) }
}

/// An rpm that needs nothing, not even a shell: it can be installed on a machine of other packages.
#[track_caller]
pub fn plain_rpm(name: &str, version: &str) -> File {
    let spec = format!(
        "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: Some data\nLicense: MIT\nBuildArch: noarch\n\n\
         %description\nSome data.\n\n%install\nmkdir -p %{{buildroot}}/usr/share/{name}\n\n%files\n/usr/share/{name}\n"
    );
    built(name, &spec)
}

/// What a browser of somebody gets.
pub fn visit(server: &Server, path: &str, credentials: Option<&Credentials>) -> Answer {
    let request = Request::get(path).header("Accept", BROWSER).header("Connection", "close");
    match credentials {
        Some(credentials) => request.user(credentials).send(server),
        None => request.send(server),
    }
}

/// The text of a page that nobody has to log in for.
#[track_caller]
pub fn page(server: &Server, path: &str) -> String {
    let answer = visit(server, path, None);
    expect_status(&answer, 200);
    expect_page(&answer);
    answer.text()
}

/// Headers and frame of every page.
#[track_caller]
pub fn expect_page(answer: &Answer) {
    let text = answer.text();
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{}", answer.transcript);
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.header("cache-control").is_none_or(|caching| caching.contains("no-")), "{}", answer.transcript);
    assert!(text.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"), "{text}");
    for (what, count) in [("<h1", 1), ("<main ", 1), ("<title>", 1), ("<script ", 1), ("style=", 0), (" onclick=\"", 0)]
    {
        assert_eq!(text.matches(what).count(), count, "{what} in {text}");
    }
    let mut ids = BTreeSet::new();
    for id in values(&text, "id") {
        assert!(ids.insert(id.clone()), "{id} twice in {text}");
    }
}

/// The values of an attribute.
pub fn values(html: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    let found = html.split(&start).skip(1).filter_map(|rest| rest.split_once('"'));
    found.map(|(value, _)| unescaped(value)).collect()
}

pub fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.into_iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// The text of a page without its tags.
pub fn text_of(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<').skip(1) {
        text.push_str(piece.split_once('>').map_or("", |(_, text)| text));
        text.push(' ');
    }
    unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All pages that links lead to from the root, by their addresses, as this one sees them; and what else is linked.
#[track_caller]
pub fn walk(server: &Server, credentials: Option<&Credentials>) -> (BTreeMap<String, Answer>, BTreeSet<String>) {
    let mut pages = BTreeMap::new();
    let mut others = BTreeSet::new();
    let mut open = vec!["/".to_owned()];
    while let Some(address) = open.pop() {
        if pages.contains_key(&address) || others.contains(&address) {
            continue;
        }
        if address.ends_with("/-/browse/login") {
            others.insert(address);
            continue;
        }
        let answer = visit(server, &address, credentials);
        assert_eq!(answer.status, 200, "{address}: {}", answer.text());
        let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if !is_page || address.ends_with("?listing") {
            others.insert(address);
            continue;
        }
        let text = answer.text();
        for link in values(&text, "href").into_iter().chain(values(&text, "src")) {
            let link = link.split('#').next().unwrap().to_owned();
            if link.starts_with('/') {
                open.push(link);
            } else {
                let is_outside = ["http://", "https://"].iter().any(|scheme| link.starts_with(scheme));
                assert!(link.is_empty() || is_outside, "{link} in {address}");
            }
        }
        pages.insert(address, answer);
    }
    (pages, others)
}
