//! What is in private repositories does not exist for others: with and without it all answers are the same, byte for byte.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::contract::stage::{FIXTURES, deb_form, expect_created, expect_status, get, put, user, with_users};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{configuration_file, files_below, temporary_directory};

/// Beside it everything of this kind is public.
const PRIVATE_DEB: &str = "/release/2.8/ubuntu/jammy";
const PRIVATE_RPM: &str = "/live/1.10/el/8";
const PUBLIC_DEB: &str = "/release/2.8/ubuntu/focal";
const PUBLIC_RPM: &str = "/live/1.10/el/7";
/// Private, and the only thing in its directory; beside it others may be public, and are not there.
const LONE_RPM: &str = "/live/1.10/fedora/36";
/// Private, too, for others.
const OTHERS_RPM: &str = "/live/2.8/el/8";

pub fn users() -> Value {
    json!({
        "root": { "hash": PASSWORD_HASH, "admin": true },
        "ann": { "hash": PASSWORD_HASH, "allow": [] },
        "eve": { "hash": PASSWORD_HASH, "allow": ["live/1.10/el/7"] },
        // may change everything, and read what everybody may
        "cid": { "hash": PASSWORD_HASH, "allow": [{ "match": "*", "verbs": ["upload", "delete", "promote", "retain"] }] },
    })
}

/// A configuration with private repositories: for `ann`, and for `eve`.
pub fn close(file: &mut Value) {
    file["server"]["public_url"] = json!("https://rws.example.org");
    file["groups"] = json!({ "readers": ["ann"] });
    file["repositories"] = json!([
        { "match": &PRIVATE_DEB[1..], "read": ["@readers"] },
        { "match": &PRIVATE_RPM[1..], "read": ["ann"] },
        { "match": &LONE_RPM[1..], "read": ["ann"] },
        { "match": "live/2.8/*", "read": ["eve"] },
    ]);
}

/// What may be different: times and names of requests, and what a local store makes of the number of a file.
fn essence(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let varies = ["date", "x-request-id", "etag"];
    let headers = answer.headers.iter().filter(|(name, _)| !varies.contains(&name.to_lowercase().as_str()));
    (answer.status, headers.cloned().collect(), answer.text())
}

fn ask(server: &Server, method: &str, path: &str, credentials: Option<&Credentials>) -> Answer {
    let request = Request::new(method, path).header("Connection", "close");
    answer_to(server, request, credentials)
}

/// A way to ask for something.
type Ask = fn(&Server, &str, &str, Option<&Credentials>) -> Answer;

/// What a browser gets.
fn visit(server: &Server, method: &str, path: &str, credentials: Option<&Credentials>) -> Answer {
    let request = Request::new(method, path).header("Connection", "close").header("Accept", "text/html,*/*;q=0.8");
    answer_to(server, request, credentials)
}

fn answer_to(server: &Server, request: Request, credentials: Option<&Credentials>) -> Answer {
    match credentials {
        Some(credentials) => request.user(credentials).send(server),
        None => request.send(server),
    }
}

