//! DEP-11 and translated descriptions of apt repositories: apt with the settings of appstream, and appstreamcli, are the judges.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::io::Read as _;
use std::path::Path;

use rws_lab::PrivateSystem;
use rws_model::{Algorithm, AlgorithmDigester};
use serde_json::json;

use crate::contract::stage::{call, configured, expect_code, expect_created, expect_status, post_json};
use crate::support::apt::Apt;
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::{Server, own_variables};
use crate::support::{files_below, temporary_directory, write_file};

const TARGET: &str = "live/2.8/ubuntu/focal";
const ARCHIVE: &str = "/live/2.8/ubuntu";
const SUITE: &str = "/live/2.8/ubuntu/dists/focal";
const COMPONENTS: &str = "---\nFile: DEP-11\nVersion: '0.14'\nOrigin: rws-test\n---\nType: desktop-application\n\
                          ID: org.example.rws.desktop\nPackage: rws-demo\nName:\n  C: RWS demo\nSummary:\n  C: shows the demo\n";
const DESCRIPTION: &str = "a demo\n Its second line.";

fn put(server: &Server, place: &str, content: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/-/metadata/{place}?wait=60");
    Request::new("PUT", &path).user(server.credentials()).body(content).send(server)
}

fn translation(language: &str, text: &str) -> String {
    let mut digester = AlgorithmDigester::new(Algorithm::Md5);
    digester.update(DESCRIPTION.as_bytes());
    digester.update(b"\n");
    let digest = digester.finish().1;
    format!("Package: rws-demo\nDescription-md5: {digest}\nDescription-{language}: {text}\n")
}

