//! A bucket without keys in the configuration: those that AWS's own programs would find.

use crate::bucket::refusals::expect_refused;
use crate::support::bucket::{Bucket, expect_ready};
use crate::support::curl::{self, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::{temporary_directory, write_file};

fn without_keys() -> Bucket {
    let bucket = Bucket::on_ceph().with("S3_ACCESS_KEY", "").with("S3_SECRET_KEY", "");
    bucket.with("AWS_EC2_METADATA_DISABLED", "true").with("HOME", "/nowhere")
}

#[test]
fn a_profile_has_them() {
    let (bucket, directory) = (without_keys(), temporary_directory());
    let file = directory.path().join("credentials");
    let (key, secret) = (&bucket.s3.access_key, &bucket.s3.secret_key);
    write_file(&file, format!("[ci]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"));
    let file = file.display().to_string();
    let server = bucket.with("AWS_SHARED_CREDENTIALS_FILE", &file).with("AWS_PROFILE", "ci").start();
    expect_ready(&server);
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/7?wait=60").file(&package).send(&server).expect_created();
    curl::get(&server.url("/live/1.10/el/7/x86_64/repodata/repomd.xml")).expect_status(200);
}

#[test]
fn nothing_has_them() {
    let asked = [
        "RWS has no keys for the store: set S3_ACCESS_KEY and S3_SECRET_KEY",
        "environment: AWS_ACCESS_KEY_ID is not set",
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        "profile files: /nowhere/.aws/credentials and /nowhere/.aws/config have no profile",
        "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
        "instance metadata: AWS_EC2_METADATA_DISABLED is set",
    ];
    expect_refused(&without_keys(), &asked);
}
