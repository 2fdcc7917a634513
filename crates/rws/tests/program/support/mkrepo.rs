//! What runs on the storage of the original service: its metadata tool, `mkrepo`, and RWS.

use super::bucket::LEASE_BOUND;
use super::original::{Original, Place, key};
use super::program::{Program, Ran};
use super::server::{Options, Server, own_variables};
use super::{curl, temporary_directory, test_cache, wait};
use rws_lab::Seen;

impl Original {
    /// Runs mkrepo on repositories: `…/el/7/x86_64`, `…/ubuntu`.
    #[track_caller]
    pub fn mkrepo(&self, repositories: &[&str]) {
        let home = temporary_directory();
        let mut mkrepo = Program::new(test_cache().join("venv/bin/python3"), home.path())
            .current_dir(home.path())
            .env("GNUPGHOME", self.key.home())
            .env("GPG_SIGN_KEY", "test@example.invalid")
            .env("MKREPO_DEB_ORIGIN", "Tarantool")
            .env("MKREPO_DEB_LABEL", "tarantool.org")
            .env("MKREPO_DEB_DESCRIPTION", "Tarantool DBMS and Tarantool modules")
            .args(["-m", "mkrepo", "--sign", "--temp-dir", "work"]);
        if let Place::Bucket(bucket, _) = &self.place {
            mkrepo = mkrepo
                .args(["--s3-endpoint", &bucket.s3.url, "--s3-region", "us-east-1"])
                .args(["--s3-access-key-id", &bucket.s3.access_key])
                .args(["--s3-secret-access-key", &bucket.s3.secret_key]);
        }
        let said = mkrepo.args(repositories.iter().map(|path| self.address(path))).succeed().everything();
        assert!(!said.contains("Unknown repository"), "{said}");
    }

    fn address(&self, repository: &str) -> String {
        match &self.place {
            Place::Directory(directory) => directory.path().join(repository).display().to_string(),
            Place::Bucket(bucket, _) => format!("s3://{}/{}", bucket.name, key(repository)),
        }
    }

    /// A server of RWS over it, with the same key, that may write.
    #[track_caller]
    pub fn serve(&self) -> Server {
        let server = match &self.place {
            Place::Directory(directory) => {
                let data_dir = Some(directory.path().to_owned());
                Server::start_with(Options { data_dir, environment: self.environment(), ..Options::default() })
            }
            Place::Bucket(bucket, proxy) => bucket.through(proxy).serve(),
        };
        expect_writable(&server);
        server
    }

    /// A command of RWS that is no server, beside one.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Ran {
        match &self.place {
            Place::Directory(directory) => {
                let program = Program::new(env!("CARGO_BIN_EXE_rws"), self.work.path());
                let program = own_variables().into_iter().fold(program, Program::env_remove);
                let environment = self.environment();
                let program = environment.iter().fold(program, |program, (name, value)| program.env(name, value));
                let program = program.args(arguments).arg("--data-dir").arg(directory.path());
                program.current_dir(self.work.path()).run()
            }
            Place::Bucket(bucket, _) => bucket.command(arguments),
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![("GPG_SIGN_KEY_ARMORED".to_owned(), self.key.secret_armored())]
    }

    /// What RWS has asked S3 for a file, all in all; nothing for a directory.
    pub fn asked(&self, path: &str) -> Vec<Seen> {
        match &self.place {
            Place::Directory(_) => Vec::new(),
            Place::Bucket(bucket, proxy) => {
                let wanted = format!("/{}/{}", bucket.name, key(path));
                proxy.seen().into_iter().filter(|seen| seen.path == wanted).collect()
            }
        }
    }
}

/// Waits (bounded) until a server may write. moto looks at a condition and writes in two steps: on a busy machine RWS
/// sees at its start, once in a while, that two of many writers won, and waits for the lease of a single writer.
#[track_caller]
pub fn expect_writable(server: &Server) {
    let mut last = serde_json::Value::Null;
    let may = wait::until_or(LEASE_BOUND, || {
        last = curl::get(&server.url("/-/status")).json();
        last["writers"]["state"].as_str().filter(|state| ["many", "single"].contains(state)).map(|_| ())
    });
    assert!(may.is_some(), "the server may not write: {last}; its log:\n{}", server.log());
}