/// An archive of icons, as appstream-generator makes them.
fn icons(directory: &Path) -> Vec<u8> {
    write_file(&directory.join("icons/rws-demo_icon.png"), "no picture");
    let archive = directory.join("icons.tar");
    Program::new("tar", directory)
        .args(["--mtime=@0", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(directory.join("icons"))
        .arg(".")
        .succeed();
    std::fs::read(archive).unwrap()
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

/// A server with one package and metadata of all kinds.
fn described(directory: &Path, settings: serde_json::Value) -> Server {
    let server = configured(directory, |file| file["repositories"] = json!([settings]));
    let deb = Deb::new("rws-demo", "1.0-1", "amd64").field("Description", DESCRIPTION).build(directory);
    let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "demo").file(&deb);
    upload.send(&server).expect_created();
    for (name, content) in [
        ("Components-amd64.yml", COMPONENTS.as_bytes().to_vec()),
        ("CID-Index-amd64.json", b"{}".to_vec()),
        ("icons-64x64.tar", icons(directory)),
        ("icons-64x64@2.tar", icons(directory)),
        ("Translation-de", translation("de", "eine Vorstellung\n Die zweite Zeile.").into_bytes()),
    ] {
        expect_created(&put(&server, &format!("{TARGET}/main/{name}"), content));
    }
    server
}

fn apt(server: &Server) -> Apt {
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    Apt::signed_by(&server.url(ARCHIVE), "focal", &key)
}

/// apt with the settings of appstream, but for the call of appstreamcli, which would be for this machine.
fn with_appstream(apt: &Apt) {
    let part = "etc/apt/apt.conf.d/50appstream";
    let text = std::fs::read_to_string(Path::new("/").join(part)).expect("appstream is installed: run tests/setup");
    let text = text.split("APT::Update").next().unwrap().replace("DefaultEnabled \"false\"", "DefaultEnabled \"true\"");
    write_file(&apt.path(part), text);
}

/// The files of a client's lists whose names end so.
fn fetched(apt: &Apt, end: &str) -> Vec<Vec<u8>> {
    let lists = files_below(&apt.path("var/lib/apt/lists"));
    let named = lists.iter().filter(|path| path.to_string_lossy().ends_with(end));
    named.map(|path| std::fs::read(apt.path("var/lib/apt/lists").join(path)).unwrap()).collect()
}

#[test]
fn apt_and_appstream_find_what_was_sent() {
    let directory = temporary_directory();
    let server = described(directory.path(), json!({ "match": "live", "digests": ["md5", "sha512"] }));
    let release = curl::get(&server.url(&format!("{SUITE}/Release"))).expect_status(200).text();
    for name in ["dep11/Components-amd64.yml", "dep11/icons-64x64.tar", "i18n/Translation-de"] {
        assert_eq!(release.matches(&format!(" main/{name}.gz\n")).count(), 3, "{release}");
        assert_eq!(release.matches(&format!(" main/{name}\n")).count(), 1, "{release}");
    }
    let client = apt(&server);
    with_appstream(&client);
    client.get(&["-o", "Acquire::Languages=de", "update"]).expect_clean();
    let components = fetched(&client, "_dep11_Components-amd64.yml.gz");
    assert_eq!(components.iter().map(|one| unpacked(one)).collect::<Vec<_>>(), [COMPONENTS.as_bytes()]);
    assert_eq!(unpacked(&fetched(&client, "_dep11_icons-64x64.tar.gz")[0]), icons(directory.path()));
    assert_eq!(fetched(&client, "_dep11_icons-64x64%402.tar.gz").len(), 1);
    // without by-hash names: the plain ones
    let plain = apt(&server);
    with_appstream(&plain);
    plain.get(&["-o", "Acquire::By-Hash=no", "update"]).expect_clean();
    assert_eq!(fetched(&plain, "_dep11_Components-amd64.yml.gz"), components);

    let system = PrivateSystem::new();
    for place in ["var/cache", "var/lib/swcatalog"] {
        std::fs::create_dir_all(system.path(place)).unwrap();
    }
    system.write("var/lib/apt/lists/rws_dists_focal_main_dep11_Components-amd64.yml.gz", &components[0]);
    system.succeed(&["appstreamcli", "refresh-cache", "--force"]);
    assert!(system.succeed(&["appstreamcli", "get", "org.example.rws.desktop"]).contains("Package: rws-demo"));
    assert!(system.succeed(&["appstreamcli", "search", "demo"]).contains("RWS demo"));

    // a package without Description-md5: apt makes it of the description
    let german = client.cache(&["-o", "Acquire::Languages=de", "show", "rws-demo"]).expect_clean().output();
    assert!(german.contains("Description-de: eine Vorstellung\n Die zweite Zeile."), "{german}");
    // who knows nothing of this
    let other = apt(&server);
    other.update().expect_clean();
    assert!(fetched(&other, ".yml.gz").is_empty() && fetched(&other, "_Translation-de").is_empty());
    other.install(&["rws-demo"]).expect_clean();
    let shown = other.cache(&["show", "rws-demo"]).expect_clean().output();
    assert!(shown.contains("Description: a demo\n") || shown.contains("Description-en: a demo\n"), "{shown}");
}

#[test]
fn what_appstream_and_apt_cannot_read_is_refused() {
    let directory = temporary_directory();
    let settings = json!({ "match": "live", "components": ["main", "contrib"], "translations": true });
    let server = configured(directory.path(), |file| file["repositories"] = json!([settings]));
    let bad = COMPONENTS.replace("DEP-11", "DEP-12");
    write_file(&directory.path().join("bad.yml"), &bad);
    let judge = Program::new("appstreamcli", directory.path()).args(["convert", "bad.yml", "out.xml"]);
    assert!(!judge.current_dir(directory.path()).run().succeeded());
    for (place, content, status, part) in [
        ("main/Components-amd64.yml", bad.as_str(), 400, "File: DEP-11"),
        ("main/Components-amd64.yml", "", 400, "no header"),
        ("main/Translation-de", "Package: a\n", 400, "Description-md5"),
        ("main/Translation-en", "", 400, "translations"),
        ("main/comps", "", 400, "none of Components"),
        ("main/..%2fComponents-amd64.yml", COMPONENTS, 400, ""),
        ("other/Components-amd64.yml", COMPONENTS, 404, "other"),
    ] {
        let answer = put(&server, &format!("{TARGET}/{place}"), content);
        expect_status(&answer, status);
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(part), "{place}: {message}");
    }
    expect_created(&put(&server, &format!("{TARGET}/contrib/Components-amd64.yml"), COMPONENTS));
    curl::get(&server.url(&format!("{SUITE}/contrib/dep11/Components-amd64.yml.gz"))).expect_status(200);
    let remove = format!("/-/metadata/{TARGET}/contrib/Components-amd64.yml?wait=60");
    expect_status(&call(&server, "DELETE", &remove), 200);
    let release = curl::get(&server.url(&format!("{SUITE}/Release"))).expect_status(200).text();
    assert!(!release.contains("dep11"), "{release}");
    expect_status(&call(&server, "DELETE", &remove), 404);
}

#[test]
fn it_is_promoted_and_comes_back() {
    let directory = temporary_directory();
    let server = described(directory.path(), json!({ "match": "*" }));
    let promote = |metadata: serde_json::Value| {
        let body =
            json!({ "from": TARGET, "to": ["release/2.8/ubuntu/bionic"], "packages": "all", "metadata": metadata });
        post_json(&server, "/-/promote?wait=60", &body)
    };
    expect_code(&promote(json!(["Components-arm64.yml"])), 404, "no-metadata");
    expect_status(&promote(json!(["Components-amd64.yml", "main/Translation-de"])), 201);
    let promoted = "/release/2.8/ubuntu/dists/bionic";
    let components = |suite: &str| curl::get(&server.url(&format!("{suite}/main/dep11/Components-amd64.yml.gz")));
    assert_eq!(unpacked(&components(promoted).expect_status(200).body), COMPONENTS.as_bytes());
    let release = curl::get(&server.url(&format!("{promoted}/Release"))).text();
    assert!(release.contains(" main/i18n/Translation-de.gz\n") && !release.contains("icons"), "{release}");

    let generations = curl::get(&server.url(&format!("/-/repositories/{TARGET}/generations"))).json();
    let first = generations["generations"][0]["generation"].clone();
    let other = COMPONENTS.replace("RWS demo", "another");
    expect_created(&put(&server, &format!("{TARGET}/main/Components-amd64.yml"), other.as_str()));
    expect_status(&call(&server, "DELETE", &format!("/-/metadata/{TARGET}/main/Translation-de?wait=60")), 200);
    assert_eq!(unpacked(&components(SUITE).body), other.as_bytes());
    let past = format!("/@{}{SUITE}", first.as_str().unwrap());
    assert_eq!(unpacked(&components(&past).expect_status(200).body), COMPONENTS.as_bytes());
    expect_status(&post_json(&server, "/-/rollback?wait=60", &json!({ "target": TARGET, "to": first })), 201);
    assert_eq!(unpacked(&components(SUITE).body), COMPONENTS.as_bytes());
    let client = apt(&server);
    with_appstream(&client);
    client.get(&["-o", "Acquire::Languages=de", "update"]).expect_clean();
    assert_eq!(unpacked(&fetched(&client, "_dep11_Components-amd64.yml.gz")[0]), COMPONENTS.as_bytes());
}

#[test]
fn an_archive_that_has_it_already_keeps_it() {
    let directory = temporary_directory();
    let mut server = described(directory.path(), json!({ "match": "live" }));
    assert!(server.terminate().success());
    // what another tool leaves: no state of RWS, no by-hash names
    let data = server.data_dir();
    std::fs::remove_dir_all(data.join(".rws")).unwrap();
    let before = std::fs::read(data.join("live/2.8/ubuntu/dists/focal/main/dep11/Components-amd64.yml.gz")).unwrap();
    for place in ["dep11", "i18n"] {
        std::fs::remove_dir_all(data.join("live/2.8/ubuntu/dists/focal/main").join(place).join("by-hash")).unwrap();
    }
    let rws = |arguments: &[&str]| {
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path()).args(arguments);
        let program = program.args(["--data-dir", data.to_str().unwrap()]).current_dir(directory.path());
        own_variables().into_iter().fold(program, Program::env_remove).succeed()
    };
    rws(&["sync", TARGET]);
    rws(&["verify", TARGET]);
    let release = std::fs::read_to_string(data.join("live/2.8/ubuntu/dists/focal/Release")).unwrap();
    for name in
        ["dep11/Components-amd64.yml", "dep11/icons-64x64.tar", "dep11/icons-64x64@2.tar", "i18n/Translation-de"]
    {
        assert!(release.contains(&format!(" main/{name}.gz\n")), "{name}: {release}");
    }
    let by_hash = data.join("live/2.8/ubuntu/dists/focal/main/dep11/by-hash/SHA256");
    let named = by_hash.join(rws_model::sha256(&before).hex());
    assert_eq!(std::fs::read(named).unwrap(), before);
}
