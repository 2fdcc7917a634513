//! Keys that end: an agent on this machine hands them out, and a proxy before the store refuses those that have ended, as
//! S3 does.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rws_lab::{HttpServer, Reply, Session, StsGateway};
use rws_store::{AccessKeys, AwsVariables, Body, LocalFile};

use super::*;

/// An agent of a container whose keys end.
struct Agent {
    server: HttpServer,
    given: Arc<Given>,
}

#[derive(Default)]
struct Given {
    /// When each token ends for the store.
    ends: Mutex<HashMap<String, Instant>>,
    is_down: AtomicBool,
}

/// How long keys are good.
#[derive(Clone, Copy)]
struct Life {
    /// As the agent says.
    said: Duration,
    /// As the store takes them.
    real: Duration,
}

impl Agent {
    /// Its keys are those of the server: it checks what is signed.
    fn start(server: &S3Server, life: Life) -> Self {
        let given = Arc::new(Given::default());
        let (keys, shared) = (server.clone(), Arc::clone(&given));
        let server = HttpServer::start(move |_| {
            if shared.is_down.load(Ordering::SeqCst) {
                return Reply::new(500, "");
            }
            let mut ends = shared.ends.lock().unwrap();
            let token = format!("token/{}+=", ends.len());
            ends.insert(token.clone(), Instant::now() + life.real);
            let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + life.said;
            let end = rfc_3339(end);
            let (key, secret) = (&keys.access_key, &keys.secret_key);
            Reply::new(
                200,
                format!(
                    "{{\"AccessKeyId\":\"{key}\",\"SecretAccessKey\":\"{secret}\",\"Token\":\"{token}\",\"Expiration\":\"{end}\"}}"
                ),
            )
        });
        Self { server, given }
    }

    /// How often it handed out keys.
    fn count(&self) -> usize {
        self.given.ends.lock().unwrap().len()
    }

    /// Refuses requests with tokens that have ended.
    fn guard(&self, proxy: &Proxy) {
        let given = Arc::clone(&self.given);
        let rule = move |seen: &Seen| {
            let token = parameter(seen, "X-Amz-Security-Token");
            let is_good = given.ends.lock().unwrap().get(&token).is_some_and(|end| Instant::now() < *end);
            (!is_good).then_some(Fault::Answer { status: 400, code: "ExpiredToken", effect: false })
        };
        proxy.set_fault(Some(Arc::new(rule)));
    }

    /// A store behind the proxy with the keys of the agent.
    fn store(&self, server: &S3Server, proxy: &Proxy, bucket: &str) -> S3Store {
        let variables =
            AwsVariables { container_full_uri: Some(self.server.url().to_owned()), ..AwsVariables::default() };
        let credentials = S3Credentials::Aws(Box::new(variables));
        let settings = S3Settings { url: proxy.url().to_owned(), credentials, retries: 2, ..settings(server, bucket) };
        S3Store::new(&settings).unwrap()
    }
}

fn rfc_3339(since: Duration) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ", "-d", &format!("@{}.{:03}", since.as_secs(), since.subsec_millis())])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn status(url: &str) -> String {
    let curl = ["-s", "-o", "/dev/null", "-w", "%{http_code}", url];
    String::from_utf8(std::process::Command::new("curl").args(curl).output().unwrap().stdout).unwrap()
}

