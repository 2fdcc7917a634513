//! Release packages: they bring clients keys and client files, and new ones when keys change, without anybody doing anything.
//! The clients are real, on a copy of this machine or of Debian sid.

use std::path::{Path, PathBuf};

use rws_lab::Chroot;
use serde_json::{Value, json};

use super::stand::{APT, DNF, Stand, keys};
use crate::support::curl::{self, Upload};
use crate::support::gpgv::SecretKey;
use crate::support::machine::Machine;
use crate::support::packages::rpm::Rpm;
use crate::support::program::{Program, Ran};
use crate::support::{temporary_directory, wait, write_file};

const NAME: &str = "example";

/// Entries whose repositories have a release package.
fn entry(active: &str, also: &[&str], announced: &[&str]) -> Value {
    json!({ "keys": keys(active, also, announced), "release_package": { "name": NAME } })
}

/// A server with two keys, that knows its own address.
fn stand() -> (Stand, [SecretKey; 2]) {
    let both = [SecretKey::generate("rsa2048"), SecretKey::generate("rsa2048")];
    let mut stand =
        Stand::with_keys(&[("old", &both[0]), ("new", &both[1])], &json!({ "keys": keys("old", &[], &[]) }));
    stand.know_own_address();
    stand.change(&entry("old", &[], &[]));
    (stand, both)
}

/// The versions of the release package in the index of a repository.
fn versions(stand: &Stand, rpm: bool) -> Vec<String> {
    if rpm {
        let text = super::packages::primary(stand);
        let name = format!("<name>{NAME}-release</name>");
        let parts = text.split(&name).skip(1);
        let version =
            |part: &str| part.split("ver=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        return parts.filter_map(version).collect();
    }
    let url = stand.server.url("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz");
    let text = curl::get(&url).text();
    let stanzas = text.split("\n\n").filter(|stanza| stanza.contains(&format!("Package: {NAME}-archive-keyring\n")));
    let version = |stanza: &str| stanza.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned);
    stanzas.filter_map(version).collect()
}

/// Waits until each repository has so many versions of its release package.
#[track_caller]
fn until_versions(stand: &Stand, count: usize) {
    let all = wait::until_or(wait::BOUND * 2, || {
        (versions(stand, false).len() == count && versions(stand, true).len() == count).then_some(())
    });
    assert!(all.is_some(), "{:?} {:?}\n{}", versions(stand, false), versions(stand, true), stand.server.log());
}

#[test]
fn packages_are_made_once_and_anew_when_keys_change() {
    let (mut stand, _) = stand();
    stand.publish("1.0");
    until_versions(&stand, 1);
    let first = versions(&stand, false);
    // nothing changes: not at another start, and not with other packages
    stand.change(&entry("old", &[], &[]));
    stand.publish("2.0");
    let said = release_package(&stand, &[]).expect_success().output();
    assert_eq!(said, format!("{APT}: unchanged {}\n{DNF}: unchanged {}\n", first[0], versions(&stand, true)[0]));
    until_versions(&stand, 1);
    assert_eq!(versions(&stand, false), first);
    // another key that clients should know
    stand.change(&entry("old", &[], &["new"]));
    until_versions(&stand, 2);
    // by hand, under another name
    let said = release_package(&stand, &["--name", "other"]).expect_success().output();
    assert!(said.contains("other-archive-keyring_") && said.contains("other-release-"), "{said}");
    // nobody else brings one
    let work = temporary_directory();
    let rpm = Rpm::new("example-release", "99", "1").architecture("noarch").build(work.path());
    let answer = Upload::to(&format!("/{DNF}")).file(&rpm).send(&stand.server);
    assert_eq!(answer.status, 403, "{}", answer.text());
}

fn release_package(stand: &Stand, more: &[&str]) -> Ran {
    let home = temporary_directory();
    Program::new(env!("CARGO_BIN_EXE_rws"), home.path())
        .args(["--config", &stand.path("rws.json").display().to_string(), "release-package", APT, DNF, "--data-dir"])
        .arg(stand.server.data_dir())
        .args(more)
        .run()
}

