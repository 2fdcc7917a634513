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
exec "$1/bin/gunicorn" --chdir "$2" --workers 1 --timeout 0 --threads 10 --bind "127.0.0.1:$port" app:app
"#;

/// Both services, each on a bucket of its own.
pub struct Both {
    pub original: Server,
    pub rws: Server,
    _directory: tempfile::TempDir,
}

impl Both {
    /// Starts them with the original's own configuration and these anchors.
    #[track_caller]
    pub fn start(anchors: serde_json::Value) -> Self {
        let directory = temporary_directory();
        let source = source();
        let mut file: serde_json::Value =
            serde_json::from_slice(&read_file(&source.join("config.default"))).expect("its configuration is JSON");
        file["anchors"] = anchors;
        let file_path = directory.path().join("rws.json");
        write_file(&file_path, file.to_string());
        let credentials = Credentials { user: "ci".to_owned(), password: "password".to_owned() };
        let hash = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path());
        let hash = hash.args(["hash-password", "--format", "scrypt"]).input("password\n").succeed().output();
        let users = serde_json::json!({ "ci": hash.trim() }).to_string();
        let bucket = || {
            let bucket = Bucket::on(S3Server::moto()).with("RWS_CFG", &file_path.display().to_string());
            bucket.with("RWS_CREDENTIALS", &users).with("GPG_SIGN_KEY_ARMORED", "")
        };
        let environment = bucket().environment();
        let venv = test_cache().join("original");
        assert!(venv.join("complete").exists(), "{} is missing: run tests/setup full", venv.display());
        let launcher = ["bash", "-euc", START, "original"].map(str::to_owned).into_iter();
        let launcher = launcher.chain([venv, source].map(|path| path.display().to_string())).collect();
        let original = Server::start_with(Options {
            environment,
            credentials: Some(credentials.clone()),
            launcher: Some(launcher),
            ..Options::default()
        });
        let environment = bucket().environment();
        let rws = Server::start_with(Options { environment, credentials: Some(credentials), ..Options::default() });
        expect_ready(&rws);
        Self { original, rws, _directory: directory }
    }
}