/// Every address that somebody could guess who knows everything of the private repositories but their secrets.
fn addresses(server: &Server) -> BTreeSet<String> {
    let data = server.data_dir();
    let mut paths = BTreeSet::from([String::new()]);
    for file in files_below(&data) {
        let Ok(below) = file.strip_prefix(&data) else { continue };
        paths.extend(below.ancestors().map(|path| path.to_string_lossy().into_owned()));
    }
    // roots are in the heads
    for codename in ["focal", "jammy"] {
        let directory = format!("release/2.8/ubuntu/dists/{codename}");
        paths.extend(["InRelease", "Release", "Release.gpg"].map(|name| format!("{directory}/{name}")));
    }
    for target in [PRIVATE_RPM, OTHERS_RPM, PUBLIC_RPM] {
        for architecture in ["x86_64", "aarch64"] {
            let directory = format!("{}/{architecture}/repodata", &target[1..]);
            paths.extend(["repomd.xml", "repomd.xml.asc", "repomd.xml.key"].map(|name| format!("{directory}/{name}")));
        }
    }
    let mut addresses = BTreeSet::new();
    for path in &paths {
        addresses.insert(format!("/{path}"));
        addresses.insert(format!("/{path}/"));
        let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.') && name.len() > 5);
        let queries = ["type=file", "format=json", "format=json&limit=1", "recursive=1", "format=json&from=b"];
        for query in queries.iter().take(if is_file { 1 } else { queries.len() }) {
            addresses.insert(format!("/{path}?{query}"));
        }
    }
    let root = user("root");
    let list = ask(server, "GET", "/-/repositories", Some(&root)).json();
    let repositories: Vec<&str> =
        list["repositories"].as_array().into_iter().flatten().filter_map(|one| one["repository"].as_str()).collect();
    let mut states = vec!["secret-pin".to_owned(), "public-pin".to_owned(), "20260101T000000Z".to_owned()];
    let mut uploads = Vec::new();
    for repository in &repositories {
        let address = format!("/-/repositories/{repository}/generations");
        let generations = ask(server, "GET", &address, Some(&root)).json();
        for generation in generations["generations"].as_array().into_iter().flatten().take(1) {
            states.extend(generation["generation"].as_str().map(str::to_owned));
            uploads.extend(generation["uploads"][0]["upload"].as_str().map(str::to_owned));
        }
        addresses.insert(address);
    }
    for state in &states {
        addresses.extend(
            paths
                .iter()
                .filter(|path| !path.starts_with(".rws"))
                .flat_map(|path| [format!("/-/at/{state}/{path}"), format!("/@{state}/{path}")]),
        );
        addresses.extend(repositories.iter().map(|one| format!("/-/repositories/{one}/diff?from={state}")));
    }
    addresses.extend(uploads.iter().map(|upload| format!("/-/status/{upload}")));
    for target in [PRIVATE_DEB, PRIVATE_RPM, LONE_RPM, OTHERS_RPM, PUBLIC_DEB, PUBLIC_RPM] {
        for end in ["sources", "list", "repo", "zypper.repo", "yum.repo", "asc", "packages.asc", "repo?at=secret-pin"] {
            addresses.insert(format!("/-/setup{target}.{end}"));
        }
        for architecture in ["x86_64", "aarch64", "SRPMS"] {
            addresses.insert(format!("/-/mirrorlist{target}/{architecture}"));
        }
        addresses.insert(format!("/-/repositories{target}/generations"));
        addresses.insert(format!("/-/changelogs{target}/main/r/rws-one/rws-one_1.0_changelog"));
        addresses.insert(format!("/-/debuginfod{target}/buildid/0abc/debuginfo"));
    }
    addresses.extend(pages(&repositories));
    let own = ["", "repositories", "status", "pins", "ready", "health", "version", "keys/main.asc", "audit", "nothing"];
    addresses.extend(own.iter().map(|name| format!("/-/{name}")));
    addresses
}

/// Search, lists of versions, pages and feeds.
fn pages(repositories: &[&str]) -> BTreeSet<String> {
    let mut addresses = BTreeSet::new();
    for query in ["", "?q=rws", "?q=rws&limit=1", "?q=all&kind=live", "?q=one&kind=release", "?kind=other"] {
        addresses.insert(format!("/-/search{query}"));
        addresses.insert(format!("/-/browse/search{query}"));
    }
    let names = ["rws-one", "rws-all", "nothing"];
    for repository in repositories {
        addresses.extend(names.iter().map(|name| format!("/-/packages/{repository}/{name}")));
        addresses.insert(format!("/-/browse/history/{repository}"));
    }
    for target in [PRIVATE_DEB, PRIVATE_RPM, LONE_RPM, OTHERS_RPM, PUBLIC_DEB, PUBLIC_RPM, "/live/9.9/el/8"] {
        addresses.insert(format!("/-/browse{target}"));
        addresses.insert(format!("/-/browse/feed{target}"));
        addresses.extend(names.iter().map(|name| format!("/-/browse{target}/{name}")));
    }
    let others = ["", "/", "/keys", "/status", "/api", "/login", "/logo", "/nothing", "/assets/style.css"];
    addresses.extend(others.iter().map(|name| format!("/-/browse{name}")));
    addresses
}

