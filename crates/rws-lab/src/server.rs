//! The S3 servers that `tests/s3-servers` starts.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};

use crate::Proxy;
use crate::curl::{Answer, request};

/// A running S3 server and the keys of one of its users.
///
/// Buckets are addressed in the path (`URL/BUCKET/KEY`), the region is `us-east-1`.
#[derive(Clone)]
pub struct S3Server {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// whose requests these are
    pub access_key: String,
    /// what they are signed with
    pub secret_key: String,
}

impl fmt::Debug for S3Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("S3Server").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The region that requests are signed for; all these servers take it.
const REGION: &str = "us-east-1";
/// How long a signed URL is good for; each is used at once.
const SIGNED_FOR: Duration = Duration::from_secs(600);

impl S3Server {
    /// Ceph's gateway: the real one. It checks signatures and access lists, and keeps conditions.
    #[track_caller]
    pub fn ceph() -> Self {
        Self::started("RWS_TEST_CEPH_URL", "RWS_TEST_CEPH_ACCESS_KEY", "RWS_TEST_CEPH_SECRET_KEY")
    }

    /// The same gateway with the keys of somebody who has no rights to the buckets of [`S3Server::ceph`].
    #[track_caller]
    pub fn ceph_other() -> Self {
        Self::started("RWS_TEST_CEPH_URL", "RWS_TEST_CEPH_OTHER_ACCESS_KEY", "RWS_TEST_CEPH_OTHER_SECRET_KEY")
    }

    /// moto: light. It keeps conditions and access lists, and takes any signature.
    #[track_caller]
    pub fn moto() -> Self {
        Self::started("RWS_TEST_MOTO_URL", "RWS_TEST_MOTO_ACCESS_KEY", "RWS_TEST_MOTO_SECRET_KEY")
    }

    /// s3rver: a server without conditional writes; it ignores conditions silently. Keys with `//` it does not find.
    #[track_caller]
    pub fn s3rver() -> Self {
        Self::started("RWS_TEST_S3RVER_URL", "RWS_TEST_S3RVER_ACCESS_KEY", "RWS_TEST_S3RVER_SECRET_KEY")
    }

    #[track_caller]
    fn started(url: &str, access_key: &str, secret_key: &str) -> Self {
        let file = cache().join("s3/env");
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let written: HashMap<&str, &str> = written.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |name: &str| {
            let of_environment = std::env::var(name).ok().filter(|value| !value.is_empty());
            of_environment.or_else(|| written.get(name).map(|value| (*value).to_owned())).unwrap_or_else(|| {
                let file = file.display();
                panic!(
                    "{name} is neither in the environment nor in {file}: run `tests/run`, or `tests/s3-servers start`"
                )
            })
        };
        Self { url: value(url), access_key: value(access_key), secret_key: value(secret_key) }
    }

    /// The same server and user, asked through a proxy.
    pub fn through(&self, proxy: &Proxy) -> Self {
        Self { url: proxy.url().to_owned(), ..self.clone() }
    }

    /// Makes a bucket that nobody else has; its name starts with the prefix (lower case letters, digits and hyphens).
    #[track_caller]
    pub fn create_bucket(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", uuid::Uuid::new_v4().simple());
        assert!(name.len() <= 63, "the prefix {prefix:?} is too long for the name of a bucket");
        let bucket = self.bucket(&name);
        let credentials = self.credentials();
        // an empty body, since moto wants a length
        self.send(bucket.create_bucket(&credentials), Some(b"")).expect_status(200, &format!("the creation of {name}"));
        name
    }

