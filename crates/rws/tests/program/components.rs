//! Components of apt repositories and packages of debug symbols, as apt sees them that knows of them, or does not.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use serde_json::{Value, json};

use crate::contract::stage::{call, configured, expect_code, post_json};
use crate::support::apt::{Apt, Sources};
use crate::support::configuration_file;
use crate::support::curl::{self, Upload};
use crate::support::dnf::Dnf;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{expect_same_files, files_below, temporary_directory, write_file};
use std::path::{Path, PathBuf};

pub const TARGET: &str = "live/2.8/ubuntu/focal";
pub const ARCHIVE: &str = "/live/2.8/ubuntu";
const SUITE: &str = "/live/2.8/ubuntu/dists/focal";

pub fn server(directory: &Path, repository: Value) -> Server {
    configured(directory, |configuration| configuration["repositories"] = json!([repository]))
}

#[track_caller]
pub fn send(server: &Server, query: &str, files: &[PathBuf]) {
    let upload = Upload::to(&format!("/{TARGET}?wait=60{query}")).field("product", "thing").files(files);
    upload.send(server).expect_created();
}

pub fn key(server: &Server) -> Vec<u8> {
    curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body
}

/// A client of some components, which its owner has written by hand.
#[track_caller]
fn client(server: &Server, components: &str) -> Apt {
    let apt = Apt::signed_by(&server.url(ARCHIVE), "focal", &key(server));
    let sources = apt.path("etc/apt/sources.list.d/rws.sources");
    let text = std::fs::read_to_string(&sources).unwrap();
    write_file(&sources, text.replace("Components: main\n", &format!("Components: {components}\n")));
    apt.update().expect_clean();
    apt
}

/// What apt knows of a package, by its origin's component: `focal/contrib`.
pub fn policy(apt: &Apt, package: &str) -> String {
    apt.cache(&["policy", package]).output()
}

fn release(server: &Server) -> String {
    curl::get(&server.url(&format!("{SUITE}/Release"))).expect_status(200).text()
}

#[test]
fn packages_of_a_component_are_for_who_names_it() {
    let directory = temporary_directory();
    let server = server(directory.path(), json!({ "match": "live", "components": ["main", "contrib"] }));
    let free = Deb::new("rws-free", "1.0-1", "amd64").build(directory.path());
    let other = Deb::new("rws-other", "1.0-1", "all").build(directory.path());
    let source = SourcePackage::new("rws-src", "1.0-1").build(directory.path());
    send(&server, "", std::slice::from_ref(&free));
    send(&server, "&component=contrib", &[vec![other.clone()], source.all()].concat());
    assert!(release(&server).contains("\nComponents: main contrib\n"), "{}", release(&server));
    let pool = curl::get(&server.url(&format!("{ARCHIVE}/pool/focal/contrib/t/thing/rws-other_1.0-1_all.deb")));
    assert_eq!(pool.status, 200);

    // who knows main only
    let main = client(&server, "main");
    expect_same_files(&main.install(&["rws-free"]).expect_clean().files, std::slice::from_ref(&free));
    assert!(!policy(&main, "rws-other").contains("1.0-1"), "{}", policy(&main, "rws-other"));
    // who knows both, by the ready-made files
    for end in ["sources", "list"] {
        let text = curl::get(&server.url(&format!("/-/setup/{TARGET}.{end}"))).expect_status(200).text();
        let sources = if end == "list" { Sources::OneLine(&text) } else { Sources::Deb822(&text) };
        let both = Apt::from_server(&sources, &key(&server));
        both.update().expect_clean();
        let installed = both.install(&["rws-free", "rws-other"]).expect_clean();
        expect_same_files(&installed.files, &[free.clone(), other.clone()]);
        assert!(policy(&both, "rws-other").contains("focal/contrib"), "{}", policy(&both, "rws-other"));
        assert_eq!(both.source("rws-src").expect_clean().files.len(), source.all().len());
    }
    // a repository of one file: where it was, apt and the service say the same
    let twice = Upload::to(&format!("/{TARGET}?wait=60&component=contrib")).field("product", "thing").file(&other);
    twice.send(&server).expect_created();
    client(&server, "main contrib").install(&["rws-other"]).expect_clean();
}

