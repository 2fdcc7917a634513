//! Settings, rights and addresses: what can be used, and what is said of what cannot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rws_lab::{Fault, S3Server};
use rws_store::{Addressing, Condition, Conditions, ObjectClass, S3Credentials, S3Settings, S3Store, Store};

use super::{get, header, key, place, put, settings, write};

/// The message of a probe with changed settings.
async fn refused(server: &S3Server, change: impl FnOnce(&mut S3Settings)) -> String {
    let bucket = server.create_bucket("messages");
    let mut settings = S3Settings { retries: 0, ..settings(server, &bucket) };
    change(&mut settings);
    S3Store::new(&settings).unwrap().probe().await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_used_says_why() {
    let ceph = S3Server::ceph();
    let other = S3Server::ceph_other();
    let wrong_bucket = refused(&ceph, |settings| settings.bucket = "no-such-bucket".to_owned()).await;
    assert!(wrong_bucket.contains("create it, or correct S3_BUCKET"), "{wrong_bucket}");
    let wrong_key =
        refused(&ceph, |settings| settings.credentials = S3Credentials::keys("NOBODY", &*ceph.secret_key)).await;
    assert!(wrong_key.contains("The store does not know S3_ACCESS_KEY"), "{wrong_key}");
    let wrong_secret =
        refused(&ceph, |settings| settings.credentials = S3Credentials::keys(&*ceph.access_key, "wrong")).await;
    assert!(wrong_secret.contains("S3_SECRET_KEY does not belong to S3_ACCESS_KEY"), "{wrong_secret}");
    assert!(!wrong_secret.contains("wrong\"") && !wrong_secret.contains("Signature="), "{wrong_secret}");
    let no_rights = refused(&ceph, |settings| {
        settings.credentials = S3Credentials::keys(&*other.access_key, &*other.secret_key);
    })
    .await;
    assert!(no_rights.contains("S3_ACCESS_KEY needs the right to list the bucket"), "{no_rights}");
    let unreachable = refused(&ceph, |settings| settings.url = "http://127.0.0.1:1".to_owned()).await;
    assert!(unreachable.contains("RWS cannot reach S3"), "{unreachable}");
    let no_tls = refused(&ceph, |settings| settings.url = settings.url.replace("http:", "https:")).await;
    assert!(no_tls.contains("RWS cannot reach S3"), "{no_tls}");
}

/// Rights that a key lacks, as far as a server in a test can take them: the answers are the proxy's.
#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_named() {
    for (method, expected) in
        [("GET", "right to list the bucket"), ("PUT", "right to write objects"), ("DELETE", "right to delete objects")]
    {
        let place = place(S3Server::moto()).await;
        place.proxy.set_fault(Some(Arc::new(move |seen| {
            let denied = seen.method == method
                || (method == "DELETE" && seen.query.starts_with("delete"))
                || (method == "DELETE" && seen.query.contains("&delete"));
            denied.then_some(Fault::Answer { status: 403, code: "AccessDenied", effect: false })
        })));
        let error = place.store.probe().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let place = place(S3Server::moto()).await;
    place.proxy.set_fault(Some(Arc::new(|_| {
        Some(Fault::Answer { status: 400, code: "AuthorizationHeaderMalformed", effect: false })
    })));
    let error = place.store.probe().await.unwrap_err().to_string();
    assert!(error.contains("S3_REGION is not the region of the bucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_out_and_cleans_up() {
    for (server, conditions) in [
        (S3Server::moto(), Conditions::Kept),
        (S3Server::ceph(), Conditions::Kept),
        (S3Server::s3rver(), Conditions::NotKept),
    ] {
        let bucket = server.create_bucket("probe");
        let store = S3Store::new(&settings(&server, &bucket)).unwrap();
        assert_eq!(store.probe().await.unwrap(), conditions, "{}", server.url);
        assert_eq!(store.list("").await.unwrap(), []);
    }
}

/// A service that does not know conditional writes, and says so, has one writer. It is asked once, not again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_conditional_writes_has_one_writer() {
    let place = place(S3Server::moto()).await;
    place.proxy.set_fault(Some(Arc::new(|seen| {
        let is_conditional = seen.headers.iter().any(|(name, _)| name.starts_with("if-") && seen.method == "PUT");
        is_conditional.then_some(Fault::Answer { status: 501, code: "NotImplemented", effect: false })
    })));
    assert_eq!(place.store.probe().await.unwrap(), Conditions::NotKept);
    let refused =
        place.store.write(&key("a"), b"1".to_vec().into(), write(Condition::Absent, ObjectClass::Private)).await;
    let before = place.proxy.seen().len();
    assert!(refused.unwrap_err().is_unsupported());
    _ = place.store.write(&key("a"), b"1".to_vec().into(), write(Condition::Absent, ObjectClass::Private)).await;
    assert_eq!(place.proxy.seen().len(), before + 1);
}

/// Ceph compares If-Match with an ETag without its quotes.
#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_tags_is_the_servers() {
    for (server, quoted) in [(S3Server::moto(), true), (S3Server::ceph(), false)] {
        let place = place(server).await;
        let first =
            place.store.write(&key("a"), b"1".to_vec().into(), write(Condition::Always, ObjectClass::Private)).await;
        let condition = Condition::Matches(first.unwrap().version);
        place.store.write(&key("a"), b"2".to_vec().into(), write(condition, ObjectClass::Private)).await.unwrap();
        let seen = place.proxy.seen();
        assert_eq!(header(&seen.last().unwrap().headers, "if-match").starts_with('"'), quoted);
    }
}

/// `http://bucket.localhost:…/key`
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_may_be_a_part_of_the_host() {
    let server = S3Server::ceph();
    let bucket = server.create_bucket("host");
    let url = server.url.replace("127.0.0.1", "localhost");
    let virtual_host = S3Settings { url, addressing: Addressing::VirtualHost, ..settings(&server, &bucket) };
    let store = S3Store::new(&virtual_host).unwrap();
    assert_eq!(store.probe().await.unwrap(), Conditions::Kept);
    put(&store, "a/b c+d~é", b"text").await;
    assert_eq!(server.get(&bucket, "a/b c+d~é").unwrap(), b"text");
    store.copy(&key("a/b c+d~é"), &key("copy"), write(Condition::Absent, ObjectClass::Immutable)).await.unwrap();
    assert_eq!(get(&store, "copy").await.unwrap(), b"text");
    assert_eq!(store.list("").await.unwrap().len(), 3);
}

/// A moto of its own that speaks https with a certificate that nobody knows.
struct Encrypted {
    process: std::process::Child,
    directory: tempfile::TempDir,
    server: S3Server,
}

impl Encrypted {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, secret) = (directory.path().join("certificate.pem"), directory.path().join("key.pem"));
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([&secret, Path::new("-out"), &certificate])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = std::process::Command::new(rws_lab::cache().join("venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string(), "-c"])
            .args([&certificate, Path::new("-k"), &secret])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let server = S3Server {
            url: format!("https://127.0.0.1:{port}"),
            access_key: "a".to_owned(),
            secret_key: "b".to_owned(),
        };
        let encrypted = Self { process, directory, server };
        while encrypted.curl("GET", "").is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
        encrypted.curl("PUT", "encrypted");
        encrypted
    }

    fn curl(&self, method: &str, path: &str) -> Vec<u8> {
        let url = format!("{}/{path}", self.server.url);
        let curl = ["-sk", "-X", method, "-H", "Content-Length: 0", &url];
        std::process::Command::new("curl").args(curl).output().unwrap().stdout
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_with_those_whose_authority_is_known() {
    let encrypted = Encrypted::start();
    let unknown = S3Settings { retries: 0, ..settings(&encrypted.server, "encrypted") };
    let refused = S3Store::new(&unknown).unwrap().probe().await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let ca_file = Some(encrypted.directory.path().join("certificate.pem"));
    let store = S3Store::new(&S3Settings { ca_file, ..unknown.clone() }).unwrap();
    // whether it keeps conditions is asked of the shared server: this one answers each request in a thread of its own, and on a
    // busy machine two writers may both find nothing there
    store.probe().await.unwrap();
    put(&store, "a", b"text").await;
    assert_eq!(get(&store, "a").await.unwrap(), b"text");
    let broken = encrypted.directory.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = S3Store::new(&S3Settings { ca_file: Some(broken), ..unknown }).unwrap_err().to_string();
    assert!(error.contains("S3_CA_FILE") && error.contains("broken.pem"), "{error}");
}
