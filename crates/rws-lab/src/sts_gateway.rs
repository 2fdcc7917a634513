//! A gateway of Ceph that hands out keys that end.

use std::fmt;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::{S3Server, cache};

/// The role that the user of [`S3Server::ceph`] may assume.
const ROLE: &str = "sessions";

/// Keys that end.
#[derive(Clone)]
pub struct Session {
    /// whose requests these are
    pub access_key: String,
    /// what they are signed with
    pub secret_key: String,
    /// what is sent with them
    pub session_token: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// A second gateway to the cluster of [`S3Server::ceph`], with STS. The first one does without: with STS, Ceph does not say any
/// more that it does not know a key. It ends when it is dropped.
pub struct StsGateway {
    process: Child,
    server: S3Server,
}

impl StsGateway {
    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start() -> Self {
        let first = S3Server::ceph();
        make_role();
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let mut process = ceph("radosgw")
            .arg("-f")
            .arg(format!("--rgw_frontends=beast endpoint={address}"))
            // the second encrypts what the tokens say
            .args(["--rgw_s3_auth_use_sts=true", "--rgw_sts_key=rws-test-sts-key", "--log_file="])
            .spawn()
            .expect("radosgw starts; tests/setup installs it");
        while TcpStream::connect(&address).is_err() {
            let ended = process.try_wait().expect("its state");
            assert!(ended.is_none(), "radosgw has ended: {ended:?}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self { process, server: S3Server { url: format!("http://{address}"), ..first } }
    }

    /// The server, with the keys of its user that do not end.
    pub fn server(&self) -> &S3Server {
        &self.server
    }

    /// Keys that are good for a quarter of an hour.
    #[track_caller]
    pub fn session(&self) -> Session {
        let S3Server { url, access_key, secret_key } = &self.server;
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&DurationSeconds=900&RoleSessionName=test&\
             RoleArn=arn:aws:iam:::role/{ROLE}"
        );
        let curl = Command::new("curl")
            .args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--data", &form])
            .args(["--aws-sigv4", "aws:amz:us-east-1:sts", "--user", &format!("{access_key}:{secret_key}"), url])
            .output()
            .expect("curl starts; tests/setup installs it");
        let answer = String::from_utf8_lossy(&curl.stdout);
        let text = |name: &str| {
            let after = answer.split(&format!("<{name}>")).nth(1);
            let text = after.and_then(|after| after.split('<').next());
            text.unwrap_or_else(|| panic!("no {name} in the answer of STS: {answer}")).to_owned()
        };
        let (access_key, secret_key) = (text("AccessKeyId"), text("SecretAccessKey"));
        Session { access_key, secret_key, session_token: text("SessionToken") }
    }
}

impl Drop for StsGateway {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// A program of Ceph, for the cluster that `tests/s3-servers` started.
fn ceph(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("CEPH_CONF", cache().join("s3/ceph/ceph.conf")).env("CEPH_ARGS", "");
    command.args(["--name", "client.rgw"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A role with all rights to all buckets. It may be there already.
fn make_role() {
    let of_user = "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \
                   \"Principal\": {\"AWS\": [\"arn:aws:iam:::user/owner\"]}, \"Action\": [\"sts:AssumeRole\"]}]}";
    let of_buckets = "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"s3:*\"], \
                      \"Resource\": \"arn:aws:s3:::*\"}]}";
    for arguments in [
        ["role", "create", "--role-name", ROLE, "--assume-role-policy-doc", of_user].as_slice(),
        &["role-policy", "put", "--role-name", ROLE, "--policy-name", "all", "--policy-doc", of_buckets],
    ] {
        ceph("radosgw-admin").args(arguments).status().expect("radosgw-admin starts; tests/setup installs it");
    }
}