/// A parameter of the query, decoded; empty where there is none.
fn parameter(seen: &Seen, name: &str) -> String {
    let pairs = url::form_urlencoded::parse(seen.query.as_bytes());
    pairs.into_owned().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

fn expired(proxy: &Proxy) -> usize {
    proxy.seen().iter().filter(|seen| seen.status == 400).count()
}

/// Uploads small and large objects, several at a time, until the agent has handed out keys so often.
async fn upload_until(store: &S3Store, agent: &Agent, count: usize) -> usize {
    let uploads = Arc::new(AtomicUsize::new(0));
    let large = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(large.path(), vec![b'a'; 17 << 20]).unwrap();
    let upload = async |worker: usize| {
        while agent.count() < count {
            let number = uploads.fetch_add(1, Ordering::SeqCst);
            let body = match worker {
                0 => Body::File(LocalFile::whole(large.path())),
                _ => number.to_string().into_bytes().into(),
            };
            let name = key(&format!("{worker}/{number}"));
            store.write(&name, body, write(Condition::Always, ObjectClass::Immutable)).await.expect("an upload");
            assert!(store.stat(&name).await.expect("a question").is_some());
        }
    };
    futures::future::join_all((0..8).map(upload)).await;
    uploads.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_upload_fails_while_keys_end_every_other_second() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    let life = Duration::from_secs(3);
    let agent = Agent::start(&server, Life { said: life, real: life });
    agent.guard(&proxy);
    let store = agent.store(&server, &proxy, &bucket);
    let uploads = upload_until(&store, &agent, 4).await;
    assert!(uploads > 8, "{uploads}");
    // one source is asked by one task at a time, whatever the load
    assert!(agent.server.asked().len() <= 5, "{}", agent.server.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_refused_before_their_end_are_renewed() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    let agent = Agent::start(&server, Life { said: Duration::from_secs(3600), real: Duration::from_millis(1500) });
    agent.guard(&proxy);
    let store = agent.store(&server, &proxy, &bucket);
    upload_until(&store, &agent, 4).await;
    assert!(expired(&proxy) > 0);
    // each refused request is sent again once, with other keys
    assert!(agent.server.asked().len() <= 5, "{}", agent.server.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_serve_while_their_source_is_down_and_not_longer() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    // the clock of the store is known to a second
    let life = Life { said: Duration::from_secs(4), real: Duration::from_secs(3600) };
    let agent = Agent::start(&server, life);
    agent.guard(&proxy);
    let store = agent.store(&server, &proxy, &bucket);
    put(&store, "a", b"text").await;
    agent.given.is_down.store(true, Ordering::SeqCst);
    // past the middle of their life the source is asked, in vain
    while agent.server.asked().len() < 2 {
        assert_eq!(get(&store, "a").await.unwrap(), b"text");
    }
    let error = loop {
        match store.read(&key("a"), Span::Whole).await {
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("RWS has no keys for the store: container: its status is 500"), "{error}");
    assert_eq!(expired(&proxy), 0);
    agent.given.is_down.store(false, Ordering::SeqCst);
    while store.read(&key("a"), Span::Whole).await.is_err() {}
    put(&store, "b", b"text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_has_the_token_and_ends_with_the_keys() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    for (seconds, most) in [(3600, Some(600)), (100, Some(100)), (20, None)] {
        let life = Duration::from_secs(seconds);
        let agent = Agent::start(&server, Life { said: life, real: life });
        agent.guard(&proxy);
        let store = agent.store(&server, &proxy, &bucket);
        // nobody has asked for keys yet
        assert_eq!(store.presigned_url(&key("a"), 600), None);
        put(&store, "a", b"text").await;
        let Some(most) = most else {
            assert_eq!(store.presigned_url(&key("a"), 600), None);
            assert!(store.presigned_url(&key("a"), 5).is_some());
            continue;
        };
        let url = store.presigned_url(&key("a"), 600).unwrap();
        let url = url::Url::parse(&url).unwrap();
        let parameters: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(parameters["X-Amz-Security-Token"], "token/0+=");
        let expires: u64 = parameters["X-Amz-Expires"].parse().unwrap();
        assert!(expires <= most && expires + 20 > most, "{expires}");
        assert!(!parameters["X-Amz-SignedHeaders"].contains("token"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_keys_says_whom_it_asked() {
    let server = S3Server::moto();
    let variables = AwsVariables { is_metadata_disabled: true, ..AwsVariables::default() };
    let credentials = S3Credentials::Aws(Box::new(variables));
    let proxy = Proxy::start(&server.url);
    let settings = S3Settings { url: proxy.url().to_owned(), credentials, retries: 20, ..settings(&server, "none") };
    let error = S3Store::new(&settings).unwrap().probe().await.unwrap_err().to_string();
    for part in
        ["set S3_ACCESS_KEY and S3_SECRET_KEY", "environment: ", "web identity: ", "profile files: ", "container: "]
    {
        assert!(error.contains(part), "{error}");
    }
    assert!(proxy.seen().is_empty());
}

/// moto is a service of STS, too, and takes any token.
#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_is_exchanged_by_the_sts_of_moto() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "eyJhbGciOiJub25lIn0.e30.").unwrap();
    let variables = AwsVariables {
        web_identity_token_file: Some(token.path().to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/rws".to_owned()),
        sts_url: Some(server.url.clone()),
        ..AwsVariables::default()
    };
    let credentials = S3Credentials::Aws(Box::new(variables));
    let settings = S3Settings { url: proxy.url().to_owned(), credentials, ..settings(&server, &bucket) };
    let store = S3Store::new(&settings).unwrap();
    put(&store, "a", b"text").await;
    assert_eq!(get(&store, "a").await.unwrap(), b"text");
    let seen = proxy.seen();
    let key = parameter(&seen[0], "X-Amz-Credential");
    assert!(key.starts_with("ASIA") && !parameter(&seen[0], "X-Amz-Security-Token").is_empty(), "{key}");
}

/// Ceph checks the signature with the token in it; it made both.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_session_are_taken_by_an_sts_gateway() {
    let gateway = StsGateway::start();
    let server = gateway.server();
    let bucket = server.create_bucket("keys");
    let Session { access_key, secret_key, session_token } = gateway.session();
    let keys = |token: &str| {
        let (access_key, secret_key) = (access_key.clone(), secret_key.clone());
        let keys = AccessKeys { access_key, secret_key, session_token: Some(token.to_owned()) };
        S3Settings { credentials: S3Credentials::Keys(keys), ..settings(server, &bucket) }
    };
    let store = S3Store::new(&keys(&session_token)).unwrap();
    assert_eq!(store.probe().await.unwrap(), Conditions::Kept);
    put(&store, "a/b c+d~é", b"text").await;
    assert_eq!(get(&store, "a/b c+d~é").await.unwrap(), b"text");
    let url = store.presigned_url(&key("a/b c+d~é"), 60).unwrap();
    assert_eq!(status(&url), "200");
    assert_eq!(status(&url.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=A")), "400");
    let other = S3Store::new(&keys(&format!("A{session_token}"))).unwrap().probe().await.unwrap_err().to_string();
    assert!(other.contains("403") || other.contains("400"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_and_the_owner_of_the_bucket_are_headers() {
    let server = S3Server::moto();
    let (bucket, proxy) = (server.create_bucket("keys"), Proxy::start(&server.url));
    let with = |owner: &str| S3Settings {
        url: proxy.url().to_owned(),
        sse_kms_key_id: Some("alias/rws".to_owned()),
        bucket_owner: Some(owner.to_owned()),
        retries: 0,
        ..settings(&server, &bucket)
    };
    // the account of everybody at moto
    let store = S3Store::new(&with("123456789012")).unwrap();
    put(&store, "a", b"text").await;
    assert_eq!(get(&store, "a").await.unwrap(), b"text");
    store.copy(&key("a"), &key("b"), write(Condition::Absent, ObjectClass::Immutable)).await.unwrap();
    let large = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(large.path(), vec![b'a'; 17 << 20]).unwrap();
    let file = Body::File(LocalFile::whole(large.path()));
    store.write(&key("c"), file, write(Condition::Always, ObjectClass::Private)).await.unwrap();
    store.list("").await.unwrap();
    for seen in proxy.seen() {
        assert_eq!(seen.header("x-amz-expected-bucket-owner"), Some("123456789012"), "{seen:?}");
        let is_copy = seen.header("x-amz-copy-source").is_some();
        assert_eq!(seen.header("x-amz-source-expected-bucket-owner").is_some(), is_copy, "{seen:?}");
        let is_part = seen.query.contains("partNumber");
        let is_new = seen.method == "PUT" && !is_part || seen.query.contains("&uploads=");
        let encryption = seen.header("x-amz-server-side-encryption");
        let with_key = seen.header("x-amz-server-side-encryption-aws-kms-key-id");
        assert_eq!(
            (encryption, with_key),
            if is_new { (Some("aws:kms"), Some("alias/rws")) } else { (None, None) },
            "{seen:?}"
        );
    }
    // whoever downloads by a signed URL sends no such header
    let url = store.presigned_url(&key("a"), 60).unwrap();
    assert!(url.contains("X-Amz-SignedHeaders=host&") || url.ends_with("X-Amz-SignedHeaders=host"), "{url}");
}