/// Requests that change things and are looks only: dry runs, and what finds nothing.
fn looks_by_changes(addresses: &BTreeSet<String>) -> Vec<(&'static str, String, String)> {
    let targets = [PRIVATE_DEB, PRIVATE_RPM, OTHERS_RPM, "/live/9.9/el/8", "/*/*/*/*", "/live/1.10/el/*"];
    let mut looks = Vec::new();
    for target in targets {
        for query in ["name=*", "name=*&version=*&architecture=*", "name=test*"] {
            looks.push(("DELETE", format!("{target}?{query}&dry_run=1"), String::new()));
            // no package has this version, and none is looked for
            looks.push(("DELETE", format!("{target}?{query}&version=0"), String::new()));
        }
        let posts = [
            ("/-/retain", json!({ "targets": [target], "dry_run": true })),
            ("/-/rollback", json!({ "target": target, "to": "20260101T000000Z", "dry_run": true })),
            ("/-/rollback", json!({ "target": target, "to": "secret-pin", "dry_run": true })),
            ("/-/promote", json!({ "from": target, "to": [PUBLIC_RPM], "packages": "all", "dry_run": true })),
            ("/-/promote", json!({ "from": PUBLIC_RPM, "to": [target], "packages": "all", "dry_run": true })),
            ("/-/promote", json!({ "from": PUBLIC_DEB, "to": [target], "packages": ["nothing"], "disclose": true })),
            ("/-/purge", json!({ "targets": [target], "selectors": ["*"], "dry_run": true })),
            ("/-/pins", json!({ "targets": [target], "name": "mine" })),
        ];
        looks.extend(posts.into_iter().map(|(address, body)| ("POST", address.to_owned(), body.to_string())));
        looks.push(("DELETE", format!("{target}/nothing.rpm"), String::new()));
        looks.push(("DELETE", format!("{target}/nothing.deb"), String::new()));
        looks.push(("DELETE", format!("{target}/x86_64/Packages/nothing.rpm"), String::new()));
    }
    // what is really there, for those who may not touch it: they are told so whether it is there or not
    looks.extend(
        addresses
            .iter()
            .filter(|one| one.contains("repodata/"))
            .take(20)
            .map(|one| ("DELETE", one.split('?').next().unwrap_or_default().to_owned(), String::new())),
    );
    looks
}

fn start(directory: &Path, data: Option<&Path>) -> Server {
    match data {
        None => with_users(directory, &users(), close),
        Some(data) => {
            let environment = vec![
                ("RWS_CFG".to_owned(), configuration_file(directory, close)),
                ("RWS_CREDENTIALS".to_owned(), users().to_string()),
            ];
            let data_dir = Some(data.to_owned());
            Server::start_with(Options { data_dir, environment, credentials: Some(user("root")), ..Options::default() })
        }
    }
}