#[test]
fn a_component_that_there_is_not_is_refused() {
    let directory = temporary_directory();
    let server = server(directory.path(), json!({ "match": "live", "components": ["main", "contrib"] }));
    let deb = Deb::new("rws-free", "1.0-1", "amd64").build(directory.path());
    let rpm = Rpm::new("rws-free", "1.0", "1").build(directory.path());
    for (path, file) in [
        ("live/2.8/ubuntu/focal?component=non-free", &deb),
        ("live/2.8/ubuntu/focal?component=", &deb),
        ("live/2.8/ubuntu/focal?component=main%2Fdebug", &deb),
        ("live/2.8/ubuntu/focal?component=..%2Fmain", &deb),
        ("release/2.8/ubuntu/focal?component=contrib", &deb),
        ("live/2.8/el/8?component=main", &rpm),
    ] {
        let answer = Upload::to(&format!("/{path}")).field("product", "thing").file(file).send(&server);
        expect_code(&answer, 400, "component");
    }
    // one that is there, of a single file without a form
    let user = server.credentials();
    let raw = ["-T".to_owned(), deb.display().to_string()];
    let url = server.url(&format!("/{TARGET}/rws-free_1.0-1_amd64.deb?product=thing&component=contrib&wait=60"));
    curl::request(&url, Some(user), &raw).expect_status(201);
    let answer = Upload::to("/live/2.8/el/8?wait=60").file(&rpm).send(&server);
    answer.expect_created();
    client(&server, "contrib").install(&["rws-free"]).expect_clean();
}

/// Who takes a component out of the configuration does not give its packages to clients of another one, also when RWS reads all
/// packages again.
#[test]
fn packages_of_a_component_that_is_not_configured_any_more_stay_in_it() {
    let directory = temporary_directory();
    let mut server = server(directory.path(), json!({ "match": "live", "components": ["main", "contrib"] }));
    send(&server, "", &[Deb::new("rws-free", "1.0-1", "amd64").build(directory.path())]);
    send(&server, "&component=contrib", &[Deb::new("rws-other", "1.0-1", "all").build(directory.path())]);
    for components in [json!(["main"]), json!(["new"])] {
        let contents = components[0] == "main";
        configuration_file(directory.path(), |file| {
            file["repositories"] = json!([{ "match": "live", "components": components, "contents": contents }]);
        });
        server.restart_in_place();
        let answer = call(&server, "POST", &format!("/{TARGET}?wait=60"));
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        let apt = client(&server, "main");
        assert!(policy(&apt, "rws-free").contains("focal/main"), "{}", policy(&apt, "rws-free"));
        assert!(!policy(&apt, "rws-other").contains("focal"), "{}", policy(&apt, "rws-other"));
        let apt = client(&server, "contrib");
        assert!(policy(&apt, "rws-other").contains("focal/contrib"), "{}", policy(&apt, "rws-other"));
    }
}

