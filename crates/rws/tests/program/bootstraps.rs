//! Programs that fetch from an archive without apt: each asks for a name with an epoch in its own way.

use std::path::Path;

use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{file_name, files_below, temporary_directory, write_file};

const TARGET: &str = "/live/1.10/debian/bookworm";
const ARCHIVE: &str = "/live/1.10/debian";

/// What the scripts of debootstrap and cdebootstrap ask for by name, in versions with epochs and without.
const PACKAGES: [(&str, &str); 12] = [
    ("apt", "2:2.0"),
    ("base-files", "1"),
    ("base-passwd", "1"),
    ("ca-certificates", "1"),
    ("debconf", "1"),
    ("dpkg", "3:1"),
    ("fdisk", "1"),
    ("init", "1"),
    ("libc-bin", "1"),
    ("mawk", "1"),
    ("rws-base", "1:1.0+b1~x"),
    ("usr-is-merged", "1"),
];

/// A server whose packages were sent under the names that `apt-get download` writes.
fn archive(work: &Path) -> Server {
    let server = Server::start();
    let mut upload = Upload::to(&format!("{TARGET}?wait=30")).field("product", "base");
    for (name, version) in PACKAGES {
        let deb = Deb::new(name, version, "all").field("Priority", "required");
        let sent_as = format!("{name}_{}_all.deb", version.replace(':', "%3a"));
        upload = upload.file(&deb.build_as(work, &sent_as));
    }
    upload.send(&server).expect_created();
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    write_file(&work.join("key.asc"), key);
    let dearmor = ["--batch", "--dearmor", "--output", "key.gpg", "key.asc"];
    Program::new("gpg", work).current_dir(work).args(dearmor).succeed();
    server
}

/// The packages that a program has kept, by their names.
fn kept(root: &Path) -> Vec<String> {
    let files = files_below(root).into_iter().filter(|path| path.extension().is_some_and(|end| end == "deb"));
    let mut names: Vec<String> =
        files.map(|path| file_name(&path).split('_').next().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn debootstrap_fetches_names_with_epochs() {
    let work = temporary_directory();
    let server = archive(work.path());
    let root = work.path().join("root");
    let keyring = format!("--keyring={}", work.path().join("key.gpg").display());
    Program::new("debootstrap", work.path())
        .args(["--download-only", "--variant=minbase", "--arch=amd64", keyring.as_str(), "bookworm"])
        .arg(&root)
        .arg(server.url(ARCHIVE))
        .succeed();
    assert_eq!(kept(&root), PACKAGES.map(|(name, _)| name));
}

#[test]
fn mmdebstrap_unpacks_names_with_epochs() {
    let work = temporary_directory();
    let server = archive(work.path());
    let root = work.path().join("root");
    let key = work.path().join("key.gpg");
    Program::new("mmdebstrap", work.path())
        .args(["--variant=extract", "--mode=root", "--include=rws-base,apt", "bookworm"])
        .arg(&root)
        .arg(format!("deb [signed-by={}] {} bookworm main", key.display(), server.url(ARCHIVE)))
        .succeed();
    for name in ["rws-base", "apt"] {
        assert!(root.join(format!("usr/share/doc/{name}/README")).is_file(), "{name}");
    }
}

#[test]
fn cdebootstrap_fetches_names_with_epochs() {
    let work = temporary_directory();
    let server = archive(work.path());
    let root = work.path().join("root");
    Program::new("cdebootstrap", work.path())
        .args(["--download-only", "--flavour=minimal", "--arch=amd64", "--keyring"])
        .arg(work.path().join("key.gpg"))
        .arg("bookworm")
        .arg(&root)
        .arg(server.url(ARCHIVE))
        .succeed();
    assert!(kept(&root).contains(&"apt".to_owned()), "{:?}", kept(&root));
}

/// As mirrors do: the name as it stands in the index, behind the address of the archive. What was published under a name with
/// `%3a` before is found by either writing.
#[test]
fn wget_fetches_names_with_epochs() {
    let work = temporary_directory();
    let server = archive(work.path());
    let index = curl::get(&server.url(&format!("{ARCHIVE}/dists/bookworm/main/binary-amd64/Packages.gz"))).text();
    let names: Vec<&str> = index.lines().filter_map(|line| line.strip_prefix("Filename: ")).collect();
    assert_eq!(names.len(), PACKAGES.len());
    assert!(names.iter().any(|name| name.ends_with("rws-base_1:1.0+b1~x_all.deb")), "{names:?}");
    let pool = server.data_dir().join("live/1.10/debian/pool/bookworm/main/b/base");
    std::fs::copy(pool.join("apt_2:2.0_all.deb"), pool.join("old_1%3a1_all.deb")).unwrap();
    let mut urls: Vec<String> = names.iter().map(|name| server.url(&format!("{ARCHIVE}/{name}"))).collect();
    let old =
        ["old_1%3a1_all.deb", "old_1:1_all.deb", "old_1%253a1_all.deb", "apt_2%3a2.0_all.deb", "apt_2%253a2.0_all.deb"];
    urls.extend(old.map(|name| server.url(&format!("{ARCHIVE}/pool/bookworm/main/b/base/{name}"))));
    for url in urls {
        let ran = Program::new("wget", work.path()).args(["--quiet", "--output-document=-", url.as_str()]).run();
        assert!(ran.succeeded() && ran.stdout.starts_with(b"!<arch>\n"), "{url}: {:?}", ran.code);
    }
}

/// A whole mirror: it checks the signature, every index and every digest, and asks for each file by its name in the index.
#[test]
fn debmirror_fetches_names_with_epochs() {
    let work = temporary_directory();
    let server = archive(work.path());
    let host = server.base_url().trim_start_matches("http://").to_owned();
    let keyring = work.path().join("key.gpg");
    let mirror = work.path().join("mirror");
    let options =
        ["--method=http", "--dist=bookworm", "--section=main", "--arch=amd64", "--nosource", "--rsync-extra=none"];
    let debmirror = Program::new("debmirror", work.path()).args(options).arg(format!("--host={host}"));
    let debmirror = debmirror.arg(format!("--root={}", &ARCHIVE[1..])).arg(format!("--keyring={}", keyring.display()));
    debmirror.arg(&mirror).succeed();
    let mut names: Vec<String> = files_below(&mirror.join("pool")).iter().map(|path| file_name(path)).collect();
    names.sort();
    assert_eq!(names.len(), PACKAGES.len(), "{names:?}");
    assert!(names.contains(&"rws-base_1:1.0+b1~x_all.deb".to_owned()), "{names:?}");
}
