//! The program on a bucket of a real S3 server.

use super::gpgv::SecretKey;
use super::program::{Program, Ran};
use super::server::{Credentials, Options, Server, own_variables};
use super::{curl, temporary_directory, wait};
use rws_lab::{Proxy, S3Server};
use rws_store::{
    Addressing, Condition, ContentTypes, Key, ObjectClass, S3Credentials, S3Settings, S3Store, Store, Write,
};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// The password of [`PASSWORD_HASH`], which argon2-cffi made with little work.
const PASSWORD: &str = "password";
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0";

/// With a bucket the program makes no key: one for all tests of a program.
pub static SIGNING_KEY: LazyLock<String> = LazyLock::new(|| SecretKey::generate("ed25519").secret_armored());

/// A single writer takes the lease of one that died after 45 s unchanged, and leaves it alone for 12 s more.
pub const LEASE_BOUND: Duration = Duration::from_secs(120);

/// A bucket that one test has for itself, and what the program is told of it.
#[derive(Clone)]
pub struct Bucket {
    pub s3: S3Server,
    pub name: String,
    more: Vec<(String, String)>,
}

impl Bucket {
    #[track_caller]
    pub fn on_ceph() -> Self {
        Self::on(S3Server::ceph())
    }

    #[track_caller]
    pub fn on(s3: S3Server) -> Self {
        let name = s3.create_bucket("rws");
        Self { s3, name, more: Vec::new() }
    }

    /// The same bucket, asked through a proxy.
    #[must_use]
    pub fn through(&self, proxy: &Proxy) -> Self {
        self.by(self.s3.through(proxy))
    }

    /// The same bucket, asked by another user of its server.
    #[must_use]
    pub fn by(&self, user: S3Server) -> Self {
        Self { s3: user, ..self.clone() }
    }

