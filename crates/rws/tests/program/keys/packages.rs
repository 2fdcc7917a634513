//! rpm packages that are signed when they are uploaded, judged by rpm, createrepo_c and dnf.

use std::path::{Path, PathBuf};

use rws_lab::{Chroot, rpm as lab};
use serde_json::json;

use super::stand::{DNF, Stand, keys};
use crate::support::curl::{self, Answer, Upload};
use crate::support::dnf::Dnf;
use crate::support::gpgv::SecretKey;
use crate::support::packages::rpm::Rpm;
use crate::support::private_root::PrivateRoot;
use crate::support::program::{Program, Ran};
use crate::support::{file_name, read_file, temporary_directory, test_cache, write_file};

/// All packages are signed, or those without a signature.
fn stand(algorithm: &str, mode: &str) -> (Stand, SecretKey) {
    let key = SecretKey::generate(algorithm);
    let stand = Stand::with_keys(&[("a", &key)], &json!({ "keys": keys("a", &[], &[]), "sign_packages": mode }));
    (stand, key)
}

fn send(stand: &Stand, path: &Path) -> Answer {
    Upload::to(&format!("/{DNF}?wait=60")).file(path).send(&stand.server)
}

/// Where rpm knows one key: of this machine, or of Debian sid.
struct Rpms {
    home: PrivateRoot,
    system: Option<Chroot>,
}

impl Rpms {
    fn with_key(system: Option<Chroot>, keys: &[&SecretKey]) -> Self {
        let rpms = Self { home: PrivateRoot::new(), system };
        std::fs::create_dir_all(rpms.home.join("db")).expect("a directory can be made");
        for (number, key) in keys.iter().enumerate() {
            let file = rpms.home.join(format!("{number}.asc"));
            write_file(&file, key.public_armored());
            rpms.run("rpmkeys", &["--import", &file.display().to_string()]).expect_success();
        }
        rpms
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let words = self.system.as_ref().map_or_else(|| vec![program.into()], |system| system.command(program));
        let mut words = words.into_iter();
        let program = Program::new(words.next().expect("a word"), self.home.path()).args(words);
        program.arg("--dbpath").arg(self.home.join("db")).args(arguments).run()
    }

    /// `rpm -K`, with signatures demanded.
    #[track_caller]
    fn verify(&self, file: &Path) {
        let path = file.display().to_string();
        let ran = self.run("rpmkeys", &["--define", "_pkgverify_level all", "-Kv", &path]).expect_success();
        let said = ran.output();
        assert!(said.contains("ignature") && !said.contains("NOKEY") && !said.contains("BAD"), "{said}");
        // the same signature, whatever the number of places where it stands
        let signed = self.run("rpmkeys", &["--define", "_pkgverify_level signature", "-K", &path]).expect_success();
        assert!(signed.output().contains("digests signatures OK"), "{}", signed.transcript());
    }

    /// Whether rpm installs it where only signed packages are allowed.
    fn installs(&self, file: &Path) -> Ran {
        let root = PrivateRoot::new();
        let path = file.display().to_string();
        let root = root.path().display().to_string();
        let arguments =
            ["--define", "_pkgverify_level all", "-i", "--justdb", "--nodeps", "--ignorearch", "--root", &root, &path];
        // the keys are in the database of the root
        let keys = self.home.join("0.asc").display().to_string();
        let words = self.system.as_ref().map_or_else(|| vec!["rpm".into()], |system| system.command("rpm"));
        let program = |arguments: &[&str]| {
            let mut words = words.clone().into_iter();
            Program::new(words.next().expect("a word"), self.home.path()).args(words).args(arguments).run()
        };
        program(&["--root", &root, "--import", &keys]).expect_success();
        program(&arguments)
    }
}