#[test]
fn two_servers_that_differ_in_private_contents_give_outsiders_the_same_answers() {
    let (configuration, copied) = (temporary_directory(), temporary_directory());
    let full = start(configuration.path(), None);
    expect_created(&put(&full, &format!("{PUBLIC_DEB}?wait=30"), deb_form([&FIXTURES.deb])));
    expect_created(&put(&full, &format!("{PUBLIC_RPM}?wait=30"), Form::of([&FIXTURES.rpm])));
    let pin = |name: &str, targets: Value| {
        let body = json!({ "name": name, "targets": targets }).to_string();
        let request = Request::new("POST", "/-/pins").user(&user("root")).body(body);
        expect_status(&request.send(&full), 201);
    };
    pin("public-pin", json!([PUBLIC_DEB]));
    // what both have
    let copy = Command::new("cp").arg("-a").arg(full.data_dir()).arg(copied.path().join("data")).status();
    assert!(copy.is_ok_and(|status| status.success()));
    expect_created(&put(&full, &format!("{PRIVATE_DEB}?wait=30"), deb_form([&FIXTURES.deb, &FIXTURES.arm_deb])));
    expect_created(&put(&full, &format!("{PRIVATE_RPM}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.arm_rpm])));
    expect_created(&put(&full, &format!("{PRIVATE_RPM}?wait=30"), Form::of([&FIXTURES.other_rpm])));
    expect_created(&put(&full, &format!("{LONE_RPM}?wait=30"), Form::of([&FIXTURES.rpm])));
    pin("secret-pin", json!([PRIVATE_DEB, PRIVATE_RPM]));
    let bare = start(configuration.path(), Some(&copied.path().join("data")));

    let addresses = addresses(&full);
    assert!(addresses.len() > 1000, "{}", addresses.len());
    assert!(addresses.iter().any(|one| one.contains("/@") && one.ends_with("InRelease")));
    let mut different = Vec::new();
    let mut seen = BTreeSet::new();
    // what the one who may read it has seen is kept by nobody for others
    let of_ann = addresses.iter().filter(|one| one.starts_with("/-/browse") || one.starts_with("/-/search"));
    for address in of_ann {
        visit(&full, "GET", address, Some(&user("ann")));
    }
    for credentials in [None, Some(user("eve"))] {
        for (number, address) in addresses.iter().enumerate() {
            let methods: &[&str] = if number % 20 == 0 { &["GET", "HEAD"] } else { &["GET"] };
            // directories and errors are pages, too; files are the same for all who ask
            let is_page_too = address.ends_with('/') || number % 20 == 0;
            let asked: &[Ask] = match address.starts_with("/-/browse") {
                true => &[visit],
                false if is_page_too => &[ask, visit],
                false => &[ask],
            };
            let requests = methods.iter().flat_map(|method| asked.iter().map(move |asked| (method, asked)));
            for (method, asked) in requests {
                let [one, other] = [&full, &bare].map(|server| asked(server, method, address, credentials.as_ref()));
                seen.insert(one.status);
                let text = one.text();
                let names_it = text.contains("jammy")
                    || text.contains("fedora")
                    || text.contains("el/8/")
                    || text.contains("secret-pin");
                let asks_for_it = ["jammy", "fedora", "el/8", "secret-pin"].iter().any(|name| address.contains(name));
                if essence(&one) != essence(&other) || (names_it && !asks_for_it) {
                    let who = credentials.as_ref().map(|one| one.user.clone());
                    different.push(format!(
                        "{method} {address} of {who:?}: {:?} / {:?}",
                        essence(&one),
                        essence(&other)
                    ));
                }
            }
        }
    }
    assert!(
        different.is_empty(),
        "{} differ, such as\n{}",
        different.len(),
        different[..different.len().min(5)].join("\n")
    );
    assert!(seen.is_superset(&BTreeSet::from([200, 401, 403, 404, 410])), "{seen:?}");
    let mut said = BTreeSet::new();
    for (name, credentials) in [("nobody", None), ("eve", Some(user("eve"))), ("cid", Some(user("cid")))] {
        for (method, address, body) in &looks_by_changes(&addresses) {
            let [one, other] = [&full, &bare].map(|server| {
                let request = Request::new(method, address).header("Connection", "close").body(body.clone());
                match &credentials {
                    Some(credentials) => request.user(credentials).send(server),
                    None => request.send(server),
                }
            });
            said.insert((name, one.status));
            assert_eq!(essence(&one), essence(&other), "{method} {address} {body} of {name}");
        }
    }
    let expected = [("nobody", 401), ("eve", 403), ("eve", 400), ("cid", 403), ("cid", 400), ("cid", 404)];
    assert!(said.is_superset(&BTreeSet::from(expected)), "{said:?}");
    // and the one who may read it finds it all
    let ann = user("ann");
    let of_ann =
        |one: &&String| one.starts_with("/live/1.10/el/8/") && (one.ends_with(".rpm") || one.ends_with("repomd.xml"));
    for address in addresses.iter().filter(of_ann) {
        assert_eq!(ask(&full, "GET", address, Some(&ann)).status, 200, "{address}");
    }
    assert_eq!(get(&full, PUBLIC_DEB).status, 404, "no directory of that name");
}