#[test]
fn packages_are_promoted_between_components() {
    let directory = temporary_directory();
    let server = server(directory.path(), json!({ "match": "*", "components": ["main", "contrib"] }));
    let deb = Deb::new("rws-free", "1.0-1", "amd64").build(directory.path());
    let stays = Deb::new("rws-stays", "1.0-1", "amd64").build(directory.path());
    send(&server, "", &[deb.clone(), stays]);
    let promote = |to: &str, component: Value, dry_run: bool| {
        let body = json!({
            "from": TARGET, "to": [to], "packages": ["rws-free"], "component": component, "dry_run": dry_run,
        });
        post_json(&server, "/-/promote?wait=60", &body)
    };
    // within the target: it moves
    let plan = promote(TARGET, json!("contrib"), true).expect_status(200).json();
    assert_eq!(plan["repositories"][TARGET]["replaced"][0]["name"], "rws-free", "{plan}");
    assert!(policy(&client(&server, "main"), "rws-free").contains("1.0-1"));
    promote(TARGET, json!("contrib"), false).expect_status(201);
    assert!(!policy(&client(&server, "main"), "rws-free").contains("1.0-1"));
    let contrib = client(&server, "contrib");
    expect_same_files(&contrib.install(&["rws-free"]).expect_clean().files, std::slice::from_ref(&deb));
    client(&server, "main").install(&["rws-stays"]).expect_clean();
    // again: nothing is to be done
    let plan = promote(TARGET, json!("contrib"), true).expect_status(200).json();
    assert_eq!(plan["repositories"], json!({}), "{plan}");
    // to another target: into its own component, and into another one
    promote("release/2.8/ubuntu/focal", Value::Null, false).expect_status(201);
    let text = curl::get(&server.url("/-/setup/release/2.8/ubuntu/focal.sources")).expect_status(200).text();
    let apt = Apt::from_server(&Sources::Deb822(&text), &key(&server));
    apt.update().expect_clean();
    assert!(policy(&apt, "rws-free").contains("focal/contrib"), "{}", policy(&apt, "rws-free"));
    promote("release/2.8/ubuntu/focal", json!("main"), false).expect_status(201);
    apt.update().expect_clean();
    assert!(policy(&apt, "rws-free").contains("focal/main"), "{}", policy(&apt, "rws-free"));
    expect_code(&promote(TARGET, json!("other"), false), 400, "component");
    expect_code(&promote(TARGET, Value::Null, false), 400, "onto-itself");
}

/// A package of debug symbols as debhelper makes it, and as Ubuntu names it.
fn of_debug_symbols(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let deb = |name: &str| {
        let path = format!("usr/lib/debug/.build-id/ab/{name}.debug");
        Deb::new(name, "1.0-1", "amd64").field("Auto-Built-Package", "debug-symbols").file(&path, b"symbols")
    };
    let debian = deb(&format!("{name}-dbgsym")).build(directory);
    let ubuntu = deb(&format!("{name}-more-dbgsym")).field("Package-Type", "ddeb");
    (debian, ubuntu.build_as(directory, &format!("{name}-more-dbgsym_1.0-1_amd64.ddeb")))
}

#[test]
fn debug_symbols_are_apart_where_they_are_published() {
    let directory = temporary_directory();
    let mut server =
        server(directory.path(), json!({ "match": "live", "debug_packages": "publish", "contents": true }));
    let deb = Deb::new("rws-free", "1.0-1", "amd64").build(directory.path());
    let (debian, ubuntu) = of_debug_symbols(directory.path(), "rws-free");
    send(&server, "", &[deb.clone(), debian.clone(), ubuntu.clone()]);
    assert!(release(&server).contains("\nComponents: main main/debug\n"), "{}", release(&server));
    // the ready-made file does not name them
    let text = curl::get(&server.url(&format!("/-/setup/{TARGET}.sources"))).expect_status(200).text();
    assert!(text.contains("\nComponents: main\n"), "{text}");
    let plain = client(&server, "main");
    assert!(!policy(&plain, "rws-free-dbgsym").contains("1.0-1"));
    plain.install(&["rws-free"]).expect_clean();
    let apt = client(&server, "main main/debug");
    let installed = apt.install(&["rws-free-dbgsym", "rws-free-more-dbgsym"]).expect_clean();
    // apt writes all packages with the usual end
    let contents = |paths: &[PathBuf]| {
        let mut all: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        all.sort();
        all
    };
    assert!(contents(&installed.files) == contents(&[debian, ubuntu.clone()]));
    apt.use_apt_file();
    apt.update().expect_clean();
    let found = apt.search_files("amd64", "build-id/ab/rws-free").output();
    assert!(found.contains("rws-free-dbgsym"), "{found}");
    // the same after all was read again
    assert!(server.terminate().success());
    let rws = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path());
    let before = files_below(&server.data_dir()).len();
    rws.env("RWS_DATA_DIR", server.data_dir().to_str().unwrap())
        .env("RWS_CFG", directory.path().join("rws.json").to_str().unwrap())
        .args(["verify", TARGET])
        .succeed();
    server.restart();
    assert_eq!(files_below(&server.data_dir()).len(), before);
    client(&server, "main/debug").install(&["rws-free-more-dbgsym"]).expect_clean();
}

