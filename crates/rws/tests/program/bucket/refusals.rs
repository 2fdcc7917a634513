//! A bucket that cannot be used: what is said of it, and that no secret is in it.

use std::sync::Arc;

use rws_lab::{Fault, Proxy, S3Server};
use serde_json::json;

use crate::support::bucket::{Bucket, expect_not_ready, expect_ready};
use crate::support::curl::{self, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{configuration_file, temporary_directory};

/// The program on a bucket that refuses it: it lives, and all that it says has these words and no secret.
#[track_caller]
pub fn expect_refused(bucket: &Bucket, parts: &[&str]) {
    let server = bucket.clone().with("RUST_LOG", "debug").with("S3_RETRIES", "1").start();
    let ready = expect_not_ready(&server, parts);
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let refused = Upload::to("/live/1.10/el/7").file(&package).send(&server).expect_status(503);
    let status = curl::get(&server.url("/-/status")).expect_status(200).text();
    let page = curl::get(&server.url("/live/")).text();
    for part in parts {
        assert!(status.contains(part), "/-/status does not say {part:?}: {status}");
        server.wait_for_log(part);
    }
    expect_no_secrets(&server, bucket, &[ready, refused.text(), status, page, server.log()]);
}

#[track_caller]
fn expect_no_secrets(server: &Server, bucket: &Bucket, texts: &[String]) {
    let password = &server.credentials().password;
    for text in texts {
        for secret in [bucket.s3.secret_key.as_str(), "X-Amz-Signature", "PRIVATE KEY", "$argon2id$"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert!(!text.contains(&format!("ci:{password}")), "{text}");
    }
}

#[test]
fn no_such_bucket() {
    let mut bucket = Bucket::on_ceph();
    bucket.name.push_str("-other");
    expect_refused(&bucket, &["NoSuchBucket", "correct S3_BUCKET"]);
}

#[test]
fn an_unknown_access_key() {
    let mut bucket = Bucket::on_ceph();
    bucket.s3.access_key = "UNKNOWN".to_owned();
    expect_refused(&bucket, &["InvalidAccessKeyId", "The store does not know S3_ACCESS_KEY"]);
}

#[test]
fn a_wrong_secret_key() {
    let mut bucket = Bucket::on_ceph();
    bucket.s3.secret_key = "wrong-secret-9f2c".to_owned();
    expect_refused(&bucket, &["SignatureDoesNotMatch", "S3_SECRET_KEY does not belong to S3_ACCESS_KEY"]);
}

#[test]
fn the_bucket_of_somebody_else() {
    let stranger = Bucket::on_ceph().by(S3Server::ceph_other());
    expect_refused(&stranger, &["AccessDenied", "S3_ACCESS_KEY needs the right to list the bucket"]);
}

const LIST: &str = "s3:ListBucket";
const GET: &str = "s3:GetObject";
const PUT: &str = "s3:PutObject";
const DELETE: &str = "s3:DeleteObject";
const ABORT: &str = "s3:AbortMultipartUpload";

/// What docs/configuration.md says that the access key needs.
const DOCUMENTED: [&str; 5] = [LIST, GET, PUT, DELETE, ABORT];

/// A policy that gives the other user the documented rights but some. Those are denied: who writes an object owns it,
/// and would have them anyway.
fn policy(bucket: &Bucket, denied: &[&str]) -> String {
    let of_bucket = format!("arn:aws:s3:::{}", bucket.name);
    let statement = |effect: &str, actions: &[&str]| {
        json!({
            "Effect": effect,
            "Principal": { "AWS": ["arn:aws:iam:::user/other"] },
            "Action": actions,
            "Resource": [of_bucket, format!("{of_bucket}/*")],
        })
    };
    let denied = (!denied.is_empty()).then(|| statement("Deny", denied));
    let statements: Vec<_> = std::iter::once(statement("Allow", &DOCUMENTED)).chain(denied).collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// The bucket of one user as another one uses it, who has the documented rights but some.
#[track_caller]
fn shared_without(denied: &[&str]) -> Bucket {
    let bucket = Bucket::on_ceph();
    bucket.s3.set_policy(&bucket.name, &policy(&bucket, denied));
    bucket.by(S3Server::ceph_other())
}

#[test]
fn each_right_that_is_missing_is_named() {
    for (missing, needed) in [
        (LIST, "the right to list the bucket"),
        (PUT, "the right to write objects"),
        (GET, "the right to read objects"),
        (DELETE, "the right to delete objects"),
    ] {
        expect_refused(&shared_without(&[missing]), &["S3_ACCESS_KEY needs", needed]);
    }
}

#[test]
fn the_documented_rights_are_enough() {
    let server = shared_without(&[]).serve();
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7?wait=60").file(&package).send(&server).expect_created();
    curl::get(&server.url("/live/1.10/el/7/x86_64/repodata/repomd.xml")).expect_status(200);
}

#[test]
fn a_right_that_comes_later_is_used_without_a_restart() {
    let owned = Bucket::on_ceph();
    let server = owned.by(S3Server::ceph_other()).start();
    expect_not_ready(&server, &["S3_ACCESS_KEY needs the right to list the bucket"]);
    owned.s3.set_policy(&owned.name, &policy(&owned, &[]));
    expect_ready(&server);
}

/// Ceph takes any region: what AWS answers is put into its mouth.
#[test]
fn another_region() {
    for (status, code, advice) in [
        (400, "AuthorizationHeaderMalformed", "S3_REGION is not the region of the bucket"),
        (400, "AuthorizationQueryParametersError", "S3_REGION is not the region of the bucket"),
        (301, "PermanentRedirect", "correct S3_REGION and S3_URL"),
    ] {
        let bucket = Bucket::on_ceph();
        let proxy = Proxy::start(&bucket.s3.url);
        proxy.set_fault(Some(Arc::new(move |_| Some(Fault::Answer { status, code, effect: false }))));
        expect_refused(&bucket.through(&proxy), &[code, advice]);
    }
}

#[test]
fn a_bucket_that_takes_no_access_lists() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(|seen| {
        let refused = Fault::Answer { status: 400, code: "AccessControlListNotSupported", effect: false };
        seen.header("x-amz-acl").map(|_| refused)
    })));
    let bucket = bucket.through(&proxy);
    expect_refused(
        &bucket.clone().with("S3_PUBLIC_READ", "true"),
        &["AccessControlListNotSupported", "S3_PUBLIC_READ"],
    );
    bucket.serve();
}

#[test]
fn something_else_answers() {
    let not_s3 = Bucket::on_ceph().serve();
    let mut bucket = Bucket::on_ceph();
    bucket.s3.url = not_s3.base_url().to_owned();
    expect_refused(&bucket, &["S3 answered 404", "S3_URL"]);
}

#[test]
fn a_server_that_only_reads_needs_no_rights_to_write() {
    let owned = Bucket::on_ceph();
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7?wait=60").file(&package).send(&owned.serve()).expect_created();
    owned.s3.set_policy(&owned.name, &policy(&owned, &[PUT, DELETE]));
    let read_only = configuration_file(directory.path(), |value| value["server"] = json!({ "read_only": true }));
    let server = owned.by(S3Server::ceph_other()).with("RWS_CFG", &read_only).serve();
    curl::get(&server.url("/live/1.10/el/7/x86_64/repodata/repomd.xml")).expect_status(200);
}