    /// With one more variable, or another value of one.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.more.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// What the program needs to know; of two values the last one counts.
    pub fn environment(&self) -> Vec<(String, String)> {
        let users = serde_json::json!({ "ci": PASSWORD_HASH }).to_string();
        let own = [
            ("S3_URL", self.s3.url.as_str()),
            ("S3_REGION", "us-east-1"),
            ("S3_BUCKET", &self.name),
            ("S3_ACCESS_KEY", &self.s3.access_key),
            ("S3_SECRET_KEY", &self.s3.secret_key),
            ("RWS_CREDENTIALS", &users),
            ("GPG_SIGN_KEY_ARMORED", &SIGNING_KEY),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.into_iter().chain(self.more.iter().cloned()).collect()
    }

    /// A server on this bucket, which has not looked at it yet.
    #[track_caller]
    pub fn start(&self) -> Server {
        let credentials = Some(Credentials { user: "ci".to_owned(), password: PASSWORD.to_owned() });
        Server::start_with(Options { environment: self.environment(), credentials, ..Options::default() })
    }

    /// The same, started by a launcher.
    #[track_caller]
    pub fn start_by(&self, launcher: Vec<String>) -> Server {
        let credentials = Some(Credentials { user: "ci".to_owned(), password: PASSWORD.to_owned() });
        let launcher = Some(launcher);
        Server::start_with(Options { environment: self.environment(), credentials, launcher, ..Options::default() })
    }

    /// Another program on this bucket, ready.
    #[track_caller]
    pub fn serve_with(&self, program: &Path) -> Server {
        let credentials = Some(Credentials { user: "ci".to_owned(), password: PASSWORD.to_owned() });
        let (environment, program) = (self.environment(), Some(program.to_owned()));
        let server = Server::start_with(Options { environment, credentials, program, ..Options::default() });
        expect_ready(&server);
        server
    }

    /// A server on this bucket that is ready.
    #[track_caller]
    pub fn serve(&self) -> Server {
        let server = self.start();
        expect_ready(&server);
        server
    }

    /// A command on this bucket that is no server: its arguments.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Ran {
        let home = temporary_directory();
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), home.path());
        let program = own_variables().into_iter().fold(program, Program::env_remove);
        let program = program.env("RWS_SPOOL_DIR", home.path().join("spool"));
        let program = self.environment().iter().fold(program, |program, (name, value)| program.env(name, value));
        program.args(arguments).current_dir(home.path()).run()
    }

    /// The content of an object, if there is one.
    #[track_caller]
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.s3.get(&self.name, key)
    }

    #[track_caller]
    pub fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        self.s3.put(&self.name, key, content);
    }

    /// Writes a public object just as the program does.
    #[track_caller]
    pub fn write_as_program(&self, key: &str, content: Vec<u8>) {
        self.write(key, content, false);
    }

    /// The same with `S3_PUBLIC_READ`: as a replica does that takes the object for everybody's.
    #[track_caller]
    pub fn write_for_everybody(&self, key: &str, content: Vec<u8>) {
        self.write(key, content, true);
    }

    #[track_caller]
    fn write(&self, key: &str, content: Vec<u8>, public_read: bool) {
        let settings = S3Settings {
            url: self.s3.url.clone(),
            region: "us-east-1".to_owned(),
            bucket: self.name.clone(),
            base_path: String::new(),
            credentials: S3Credentials::keys(self.s3.access_key.clone(), self.s3.secret_key.clone()),
            sse_kms_key_id: None,
            bucket_owner: None,
            public_read,
            addressing: Addressing::Path,
            ca_file: None,
            timeout: wait::BOUND,
            retries: 5,
            content_types: ContentTypes::default(),
        };
        let store = S3Store::new(&settings).expect("settings");
        let write = Write { condition: Condition::Always, kind: ObjectClass::Mutable };
        let key = Key::parse(key).expect("a key");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(store.write(&key, content.into(), write)).expect("the object is written");
    }

    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        self.s3.keys(&self.name)
    }

    /// The ETag of an object that must be there.
    #[track_caller]
    pub fn tag(&self, key: &str) -> String {
        let headers = self.s3.head(&self.name, key);
        let tag = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("etag"));
        tag.unwrap_or_else(|| panic!("{key:?} has no ETag")).1
    }

    /// The status with which somebody without keys reads an object.
    #[track_caller]
    pub fn anonymous_status(&self, key: &str) -> u16 {
        self.s3.anonymous_status(&self.name, key)
    }

    /// The URL of an object, without a signature.
    pub fn url(&self, key: &str) -> String {
        format!("{}/{}/{key}", self.s3.url, self.name)
    }
}

/// Waits (bounded) until the server can be used, and returns what it says of that.
#[track_caller]
pub fn expect_ready(server: &Server) -> String {
    let mut last = String::new();
    let ready = wait::until_or(wait::BOUND, || {
        let answer = curl::get(&server.url("/-/ready"));
        last = answer.text();
        (answer.status == 200).then(|| last.clone())
    });
    ready.unwrap_or_else(|| panic!("the server does not get ready, it says {last}; its log:\n{}", server.log()))
}

/// Waits (bounded) until the server says why it is not ready, in words that hold all of these; returns them.
#[track_caller]
pub fn expect_not_ready(server: &Server, parts: &[&str]) -> String {
    let mut last = String::new();
    let said = wait::until_or(wait::BOUND, || {
        let answer = curl::get(&server.url("/-/ready"));
        last = format!("{}: {}", answer.status, answer.text());
        (answer.status == 503 && parts.iter().all(|part| last.contains(part))).then(|| last.clone())
    });
    said.unwrap_or_else(|| panic!("the server never said {parts:?}, but {last}; its log:\n{}", server.log()))
}

/// Waits (bounded) until `/-/status` says that this is who may write: `unknown`, `many`, `single`, `waiting`.
#[track_caller]
pub fn expect_writers(server: &Server, state: &str, bound: Duration) -> String {
    let mut last = serde_json::Value::Null;
    let said = wait::until_or(bound, || {
        last = curl::get(&server.url("/-/status")).expect_status(200).json();
        let writers = &last["writers"];
        (writers["state"] == state).then(|| writers["message"].as_str().unwrap_or_default().to_owned())
    });
    said.unwrap_or_else(|| panic!("the writers are never {state:?}, but {last}; its log:\n{}", server.log()))
}
