//! Large files, in parts.

use std::sync::Arc;
use std::time::Duration;

use rws_lab::{Fault, S3Server, Seen};
use rws_store::{Body, Condition, LocalFile, ObjectClass, Retry, Store, StoreError};

use super::{get, key, large, once, place, put, write};

async fn large_files_go_in_parts(server: S3Server) {
    let place = place(server).await;
    let bytes = large(30 << 20);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    std::fs::write(&file, &bytes).unwrap();
    let (store, proxy) = (&place.store, &place.proxy);
    let send = async || {
        store
            .write(&key("large"), Body::File(LocalFile::whole(&file)), write(Condition::Always, ObjectClass::Immutable))
            .await
    };

    // one part fails once: it is sent again, and no other
    let second = |seen: &Seen| seen.query.contains("partNumber=2");
    proxy.set_fault(Some(once(Fault::Answer { status: 500, code: "InternalError", effect: false }, second)));
    let stat = send().await.unwrap();
    assert_eq!(stat.size_bytes, bytes.len() as u64);
    let parts = proxy.seen().iter().filter(|seen| seen.query.contains("partNumber=")).count();
    assert_eq!(parts, 4 + 1);
    assert!(get(&place.direct, "large").await.unwrap() == bytes);
    assert_eq!(place.direct.stat(&key("large")).await.unwrap().unwrap(), stat);

    // the answer of the end is lost
    let end = |seen: &Seen| seen.method == "POST" && seen.query.contains("uploadId=");
    proxy.set_fault(Some(once(Fault::Reset { effect: true }, end)));
    send().await.unwrap();
    assert!(get(&place.direct, "large").await.unwrap() == bytes);

    // a part fails for good: nothing is left
    proxy.forget();
    proxy.set_fault(Some(Arc::new(move |seen| {
        second(seen).then_some(Fault::Answer { status: 500, code: "InternalError", effect: false })
    })));
    place.direct.delete(&[key("large")]).await.unwrap();
    let failed = send().await;
    assert!(matches!(failed, Err(StoreError::Failed { retry: Retry::Later, .. })), "{failed:?}");
    let aborted = |seen: &Seen| seen.method == "DELETE" && seen.query.contains("uploadId=") && seen.status == 204;
    assert!(proxy.seen().iter().any(aborted));
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_go_in_parts_on_moto() {
    large_files_go_in_parts(S3Server::moto()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_go_in_parts_on_ceph() {
    large_files_go_in_parts(S3Server::ceph()).await;
}

/// What has come is sent before the rest has; and is taken back when the rest never comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_while_it_grows() {
    let place = place(S3Server::ceph()).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    std::fs::write(&path, large(20 << 20)).unwrap();
    let (file, grower) = LocalFile::growing(&path, Some(1 << 30));
    let store = place.store.clone();
    let written = tokio::spawn(async move {
        store.write(&key("large"), Body::File(file), write(Condition::Always, ObjectClass::Immutable)).await
    });
    grower.add(20 << 20, []);
    let parts = || place.proxy.seen().iter().filter(|seen| seen.query.contains("partNumber=")).count();
    while parts() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(grower);
    assert!(written.await.unwrap().is_err());
    assert_eq!(parts(), 2, "the third part is not there");
    let aborted = |seen: &Seen| seen.method == "DELETE" && seen.query.contains("uploadId=") && seen.status == 204;
    assert!(place.proxy.seen().iter().any(aborted));
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
}

/// A process dies while it sends a large file: its parts stay until somebody gives them up.
async fn parts_of_dead_processes_go(server: S3Server, tells_when_they_began: bool) {
    let place = place(server).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    std::fs::write(&path, large(20 << 20)).unwrap();
    let (file, grower) = LocalFile::growing(&path, Some(100 << 20));
    grower.add(20 << 20, []);
    let store = place.store.clone();
    let name = key(".rws/incoming/upload/large");
    let sending = tokio::spawn(async move {
        store.write(&name, Body::File(file), write(Condition::Always, ObjectClass::PrivateImmutable)).await
    });
    let sent = |seen: &Seen| seen.query.contains("partNumber=2") && seen.status == 200;
    while !place.proxy.seen().iter().any(sent) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    let now = place.direct.clock_milliseconds().await.unwrap();
    let give_up = async |prefix: &str, before| place.direct.abort_unfinished_uploads(prefix, before).await.unwrap();
    if tells_when_they_began {
        assert_eq!(give_up(".rws/incoming/", now - 3_600_000).await, 0, "it may be under way still");
    }
    assert_eq!(give_up("live/", now + 60_000).await, 0);
    assert_eq!(give_up(".rws/incoming/", now + 60_000).await, 1);
    assert_eq!(give_up(".rws/incoming/", now + 60_000).await, 0);
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
    drop(grower);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_dead_processes_go_on_moto() {
    // it says of all that they began in 2010
    parts_of_dead_processes_go(S3Server::moto(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_dead_processes_go_on_ceph() {
    parts_of_dead_processes_go(S3Server::ceph(), true).await;
}

/// What S3 answers to a copy of more than 5 GiB.
async fn what_one_request_cannot_copy_is_copied_in_parts(server: S3Server) {
    let place = place(server).await;
    let bytes = large(11 << 20);
    put(&place.direct, "from +&é~", &bytes).await;
    let whole = |seen: &Seen| {
        let is_target = seen.path.ends_with("/to") && !seen.path.contains("/.rws/");
        seen.method == "PUT" && is_target && !seen.query.contains("partNumber")
    };
    place.proxy.set_fault(Some(Arc::new(move |seen| {
        whole(seen).then_some(Fault::Answer { status: 400, code: "InvalidRequest", effect: false })
    })));
    let version = place
        .store
        .copy(&key("from +&é~"), &key("to"), write(Condition::Absent, ObjectClass::Immutable))
        .await
        .unwrap();
    assert!(get(&place.direct, "to").await.unwrap() == bytes);
    assert_eq!(place.direct.stat(&key("to")).await.unwrap().unwrap().version, version);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_request_cannot_copy_is_copied_in_parts_on_moto() {
    what_one_request_cannot_copy_is_copied_in_parts(S3Server::moto()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_request_cannot_copy_is_copied_in_parts_on_ceph() {
    what_one_request_cannot_copy_is_copied_in_parts(S3Server::ceph()).await;
}
