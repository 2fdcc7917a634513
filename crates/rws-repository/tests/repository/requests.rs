//! What one added package costs in requests to a real S3 server, and that no fault of a request loses or tears anything.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{accept, catalogue_signed_by, check_plain, deb, get, id, read_deb, received, record, rpm, seed};
use rws_lab::{Fault, Proxy, S3Server};
use rws_model::Signer;
use rws_openpgp::{Keyring, SigningKey};
use rws_repository::catalogue::Catalogue;
use rws_repository::intake::Accepted;
use rws_repository::publish::{Malformed, Outcome, Publisher, Trigger, Triggers};
use rws_repository::tree::{FileRequest, PublicFile, Tree};
use rws_repository::{IntakeError, RepositoryError};
use rws_store::{
    Addressing, CachedStore, Conditions, ContentTypes, GuardedStore, LeaseTimes, S3Credentials, S3Settings, S3Store,
    Span, Store, collect,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A process of RWS over a path of a bucket, put together as the program does it.
struct Process {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    publisher: Publisher,
    _cache: TempDir,
}

impl Process {
    async fn start(settings: &S3Settings, catalogue: &Arc<Catalogue>) -> Self {
        let guard = GuardedStore::new(Arc::new(S3Store::new(settings).unwrap()), "test", LeaseTimes::default());
        guard.allow(Conditions::Kept).await;
        let cache = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(CachedStore::new(guard, cache.path(), 100 << 20).unwrap());
        let publisher = Publisher::new(Arc::clone(&store), Arc::clone(catalogue), Malformed::Stop);
        Self { store, catalogue: Arc::clone(catalogue), publisher, _cache: cache }
    }

    async fn upload(&self, path: &str, file: &Path) -> Result<Accepted, IntakeError> {
        let targets = self.catalogue.resolve(path).unwrap();
        let files = received(&targets[0], &[file.to_owned()]);
        accept(&self.store, &targets, files).await
    }

    async fn publish(&self, repository: &str) -> Result<Outcome, RepositoryError> {
        self.publisher.reconcile(&id(repository), Triggers::NONE).await
    }
}

/// How long an answer may take. On a busy machine an honest answer of the test server takes seconds; only a run that stalls a
/// request has less.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(server: &S3Server, url: &str, bucket: &str, base_path: &str) -> S3Settings {
    S3Settings {
        url: url.to_owned(),
        region: "us-east-1".to_owned(),
        bucket: bucket.to_owned(),
        base_path: base_path.to_owned(),
        credentials: S3Credentials::keys(server.access_key.clone(), server.secret_key.clone()),
        sse_kms_key_id: None,
        bucket_owner: None,
        public_read: true,
        addressing: Addressing::Path,
        ca_file: None,
        timeout: PATIENCE,
        retries: 3,
        content_types: ContentTypes::default(),
    }
}

fn signer() -> Arc<dyn Signer> {
    let key = SigningKey::generate("test <test@localhost>", 1_700_000_000, &mut [7; 32]).unwrap();
    Arc::new(Keyring::of(Arc::new(key)).unwrap())
}

