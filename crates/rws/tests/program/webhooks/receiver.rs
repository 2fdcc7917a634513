//! A receiver of events, which checks what it gets without any code of RWS.

use std::collections::BTreeMap;
use std::path::Path;

use rws_lab::{Asked, HttpServer, Reply};
use serde_json::{Value, json};

use crate::support::program::Program;
use crate::support::{temporary_directory, wait, write_file};

/// `whsec_` and this is the secret.
const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==";

/// The independent judge of signatures: arguments are secret, id, time and the file of the body.
const PYTHON: &str = "import base64, hashlib, hmac, sys\n\
    secret, name, time, body = sys.argv[1:]\n\
    text = f'{name}.{time}.'.encode() + open(body, 'rb').read()\n\
    print('v1,' + base64.b64encode(hmac.new(base64.b64decode(secret), text, hashlib.sha256).digest()).decode())";

/// An event that arrived.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

pub struct Receiver {
    pub server: HttpServer,
    /// What stands in the path of its URL.
    pub path: &'static str,
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::answering(|_| Reply::new(204, ""))
    }

    pub fn answering(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self { server: HttpServer::start(handler), path: "/services/rws-hook-token" }
    }

    pub fn url(&self) -> String {
        format!("{}{}", self.server.url(), self.path)
    }

    /// Its entry of the configuration.
    pub fn entry(&self, directory: &Path, name: &str) -> Value {
        let secret = directory.join("secret");
        write_file(&secret, format!("whsec_{SECRET}\n"));
        json!({ "name": name, "url": self.url(), "secret_file": secret.display().to_string() })
    }

    /// What arrived so far.
    pub fn told(&self) -> Vec<Told> {
        self.server.asked().iter().map(told).collect()
    }

    /// Waits until an event arrived that is like this.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&Told) -> bool) -> Told {
        let found = wait::until_or(wait::BOUND, || self.told().into_iter().find(|told| is_it(told)));
        found.unwrap_or_else(|| panic!("waited in vain for {what}; there are {:#?}", self.told()))
    }

    /// Waits until an event of a kind arrived.
    #[track_caller]
    pub fn wait_for_kind(&self, kind: &str) -> Told {
        self.wait_for(kind, |told| told.kind == kind)
    }

    /// How often each event arrived.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.told().into_iter().for_each(|told| *counts.entry(told.id).or_default() += 1);
        counts
    }
}

/// Reads a request as a receiver does.
#[track_caller]
fn told(asked: &Asked) -> Told {
    assert_eq!((asked.method.as_str(), asked.header("content-type")), ("POST", "application/json"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_else(|error| panic!("{error}: {asked:?}"));
    let keys: Vec<&String> = body.as_object().map(|body| body.keys().collect()).unwrap_or_default();
    assert_eq!(keys, ["data", "timestamp", "type"]);
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    assert!(text("timestamp").starts_with("20") && text("timestamp").ends_with('Z'), "{body}");
    Told { id: asked.header("webhook-id").to_owned(), kind: text("type"), data: body["data"].clone() }
}

/// Judges the signature of a request.
#[track_caller]
pub fn expect_signed(asked: &Asked) {
    let directory = temporary_directory();
    let body = directory.path().join("body");
    write_file(&body, &asked.body);
    let (id, time) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    let python = Program::new("python3", directory.path()).args(["-c", PYTHON, SECRET, id, time]).arg(&body).succeed();
    assert_eq!(python.output().trim(), asked.header("webhook-signature"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds: u64 = time.parse().unwrap_or_default();
    assert!(now.abs_diff(seconds) < 600, "{time} is not now: {now}");
}
