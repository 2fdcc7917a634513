//! The same uploads into a directory and into a bucket make the same repository.

use std::path::Path;

use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::packages::source::SourcePackage;
use crate::support::server::Server;
use crate::support::{file_name, temporary_directory};

const SUITE: &str = "/release/2.8/ubuntu/dists/focal";

#[track_caller]
fn body(server: &Server, path: &str) -> Vec<u8> {
    curl::get(&server.url(path)).expect_status(200).body
}

/// Sizes and digests of all index files, as the root has them.
#[track_caller]
fn sums(server: &Server) -> String {
    let release = String::from_utf8(body(server, &format!("{SUITE}/Release"))).unwrap();
    release.split_once("\nSHA256:").unwrap().1.to_owned()
}

#[test]
fn packages_and_indexes_are_equal_byte_for_byte() {
    let directory = temporary_directory();
    let debs =
        ["1:1.0~rc1-1", "1.0+dfsg-1"].map(|version| Deb::new("rws-one", version, "amd64").build(directory.path()));
    let all = Deb::new("rws-all", "1.0-1", "all").build(directory.path());
    let source = SourcePackage::new("rws-src", "1.0-1").upstream_signature().build(directory.path());
    let files = [debs.to_vec(), vec![all], source.all()].concat();
    let servers = [Server::start(), Bucket::on_ceph().serve()];
    for server in &servers {
        for files in [&files[..1], &files[1..]] {
            let upload = Upload::to("/release/2.8/ubuntu/focal?wait=60").field("product", "product");
            upload.files(files).send(server).expect_created();
        }
    }
    let [local, on_ceph] = &servers;
    let listed = sums(local);
    assert_eq!(listed, sums(on_ceph));
    let names = listed.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    let mut compared = 0;
    for name in names.filter_map(|line| line.split_whitespace().nth(2)) {
        // the plain form of an index must be listed, but need not exist
        if Path::new(name).extension().is_some() {
            let path = format!("{SUITE}/{name}");
            assert!(body(local, &path) == body(on_ceph, &path), "{path} differs");
            compared += 1;
        }
    }
    assert!(compared > 0, "{listed}");
    for file in &files {
        let path = format!("/release/2.8/ubuntu/pool/focal/main/p/product/{}", file_name(file));
        assert!(body(local, &path) == body(on_ceph, &path), "{path} differs");
    }
}