#[test]
fn debug_symbols_are_as_before_where_nothing_is_configured() {
    let directory = temporary_directory();
    let server = Server::start();
    let (debian, ubuntu) = of_debug_symbols(directory.path(), "rws-free");
    let answer = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "thing").files(&[debian, ubuntu]);
    let answer = answer.send(&server).expect_status(201);
    assert!(answer.header("rws-warning").is_some_and(|text| text.contains(".ddeb")), "{}", answer.transcript);
    assert!(release(&server).contains("\nComponents: main\n"), "{}", release(&server));
    client(&server, "main").install(&["rws-free-dbgsym"]).expect_clean();
}

#[test]
fn debug_symbols_of_rpm_are_in_a_repository_beside_the_architecture() {
    let directory = temporary_directory();
    let server = server(directory.path(), json!({ "match": "live/*/el", "debug_packages": "publish" }));
    let names = ["rws-tool", "rws-tool-debuginfo", "rws-tool-debugsource"];
    let files = names.map(|name| Rpm::new(name, "1.0", "1").build(directory.path()));
    Upload::to("/live/1.10/el/8?wait=60").files(&files).send(&server).expect_created();
    let text = curl::get(&server.url("/-/setup/live/1.10/el/8.repo")).expect_status(200).text();
    let dnf = Dnf::new(&text, "8");
    let listed = |arguments: &[&str]| {
        let output = dnf.repoquery(&[arguments, &["--queryformat", "%{name}"]].concat()).output();
        let names = output.lines().filter(|line| line.starts_with("rws-")).map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    // who knows nothing of it sees the package alone, by the ready-made file
    assert_eq!(listed(&[]), ["rws-tool"]);
    // the plugin that installs debug symbols finds the repository by its identifier
    let all = listed(&["--enablerepo=*-debuginfo"]);
    assert_eq!(all, names);
    let downloaded = dnf.download(&["--enablerepo=*-debuginfo", "rws-tool-debuginfo", "rws-tool-debugsource"]);
    expect_same_files(&downloaded, &files[1..]);
    let same = dnf.download(&["--debuginfo", "rws-tool"]);
    expect_same_files(&same, &files[1..2]);
}

/// A package for newer processors, and one for all.
fn variant(directory: &Path, name: &str, version: &str) -> PathBuf {
    let deb = Deb::new(name, version, "amd64").field("Architecture-Variant", "amd64v3");
    deb.build_as(directory, &format!("{name}_{version}_amd64v3.deb"))
}

#[test]
fn packages_for_newer_processors_stand_beside_those_for_all() {
    let directory = temporary_directory();
    let server = Server::start();
    let files = [
        Deb::new("rws-both", "1.0-1", "amd64").build(directory.path()),
        variant(directory.path(), "rws-both", "1.0-1"),
        Deb::new("rws-plain", "1.0-1", "amd64").build(directory.path()),
        Deb::new("rws-all", "1.0-1", "all").build(directory.path()),
        variant(directory.path(), "rws-new", "1.0-1"),
    ];
    send(&server, "", &files);
    assert!(release(&server).contains("\nArchitectures: all amd64 amd64v3\n"), "{}", release(&server));
    // a client that knows nothing of variants
    let apt = client(&server, "main");
    let expected = [files[3].clone(), files[0].clone(), files[2].clone()];
    expect_same_files(&apt.install(&["rws-both", "rws-plain", "rws-all"]).expect_clean().files, &expected);
    assert!(!policy(&apt, "rws-new").contains("1.0-1"));
    let text = curl::get(&server.url(&format!("/-/setup/{TARGET}.sources"))).expect_status(200).text();
    assert!(!text.contains("\nArchitectures: "), "{text}");
    // they go by what they are
    let delete = format!("/{TARGET}?name=rws-both&architecture=amd64v3&wait=60");
    crate::contract::stage::call(&server, "DELETE", &delete).expect_status(201);
    apt.update().expect_clean();
    apt.install(&["rws-both"]).expect_clean();
    // what is no variant of its architecture is refused
    let bad = Deb::new("rws-bad", "1.0-1", "amd64").field("Architecture-Variant", "arm64v3").build(directory.path());
    let answer = Upload::to(&format!("/{TARGET}")).field("product", "thing").file(&bad).send(&server);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("Architecture-Variant"), "{}", answer.text());
}

