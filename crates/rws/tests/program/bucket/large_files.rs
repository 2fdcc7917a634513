//! Large files, which go to the bucket while they are still being received.

use std::path::Path;

use rws_lab::{Proxy, Seen};

use crate::support::bucket::Bucket;
use crate::support::curl;
use crate::support::form::{self, File, Form};
use crate::support::packages::deb::{Compression, Deb};
use crate::support::raw::{Connection, Request};
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory, wait};

const TARGET: &str = "release/2.8/ubuntu/focal";

const SIZE_BYTES: usize = 20 << 20;

/// What is left to send when the test looks at the bucket.
const REST_BYTES: usize = 1 << 20;

#[track_caller]
fn package(directory: &Path, name: &str, size_bytes: usize) -> File {
    let content: Vec<u8> = (0..size_bytes).map(|number| (number % 251) as u8 ^ (number >> 16) as u8).collect();
    let package = Deb::new(name, "1.0-1", "amd64").file("usr/share/large", &content).compression(Compression::None);
    let file = package.build(directory);
    File::new(&file_name(&file), read_file(&file))
}

fn request(server: &Server, body: &[u8]) -> Request {
    Request::new("PUT", &format!("/{TARGET}?wait=30"))
        .user(server.credentials())
        .header("Content-Type", &form::content_type())
        .header("Content-Length", &body.len().to_string())
}

/// Sends all but the end of a request, and returns once the first part of its file is in the bucket.
#[track_caller]
fn begin(server: &Server, proxy: &Proxy, request: &Request, body: &[u8]) -> Connection {
    let mut connection = Connection::open(server);
    connection.write(&request.head(server));
    connection.write(&body[..body.len() - REST_BYTES]);
    let is_part = |seen: &Seen| seen.query.contains("partNumber=1") && seen.status == 200;
    wait::until("the first part", wait::BOUND, || proxy.seen().iter().any(is_part).then_some(()));
    connection
}

/// Waits until the parts of a file were given up, or the file deleted.
#[track_caller]
fn expect_nothing_left(bucket: &Bucket, proxy: &Proxy) {
    let is_deleted =
        |seen: &Seen| seen.method == "DELETE" && seen.path.contains("/.rws/incoming/") && seen.status == 204;
    wait::until("a deletion", wait::BOUND, || proxy.seen().iter().any(is_deleted).then_some(()));
    let places = [".rws/incoming/", ".rws/pending/", ".rws/uploads/", "release/"];
    let is_left = |key: &String| places.iter().any(|place| key.starts_with(place));
    wait::until("an empty bucket", wait::BOUND, || (!bucket.keys().iter().any(is_left)).then_some(()));
}

#[test]
fn a_large_file_is_on_its_way_before_its_request_has_ended() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let large = package(directory.path(), "large", SIZE_BYTES);
    let body = Form::new().file(&large).field("product", "large").finish();
    let request = request(&server, &body);
    proxy.forget();
    let mut connection = begin(&server, &proxy, &request, &body);
    assert!(!proxy.seen().iter().any(|seen| seen.path.contains("/.rws/uploads/")), "nothing is promised yet");
    connection.write(&body[body.len() - REST_BYTES..]);
    connection.answer(&request).expect_created();
    let url = server.url(&format!("/release/2.8/ubuntu/pool/focal/main/l/large/{}", large.name));
    assert!(curl::get(&url).expect_status(200).body == large.bytes);
    let sent: u64 =
        proxy.seen().iter().filter(|seen| seen.path.contains("/.rws/incoming/")).map(|seen| seen.request_bytes).sum();
    assert!(sent < (SIZE_BYTES + SIZE_BYTES / 10) as u64, "each byte is sent once: {sent}");
}

#[test]
fn nothing_stays_of_a_large_file_whose_request_is_refused() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let large = package(directory.path(), "large", SIZE_BYTES);
    let cut = package(directory.path(), "cut", REST_BYTES * 2).cut(REST_BYTES);
    let body = Form::new().field("product", "large").file(&large).file(&cut).finish();
    let request = request(&server, &body);
    proxy.forget();
    let mut connection = begin(&server, &proxy, &request, &body);
    connection.write(&body[body.len() - REST_BYTES..]);
    connection.answer(&request).expect_status(400);
    expect_nothing_left(&bucket, &proxy);
}

#[test]
fn nothing_stays_of_a_large_file_whose_client_goes_away() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let large = package(directory.path(), "large", SIZE_BYTES);
    let body = Form::new().field("product", "large").file(&large).finish();
    let request = request(&server, &body);
    proxy.forget();
    begin(&server, &proxy, &request, &body).cut();
    expect_nothing_left(&bucket, &proxy);
}
