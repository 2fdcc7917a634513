//! The original service itself, started as its Procfile starts it, and RWS with the same configuration.

use std::path::PathBuf;

use rws_lab::S3Server;

use super::bucket::{Bucket, expect_ready};
use super::program::Program;
use super::server::{Credentials, Options, Server};
use super::{project_root, read_file, temporary_directory, test_cache, write_file};

/// The source of the original: a checkout beside this one, or where `RWS_TEST_ORIGINAL` says. It is not a part of the project.
fn source() -> PathBuf {
    let named = std::env::var_os("RWS_TEST_ORIGINAL").map(PathBuf::from);
    let source = project_root().join(named.unwrap_or_else(|| PathBuf::from("../original")));
    assert!(source.join("app.py").exists(), "{} is no checkout of the original: CONTRIBUTING.md", source.display());
    source
}

/// Starts gunicorn at a port that is free, and says where once it answers.
const START: &str = r#"
port=$("$1/bin/python3" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(
  until curl --silent --output /dev/null "127.0.0.1:$port/"; do sleep 0.05; done
  echo "listening on http://127.0.0.1:$port"
) &
export PATH="$1/bin:$PATH"
mkdir -p -m 700 "$GNUPGHOME"
exec "$1/bin/gunicorn" --chdir "$2" --workers 1 --timeout 0 --threads 10 --bind "127.0.0.1:$port" app:app
"#;

/// What both services are started with.
pub struct Stand {
    directory: tempfile::TempDir,
    configuration: PathBuf,
    users: String,
}

fn user() -> Credentials {
    Credentials { user: "ci".to_owned(), password: "password".to_owned() }
}

impl Stand {
    /// The original's own configuration with these anchors.
    #[track_caller]
    pub fn new(anchors: serde_json::Value) -> Self {
        let directory = temporary_directory();
        let mut file: serde_json::Value =
            serde_json::from_slice(&read_file(&source().join("config.default"))).expect("its configuration is JSON");
        file["anchors"] = anchors;
        let configuration = directory.path().join("rws.json");
        write_file(&configuration, file.to_string());
        let hash = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path());
        let hash = hash.args(["hash-password", "--format", "scrypt"]).input("password\n").succeed().output();
        let users = serde_json::json!({ "ci": hash.trim() }).to_string();
        Self { directory, configuration, users }
    }

    /// A bucket, and what both are told of it.
    #[track_caller]
    pub fn bucket(&self) -> Bucket {
        let bucket = Bucket::on(S3Server::moto()).with("RWS_CFG", &self.configuration.display().to_string());
        let keyring = self.directory.path().join("gnupg").display().to_string();
        bucket.with("RWS_CREDENTIALS", &self.users).with("GNUPGHOME", &keyring)
    }

    /// Starts the original.
    #[track_caller]
    pub fn original(&self, bucket: &Bucket) -> Server {
        let venv = test_cache().join("original");
        assert!(venv.join("complete").exists(), "{} is missing: run tests/setup full", venv.display());
        let launcher = ["bash", "-euc", START, "original"].map(str::to_owned).into_iter();
        let launcher = launcher.chain([venv, source()].map(|path| path.display().to_string())).collect();
        Server::start_with(Options {
            environment: bucket.environment(),
            credentials: Some(user()),
            launcher: Some(launcher),
            ..Options::default()
        })
    }

    /// Starts RWS.
    #[track_caller]
    pub fn rws(&self, bucket: &Bucket) -> Server {
        let (environment, credentials) = (bucket.environment(), Some(user()));
        let server = Server::start_with(Options { environment, credentials, ..Options::default() });
        expect_ready(&server);
        server
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // the original's gpg starts an agent, which outlives it
        let keyring = self.directory.path().join("gnupg");
        Program::new("gpgconf", self.directory.path()).arg("--homedir").arg(keyring).args(["--kill", "all"]).run();
    }
}

/// Both services, each on a bucket of its own.
pub struct Both {
    pub original: Server,
    pub rws: Server,
    _stand: Stand,
}

impl Both {
    /// Starts them with the original's own configuration and these anchors.
    #[track_caller]
    pub fn start(anchors: serde_json::Value) -> Self {
        let stand = Stand::new(anchors);
        let [original, rws] = [(), ()].map(|()| stand.bucket().with("GPG_SIGN_KEY_ARMORED", ""));
        Self { original: stand.original(&original), rws: stand.rws(&rws), _stand: stand }
    }
}
