//! A service that is not S3, or does something else than S3: it is known before the first upload. What S3 services do each in
//! their own way is taken.

use std::sync::Arc;

use rws_lab::{Fault, Forged, Proxy, Seen};

use super::refusals::expect_refused;
use crate::support::bucket::Bucket;
use crate::support::curl::Upload;
use crate::support::packages::deb::{Compression, Deb};
use crate::support::temporary_directory;

const TARGET: &str = "/live/1.10/debian/bookworm";

/// A bucket behind a proxy that breaks all requests of a kind.
fn behind(fault: Fault, which: fn(&Seen) -> bool) -> (Bucket, Proxy) {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(move |seen| {
        let fault = match fault.clone() {
            Fault::Forge { answer, effect } => Fault::Forge { answer: answer.numbered(), effect },
            other => other,
        };
        which(seen).then_some(fault)
    })));
    (bucket.through(&proxy), proxy)
}

/// The program on such a bucket takes uploads, large ones too, and publishes them.
#[track_caller]
fn expect_taken(bucket: &Bucket) {
    let server = bucket.serve();
    let directory = temporary_directory();
    let noise: Vec<u8> = (0_u32..6_000_000).flat_map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    for (name, content) in [("rws-small", b"small".as_slice()), ("rws-large", &noise)] {
        // xz takes eleven seconds for as much noise
        let package = Deb::new(name, "1.0~rc1+b1-1", "amd64").compression(Compression::None);
        let package = package.file("usr/share/noise", content).build(directory.path());
        let path = format!("{TARGET}?wait=60");
        Upload::to(&path).field("product", "product").file(&package).send(&server).expect_created();
    }
}

#[test]
fn a_page_in_place_of_s3() {
    let (bucket, _proxy) = behind(Fault::Forge { answer: Forged::page(), effect: false }, |_| true);
    expect_refused(&bucket, &["something other than S3 answered at this address", "text/html", "Maintenance"]);
}

#[test]
fn a_service_that_cannot_copy() {
    let absent = Fault::Forge { answer: Forged::error(404, "NoSuchKey"), effect: false };
    let (bucket, _proxy) = behind(absent, |seen| seen.header("x-amz-copy-source").is_some());
    expect_refused(&bucket, &["could not copy .rws/probe/", "S3 answered 404", "S3 must copy objects of any name"]);
}

#[test]
fn a_service_that_lists_other_names() {
    let (bucket, _proxy) =
        behind(Fault::Replace { from: "a%2Bb", to: "a%20b" }, |seen| seen.query.contains("list-type=2"));
    expect_refused(&bucket, &["could not list .rws/probe/", "a b~1^2", "S3 answers the name that RWS wrote"]);
}

#[test]
fn a_service_without_files_in_parts() {
    let refused = Fault::Forge { answer: Forged::error(501, "NotImplemented"), effect: false };
    let (bucket, _proxy) = behind(refused, |seen| seen.method == "POST" && seen.query.contains("uploads="));
    expect_refused(&bucket, &["could not write in parts .rws/probe/", "501 NotImplemented"]);
}

#[test]
fn a_listing_without_tags_is_completed() {
    let (bucket, _proxy) =
        behind(Fault::Replace { from: "ETag>", to: "Other>" }, |seen| seen.query.contains("list-type=2"));
    expect_taken(&bucket);
}

#[test]
fn answers_without_namespace_are_read() {
    let namespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    let (bucket, _proxy) = behind(Fault::Replace { from: namespace, to: "" }, |seen| {
        seen.query.contains("uploads=") || seen.query.contains("uploadId=") || seen.query.contains("list-type=2")
    });
    expect_taken(&bucket);
}
