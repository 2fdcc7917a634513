//! RWS as a package: made by packaging/build, published by RWS itself, installed by apt and dnf, run by systemd. The program in it is the
//! one that all tests run.
#![expect(clippy::unwrap_used, reason = "test code")]

pub mod service;

use std::path::{Path, PathBuf};

use rws_lab::Chroot;

use crate::support::curl::{self, Upload};
use crate::support::machine::Machine;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{file_name, files_in, project_root, read_file, temporary_directory, test_cache};

const DEB_TARGET: &str = "/live/1.10/debian/bookworm";
const RPM_TARGET: &str = "/live/1.10/el/9";

/// Both packages of a version, in a directory.
#[track_caller]
fn build(directory: &Path, version: &str) -> [PathBuf; 2] {
    let tools =
        ["cargo-deb", "cargo-generate-rpm"].map(|tool| test_cache().join(tool).join("bin").display().to_string());
    let path = format!("{}:{}", std::env::var("PATH").unwrap(), tools.join(":"));
    let script = project_root().join("packaging/build");
    let directory = directory.join(version);
    // cargo has its own home
    let home = std::env::var("HOME").unwrap();
    let build = Program::new(script, Path::new(&home)).arg(&directory).arg(env!("CARGO_BIN_EXE_rws")).arg(version);
    build.env("PATH", path).env("FAST", "1").succeed();
    let made = |end: &str| {
        let files = files_in(&directory).into_iter().filter(|file| file.extension().is_some_and(|of| of == end));
        let files: Vec<PathBuf> = files.collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    };
    [made("deb"), made("rpm")]
}

#[track_caller]
fn publish_deb(server: &Server, deb: &Path) {
    let upload = Upload::to(&format!("{DEB_TARGET}?wait=60")).field("product", "rws");
    upload.file(deb).send(server).expect_created();
}