    /// The content of an object, if there is one.
    #[track_caller]
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        let answer = self.send(bucket.get_object(Some(&credentials), addressable(key)), None);
        if answer.status == 404 {
            return None;
        }
        Some(answer.expect_status(200, &format!("the reading of {key:?}")).body)
    }

    /// Writes an object, whatever was there.
    #[track_caller]
    pub fn put(&self, bucket: &str, key: &str, bytes: impl AsRef<[u8]>) {
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        self.send(bucket.put_object(Some(&credentials), addressable(key)), Some(bytes.as_ref()))
            .expect_status(200, &format!("the writing of {key:?}"));
    }

    /// Removes an object, if there is one.
    #[track_caller]
    pub fn delete(&self, bucket: &str, key: &str) {
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        self.send(bucket.delete_object(Some(&credentials), addressable(key)), None)
            .expect_status(204, &format!("the removal of {key:?}"));
    }

    /// The headers of an object that must be there.
    #[track_caller]
    pub fn head(&self, bucket: &str, key: &str) -> Vec<(String, String)> {
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        self.send(bucket.head_object(Some(&credentials), addressable(key)), None)
            .expect_status(200, &format!("the question for {key:?}"))
            .headers
    }

    /// Sets who may do what with a bucket: a policy of S3, in JSON.
    #[track_caller]
    pub fn set_policy(&self, bucket: &str, policy: &str) {
        let what = format!("the policy of {bucket}");
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        // without a key the bucket itself is meant
        let mut action = bucket.put_object(Some(&credentials), "");
        action.query_mut().insert("policy", "");
        let answer = self.send(action, Some(policy.as_bytes()));
        // AWS answers 204, Ceph 200
        let status = if answer.status == 204 { 204 } else { 200 };
        answer.expect_status(status, &what);
    }

    /// The status with which somebody without keys reads an object: 200 when it is public.
    #[track_caller]
    pub fn anonymous_status(&self, bucket: &str, key: &str) -> u16 {
        request("GET", self.bucket(bucket).object_url(addressable(key)).as_str(), None).status
    }

    /// All keys of a bucket, in the server's order, just as they were written.
    #[track_caller]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let what = format!("the listing of {bucket}");
        let (bucket, credentials) = (self.bucket(bucket), self.credentials());
        let mut keys = Vec::new();
        let mut continuation = None;
        loop {
            let mut list = bucket.list_objects_v2(Some(&credentials));
            if let Some(token) = continuation {
                list.with_continuation_token(token);
            }
            let page = self.send(list, None).expect_status(200, &what);
            // s3rver names the namespace of S3's first documents
            let page = String::from_utf8(page.body).expect("a listing is UTF-8");
            let page =
                page.replace("http://doc.s3.amazonaws.com/2006-03-01/", "http://s3.amazonaws.com/doc/2006-03-01/");
            let page = ListObjectsV2::parse_response(&page).unwrap_or_else(|error| panic!("{what}: {error}\n{page}"));
            keys.extend(page.contents.into_iter().map(|object| object.key));
            continuation = page.next_continuation_token;
            if continuation.is_none() {
                return keys;
            }
        }
    }

    fn bucket(&self, name: &str) -> Bucket {
        let url = self.url.parse().unwrap_or_else(|error| panic!("{} is no URL: {error}", self.url));
        Bucket::new(url, UrlStyle::Path, name.to_owned(), REGION).expect("an address of a bucket")
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.access_key.clone(), self.secret_key.clone())
    }

    #[track_caller]
    fn send<'a, Action: S3Action<'a>>(&self, action: Action, body: Option<&[u8]>) -> Answer {
        request(Action::METHOD.to_str(), action.sign(SIGNED_FOR).as_str(), body)
    }
}

/// The key, when a URL can hold it. Dots as a part of a path would be resolved, and another object be meant.
#[track_caller]
fn addressable(key: &str) -> &str {
    let resolved = key.split('/').any(|part| matches!(part, "." | ".."));
    assert!(!key.is_empty() && !resolved, "the key {key:?} has no URL of its own");
    key
}

/// Where `tests/setup` and `tests/s3-servers` write: `$RWS_TEST_CACHE`, by default `target/test-cache` of the checkout.
pub fn cache() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkout = manifest.ancestors().nth(2).expect("the crate lies in crates/rws-lab of the checkout");
    let named = std::env::var_os("RWS_TEST_CACHE").filter(|value| !value.is_empty());
    checkout.join(named.map_or_else(|| PathBuf::from("target/test-cache"), PathBuf::from))
}
