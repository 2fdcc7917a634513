//! Trees as the tools themselves make them.

use std::collections::BTreeSet;
use std::path::Path;

use rws_model::sha256;
use serde_json::Value;

use crate::contract::rows::Rows;
use crate::contract::stage::get;
use crate::support::file_server::FileServer;
use crate::support::gpgv::SecretKey;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::program::{Program, Ran};
use crate::support::server::{Server, own_variables};
use crate::support::{file_name, files_below, read_file, temporary_directory, write_file};

const RPM_TARGET: &str = "live/1.10/el/7";
const DEB_TARGET: &str = "release/2.8/ubuntu/focal";

/// `rws import` into the data directory of a server that runs.
#[track_caller]
pub fn import(server: &Server, source: &str, target: &str, more: &[&str]) -> Ran {
    let home = temporary_directory();
    let program = Program::new(env!("CARGO_BIN_EXE_rws"), home.path());
    let program = own_variables().into_iter().fold(program, Program::env_remove);
    program.env("RWS_DATA_DIR", server.data_dir()).args(["import", source, target]).args(more).run()
}

/// Name, version, architecture and SHA-256 of each package, as clients read them.
type Seen = BTreeSet<[String; 4]>;

/// What `primary` of a repository has, read by a program of Python: the address ends in no slash.
fn of_primary(url: &str) -> Seen {
    const PYTHON: &str = "import gzip, sys, urllib.request, xml.etree.ElementTree as tree\n\
        def get(path): return urllib.request.urlopen(sys.argv[1] + '/' + path).read()\n\
        repo, common = '{http://linux.duke.edu/metadata/repo}', '{http://linux.duke.edu/metadata/common}'\n\
        data = [d for d in tree.fromstring(get('repodata/repomd.xml')) if d.get('type') == 'primary'][0]\n\
        raw = get(data.find(repo + 'location').get('href'))\n\
        raw = gzip.decompress(raw) if raw[:2] == b'\\x1f\\x8b' else raw\n\
        for p in tree.fromstring(raw):\n\
        \x20   v = p.find(common + 'version')\n\
        \x20   print(p.find(common + 'name').text, f\"{v.get('epoch')}:{v.get('ver')}-{v.get('rel')}\", \
        p.find(common + 'arch').text, p.find(common + 'checksum').text)";
    let home = temporary_directory();
    lines(&Program::new("python3", home.path()).args(["-c", PYTHON, url]).succeed().output())
}

fn lines(text: &str) -> Seen {
    let line = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        <[String; 4]>::try_from(words).unwrap_or_else(|words| panic!("{words:?}"))
    };
    text.lines().map(line).collect()
}

/// What the indexes of a suite have, read by python3-debian.
fn of_suite(url: &str, suite: &str) -> Seen {
    const PYTHON: &str = "import gzip, sys, urllib.request, debian.deb822 as deb822\n\
        base = f'{sys.argv[1]}/dists/{sys.argv[2]}'\n\
        def get(path): return urllib.request.urlopen(f'{base}/{path}').read()\n\
        for line in deb822.Release(get('Release'))['SHA256']:\n\
        \x20   name = line['name']\n\
        \x20   if name.endswith('Packages.gz'):\n\
        \x20       for p in deb822.Packages.iter_paragraphs(gzip.decompress(get(name)), use_apt_pkg=False):\n\
        \x20           print(p['Package'], p['Version'], p['Architecture'], p['SHA256'])\n\
        \x20   if name.endswith('Sources.gz'):\n\
        \x20       for p in deb822.Sources.iter_paragraphs(gzip.decompress(get(name)), use_apt_pkg=False):\n\
        \x20           for f in p['Checksums-Sha256']: print(p['Package'], p['Version'], f['name'], f['sha256'])";
    let home = temporary_directory();
    // that of Debian, which has python3-debian
    lines(&Program::new("/usr/bin/python3", home.path()).args(["-c", PYTHON, url, suite]).succeed().output())
}

#[track_caller]
fn expect_counts(ran: &Ran, imported: u64, present: u64) {
    let said: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.transcript()));
    assert_eq!((&said["imported"], &said["present"]), (&imported.into(), &present.into()), "{}", ran.transcript());
    assert_eq!(said["missing"].as_array().map(Vec::len), Some(0), "{}", ran.transcript());
}

