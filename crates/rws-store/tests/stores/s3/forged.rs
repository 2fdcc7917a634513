//! Answers that are not S3's, or not those to this request: every operation comes to the end that it has without them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rws_lab::{Fault, FaultRule, Forged, S3Server, Seen};
use rws_store::{Condition, Conditions, LocalFile, ObjectClass, Retry, Store, StoreError};

use super::faults::{OPERATIONS, carry_out};
use super::{Place, get, key, large, once, place, put, write};

/// What may come in place of S3's answer to a request. With an effect, the server has carried it out.
fn faults() -> Vec<Fault> {
    let mut faults = vec![Fault::Cut { bytes: 10 }, Fault::Double, Fault::Slow { pause: Duration::from_millis(300) }];
    for effect in [false, true] {
        for answer in [
            Forged::page(),
            Forged::page_with_tag(),
            Forged::page_with_tag().numbered(),
            Forged::empty(),
            Forged::empty().numbered(),
            Forged::error(200, "InternalError"),
        ] {
            faults.push(Fault::Forge { answer, effect });
        }
    }
    faults
}

/// The object `other` of the test, as it is answered: bytes and headers are S3's, of another object.
fn other_object(place: &Place) -> Forged {
    let headers = place.server.head(&place.bucket, "elsewhere");
    let is_kept = |name: &str| !["content-length", "connection"].iter().any(|one| name.eq_ignore_ascii_case(one));
    let headers = headers.into_iter().filter(|(name, _)| is_kept(name)).collect();
    let body = place.server.get(&place.bucket, "elsewhere").unwrap().into();
    Forged { status: 200, headers, body }.numbered()
}