#[test]
fn dpkg_and_rpm_read_what_is_built() {
    let (stand, _) = stand();
    stand.publish("1.0");
    until_versions(&stand, 1);
    let work = temporary_directory();
    let [deb, rpm] = fetch(&stand, work.path());
    let run = |program: &str, arguments: &[&str], file: &Path| {
        Program::new(program, work.path()).args(arguments).arg(file).succeed().output()
    };
    let fields = run("dpkg-deb", &["--field"], &deb);
    assert!(fields.contains("Architecture: all\nMulti-Arch: foreign\n"), "{fields}");
    let listed = run("dpkg-deb", &["--contents"], &deb);
    for part in ["./usr/share/keyrings/example-archive-keyring.gpg", ".sources", "root/root"] {
        assert!(listed.contains(part), "{listed}");
    }
    let keyring = work.path().join("tree");
    Program::new("dpkg-deb", work.path()).arg("--extract").arg(&deb).arg(&keyring).succeed();
    run("gpg", &["--batch", "--show-keys"], &keyring.join("usr/share/keyrings/example-archive-keyring.gpg"));
    let listed = run("rpm", &["-qplv"], &rpm);
    assert!(listed.contains("/etc/pki/rpm-gpg/RPM-GPG-KEY-example") && listed.contains("root"), "{listed}");
    assert!(run("rpm", &["-K", "--nosignature"], &rpm).contains("digests OK"));
    run("rpm", &["-qp", "--scripts"], &rpm);
    // scripts that every shell reads
    for shell in ["dash", "bash"] {
        let scripts = work.path().join("scripts");
        Program::new("dpkg-deb", work.path()).arg("--control").arg(&deb).arg(&scripts).succeed();
        for script in ["postinst", "prerm"] {
            Program::new(shell, work.path()).arg("-n").arg(scripts.join(script)).succeed();
        }
        std::fs::remove_dir_all(&scripts).expect("it was made");
    }
}

/// Both packages, as files.
fn fetch(stand: &Stand, directory: &Path) -> [PathBuf; 2] {
    let text = curl::get(&stand.server.url("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz")).text();
    let names = text.lines().filter_map(|line| line.strip_prefix("Filename: "));
    let deb = names.rev().find(|name| name.contains("archive-keyring")).expect("there is one").to_owned();
    let text = super::packages::primary(stand);
    let hrefs = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let rpm = hrefs
        .fold(None, |last, href| if href.contains("example-release") { Some(href) } else { last })
        .expect("there is one")
        .to_owned();
    [format!("/live/2.11/debian/{deb}"), format!("/{DNF}/x86_64/{rpm}")].map(|path| {
        let file = directory.join(path.rsplit('/').next().expect("a name"));
        write_file(&file, curl::get(&stand.server.url(&path)).expect_status(200).body);
        file
    })
}

/// What a client has before it gets the release package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: the package is installed as a file.
    Bare,
    /// A file of `/-/setup/`, as it is.
    Setup,
    /// The same under a name of its own.
    SetupRenamed,
    /// The same, edited by hand.
    Edited,
}