#[test]
fn apt_of_sid_takes_packages_for_its_processor() {
    let directory = temporary_directory();
    let server = Server::start();
    let files = [
        Deb::new("rws-both", "1.0-1", "amd64").build(directory.path()),
        variant(directory.path(), "rws-both", "1.0-1"),
        Deb::new("rws-plain", "1.0-1", "amd64").build(directory.path()),
        Deb::new("rws-newer", "2.0-1", "amd64").build(directory.path()),
        variant(directory.path(), "rws-newer", "1.0-1"),
    ];
    send(&server, "", &files);
    // Debian's dpkg has no table of variants yet
    let apt = Apt::of_sid();
    let table = apt.path("variants");
    write_file(&table, "# Version=0.1\namd64v3 amd64 x86-64-v3\n");
    let text = curl::get(&server.url(&format!("/-/setup/{TARGET}.sources"))).expect_status(200).text();
    write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), text);
    let table = format!("Dir::dpkg::varianttable={}", table.display());
    let get = |variants: &str, arguments: &[&str]| {
        let variants = format!("APT::Architecture-Variants={variants}");
        apt.get(&[&["-o", &table, "-o", &variants], arguments].concat()).expect_clean()
    };
    for (variants, has_variant) in [("amd64v3", true), ("", false)] {
        get(variants, &["update"]);
        let uris = get(variants, &["install", "--print-uris", "--quiet=2", "rws-both", "rws-plain", "rws-newer"]);
        let uris = uris.output();
        assert_eq!(uris.contains("rws-both_1.0-1_amd64v3.deb"), has_variant, "{uris}");
        assert!(uris.contains("rws-plain_1.0-1_amd64.deb") && uris.contains("rws-newer_2.0-1_amd64.deb"), "{uris}");
    }
}

/// The packages of an index, each with what tells it from others.
fn packages_in(text: &str) -> Vec<Vec<String>> {
    let wanted = ["Package", "Version", "Architecture", "Section", "Size", "SHA256"];
    let stanzas = text.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
    let fields = |stanza: &str| {
        let mut fields: Vec<String> = stanza
            .lines()
            .filter(|line| wanted.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))))
            .map(str::to_owned)
            .collect();
        fields.sort();
        fields
    };
    let mut packages: Vec<_> = stanzas.map(fields).collect();
    packages.sort();
    packages
}

#[test]
fn components_have_what_those_of_reprepro_have() {
    let directory = temporary_directory();
    let server = server(directory.path(), json!({ "match": "live", "components": ["main", "contrib"] }));
    let place = directory.path().join("reprepro");
    let text = "Codename: focal\nSuite: focal\nComponents: main contrib\nArchitectures: amd64 source\n";
    write_file(&place.join("conf/distributions"), text);
    for (component, name, architecture) in
        [("main", "rws-one", "amd64"), ("contrib", "rws-two", "all"), ("contrib", "rws-three", "amd64")]
    {
        let deb = Deb::new(name, "1.0-1", architecture).field("Section", "utils").field("Priority", "optional");
        let deb = deb.build(directory.path());
        send(&server, &format!("&component={component}"), std::slice::from_ref(&deb));
        Program::new("reprepro", directory.path())
            .args(["--basedir", place.to_str().unwrap(), "--component", component, "includedeb", "focal"])
            .arg(&deb)
            .succeed();
    }
    let theirs = |name: &str| std::fs::read_to_string(place.join("dists/focal").join(name)).unwrap();
    for component in ["main", "contrib"] {
        let name = format!("{component}/binary-amd64/Packages");
        let packed = curl::get(&server.url(&format!("{SUITE}/{name}.gz"))).expect_status(200).body;
        let mut ours = String::new();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(packed.as_slice()), &mut ours).unwrap();
        assert_eq!(packages_in(&ours), packages_in(&theirs(&name)), "{component}");
    }
    let line = |text: &str| text.lines().find(|line| line.starts_with("Components: ")).unwrap().to_owned();
    assert_eq!(line(&release(&server)), line(&theirs("Release")));
}