#[test]
fn a_tree_of_createrepo_c_from_a_directory_and_from_a_server() {
    let tree = temporary_directory();
    Rpm::new("rws-one", "1.0", "1").build(&tree.path().join("deep"));
    Rpm::new("rws-two", "2.0~rc1", "1").tag("Epoch", "3").build(&tree.path().join("deep"));
    Rpm::new("rws-arm", "1.0", "1").architecture("aarch64").build(&tree.path().join("other"));
    Program::new("createrepo_c", tree.path()).arg(tree.path()).succeed();
    // beside the index, and not in it
    Rpm::new("rws-unlisted", "1.0", "1").build(tree.path());
    let web = FileServer::of(tree.path());
    let before = of_primary(&web.url(""));
    assert_eq!(before.len(), 3);
    let server = Server::start();
    let mut rows = Rows::default();
    let after = || {
        let of = |architecture: &str| of_primary(&server.url(&format!("/{RPM_TARGET}/{architecture}")));
        of("x86_64").into_iter().chain(of("aarch64")).collect::<Seen>()
    };
    let source = tree.path().display().to_string();
    rows.row("a dry run imports nothing", || {
        let said = import(&server, &source, RPM_TARGET, &["--dry-run"]).expect_success().output();
        assert!(said.contains("deep/rws-one-1.0-1.x86_64.rpm (") && said.contains("the index lists 3 files"), "{said}");
        assert_eq!(get(&server, &format!("/{RPM_TARGET}/x86_64/repodata/repomd.xml")).status, 404);
    });
    rows.row("from the directory", || {
        expect_counts(&import(&server, &source, RPM_TARGET, &["--json"]).expect_success(), 3, 0);
        assert_eq!(after(), before);
    });
    rows.row("from a server: everything is there", || {
        expect_counts(&import(&server, &web.url("/"), RPM_TARGET, &["--json"]).expect_success(), 0, 3);
        assert_eq!(after(), before);
    });
    rows.row("from a server into another target", || {
        expect_counts(&import(&server, &web.url(""), "live/1.10/el/8", &["--json"]).expect_success(), 3, 0);
        assert_eq!(of_primary(&server.url("/live/1.10/el/8/x86_64")).len(), 2);
    });
    rows.row("the audit says who it was", || {
        let audit = crate::support::raw::Request::get("/-/audit?verb=import").user(server.credentials()).send(&server);
        assert_eq!(audit.text().lines().count(), 2, "{}", audit.text());
    });
    rows.row("a package with other bytes than its index says", || {
        let path = files_below(tree.path())
            .into_iter()
            .find(|path| file_name(path).starts_with("rws-two-"))
            .unwrap_or_default();
        write_file(&path, read_file(&Rpm::new("rws-two", "9", "1").build(temporary_directory().path())));
        let ran = import(&server, &source, "live/1.10/el/9", &[]);
        assert_eq!(ran.code, Some(1), "{}", ran.transcript());
        assert!(ran.everything().contains("other bytes than the index of the source says"), "{}", ran.transcript());
        assert_eq!(of_primary(&server.url("/live/1.10/el/9/x86_64")).len(), 1);
    });
    rows.end();
}

/// An archive with packages, a source, and packages for all architectures.
fn debs(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = vec![
        Deb::new("rws-one", "1.0-1", "amd64").build(directory),
        Deb::new("rws-epoch", "1:2.0-1", "arm64").build(directory),
        Deb::new("rws-all", "1.0", "all").build(directory),
    ];
    files.extend(SourcePackage::new("rws-src", "1.0-1").build(directory).all());
    files
}

#[test]
fn an_archive_of_apt_ftparchive_from_a_directory_and_from_a_server() {
    let (tree, work) = (temporary_directory(), temporary_directory());
    for path in debs(work.path()) {
        write_file(&tree.path().join("pool/main/r/rws").join(file_name(&path)), read_file(&path));
    }
    for (index, command) in [("binary-amd64/Packages", "packages"), ("source/Sources", "sources")] {
        let listed =
            Program::new("apt-ftparchive", work.path()).current_dir(tree.path()).args([command, "pool"]).succeed();
        let path = tree.path().join("dists/stable/main").join(index);
        write_file(&path, &listed.stdout);
        Program::new("gzip", work.path()).arg(&path).succeed();
    }
    let release = Program::new("apt-ftparchive", work.path()).current_dir(tree.path());
    let release =
        release.args(["-o", "APT::FTPArchive::Release::Codename=stable", "release", "dists/stable"]).succeed();
    write_file(&tree.path().join("dists/stable/Release"), &release.stdout);
    let web = FileServer::of(tree.path());
    let before = of_suite(&web.url(""), "stable");
    assert!(before.len() >= 5, "{before:?}");
    let server = Server::start();
    let source = tree.path().display().to_string();
    let mut rows = Rows::default();
    let after = || of_suite(&server.url("/release/2.8/ubuntu"), "focal");
    rows.row("without the name of the suite", || {
        let ran = import(&server, &web.url(""), DEB_TARGET, &[]);
        assert_eq!(ran.code, Some(1), "{}", ran.transcript());
        assert!(ran.everything().contains("--suite"), "{}", ran.transcript());
    });
    rows.row("from a server", || {
        expect_counts(
            &import(&server, &web.url(""), DEB_TARGET, &["--suite", "stable", "--json"]).expect_success(),
            4,
            0,
        );
        assert_eq!(after(), before);
    });
    rows.row("from the directory: everything is there", || {
        let ran = import(&server, &source, DEB_TARGET, &["--suite", "stable"]).expect_success();
        assert!(ran.output().contains("0 packages imported"), "{}", ran.transcript());
    });
    rows.end();
}

