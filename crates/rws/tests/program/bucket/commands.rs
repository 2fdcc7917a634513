//! `rws sync` and `rws verify` on a bucket, beside a running server.

use std::sync::Arc;

use rws_lab::{Fault, Proxy};

use crate::support::bucket::Bucket;
use crate::support::curl::Upload;
use crate::support::packages::deb::Deb;
use crate::support::temporary_directory;

const TARGET: &str = "/release/2.8/ubuntu/focal";

/// More requests than this need nothing in a bucket with one repository: what there is, is listed.
const ENOUGH: usize = 200;

/// A bucket with one repository, seen through a proxy that refuses whoever asks too much.
#[track_caller]
fn with_one_repository() -> (Bucket, Proxy) {
    let bucket = Bucket::on_ceph();
    let directory = temporary_directory();
    let package = Deb::new("rws-one", "1.0-1", "amd64").build(directory.path());
    let upload = Upload::to(&format!("{TARGET}?wait=60")).field("product", "product");
    upload.file(&package).send(&bucket.serve()).expect_created();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(|seen| {
        (seen.number > ENOUGH).then_some(Fault::Answer { status: 403, code: "AskedTooMuch", effect: false })
    })));
    (bucket.through(&proxy), proxy)
}

#[test]
fn synchronising_all_asks_for_what_is_there() {
    let (bucket, _proxy) = with_one_repository();
    let said = bucket.command(&["sync", "--all"]).expect_success().output();
    assert_eq!(said, "release/2.8/ubuntu/focal: unchanged\n1 repositories are in sync with the store\n");
}

#[test]
fn verifying_all_asks_for_what_is_there() {
    let (bucket, _proxy) = with_one_repository();
    let said = bucket.command(&["verify", "--all"]).expect_success().output();
    assert!(said.contains("1 repositories are consistent"), "{said}");
}

#[test]
fn a_bucket_that_cannot_be_used_ends_a_command_with_the_reason() {
    let mut bucket = Bucket::on_ceph().with("S3_RETRIES", "1");
    bucket.name.push_str("-other");
    for command in ["sync", "verify"] {
        let ran = bucket.command(&[command, TARGET]);
        assert_eq!(ran.code, Some(1), "{}", ran.transcript());
        let said = ran.everything();
        assert!(said.contains("NoSuchBucket") && said.contains("correct S3_BUCKET"), "{said}");
        assert!(!said.contains(&bucket.s3.secret_key), "{said}");
    }
}