/// Answers all requests that `which` picks with this, each time under a new number.
fn always(answer: Forged, which: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> FaultRule {
    Arc::new(move |seen| which(seen).then(|| Fault::Forge { answer: answer.clone().numbered(), effect: false }))
}

/// Every operation with every fault on each of its requests.
async fn every_operation_outlives_every_forged_answer(server: fn() -> S3Server) {
    let mut operations = tokio::task::JoinSet::new();
    for operation in OPERATIONS {
        let server = server();
        operations.spawn(async move {
            let place = place(server).await;
            put(&place.direct, "elsewhere", b"the bytes of something else").await;
            let mut faults = faults();
            let other = other_object(&place);
            faults.push(Fault::Forge { answer: other.clone(), effect: false });
            faults.push(Fault::Forge { answer: other, effect: true });
            let mut count = 0;
            for fault in faults {
                for number in 0.. {
                    count += 1;
                    if !carry_out(&place, operation, &format!("run{count}"), number, fault.clone()).await {
                        break;
                    }
                }
            }
        });
    }
    operations.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_forged_answer_on_moto() {
    every_operation_outlives_every_forged_answer(S3Server::moto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_forged_answer_on_ceph() {
    every_operation_outlives_every_forged_answer(S3Server::ceph).await;
}

/// The answer to a swap is a page, each time, and the old object is there: nothing was written, and nothing is believed.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_object_is_not_what_was_written() {
    for answer in [Forged::page(), Forged::page_with_tag().numbered(), Forged::empty().numbered()] {
        let place = place(S3Server::ceph()).await;
        put(&place.direct, "head", b"old").await;
        let first = place.direct.stat(&key("head")).await.unwrap().unwrap();
        let swap = write(Condition::Matches(first.version), ObjectClass::Private);
        let fault = Fault::Forge { answer, effect: false };
        place.proxy.set_fault(Some(Arc::new(move |seen| (seen.method == "PUT").then(|| fault.clone()))));
        let failed = place.store.write(&key("head"), b"new".to_vec().into(), swap).await.unwrap_err();
        assert!(failed.is_nonsense(), "{failed}");
        assert!(matches!(failed, StoreError::Failed { retry: Retry::Later, .. }), "{failed}");
        assert_eq!(get(&place.direct, "head").await.unwrap(), b"old");
        assert!(place.store.suspect_answers().is_some());
    }
}

/// A copy is answered with 404 although its source is there: the store is at fault, and nobody hears that it is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_missing_only_when_it_is() {
    let place = place(S3Server::ceph()).await;
    put(&place.direct, "a+b", b"bytes").await;
    let is_copy = |seen: &Seen| seen.header("x-amz-copy-source").is_some();
    let absent = Forged::error(404, "NoSuchKey");
    let (from, to) = (key("a+b"), key("to"));
    let copy = || place.store.copy(&from, &to, write(Condition::Absent, ObjectClass::Immutable));
    place.proxy.set_fault(Some(always(absent.clone(), is_copy)));
    let failed = copy().await.unwrap_err();
    assert!(failed.is_nonsense() && failed.to_string().contains("the source exists"), "{failed}");
    // the source itself is denied, too, by HEAD: GET and the listing know it
    place.proxy.set_fault(Some(always(absent.clone(), move |seen| is_copy(seen) || seen.method == "HEAD")));
    assert!(copy().await.unwrap_err().is_nonsense());
    place.proxy.set_fault(Some(once(Fault::Forge { answer: absent, effect: false }, is_copy)));
    copy().await.unwrap();
    assert_eq!(get(&place.direct, "to").await.unwrap(), b"bytes");
    place.direct.delete(&[key("a+b")]).await.unwrap();
    let missing = place.store.copy(&key("a+b"), &key("to2"), write(Condition::Absent, ObjectClass::Immutable)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
}

/// A copy is believed without asking when its ETag is that of the source, and looked at where that is not known.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_costs_a_look_only_where_its_source_is_not_known() {
    let place = place(S3Server::ceph()).await;
    let requests = async |from: &str, to: &str| {
        place.proxy.forget();
        place.store.copy(&key(from), &key(to), write(Condition::Always, ObjectClass::Immutable)).await.unwrap();
        place.proxy.seen().len()
    };
    put(&place.store, "own", b"bytes").await;
    assert_eq!(requests("own", "to1").await, 1);
    assert_eq!(requests("to1", "to2").await, 1);
    put(&place.direct, "of-another-replica", b"bytes").await;
    assert_eq!(requests("of-another-replica", "to3").await, 2);
}

/// Another tool moves objects with all that they say of themselves.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_tool_moved_is_read() {
    let place = place(S3Server::ceph()).await;
    put(&place.direct, "pool/a", b"bytes").await;
    let name = place.server.head(&place.bucket, "pool/a");
    let headers = name.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")).collect();
    let moved = Forged { status: 200, headers, body: b"bytes".to_vec().into() };
    place.proxy.set_fault(Some(always(moved, |seen| seen.path.ends_with("/pool/b"))));
    assert_eq!(get(&place.store, "pool/b").await.unwrap(), b"bytes");
    // RWS's own state is never moved
    place.proxy.set_fault(Some(always(other_of(&place, "pool/a"), |seen| seen.path.ends_with("/.rws/x"))));
    let failed = place.store.stat(&key(".rws/x")).await.unwrap_err();
    assert!(failed.is_nonsense(), "{failed}");
}

fn other_of(place: &Place, name: &str) -> Forged {
    let headers = place.server.head(&place.bucket, name).into_iter();
    let headers = headers.filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")).collect();
    Forged { status: 200, headers, body: place.server.get(&place.bucket, name).unwrap().into() }
}

/// The answers to one part, and to the end, of a large file are forged, with and without effect.
async fn large_files_outlive_forged_answers(server: S3Server) {
    let place = place(server).await;
    let bytes = large(20 << 20);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    std::fs::write(&file, &bytes).unwrap();
    let requests: [fn(&Seen) -> bool; 3] = [
        |seen| seen.query.contains("uploads="),
        |seen| seen.query.contains("partNumber=2"),
        |seen| seen.method == "POST" && seen.query.contains("uploadId="),
    ];
    put(&place.direct, "large", b"an older object").await;
    for which in requests {
        for answer in [Forged::page_with_tag(), Forged::empty(), Forged::error(200, "InternalError")] {
            for effect in [false, true] {
                place.proxy.set_fault(Some(once(Fault::Forge { answer: answer.clone(), effect }, which)));
                let body = rws_store::Body::File(LocalFile::whole(&file));
                let written =
                    place.store.write(&key("large"), body, write(Condition::Always, ObjectClass::Immutable)).await;
                let stat = written.unwrap_or_else(|error| panic!("{answer:?} {effect}: {error}"));
                assert_eq!(place.direct.stat(&key("large")).await.unwrap().unwrap(), stat);
                assert_eq!(stat.size_bytes, bytes.len() as u64);
            }
        }
    }
    assert!(get(&place.direct, "large").await.unwrap() == bytes);
    // a cut that its length hides is seen by the digest
    let cut = AtomicUsize::new(0);
    put(&place.direct, "medium", &bytes[..1 << 20]).await;
    place.proxy.set_fault(Some(Arc::new(move |seen| {
        (seen.method == "GET" && cut.fetch_add(1, Ordering::SeqCst) == 0).then_some(Fault::Cut { bytes: 600_000 })
    })));
    let content = place.store.read(&key("medium"), rws_store::Span::Whole).await.unwrap().unwrap();
    assert!(rws_store::collect(content.bytes).await.unwrap_err().is_nonsense());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_outlive_forged_answers_on_ceph() {
    large_files_outlive_forged_answers(S3Server::ceph()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_outlive_forged_answers_on_moto() {
    large_files_outlive_forged_answers(S3Server::moto()).await;
}

/// With keys of a key service an ETag looks like a digest, and is none: the answer says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_encrypted_with_keys_has_any_tag() {
    let place = place(S3Server::ceph()).await;
    put(&place.direct, "other", b"bytes").await;
    let tag = "\"0123456789abcdef0123456789abcdef\"";
    let forged = Forged { status: 200, headers: Vec::new(), body: b"other bytes".to_vec().into() }
        .with("ETag", tag)
        .with("Last-Modified", "Thu, 26 Nov 2026 09:00:00 GMT");
    let of_object = |seen: &Seen| seen.path.ends_with("/other");
    place.proxy.set_fault(Some(always(forged.clone(), of_object)));
    assert!(place.store.read(&key("other"), rws_store::Span::Whole).await.is_err(), "it has not these bytes");
    let encrypted = forged.with("x-amz-server-side-encryption", "aws:kms");
    place.proxy.set_fault(Some(always(encrypted, of_object)));
    assert_eq!(get(&place.store, "other").await.unwrap(), b"other bytes");
}

/// A store that keeps conditions is known for that although an answer to its test at the start is a wrong one: otherwise one answer
/// would leave one replica that writes, for as long as the bucket is there.
#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_answer_does_not_make_a_store_one_that_keeps_no_conditions() {
    let place = place(S3Server::ceph()).await;
    let mut wrong = 0;
    for (answer, effects) in
        [(Forged::error(404, "NoSuchKey"), &[false][..]), (Forged::error(412, "PreconditionFailed"), &[false, true])]
    {
        for effect in effects.iter().copied() {
            // a write of the race, the one behind it, the conditional ones, and the look
            for (method, part, number) in [
                ("PUT", "/create", 0),
                ("PUT", "/create", 16),
                ("PUT", "/swap", 1),
                ("PUT", "/swap", 2),
                ("HEAD", "/swap", 0),
            ] {
                let (count, counted) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
                let (fault, made) = (Fault::Forge { answer: answer.clone().numbered(), effect }, Arc::clone(&counted));
                place.proxy.set_fault(Some(Arc::new(move |seen| {
                    let is_meant = seen.method == method && seen.path.contains(part);
                    let is_now = is_meant && count.fetch_add(1, Ordering::SeqCst) == number;
                    made.fetch_add(usize::from(is_now), Ordering::SeqCst);
                    is_now.then(|| fault.clone())
                })));
                // the writers of a race take a busy server longer than this store waits
                let probed = loop {
                    match place.store.probe().await {
                        Ok(probed) => break probed,
                        Err(error) => println!("{error}"),
                    }
                };
                assert_eq!(probed, Conditions::Kept, "{method} {part} {number} {effect} {answer:?}");
                wrong += counted.load(Ordering::SeqCst);
            }
        }
    }
    assert!(wrong >= 12, "{wrong} wrong answers");
}