#[test]
fn a_plain_directory_with_more_than_packages() {
    let tree = temporary_directory();
    debs(&tree.path().join("a/b"));
    let one = Deb::new("rws-one", "1.0-1", "amd64").build(&tree.path().join("again"));
    write_file(&tree.path().join("README"), "read me");
    write_file(&tree.path().join(".git/rws-hidden_1_all.deb"), read_file(&one));
    write_file(&tree.path().join("bad_1_all.deb"), "no package");
    let server = Server::start();
    let source = tree.path().display().to_string();
    let ran = import(&server, &source, DEB_TARGET, &["--product", "rws"]);
    assert_eq!(ran.code, Some(1), "{}", ran.transcript());
    assert!(ran.everything().contains("bad_1_all.deb: "), "{}", ran.transcript());
    let seen = of_suite(&server.url("/release/2.8/ubuntu"), "focal");
    let names: BTreeSet<&str> = seen.iter().map(|[name, ..]| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["rws-all", "rws-epoch", "rws-one", "rws-src"]));
    let content = sha256(&read_file(&one)).to_string();
    assert!(seen.iter().any(|[name, .., sha256]| name == "rws-one" && *sha256 == content), "{seen:?}");
    std::fs::remove_file(tree.path().join("bad_1_all.deb")).unwrap_or_else(|error| panic!("{error}"));
    let again = import(&server, &source, DEB_TARGET, &["--product", "rws"]).expect_success();
    assert!(again.output().contains("0 packages imported"), "{}", again.transcript());
    let empty = temporary_directory();
    for (source, text) in
        [(empty.path().display().to_string(), "no package"), ("nowhere".to_owned(), "is no directory")]
    {
        let ran = import(&server, &source, DEB_TARGET, &[]);
        assert!(ran.code == Some(1) && ran.everything().contains(text), "{}", ran.transcript());
    }
}

/// Of the full tier, which installs both tools.
#[test]
fn archives_of_reprepro_and_aptly() {
    let work = temporary_directory();
    let files = debs(work.path());
    let (packages, sources): (Vec<_>, Vec<_>) = files.iter().partition(|path| file_name(path).ends_with("deb"));
    let dsc = sources.iter().find(|path| file_name(path).ends_with(".dsc")).unwrap_or_else(|| panic!("{sources:?}"));
    let key = SecretKey::generate("ed25519");
    let reprepro = work.path().join("reprepro");
    let distributions = "Codename: bullseye\nArchitectures: amd64 arm64 source\nComponents: main\n";
    write_file(&reprepro.join("conf/distributions"), distributions);
    let program = || Program::new("reprepro", key.home()).arg("--basedir").arg(&reprepro);
    packages.iter().for_each(|path| {
        _ = program()
            .args(["--section", "misc", "--priority", "optional", "includedeb", "bullseye"])
            .arg(path)
            .succeed()
    });
    program().args(["--section", "misc", "--priority", "optional", "includedsc", "bullseye"]).arg(dsc).succeed();

    let aptly = work.path().join("aptly");
    let configuration = work.path().join("aptly.conf");
    write_file(&configuration, serde_json::json!({ "rootDir": aptly.display().to_string() }).to_string());
    let program = || Program::new("aptly", work.path()).arg(format!("-config={}", configuration.display()));
    program().args(["repo", "create", "rws"]).succeed();
    program().args(["repo", "add", "rws"]).args(packages.iter().copied().chain([*dsc])).succeed();
    program().args(["publish", "repo", "-skip-signing", "-distribution=bullseye", "rws"]).succeed();

    for (name, tree) in [("reprepro", reprepro), ("aptly", aptly.join("public"))] {
        let web = FileServer::of(&tree);
        let before = of_suite(&web.url(""), "bullseye");
        assert!(before.len() >= 5, "{name}: {before:?}");
        for source in [tree.display().to_string(), web.url("")] {
            let server = Server::start();
            let ran = import(&server, &source, DEB_TARGET, &["--suite", "bullseye", "--json"]).expect_success();
            expect_counts(&ran, 4, 0);
            assert_eq!(of_suite(&server.url("/release/2.8/ubuntu"), "focal"), before, "{name}");
        }
    }
}
