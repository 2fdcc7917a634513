//! What taking over reads: not what mkrepo has read already.

use super::stage::{
    ARCHIVE, DEB_TARGET, FIXTURES, POOL, RPM_TARGET, TREES, expect_debs, expect_rpms, original_debs, original_rpms,
    post,
};
use crate::support::form::File;
use crate::support::original::{Kind, Original};

/// So much of a package may be read: its header, its control member.
const LITTLE: u64 = 256 << 10;

/// No more than a part of these files was read.
#[track_caller]
fn expect_little_was_read(original: &Original, paths: &[String]) {
    let mut much = Vec::new();
    for path in paths {
        let reads: Vec<_> = original.asked(path).into_iter().filter(|seen| seen.method == "GET").collect();
        let bytes: u64 = reads.iter().map(|seen| seen.response_bytes).sum();
        let whole = reads.iter().filter(|seen| seen.header("range").is_none()).count();
        if whole > 0 || bytes >= LITTLE {
            much.push(format!("{path}: {} reads, {whole} of them of the whole file, {bytes} bytes", reads.len()));
        }
    }
    assert!(much.is_empty(), "read from packages that mkrepo knew as they are now:\n{}", much.join("\n"));
}

fn is_source(path: &str) -> bool {
    !path.ends_with(".deb")
}

#[test]
fn debs_that_mkrepo_knows_as_they_are_are_not_downloaded() {
    let original = Original::on(Kind::Moto);
    let (_, debs): (Vec<_>, Vec<_>) = original_debs(&original).into_iter().partition(|path| is_source(path));
    original.mkrepo(&[ARCHIVE]);
    let server = original.serve();
    post(&server, DEB_TARGET);
    expect_little_was_read(&original, &debs);
    // now the test reads them itself
    expect_debs(&server, "amd64", [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.big_deb]);
}

#[test]
fn sources_that_mkrepo_knows_as_they_are_are_not_downloaded() {
    let original = Original::on(Kind::Moto);
    let sources: Vec<String> = original_debs(&original).into_iter().filter(|path| is_source(path)).collect();
    assert_eq!(sources.len(), 3, "{sources:?}");
    original.mkrepo(&[ARCHIVE]);
    let server = original.serve();
    post(&server, DEB_TARGET);
    expect_little_was_read(&original, &sources);
}

#[test]
fn rpms_that_mkrepo_knows_as_they_are_are_not_downloaded() {
    let original = Original::on(Kind::Moto);
    let rpms = original_rpms(&original);
    original.mkrepo(&TREES);
    let server = original.serve();
    post(&server, RPM_TARGET);
    expect_little_was_read(&original, &rpms);
    // now the test reads them itself
    expect_rpms(&server, TREES[0], FIXTURES.rpms());
}

#[test]
fn only_what_mkrepo_does_not_know_is_downloaded() {
    let original = Original::on(Kind::Moto);
    let debs = original.put_all(POOL, [&FIXTURES.deb, &FIXTURES.all_deb]);
    original.mkrepo(&[ARCHIVE]);
    let File { name, bytes } = &FIXTURES.big_deb;
    let late = format!("{POOL}/{name}");
    original.put(&late, bytes);
    let server = original.serve();
    post(&server, DEB_TARGET);
    expect_little_was_read(&original, &debs);
    let reads = original.asked(&late);
    let read: u64 = reads.iter().filter(|seen| seen.method == "GET").map(|seen| seen.response_bytes).sum();
    assert!(read >= bytes.len() as u64, "{reads:?}");
}