/// What stays over an upgrade, and what goes with a removal and with a purge.
const APT: &str = "
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo 'APT::Sandbox::User \"root\"; APT::Update::Error-Mode \"any\";' >/etc/apt/apt.conf.d/99test
# what this machine excludes to be small
rm -f /etc/dpkg/dpkg.cfg.d/*
cp $T/setup /etc/apt/sources.list.d/rws.sources
apt-get update
apt-get install -y --no-install-recommends rws
rws --version
stat -c '%U:%G %a %n' /etc/rws /etc/rws/* /usr/bin/rws
id rws
ls /etc/systemd/system/*.wants | grep rws
ls /usr/share/man/man1/rws.1.gz /usr/share/bash-completion/completions/rws /usr/share/doc/rws/copyright
(set -a; . /etc/rws/environment; rws config check)
systemd-analyze verify /usr/lib/systemd/system/rws.service /usr/lib/systemd/system/rws.socket
echo '# mine' >>/etc/rws/environment
chmod 755 /etc/rws; chown rws /etc/rws
mkdir -p /var/lib/rws/rws-data; echo kept >/var/lib/rws/rws-data/file
phase 1
apt-get update
apt-get upgrade -y
dpkg-query -W rws
tail -1 /etc/rws/environment
stat -c 'upgraded %U:%G %a %n' /etc/rws
dpkg --verify rws || true
apt-get remove -y rws
echo removed; ls /etc/rws; test ! -e /usr/bin/rws
apt-get purge -y rws
test ! -e /etc/rws; cat /var/lib/rws/rws-data/file; id -u rws >/dev/null
echo END";

#[test]
fn apt_installs_upgrades_removes_and_purges_rws() {
    let (server, directory) = (Server::start(), temporary_directory());
    let [first, _] = build(directory.path(), "7.1.0");
    let [second, _] = build(directory.path(), "7.2.0");
    publish_deb(&server, &first);
    let setup = curl::get(&server.url(&format!("/-/setup{DEB_TARGET}.sources"))).expect_status(200).body;
    let mut machine = Machine::start(Chroot::here(), &[("setup", setup)], APT);
    machine.until(1);
    publish_deb(&server, &second);
    machine.go(1);
    let said = machine.end();
    for part in [
        concat!("rws ", env!("CARGO_PKG_VERSION"), "\n"),
        "root:rws 750 /etc/rws\n",
        "root:root 644 /etc/rws/config.json\n",
        "root:root 600 /etc/rws/environment\n",
        "root:root 755 /usr/bin/rws\n",
        "rws.socket\n",
        "ok: ",
        "rws\t7.2.0-1\n# mine\n",
        "upgraded rws:rws 755 /etc/rws\n",
        "removed\nconfig.json\nenvironment\n",
        "The repositories in /var/lib/rws stay. To remove them, too: rm -r /var/lib/rws; userdel rws\n",
        "kept\n",
        "END\n",
    ] {
        assert!(without_trace(&said).contains(part), "{part:?} is not in\n{said}");
    }
}

/// What was said without the commands (`set -x`).
fn without_trace(said: &str) -> String {
    said.lines().filter(|line| !line.starts_with('+')).map(|line| format!("{line}\n")).collect()
}

/// What docs/how-to/install.md says.
const FOR_RPM: &str = "dnf install ./packages/rws-*.x86_64.rpm\nsystemctl enable --now rws.socket rws.service";

const DNF: &str = "
rm -rf /var/lib/rpm /usr/lib/sysimage/rpm /root/.rpmdb /var/cache/dnf
mkdir -p /etc/yum.repos.d /etc/dnf /var/lib/rpm; rm -f /etc/yum.repos.d/*
cp $T/setup /etc/yum.repos.d/rws.repo
dnf() { command dnf -y --noplugins --releasever=9 --forcearch=x86_64 --setopt=reposdir=/etc/yum.repos.d --refresh \"$@\"; }
dnf install rws
rws --version
stat -c '%U:%G %a %n' /etc/rws /etc/rws/* /usr/bin/rws
id rws
ls /usr/share/man/man1/rws.1.gz /usr/share/bash-completion/completions/rws /usr/share/licenses/rws/LICENSE
echo '# mine' >>/etc/rws/environment
mkdir -p /var/lib/rws/rws-data; echo kept >/var/lib/rws/rws-data/file
phase 1
dnf upgrade
rpm -q rws
tail -1 /etc/rws/environment
stat -c 'upgraded %U:%G %a %n' /etc/rws
rpm -V rws || true
dnf remove rws
echo removed; ls /etc/rws; test ! -e /usr/bin/rws
cat /var/lib/rws/rws-data/file; id -u rws >/dev/null
cd $T
DOCUMENTED
systemctl is-enabled rws.socket rws.service
echo END";

#[test]
fn dnf_installs_upgrades_and_removes_rws() {
    let (server, directory) = (Server::start(), temporary_directory());
    let [_, first] = build(directory.path(), "7.1.0");
    let [_, second] = build(directory.path(), "7.2.0");
    // what a machine of rpm packages has
    let asked = Program::new("rpm", directory.path()).args(["-qp", "--requires"]).arg(&first).succeed().output();
    let needed = asked.lines().filter(|line| !line.starts_with("rpmlib(") && !line.starts_with("config("));
    let base =
        needed.fold(Rpm::new("base", "1.0", "1").architecture("noarch"), |base, line| base.tag("Provides", line));
    let base = base.build(directory.path());
    for package in [&base, &first] {
        Upload::to(&format!("{RPM_TARGET}?wait=60")).file(package).send(&server).expect_created();
    }
    let setup = curl::get(&server.url(&format!("/-/setup{RPM_TARGET}.repo"))).expect_status(200).body;
    // no systemd runs there
    let documented = FOR_RPM.replace("enable --now", "enable");
    let package = (format!("packages/{}", file_name(&first)), read_file(&first));
    let files = [("setup", setup), (package.0.as_str(), package.1)];
    let mut machine = Machine::start(Chroot::here(), &files, &DNF.replace("DOCUMENTED", &documented));
    machine.until(1);
    Upload::to(&format!("{RPM_TARGET}?wait=60")).file(&second).send(&server).expect_created();
    machine.go(1);
    let said = machine.end();
    for part in [
        concat!("rws ", env!("CARGO_PKG_VERSION"), "\n"),
        "root:rws 750 /etc/rws\n",
        "root:root 644 /etc/rws/config.json\n",
        "root:root 600 /etc/rws/environment\n",
        "rws-7.2.0-1.x86_64\n# mine\n",
        "upgraded root:rws 750 /etc/rws\n",
        "removed\nenvironment.rpmsave\n",
        "kept\n",
        "enabled\nenabled\n",
        "END\n",
    ] {
        assert!(without_trace(&said).contains(part), "{part:?} is not in\n{said}");
    }
}