/// The published file, and that its index says the same of it as createrepo_c does.
#[track_caller]
fn published(stand: &Stand, name: &str, directory: &Path) -> PathBuf {
    let primary = primary(stand);
    let href = primary
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .find(|href| href.ends_with(&format!("/{name}")))
        .unwrap_or_else(|| panic!("{name} is not in {primary}"));
    let body = curl::get(&stand.server.url(&format!("/{DNF}/x86_64/{href}"))).expect_status(200).body;
    let below = directory.join("published");
    let file = below.join(name);
    write_file(&file, body);
    // createrepo_c of the published file alone
    let judged = directory.join("judged");
    std::fs::create_dir_all(&judged).expect("a directory can be made");
    std::fs::copy(&file, judged.join(name)).expect("it can be copied");
    Program::new(test_cache().join("venv/bin/createrepo_c"), directory)
        .args(["--quiet", "--no-database", "--general-compress-type=gz"])
        .arg(&judged)
        .succeed();
    let theirs = Program::new("sh", directory)
        .args(["-c", "zcat \"$1\"/repodata/*-primary.xml.gz", "sh"])
        .arg(&judged)
        .succeed()
        .output();
    let facts = |text: &str| -> Vec<String> {
        let package = text
            .split("<package type")
            .find(|part| part.contains(&format!("/{name}\"")) || part.contains(&format!("\"{name}\"")))
            .unwrap_or_else(|| panic!("{name} is not in {text}"))
            .to_owned();
        let wanted = ["<checksum", "<rpm:header-range", "<version", "<name", "<arch"];
        let lines = package.lines().map(str::trim).filter(|line| wanted.iter().any(|start| line.starts_with(start)));
        let sizes = package.lines().filter(|line| line.contains("<size "));
        let size =
            |line: &str| line.split("package=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        lines.map(str::to_owned).chain(sizes.filter_map(size)).collect()
    };
    assert_eq!(facts(&primary), facts(&theirs));
    std::fs::remove_dir_all(&judged).expect("it was made");
    file
}

/// The text of the primary index.
pub fn primary(stand: &Stand) -> String {
    let repomd = curl::get(&stand.server.url(&format!("/{DNF}/x86_64/repodata/repomd.xml"))).expect_status(200).text();
    let href = repomd.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
    let href =
        href.into_iter().find(|href| href.contains("-primary.xml")).expect("there is a primary index").to_owned();
    let body = curl::get(&stand.server.url(&format!("/{DNF}/x86_64/{href}"))).expect_status(200).body;
    let directory = temporary_directory();
    write_file(&directory.path().join("primary.gz"), body);
    Program::new("zcat", directory.path()).arg(directory.path().join("primary.gz")).succeed().output()
}

fn repo_file(stand: &Stand) -> String {
    curl::get(&stand.server.url(&format!("/-/setup/{DNF}.repo"))).expect_status(200).text()
}

#[test]
fn packages_are_signed_once_and_every_rpm_verifies_them() {
    for algorithm in ["rsa2048", "ed25519"] {
        let (stand, key) = stand(algorithm, "unsigned");
        let work = temporary_directory();
        let rpm = Rpm::new("thing", "1.0", "1").build(work.path());
        send(&stand, &rpm).expect_created();
        let rpms = Rpms::with_key(None, &[&key]);
        let file = published(&stand, &file_name(&rpm), work.path());
        rpms.verify(&file);
        rpms.installs(&file).expect_success();
        // rpmbuild leaves room for a signature: size and payload stay
        let (before, after) = (read_file(&rpm), read_file(&file));
        assert_eq!(before.len(), after.len());
        assert_eq!(before[6000..], after[6000..]);
        rpms.installs(&rpm).expect_failure();
        // the same file again changes nothing
        let generation = || curl::get(&stand.server.url("/-/repositories")).text();
        let (bytes, now) = (after, generation());
        send(&stand, &rpm).expect_created();
        assert_eq!(read_file(&published(&stand, &file_name(&rpm), work.path())), bytes);
        assert_eq!(generation(), now);
        // and the published one neither
        send(&stand, &file).expect_created();
        assert_eq!(read_file(&published(&stand, &file_name(&rpm), work.path())), bytes);
    }
}

#[test]
fn dnf_installs_signed_packages_with_gpgcheck() {
    let (stand, _) = stand("rsa2048", "unsigned");
    // without a package that is not signed, and none to come
    assert!(repo_file(&stand).contains("\ngpgcheck=1\n"), "{}", repo_file(&stand));
    let work = temporary_directory();
    let rpm = Rpm::new("thing", "1.0", "1").architecture("noarch").build(work.path());
    send(&stand, &rpm).expect_created();
    let text = repo_file(&stand);
    assert!(text.contains("\ngpgcheck=1\n"), "{text}");
    let dnf = Dnf::new(&text, "9");
    dnf.run(&["install", "thing"]).expect_success();
    let installed = dnf.run(&["--quiet", "list", "--installed", "thing"]).expect_success().output();
    assert!(installed.contains("thing.noarch"), "{installed}");
}

#[test]
fn who_is_not_known_is_refused_and_package_keys_are_taken() {
    let (ours, theirs, stranger) =
        (SecretKey::generate("rsa2048"), SecretKey::generate("rsa2048"), SecretKey::generate("rsa2048"));
    let sources = |work: &Path| {
        write_file(&work.join("vendor.asc"), theirs.public_armored());
        write_file(&work.join("a.asc"), ours.secret_armored());
        json!({ "a": { "file": work.join("a.asc") } })
    };
    let mut stand = Stand::start(sources, &json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned" }));
    let vendor = stand.path("vendor.asc");
    stand.change(&json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned", "package_keys": [vendor] }));
    let work = temporary_directory();
    let signed = |key: &SecretKey, name: &str| {
        let rpm = Rpm::new(name, "1.0", "1").architecture("noarch").build(work.path());
        sign_with_rpmsign(&rpm, key);
        rpm
    };
    let answer = send(&stand, &signed(&stranger, "stranger"));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(
        answer.text().contains("signed with a key that clients of the repository do not know"),
        "{}",
        answer.text()
    );
    for (name, key) in [("vendor", &theirs), ("own", &ours)] {
        let rpm = signed(key, name);
        send(&stand, &rpm).expect_created();
        let file = published(&stand, &file_name(&rpm), work.path());
        assert_eq!(read_file(&file), read_file(&rpm), "as it was sent");
        Rpms::with_key(None, &[key]).verify(&file);
    }
    let text = repo_file(&stand);
    assert!(text.contains("\ngpgcheck=1\n") && text.contains(".packages.asc"), "{text}");
    let dnf = Dnf::new(&text, "9");
    dnf.run(&["install", "vendor", "own"]).expect_success();

    // replaced, whoever signed it
    stand.change(&json!({ "keys": keys("a", &[], &[]), "sign_packages": "always" }));
    let rpm = signed(&stranger, "replaced");
    send(&stand, &rpm).expect_created();
    let file = published(&stand, &file_name(&rpm), work.path());
    Rpms::with_key(None, &[&ours]).verify(&file);
    // vendor's package cannot be verified any more
    assert!(repo_file(&stand).contains("\ngpgcheck=0\n"));
}

/// With rpmsign of this machine.
#[track_caller]
fn sign_with_rpmsign(rpm: &Path, key: &SecretKey) {
    sign_with_rpmsign_as(rpm, key, &[]);
}

fn sign_with_rpmsign_as(rpm: &Path, key: &SecretKey, options: &[&str]) {
    let home = key.home();
    Program::new("rpmsign", home)
        .env("GNUPGHOME", home)
        .args(["--define", "_gpg_name test@example.invalid", "--define", "__gpg /usr/bin/gpg", "--addsign"])
        .args(options)
        .arg(rpm)
        .succeed();
}

#[test]
fn packages_that_are_there_are_signed_in_batches() {
    let key = SecretKey::generate("ed25519");
    let mut stand = Stand::with_keys(&[("a", &key)], &json!({ "keys": keys("a", &[], &[]) }));
    let work = temporary_directory();
    let names: Vec<PathBuf> = (0..70)
        .map(|number| {
            let name = format!("thing{number}");
            if number == 69 {
                return Rpm::new(&name, "1.0", "1").architecture("noarch").build(work.path());
            }
            let file = work.path().join(format!("{name}-2.0-1.x86_64.rpm"));
            write_file(&file, lab::Package::hello().with(1000, lab::text(&name)).with_payload_digest().build());
            file
        })
        .collect();
    Upload::to(&format!("/{DNF}?wait=60")).files(&names).send(&stand.server).expect_created();
    let old = primary(&stand);
    let sign = |stand: &Stand| {
        Program::new(env!("CARGO_BIN_EXE_rws"), work.path())
            .args(["--config", &stand.path("rws.json").display().to_string(), "sign", DNF, "--data-dir"])
            .arg(stand.server.data_dir())
            .run()
    };
    let said = sign(&stand).expect_success().output();
    assert!(said.contains("its packages are not signed"), "{said}");
    assert!(repo_file(&stand).contains("\ngpgcheck=0\n"));

    stand.change(&json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned", "on_conflict": "refuse" }));
    assert!(repo_file(&stand).contains("\ngpgcheck=0\n"), "some are not signed");
    let said = sign(&stand).expect_success().output();
    assert!(said.contains("x86_64: 64 of 70 packages signed") && said.contains("x86_64: 70 of 70"), "{said}");
    assert!(repo_file(&stand).contains("\ngpgcheck=1\n"));
    let rpms = Rpms::with_key(None, &[&key]);
    rpms.verify(&published(&stand, &file_name(&names[69]), work.path()));
    // who has the old index finds the old files
    let href = old.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a file");
    curl::get(&stand.server.url(&format!("/{DNF}/x86_64/{href}"))).expect_status(200);
    // nothing is left to do, and the same files are no conflict
    let said = sign(&stand).expect_success().output();
    assert!(said.contains("x86_64: all packages are signed"), "{said}");
    send(&stand, &names[3]).expect_created();
}

#[test]
fn an_anchor_signs_with_the_key_of_each_repository() {
    let (first, second) = (SecretKey::generate("ed25519"), SecretKey::generate("rsa2048"));
    let mut stand = Stand::with_keys(
        &[("first", &first), ("second", &second)],
        &json!({ "keys": keys("first", &[], &[]), "sign_packages": "unsigned" }),
    );
    stand.add_entry(&json!({ "match": "release", "keys": keys("second", &[], &[]) }));
    let work = temporary_directory();
    let rpm = Rpm::new("thing", "1.0", "1").architecture("noarch").build(work.path());
    Upload::to("/tarantool-modules/el/9?wait=60").file(&rpm).send(&stand.server).expect_created();
    for (target, key) in [("live/1.10/el/9", &first), ("live/2.9/el/9", &first), ("release/1.10/el/9", &second)] {
        let url = stand.server.url(&format!("/{target}/x86_64/Packages/{}", file_name(&rpm)));
        let file = work.path().join("file.rpm");
        write_file(&file, curl::get(&url).expect_status(200).body);
        Rpms::with_key(None, &[key]).verify(&file);
    }
}

#[test]
fn a_key_that_clients_do_not_verify_stops_uploads_there_and_nothing_else() {
    let key = SecretKey::generate("ed25519");
    let stand = Stand::with_keys(&[("a", &key)], &json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned" }));
    let work = temporary_directory();
    let rpm = Rpm::new("thing", "1.0", "1").architecture("noarch").build(work.path());
    for (version, status) in [("7", 503), ("8", 503), ("9", 201)] {
        let answer = Upload::to(&format!("/live/2.11/el/{version}?wait=60")).file(&rpm).send(&stand.server);
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 503 {
            let text = answer.text();
            assert!(text.contains("makes EdDSA signatures") && text.contains("use an RSA key there"), "{text}");
            assert!(answer.header("retry-after").is_some());
        }
    }
    // nothing is wrong with what is not signed
    stand.publish("1.0");
    let check = Program::new(env!("CARGO_BIN_EXE_rws"), work.path())
        .args(["--config", &stand.path("rws.json").display().to_string(), "config", "check"])
        .run()
        .expect_failure();
    assert!(check.everything().contains("makes EdDSA signatures"), "{}", check.transcript());
}

/// A package of rpm before 4.14: no signature of its header covers its payload.
#[test]
fn a_package_that_clients_refuse_signed_is_refused_where_they_do() {
    let (stand, _key) = stand("rsa2048", "unsigned");
    let work = temporary_directory();
    let rpm = work.path().join("hello-2.0-1.x86_64.rpm");
    write_file(&rpm, lab::Package::hello().build());
    for (target, status) in [("el/7", 201), ("el/8", 400), ("el/9", 400), ("el/10", 400), ("fedora/45", 400)] {
        let answer = Upload::to(&format!("/live/2.11/{target}")).file(&rpm).send(&stand.server);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        if status == 400 {
            assert!(answer.text().contains("no digest of its payload"), "{}", answer.text());
        }
    }
}

/// A vendor's package as older rpmsign signs it, with a signature of header and payload beside that of the header; or with the
/// only one where rpm 4 does not look. The vendor's signature stays, where all clients look for it.
#[test]
fn the_signature_of_a_vendor_stays_where_all_clients_find_it() {
    let (ours, theirs) = (SecretKey::generate("rsa2048"), SecretKey::generate("rsa2048"));
    let sources = |work: &Path| {
        write_file(&work.join("vendor.asc"), theirs.public_armored());
        write_file(&work.join("a.asc"), ours.secret_armored());
        json!({ "a": { "file": work.join("a.asc") } })
    };
    let mut stand = Stand::start(sources, &json!({ "keys": keys("a", &[], &[]) }));
    let vendor = stand.path("vendor.asc");
    let trusting = json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned", "package_keys": [vendor] });
    stand.change(&trusting);
    let work = temporary_directory();
    let rpm = Rpm::new("old-style", "1.0", "1").architecture("noarch").build(work.path());
    sign_with_rpmsign_as(&rpm, &theirs, &["--rpmv3"]);
    send(&stand, &rpm).expect_created();
    let file = published(&stand, &file_name(&rpm), work.path());
    let rpms = Rpms::with_key(None, &[&theirs]);
    rpms.verify(&file);
    let text = repo_file(&stand);
    assert!(text.contains("\ngpgcheck=1\n"), "{text}");
    Dnf::new(&text, "9").run(&["install", "old-style"]).expect_success();

    // all packages are to have our signature: those that are there get it, and then only the key of the repository is needed
    stand.change(&json!({ "keys": keys("a", &[], &[]), "sign_packages": "always" }));
    assert!(repo_file(&stand).contains("\ngpgcheck=0\n"));
    let sign = || {
        Program::new(env!("CARGO_BIN_EXE_rws"), work.path())
            .args(["--config", &stand.path("rws.json").display().to_string(), "sign", DNF, "--data-dir"])
            .arg(stand.server.data_dir())
            .run()
            .expect_success()
            .output()
    };
    let said = sign();
    assert!(said.contains("x86_64: 1 of 1 packages signed"), "{said}");
    Rpms::with_key(None, &[&ours]).verify(&published(&stand, &file_name(&rpm), work.path()));
    assert!(repo_file(&stand).contains("\ngpgcheck=1\n"));
    let said = sign();
    assert!(said.contains("all packages are signed"), "{said}");
}

#[test]
fn a_vendor_signature_that_clients_do_not_verify_is_refused() {
    let (ours, theirs) = (SecretKey::generate("rsa2048"), SecretKey::generate("ed25519"));
    let sources = |work: &Path| {
        write_file(&work.join("vendor.asc"), theirs.public_armored());
        write_file(&work.join("a.asc"), ours.secret_armored());
        json!({ "a": { "file": work.join("a.asc") } })
    };
    let mut stand = Stand::start(sources, &json!({ "keys": keys("a", &[], &[]) }));
    let vendor = stand.path("vendor.asc");
    stand.change(&json!({ "keys": keys("a", &[], &[]), "sign_packages": "unsigned", "package_keys": [vendor] }));
    let work = temporary_directory();
    let rpm = Rpm::new("vendor", "1.0", "1").architecture("noarch").build(work.path());
    sign_with_rpmsign(&rpm, &theirs);
    for (version, status) in [("7", 400), ("8", 400), ("9", 201)] {
        let answer = Upload::to(&format!("/live/2.11/el/{version}")).file(&rpm).send(&stand.server);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.text().contains("it has EdDSA signatures"), status == 400, "{}", answer.text());
    }
}

#[test]
fn a_signer_that_is_away_takes_no_package_and_keeps_nothing() {
    let key = SecretKey::generate("rsa2048");
    let sources = |work: &Path| {
        write_file(&work.join("public.asc"), key.public_armored());
        json!({ "hsm": { "command": ["/nowhere/sign"], "public": work.join("public.asc") } })
    };
    let stand = Stand::start(sources, &json!({ "keys": keys("hsm", &[], &[]), "sign_packages": "unsigned" }));
    let work = temporary_directory();
    let rpm = Rpm::new("thing", "1.0", "1").architecture("noarch").build(work.path());
    let answer = send(&stand, &rpm);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && answer.text().contains("RWS kept nothing"), "{}", answer.text());
    let left = crate::support::files_below(&stand.server.data_dir().join(".rws"));
    let left: Vec<&PathBuf> = left.iter().filter(|path| path.to_string_lossy().contains("thing")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The same with rpm 6: `tests/run full`.
#[test]
fn every_rpm_of_sid_and_of_this_machine_verifies_packages_of_both_formats() {
    let sid = Chroot::sid();
    let work = temporary_directory();
    let home = work.path().join("home");
    let spec = work.path().join("thing.spec");
    write_file(
        &spec,
        "Name: thing\nVersion: 1.0\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n\
         %install\nmkdir -p %{buildroot}/usr/share/thing\necho hi > %{buildroot}/usr/share/thing/f\n\
         %files\n/usr/share/thing\n",
    );
    for algorithm in ["rsa4096", "ed25519"] {
        for format in ["4", "6"] {
            let (stand, key) = stand(algorithm, "unsigned");
            let top = work.path().join(format!("{algorithm}{format}"));
            let mut words = sid.command("rpmbuild").into_iter();
            Program::new(words.next().expect("a word"), &home)
                .args(words)
                .args(["-bb", "--define", &format!("_rpmformat {format}"), "--define"])
                .arg(format!("_topdir {}", top.display()))
                .arg(&spec)
                .succeed();
            let rpm = top.join("RPMS/noarch/thing-1.0-1.noarch.rpm");
            send(&stand, &rpm).expect_created();
            let file = published(&stand, &file_name(&rpm), &top);
            assert_eq!(read_file(&file).len(), read_file(&rpm).len());
            let rpms = Rpms::with_key(Some(Chroot::sid()), &[&key]);
            rpms.verify(&file);
            rpms.installs(&file).expect_success();
            rpms.installs(&rpm).expect_failure();
            if format == "4" {
                Rpms::with_key(None, &[&key]).verify(&file);
            }
        }
    }
}
