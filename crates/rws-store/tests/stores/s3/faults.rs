//! Requests that fail, break off or are answered with nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rws_lab::{Fault, S3Server};
use rws_store::{Condition, DirectoryEntry, ObjectClass, Retry, Span, Store, StoreError, collect};

use super::{Place, get, header, key, large, once, place, put, write};

/// Every operation with every fault on each of its requests, once before and once after the request takes effect: all
/// come to the same end as without it.
async fn every_operation_outlives_every_fault(server: fn() -> S3Server) {
    let effects = [false, true];
    let mut faults: Vec<Fault> = Vec::new();
    for effect in effects {
        faults.push(Fault::Answer { status: 500, code: "InternalError", effect });
        faults.push(Fault::Answer { status: 503, code: "SlowDown", effect });
        faults.push(Fault::Reset { effect });
        faults.push(Fault::Stall { effect });
    }
    faults.push(Fault::Answer { status: 403, code: "RequestTimeTooSkewed", effect: false });
    faults.push(Fault::Truncate { bytes: 10 });
    faults.push(Fault::Slow { pause: Duration::from_millis(50) });
    faults.push(Fault::Trickle { bytes: 7, pause: Duration::from_millis(1) });
    let mut operations = tokio::task::JoinSet::new();
    for operation in OPERATIONS {
        let (server, faults) = (server(), faults.clone());
        operations.spawn(async move {
            let place = place(server).await;
            let mut count = 0;
            for fault in faults {
                // a fault on the request of each number, until the operation has no such request
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

pub const OPERATIONS: [&str; 14] = [
    "stat",
    "absent",
    "read",
    "part",
    "write",
    "create",
    "swap",
    "copy",
    "create copy",
    "create changing copy",
    "delete",
    "delete many",
    "list",
    "list directory",
];

/// Whether the operation had a request of this number.
pub async fn carry_out(place: &Place, operation: &str, name: &str, number: usize, fault: Fault) -> bool {
    let (store, direct) = (&place.store, &place.direct);
    let (this, other) = (key(&format!("{name}/this")), key(&format!("{name}/other")));
    put(direct, other.as_str(), b"the other object, of some length").await;
    let wrote = |condition| write(condition, ObjectClass::Private);
    let swapped = match operation {
        "swap" => Some(direct.write(&this, b"0".to_vec().into(), wrote(Condition::Always)).await.unwrap().version),
        _ => None,
    };
    if operation == "list" {
        // before the fault: claims of earlier copies go with a deletion
        store.delete(&[key("nothing/at/all")]).await.unwrap();
    }
    let hit = Arc::new(AtomicUsize::new(0));
    let (hits, seen_requests) = (Arc::clone(&hit), AtomicUsize::new(0));
    let shown = format!("{operation} with {fault:?} at {number}");
    place.proxy.set_fault(Some(Arc::new(move |_| {
        let breaks = seen_requests.fetch_add(1, Ordering::SeqCst) == number;
        hits.fetch_add(usize::from(breaks), Ordering::SeqCst);
        breaks.then(|| fault.clone())
    })));
    match operation {
        "stat" => assert_eq!(store.stat(&other).await.expect(&shown).unwrap().size_bytes, 32, "{shown}"),
        "absent" => assert_eq!(store.stat(&this).await.expect(&shown), None, "{shown}"),
        "read" | "part" => {
            let span = if operation == "part" { Span::Part { start: 4, length: 20 } } else { Span::Whole };
            let content = store.read(&other, span).await.expect(&shown).unwrap();
            let (start, length) = span.within(32);
            let expected = &b"the other object, of some length"[start as usize..(start + length) as usize];
            assert_eq!(collect(content.bytes).await.expect(&shown), expected, "{shown}");
        }
        "write" => _ = store.write(&this, b"1".to_vec().into(), wrote(Condition::Always)).await.expect(&shown),
        "create" => _ = store.write(&this, b"1".to_vec().into(), wrote(Condition::Absent)).await.expect(&shown),
        "swap" => {
            let condition = Condition::Matches(swapped.unwrap());
            let stat = store.write(&this, b"1".to_vec().into(), wrote(condition)).await.expect(&shown);
            assert_eq!(direct.stat(&this).await.unwrap().unwrap().version, stat.version, "{shown}");
        }
        "copy" => _ = store.copy(&other, &this, wrote(Condition::Always)).await.expect(&shown),
        "create copy" => _ = store.copy(&other, &this, wrote(Condition::Absent)).await.expect(&shown),
        "create changing copy" => {
            _ = store.copy(&other, &this, write(Condition::Absent, ObjectClass::Mutable)).await.expect(&shown);
        }
        "delete" => store.delete(std::slice::from_ref(&other)).await.expect(&shown),
        "delete many" => store.delete(&[other.clone(), this.clone()]).await.expect(&shown),
        "list" => {
            let listed = store.list(&format!("{name}/")).await.expect(&shown);
            assert!(matches!(&listed[..], [listed] if listed.key == other), "{shown}");
        }
        "list directory" => {
            let entries = store.list_directory(&format!("{name}/")).await.expect(&shown);
            assert!(matches!(&entries[..], [DirectoryEntry::File(name, _)] if name == "other"), "{shown}");
        }
        _ => panic!("{operation}"),
    }
    place.proxy.set_fault(None);
    let expected = match operation {
        "write" | "create" | "swap" => Some(b"1".to_vec()),
        "copy" | "create copy" | "create changing copy" => Some(b"the other object, of some length".to_vec()),
        _ => None,
    };
    assert_eq!(get(direct, this.as_str()).await, expected, "{shown}");
    assert_eq!(get(direct, other.as_str()).await.is_none(), operation.starts_with("delete"), "{shown}");
    hit.load(Ordering::SeqCst) > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_fault_on_moto() {
    every_operation_outlives_every_fault(S3Server::moto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_fault_on_ceph() {
    every_operation_outlives_every_fault(S3Server::ceph).await;
}

/// A lost answer of somebody else's success is no success of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_lost_even_after_a_fault() {
    let place = place(S3Server::moto()).await;
    let first =
        place.direct.write(&key("head"), b"0".to_vec().into(), write(Condition::Absent, ObjectClass::Private)).await;
    let stale = Condition::Matches(first.unwrap().version);
    put(&place.direct, "head", b"theirs").await;
    place.proxy.set_fault(Some(once(Fault::Reset { effect: true }, |seen| seen.method == "PUT")));
    let lost = place.store.write(&key("head"), b"ours".to_vec().into(), write(stale, ObjectClass::Private)).await;
    assert!(matches!(lost, Err(StoreError::Conflict { .. })), "{lost:?}");
    assert_eq!(get(&place.direct, "head").await.unwrap(), b"theirs");
}

/// A read of megabytes that breaks off again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_off_is_taken_up_where_it_broke() {
    let place = place(S3Server::moto()).await;
    let bytes = large(5 << 20);
    put(&place.direct, "large", &bytes).await;
    place.proxy.set_fault(Some(Arc::new(|_| Some(Fault::Truncate { bytes: 1 << 20 }))));
    assert!(get(&place.store, "large").await.unwrap() == bytes);
    let ranges: Vec<String> = place.proxy.seen().iter().map(|seen| header(&seen.headers, "range").to_owned()).collect();
    assert_eq!(ranges.len(), 5, "{ranges:?}");
    assert_eq!(ranges[4], format!("bytes={}-{}", 4 << 20, (5 << 20) - 1));
    // it does not go on with another object
    let content = place.store.read(&key("large"), Span::Whole).await.unwrap().unwrap();
    put(&place.direct, "large", &large(6 << 20)).await;
    let changed = collect(content.bytes).await.unwrap_err();
    assert!(changed.to_string().contains("changed while it was read"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_an_error_that_says_what_to_do() {
    let place = place(S3Server::moto()).await;
    for (fault, expected) in [
        (Fault::Answer { status: 503, code: "SlowDown", effect: false }, "S3 answered 503 SlowDown"),
        (Fault::Reset { effect: false }, "RWS cannot reach S3"),
        (Fault::Stall { effect: false }, "S3 made no progress for 1.2 seconds"),
    ] {
        place.proxy.forget();
        place.proxy.set_fault(Some(Arc::new(move |_| Some(fault.clone()))));
        let error = place.store.list("a/").await.unwrap_err();
        assert!(matches!(error, StoreError::Failed { retry: Retry::Later, .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(place.proxy.seen().len(), 3, "{expected}: one request and two repetitions");
    }
    // something else than S3 answers
    place.proxy.set_fault(Some(Arc::new(|_| Some(Fault::Answer { status: 200, code: "Hello", effect: false }))));
    let error = place.store.list("a/").await.unwrap_err();
    assert!(error.to_string().contains("Hello"), "{error}");
}

/// A publisher that dies between its claim of a name and its copy to it leaves the claim for a day. A package waits for that: nobody
/// wants other bytes there. An index does not: the next generation has another one.
#[tokio::test]
async fn a_claim_that_was_left_keeps_nobody_from_a_name_that_changes() {
    let place = place(S3Server::ceph()).await;
    let store = &place.direct;
    let (old, new, name) = (key("by-hash/old"), key("by-hash/new"), key("dists/Packages"));
    put(store, old.as_str(), b"old").await;
    put(store, new.as_str(), b"new").await;
    put(store, ".rws/claims/dists/Packages", old.as_str().as_bytes()).await;
    let wanted = |kind| write(Condition::Absent, kind);
    let refused = store.copy(&new, &name, wanted(ObjectClass::Immutable)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    store.copy(&new, &name, wanted(ObjectClass::Mutable)).await.unwrap();
    assert_eq!(get(store, name.as_str()).await, Some(b"new".to_vec()));
    let again = store.copy(&old, &name, wanted(ObjectClass::Mutable)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
}