/// From the old key to the new one: with all updates on the way, and nothing done by hand.
fn rotates_apt(system: &dyn Fn() -> Chroot) {
    for before in [Before::Bare, Before::Setup, Before::SetupRenamed, Before::Edited] {
        let (mut stand, [old, new]) = stand();
        stand.publish("1.0");
        until_versions(&stand, 1);
        let work = temporary_directory();
        let [deb, _] = fetch(&stand, work.path());
        let setup = curl::get(&stand.server.url(&format!("/-/setup/{APT}.sources"))).expect_status(200).body;
        let setup = match before {
            Before::Edited => [b"# mine\n".to_vec(), setup].concat(),
            _ => setup,
        };
        let name = "rws-live-2.11-debian-bookworm.sources";
        let given = match before {
            Before::Bare => "apt-get install -y $T/release.deb".to_owned(),
            Before::SetupRenamed => "cp $T/setup /etc/apt/sources.list.d/mine.sources; apt-get update".to_owned(),
            Before::Setup | Before::Edited => format!("cp $T/setup /etc/apt/sources.list.d/{name}; apt-get update"),
        };
        let script = format!(
            "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*\n\
             echo 'APT::Sandbox::User \"root\"; APT::Update::Error-Mode \"any\";' >/etc/apt/apt.conf.d/99test\n\
             {given}\napt-get update\napt-get install -y {NAME}-archive-keyring\napt-get update\n\
             ls /etc/apt/sources.list.d\ncat /etc/apt/sources.list.d/*\nphase 1\n\
             apt-get update\napt-get upgrade -y --with-new-pkgs\napt-get update\nphase 2\n\
             apt-get update && echo READS || echo REFUSED\napt-cache madison rws-thing\n\
             cat /etc/apt/sources.list.d/*\ndpkg -l {NAME}-archive-keyring\n\
             apt-get purge -y {NAME}-archive-keyring\nls /etc/apt/sources.list.d\necho END"
        );
        let files = [("setup", setup), ("release.deb", std::fs::read(deb).expect("it was fetched"))];
        let mut machine = Machine::start(system(), &files, &script);
        machine.until(1);
        // the next key is announced, in a new release package
        stand.change(&entry("old", &[], &["new"]));
        until_versions(&stand, 2);
        machine.go(1);
        machine.until(2);
        stand.change(&entry("new", &["old"], &[]));
        stand.change(&entry("new", &[], &[]));
        stand.publish("2.0");
        machine.go(2);
        let said = machine.end();
        let is_edited = before == Before::Edited;
        assert!(said.contains("READS") != is_edited, "{before:?}: {said}");
        assert!(said.contains("rws-thing |        2.0") != is_edited, "{before:?}: {said}");
        if is_edited {
            assert!(said.contains("were changed by hand and stay as they are: /etc/apt/sources.list.d/rws-"), "{said}");
        } else {
            // one source of this repository, without a key inside
            assert!(!said.contains("Conflicting values"), "{before:?}: {said}");
            let last = said.rsplit("apt-cache madison").next().unwrap_or_default();
            assert!(!last.contains("mine.sources"), "{before:?}: {said}");
            assert!(last.contains("Signed-By: /usr/share/keyrings/example-archive-keyring.gpg"), "{said}");
        }
        drop((old, new));
    }
}

/// The same for dnf: `gpgkey` names a file of the package.
fn rotates_dnf(system: &dyn Fn() -> Chroot, dnf: &str, plugins: &str) {
    for before in [Before::Bare, Before::Setup, Before::SetupRenamed] {
        let (mut stand, _keys) = stand();
        let work = temporary_directory();
        // what a machine of rpm packages has
        let base = Rpm::new("base", "1.0", "1").architecture("noarch").tag("Provides", "/bin/sh").build(work.path());
        Upload::to(&format!("/{DNF}?wait=60")).file(&base).send(&stand.server).expect_created();
        stand.publish("1.0");
        until_versions(&stand, 1);
        let [_, rpm] = fetch(&stand, work.path());
        let setup = curl::get(&stand.server.url(&format!("/-/setup/{DNF}.repo"))).expect_status(200).body;
        let given = match before {
            Before::Bare => "rpm -i --nodeps $T/release.rpm".to_owned(),
            Before::SetupRenamed => "cp $T/setup /etc/yum.repos.d/mine.repo".to_owned(),
            Before::Setup | Before::Edited => "cp $T/setup /etc/yum.repos.d/rws-live-2.11-el-9.repo".to_owned(),
        };
        let script = format!(
            "rm -rf /var/lib/rpm /usr/lib/sysimage/rpm /root/.rpmdb /var/cache/dnf /var/cache/libdnf5 /etc/zypp\n\
             mkdir -p /etc/yum.repos.d /etc/dnf /var/lib/rpm; rm -f /etc/yum.repos.d/*\n\
             dnf() {{ command {dnf} -y {plugins} --releasever=9 --forcearch=x86_64 --setopt=reposdir=/etc/yum.repos.d \
             --refresh \"$@\"; }}\n\
             {given}\ndnf makecache\ndnf install {NAME}-release\ncat /etc/yum.repos.d/*\nphase 1\n\
             dnf upgrade\ndnf makecache\nphase 2\n\
             dnf makecache && echo READS || echo REFUSED\ndnf install rws-thing\nrpm -q rws-thing {NAME}-release\n\
             ls /etc/yum.repos.d\ncat /etc/yum.repos.d/*\ndnf remove {NAME}-release\nls /etc/yum.repos.d\necho END"
        );
        let files = [("setup", setup), ("release.rpm", std::fs::read(rpm).expect("it was fetched"))];
        let mut machine = Machine::start(system(), &files, &script);
        machine.until(1);
        stand.change(&entry("old", &[], &["new"]));
        until_versions(&stand, 2);
        machine.go(1);
        machine.until(2);
        stand.change(&entry("new", &["old"], &[]));
        stand.change(&entry("new", &[], &[]));
        stand.publish("2.0");
        machine.go(2);
        let said = machine.end();
        assert!(said.contains("READS") && said.contains("rws-thing-2.0"), "{before:?}: {said}");
        assert!(said.contains("gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-example"), "{before:?}: {said}");
    }
}

