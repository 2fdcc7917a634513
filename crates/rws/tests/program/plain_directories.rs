//! `rws index`: a plain directory or bucket prefix becomes a repository without a server, as the replaced tool did it.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::path::Path;
use std::process::{Command, Output};

use crate::support::apt::{Apt, Sources};
use crate::support::bucket::Bucket;
use crate::support::dnf::Dnf;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::{read_file, temporary_directory, write_file};

fn rws(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rws"));
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("RWS_") || name.starts_with("S3_") || name.starts_with("GPG_"))
    {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[track_caller]
fn expect(arguments: &[&str], variables: &[(&str, &str)], code: i32, part: &str) {
    let (status, text) = rws(arguments, variables);
    assert_eq!(status, Some(code), "{arguments:?}: {text}");
    assert!(text.contains(part), "{arguments:?} does not say {part:?}: {text}");
}

/// What apt knows of a package in an unsigned repository of a directory.
#[track_caller]
fn expect_apt(directory: &Path, package: &str) {
    let apt = Apt::new(&Sources::OneLine(&format!("deb [trusted=yes] file:{} focal main\n", directory.display())));
    let updated = apt.update();
    assert_eq!(updated.errors, Vec::<String>::new(), "{}", updated.output());
    let policy = apt.cache(&["policy", package]).output();
    assert!(policy.contains("1.0-1"), "{policy}");
}

#[test]
fn a_directory_of_debs() {
    let (place, files) = (temporary_directory(), temporary_directory());
    let pool = place.path().join("pool/focal/main/h/hello");
    std::fs::create_dir_all(&pool).unwrap();
    let put = |name: &str| {
        let built = Deb::new(name, "1.0-1", "amd64").build(files.path());
        std::fs::copy(&built, pool.join(built.file_name().unwrap())).unwrap();
    };
    put("hello");
    let path = place.path().to_str().unwrap();
    expect(&["index", path], &[], 0, &format!("{path}/focal: published"));
    expect_apt(place.path(), "hello");
    expect(&["index", path], &[], 0, &format!("{path}/focal: unchanged"));
    put("world");
    write_file(&pool.join("bad_1.0-1_amd64.deb"), "no package");
    expect(&["index", path], &[], 1, "bad_1.0-1_amd64.deb");
    expect(&["index", "--force", path], &[], 0, &format!("{path}/focal: published"));
    assert_eq!(
        read_file(&place.path().join("dists/focal/malformed_list.txt")),
        b"pool/focal/main/h/hello/bad_1.0-1_amd64.deb"
    );
    expect_apt(place.path(), "world");
}

#[test]
fn a_directory_of_rpms_and_what_is_refused() {
    let (place, files) = (temporary_directory(), temporary_directory());
    let built = Rpm::new("hello", "1.0", "1").build(files.path());
    let packages = place.path().join("x86_64/Packages");
    std::fs::create_dir_all(&packages).unwrap();
    std::fs::copy(&built, packages.join(built.file_name().unwrap())).unwrap();
    let repository = place.path().join("x86_64");
    let path = repository.to_str().unwrap();
    expect(&["index", "--sign", path], &[], 1, "GPG_SIGN_KEY_ARMORED");
    expect(&["index", path], &[], 0, &format!("{path}: published"));
    let repo = format!("[plain]\nname=plain\nbaseurl=file://{path}\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\n");
    Dnf::new(&repo, "7").makecache().expect_success();
    assert!(!repository.join("repodata/repomd.xml.asc").exists());

    expect(&["index", "/nowhere/at/all"], &[], 1, "it is not a directory");
    let empty = temporary_directory();
    expect(&["index", empty.path().to_str().unwrap()], &[], 1, "it has no packages");
    // inside an installation its heads count
    std::fs::create_dir_all(place.path().join(".rws/heads")).unwrap();
    expect(&["index", path], &[], 1, "rws sync --data-dir");
}

#[test]
fn a_prefix_of_a_bucket() {
    let bucket = Bucket::on_ceph();
    let files = temporary_directory();
    let built = Rpm::new("hello", "1.0", "1").build(files.path());
    bucket.put("deep/repo/Packages/hello-1.0-1.x86_64.rpm", read_file(&built));
    let environment = bucket.environment();
    let value =
        |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap();
    let path = format!("s3://{}/deep/repo", value("S3_BUCKET"));
    let (url, key, secret) = (value("S3_URL"), value("S3_ACCESS_KEY"), value("S3_SECRET_KEY"));
    let arguments = ["index", "--s3-endpoint", &url, "--s3-region", "default", "--s3-access-key-id", &key, &path];
    expect(&arguments, &[("S3_SECRET_KEY", &secret)], 0, &format!("{path}: published"));
    let root = String::from_utf8(bucket.get("deep/repo/repodata/repomd.xml").unwrap()).unwrap();
    assert!(root.contains("primary"), "{root}");
    expect(&arguments, &[("S3_SECRET_KEY", &secret)], 0, &format!("{path}: unchanged"));
    expect(&["index", &path], &[], 2, "S3_URL");
}
