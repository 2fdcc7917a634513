//! The package with the keys and the `.repo` file of a target, installed by the real rpm and read by the real clients.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod journeys;
mod keys;

use std::fs;
use std::process::Command;

use rws_lab::PrivateSystem;
use rws_model::BuiltPackage;

use crate::support::inspect_bytes;
use client::package;

#[test]
fn equal_input_gives_equal_bytes_and_is_accepted() {
    let file = package("1~rc1+x", &["key"], None);
    assert_eq!(file, package("1~rc1+x", &["key"], None));
    assert_eq!(file.file.as_str(), "rws-live-release-1~rc1+x-1.noarch.rpm");
    let inspected = inspect_bytes(file.file.as_str(), &file.bytes, 1000).unwrap();
    assert_eq!((inspected.architecture.as_str(), inspected.misnamed, inspected.warnings), ("noarch", None, vec![]));
}

/// What rpm reads of a package file.
fn queries(system: &PrivateSystem, digests: &[&str]) {
    let BuiltPackage { file: name, bytes } = package("1.0", &["one key", "another key"], Some("of others\n"));
    system.write(&format!("/tmp/{name}"), bytes);
    let rpm = |arguments: &[&str]| {
        system.succeed(&[&["rpm", "--dbpath", "/var/lib/rpm"], arguments, &[&format!("/tmp/{name}")]].concat())
    };
    assert!(rpm(&["--checksig"]).ends_with(".rpm: digests OK\n"));
    let checked = rpm(&["--checksig", "--verbose"]);
    for digest in digests {
        assert!(checked.contains(&format!("{digest} digest: OK")), "{digest}: {checked}");
    }
    // its columns are wider in newer versions
    let information =
        rpm(&["-qpil", "--scripts"]).split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    for part in [
        "Signature : (none)",
        "Build Date : Tue Nov 14 22:13:20 2023",
        "Packager : RWS <rws@example.org>",
        "Source RPM : rws-live-release-1.0-1.src.rpm",
        "\n/etc/pki/rpm-gpg/RPM-GPG-KEY-rws-live\n/etc/pki/rpm-gpg/RPM-GPG-KEY-rws-live_packages\n\
         /usr/share/rws-live-release\n/usr/share/rws-live-release/rws-live-1.10-el-9.repo\n",
        "postinstall scriptlet (using /bin/sh):",
        "preuninstall scriptlet (using /bin/sh):",
    ] {
        assert!(information.contains(part), "{part}: {information}");
    }
    let requires = rpm(&["-qp", "--queryformat", "[%{REQUIRENAME} %{REQUIREFLAGS} %{REQUIREVERSION}\n]"]);
    assert_eq!(
        requires,
        "/bin/sh 3072 \nrpmlib(CompressedFileNames) 16777226 3.0.4-1\n\
         rpmlib(FileDigests) 16777226 4.6.0-1\nrpmlib(PayloadFilesHavePrefix) 16777226 4.0-1\n"
    );
    let files = rpm(&["-qp", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEMTIMES} %{FILEFLAGS}\n]"]);
    assert!(
        files.lines().all(|line| line.ends_with("r--r-- root 1700000000 0") || line == "drwxr-xr-x root 1700000000 0"),
        "{files}"
    );
}

#[test]
fn rpm_reads_it() {
    queries(&PrivateSystem::new(), &["Header SHA1", "Header SHA256", "Payload SHA256", "MD5"]);
}

#[test]
fn rpm_of_sid_reads_it() {
    queries(&PrivateSystem::of_sid(), &["Header SHA256", "Payload SHA256"]);
}

#[test]
fn the_shell_reads_the_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let BuiltPackage { file: name, bytes } = package("1", &["key"], None);
    fs::write(directory.path().join(name.as_str()), bytes).unwrap();
    for tag in ["POSTIN", "PREUN"] {
        let query = ["-qp", "--queryformat", &format!("%{{{tag}}}"), name.as_str()];
        let script = Command::new("rpm").args(query).current_dir(directory.path()).output().unwrap();
        let path = directory.path().join(tag);
        fs::write(&path, script.stdout).unwrap();
        let dash = Command::new("dash").arg("-n").arg(&path).output().unwrap();
        assert!(dash.status.success(), "{}", String::from_utf8_lossy(&dash.stderr));
    }
}