/// The requests that one more package costs in a repository of `count`, and those of one that changes more indexes.
async fn cost(repository: &str, path: &str, count: usize, first: &Path, files: [&Path; 3]) -> [Vec<String>; 2] {
    let server = S3Server::moto();
    let bucket = server.create_bucket("cost");
    let proxy = Proxy::start(&server.url);
    let catalogue = catalogue_signed_by(Some(signer()));
    let direct = S3Store::new(&settings(&server, &server.url, &bucket, "")).unwrap();
    seed(&direct, &catalogue, repository, &record(&catalogue, path, first), count).await;
    let process = Process::start(&settings(&server, proxy.url(), &bucket, ""), &catalogue).await;
    // the first publish of a process reads what it does not know yet
    process.upload(path, files[0]).await.unwrap();
    assert!(process.publish(repository).await.unwrap().published_at.is_some());
    let mut costs = Vec::new();
    for file in &files[1..] {
        proxy.forget();
        process.upload(path, file).await.unwrap();
        let outcome = process.publish(repository).await.unwrap();
        assert!(outcome.published_at.is_some() && outcome.lost_commits == 0);
        let requests = proxy.seen().into_iter().map(|seen| format!("{} {}?{}", seen.method, seen.path, seen.query));
        costs.push(requests.map(|line| line.split("X-Amz").next().unwrap_or_default().to_owned()).collect());
    }
    // What readers cost. The first one of a process, and one in a minute, has it looked whether another tool wrote a root.
    let tree = Tree::new(Arc::clone(&process.store), Arc::clone(&catalogue));
    let (root, package) = match repository.contains("ubuntu") {
        true => ("live/1.10/ubuntu/dists/focal/InRelease", "live/1.10/ubuntu/pool/focal/main/p/product/"),
        false => ("live/1.10/el/7/x86_64/repodata/repomd.xml", "live/1.10/el/7/x86_64/Packages/"),
    };
    let package = format!("{package}{}", files[1].file_name().unwrap().to_str().unwrap());
    proxy.forget();
    tree.file(root, FileRequest::Stat, None).await.unwrap().expect(root);
    assert_eq!(proxy.seen().len(), 1 + 3, "the head, and the files of the root");
    for path in [root, &package] {
        proxy.forget();
        let found = tree.file(path, FileRequest::Bytes(Span::Whole), None).await.unwrap().expect(path);
        if let PublicFile::Object { content, .. } = found {
            let bytes = collect(content.unwrap().bytes).await.unwrap();
            assert_eq!(bytes, std::fs::read(files[1]).unwrap());
        }
        assert_eq!(proxy.seen().len(), 1, "{path}");
    }
    costs.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_deb_costs_at_most_20_requests_and_4_more_for_each_further_index() {
    let make = |name: &str, architecture: &str| deb(name, "1.0", architecture, name);
    let (first, files) =
        (make("name00000", "amd64"), [make("warm", "all"), make("another", "amd64"), make("for-all", "all")]);
    let files = [files[0].as_path(), &files[1], &files[2]];
    let (few, many) = tokio::join!(
        cost("live/1.10/ubuntu/focal", "live/1.10/ubuntu/focal", 10, &first, files),
        cost("live/1.10/ubuntu/focal", "live/1.10/ubuntu/focal", 10_000, &first, files),
    );
    for [one, three] in [&few, &many] {
        assert!(one.len() <= 20, "{}: {one:#?}", one.len());
        // Packages of amd64, arm64 and all
        assert!(three.len() <= 20 + 2 * 4, "{}: {three:#?}", three.len());
        println!("requests for one more deb: {}, for all architectures: {}", one.len(), three.len());
    }
    assert_eq!(few.map(|cost| cost.len()), many.map(|cost| cost.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_rpm_costs_at_most_16_requests() {
    let directory = tempfile::tempdir().unwrap();
    let files = ["name00000", "warm", "another", "third"].map(|name| rpm(directory.path(), name));
    let [first, files @ ..] = &files;
    let files = [files[0].as_path(), &files[1], &files[2]];
    let (few, many) = tokio::join!(
        cost("live/1.10/el/7/x86_64", "live/1.10/el/7", 10, first, files),
        cost("live/1.10/el/7/x86_64", "live/1.10/el/7", 10_000, first, files),
    );
    for cost in few.iter().chain(&many) {
        assert!(cost.len() <= 16, "{}: {cost:#?}", cost.len());
        println!("requests for one more rpm: {}", cost.len());
    }
    assert_eq!(few.map(|cost| cost.len()), many.map(|cost| cost.len()));
}

/// The requests of an upload and its publish in the runs below.
const REQUESTS: usize = 20;

/// How a run with a fault went.
struct Run {
    /// Whether there was a request of that number.
    hit: bool,
    /// Whether the upload was answered.
    answered: bool,
}

/// An upload and a publish of which one request is broken, in a repository that has a package already. Then the work is
/// completed without faults, and a reader looks.
async fn run_with_fault(
    server: &S3Server,
    number: usize,
    fault: Fault,
    retries: u32,
    files: &[PathBuf; 2],
    catalogue: &Arc<Catalogue>,
) -> Run {
    let repository = "live/1.10/ubuntu/focal";
    let bucket = server.create_bucket("faults");
    let shown = format!("{fault:?} at {number} with {retries} retries");
    let direct = settings(server, &server.url, &bucket, "base");
    let proxy = Proxy::start(&server.url);
    let timeout = if matches!(fault, Fault::Stall { .. }) { Duration::from_secs(2) } else { PATIENCE };
    let through = S3Settings { url: proxy.url().to_owned(), retries, timeout, ..direct.clone() };
    let disturbed = Process::start(&through, catalogue).await;
    disturbed.upload(repository, &files[0]).await.unwrap();
    disturbed.publish(repository).await.unwrap();
    let (count, hit) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let hits = Arc::clone(&hit);
    proxy.set_fault(Some(Arc::new(move |_| {
        let breaks = count.fetch_add(1, Ordering::SeqCst) == number;
        hits.fetch_add(usize::from(breaks), Ordering::SeqCst);
        breaks.then(|| fault.clone())
    })));
    let uploaded = disturbed.upload(repository, &files[1]).await;
    let published = disturbed.publish(repository).await;
    let hit = hit.load(Ordering::SeqCst) > 0;
    proxy.set_fault(None);
    if retries > 0 {
        assert!(uploaded.is_ok() && published.is_ok(), "{shown}: {:?} {:?}", uploaded.err(), published.err());
    }
    let store = Arc::clone(&disturbed.store);
    let read = async || {
        let root = get(&*store, "live/1.10/ubuntu/dists/focal/Release").await.unwrap();
        read_deb(&*store, "live/1.10/ubuntu", "focal", &String::from_utf8(root).unwrap()).await
    };
    // whoever reads now finds a whole repository
    let between = read().await;
    assert!(between.iter().any(|line| line.starts_with("first ")), "{shown}: {between:?}");
    // another replica, or this one when it starts again, completes the work
    let next = Process::start(&direct, catalogue).await;
    let triggers = Triggers::of(&[Trigger::Start]);
    next.publisher.reconcile(&id(repository), triggers).await.expect(&shown);
    let after = read().await;
    let has_second = after.iter().any(|line| line.starts_with("second "));
    assert!(has_second || uploaded.is_err(), "{shown}: an answered upload is lost: {after:?}");
    check_plain(&*store, "live/1.10/ubuntu", "focal").await;
    if uploaded.is_ok() {
        let left = store.list(".rws/pending/").await.unwrap();
        assert_eq!(left, [], "{shown}");
    }
    Run { hit, answered: uploaded.is_ok() }
}

/// The faults that leave different things behind; `every_kind_of_fault…` has more.
#[tokio::test(flavor = "multi_thread")]
async fn no_fault_of_a_request_loses_or_tears_anything() {
    break_each_request(vec![
        (Fault::Answer { status: 503, code: "SlowDown", effect: true }, 3),
        (Fault::Answer { status: 500, code: "InternalError", effect: true }, 0),
        (Fault::Reset { effect: false }, 0),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_fault_of_a_request_loses_and_tears_nothing() {
    let mut cases = vec![(Fault::Truncate { bytes: 0 }, 0), (Fault::Stall { effect: true }, 3)];
    for effect in [false, true] {
        // what is repeated comes to a good end; what is not is an error of RWS, and nothing is lost by it
        cases.push((Fault::Answer { status: 503, code: "SlowDown", effect }, 3));
        cases.push((Fault::Answer { status: 500, code: "InternalError", effect }, 0));
        cases.push((Fault::Reset { effect }, 0));
    }
    break_each_request(cases).await;
}

/// Breaks each request of an upload and its publish, in each of these ways and with so many retries.
async fn break_each_request(cases: Vec<(Fault, u32)>) {
    let files = ["first", "second"].map(|name| deb(name, "1.0", "amd64", name));
    let server = Arc::new(S3Server::moto());
    let catalogue = catalogue_signed_by(Some(signer()));
    let mut runs = JoinSet::new();
    let mut ended = Vec::new();
    for (fault, retries) in cases {
        for number in 0..=REQUESTS {
            let (server, fault, files) = (Arc::clone(&server), fault.clone(), files.clone());
            let catalogue = Arc::clone(&catalogue);
            runs.spawn(async move {
                let run = run_with_fault(&server, number, fault, retries, &files, &catalogue).await;
                (number, run)
            });
            if runs.len() >= 12 {
                ended.push(runs.join_next().await.unwrap().unwrap());
            }
        }
    }
    ended.extend(runs.join_all().await);
    // every request was broken, and none of a higher number exists
    for number in 0..=REQUESTS {
        let of_number = || ended.iter().filter(|(at, _)| *at == number);
        assert_eq!(of_number().any(|(_, run)| run.hit), number < REQUESTS, "request {number}");
    }
    let refused = ended.iter().filter(|(_, run)| !run.answered).count();
    println!("{} runs, {refused} uploads were not answered", ended.len());
    assert!(refused > 0);
}