/// zypper takes the keys of `gpgkey` files of packages where it is told to: `--gpg-auto-import-keys`.
#[test]
fn zypper_of_sid_follows_a_new_key() {
    let (mut stand, _keys) = stand();
    let work = temporary_directory();
    let base = Rpm::new("base", "1.0", "1")
        .architecture("noarch")
        .tag("Provides", "/bin/sh")
        .tag("Provides", "glibc")
        .build(work.path());
    Upload::to(&format!("/{DNF}?wait=60")).file(&base).send(&stand.server).expect_created();
    stand.publish("1.0");
    until_versions(&stand, 1);
    let [_, rpm] = fetch(&stand, work.path());
    let script = format!(
        "rm -rf /var/lib/rpm /usr/lib/sysimage/rpm /root/.rpmdb /etc/yum.repos.d\n\
         mkdir -p /etc/zypp/repos.d /var/lib/rpm; rm -f /etc/zypp/repos.d/*\n\
         printf '[main]\\narch = x86_64\\n' >/etc/zypp/zypp.conf\n\
         zypper() {{ command zypper --non-interactive --gpg-auto-import-keys \"$@\"; }}\n\
         rpm -i --nodeps $T/release.rpm\nls /etc/zypp/repos.d\nzypper refresh --force\nzypper install base {NAME}-release\nphase 1\n\
         zypper refresh --force\nzypper update\nzypper refresh --force\nphase 2\n\
         zypper refresh --force && echo READS || echo REFUSED\nzypper install rws-thing\n\
         rpm -q rws-thing {NAME}-release\ncat /etc/zypp/repos.d/*\necho END"
    );
    let files = [("release.rpm", std::fs::read(rpm).expect("it was fetched"))];
    let mut machine = Machine::start(Chroot::sid(), &files, &script);
    machine.until(1);
    stand.change(&entry("old", &[], &["new"]));
    until_versions(&stand, 2);
    machine.go(1);
    machine.until(2);
    stand.change(&entry("new", &["old"], &[]));
    stand.change(&entry("new", &[], &[]));
    stand.publish("2.0");
    machine.go(2);
    let said = machine.end();
    assert!(said.contains("READS") && said.contains("rws-thing-2.0"), "{said}");
    assert!(said.contains("gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-example"), "{said}");
}

#[test]
fn apt_of_this_machine_follows_a_new_key() {
    rotates_apt(&Chroot::here);
}

#[test]
fn dnf_of_this_machine_follows_a_new_key() {
    rotates_dnf(&Chroot::here, "dnf", "--noplugins");
}

#[test]
fn apt_3_of_sid_follows_a_new_key() {
    rotates_apt(&Chroot::sid);
}

#[test]
fn dnf5_of_sid_follows_a_new_key() {
    rotates_dnf(&Chroot::sid, "dnf5", "--setopt=plugins=0");
}
