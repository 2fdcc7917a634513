//! The guides about buckets, on Ceph.

use std::path::Path;

use crate::support::bucket::{Bucket, PASSWORD_HASH, expect_ready};
use crate::support::curl::{self, Upload};
use crate::support::documents::{Guide, shell};
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Credentials, Options, Server};
use crate::support::temporary_directory;

/// What stands for a bucket in a document, and this one.
fn words<'a>(bucket: &'a Bucket, values: &'a [String; 3]) -> [(&'a str, &'a str); 4] {
    let [name, access, secret] = values;
    [
        ("https://s3.example.org", &bucket.s3.url),
        ("S3_BUCKET=packages", name),
        ("S3_ACCESS_KEY=…", access),
        ("S3_SECRET_KEY=…", secret),
    ]
}

fn values(bucket: &Bucket) -> [String; 3] {
    let s3 = &bucket.s3;
    [
        format!("S3_BUCKET={}", bucket.name),
        format!("S3_ACCESS_KEY={}", s3.access_key),
        format!("S3_SECRET_KEY={}", s3.secret_key),
    ]
}

/// A server that commands start which end with `rws serve`.
fn start(commands: &str, directory: &Path) -> Server {
    let commands = format!("cd {}\n{commands}", directory.display());
    let program = Path::new(env!("CARGO_BIN_EXE_rws")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let spool = tempfile::tempdir_in(directory).unwrap().keep().display().to_string();
    let variables = [("PORT", "0"), ("RWS_SPOOL_DIR", &spool), ("PATH", &path)];
    Server::start_with(Options {
        environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        credentials: Some(Credentials { user: "ci".to_owned(), password: "password".to_owned() }),
        launcher: Some(["bash", "-euc", &commands, "rws"].map(str::to_owned).to_vec()),
        ..Options::default()
    })
}

#[test]
pub fn with_a_bucket() {
    let (bucket, directory) = (Bucket::on_ceph(), temporary_directory());
    let values = values(&bucket);
    let mut guide = Guide::open("docs/how-to/s3.md");
    shell(&guide.next(&[]), directory.path()).succeed();
    let hash = shell(&guide.next(&[]), directory.path()).input("password\n").succeed().output();
    let hash = ("$argon2id$…", hash.trim_end());
    let serve = ("\nrws serve", "\nexec rws \"$@\"");
    let server = start(&guide.next(&[&words(&bucket, &values)[..], &[hash, serve]].concat()), directory.path());
    expect_ready(&server);
    let answer = shell(&guide.next(&[("http://127.0.0.1:5000", server.base_url())]), directory.path()).succeed();
    assert!(answer.output().starts_with("ok") || answer.output().contains("ready"), "{}", answer.transcript());
    let rpm = Rpm::new("hello", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/9?wait=30").file(&rpm).send(&server).expect_created();
}

#[test]
pub fn several_replicas() {
    let (bucket, directory) = (Bucket::on_ceph(), temporary_directory());
    let values = values(&bucket);
    let key = bucket.environment().into_iter().find(|(name, _)| name == "GPG_SIGN_KEY_ARMORED").unwrap().1;
    std::fs::write(directory.path().join("key.asc"), key).unwrap();
    let mut guide = Guide::open("docs/how-to/replicas.md");
    let serve = ("\nrws serve --listen 0.0.0.0:5000", "\nexec rws \"$@\"");
    let commands = guide.next(&[&words(&bucket, &values)[..], &[("$argon2id$…", PASSWORD_HASH), serve]].concat());
    let replicas = [start(&commands, directory.path()), start(&commands, directory.path())];
    for replica in &replicas {
        expect_ready(replica);
    }
    let [first, second] = [&replicas[0], &replicas[1]].map(Server::base_url);
    let asked =
        guide.next(&[("http://replica-1.example.org:5000", first), ("http://replica-2.example.org:5000", second)]);
    let said = shell(&asked, directory.path()).succeed().output();
    assert!(said.contains("\"writers\":{\"state\":\"many\""), "{said}");
    let rpm = Rpm::new("hello", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/9?wait=30").file(&rpm).send(&replicas[0]).expect_created();
    replicas[1].wait_for_body("/live/1.10/el/9/x86_64/repodata/repomd.xml", |_| true);
}

#[test]
pub fn moving_to_another_bucket() {
    let (old, new, directory) = (Bucket::on_ceph(), Bucket::on_ceph(), temporary_directory());
    let mut server = old.serve();
    let packages = ["1.0", "2.0"].map(|version| Rpm::new("hello", version, "1").build(directory.path()));
    Upload::to("/live/1.10/el/9?wait=30").file(&packages[0]).send(&server).expect_created();
    let mut guide = Guide::open("docs/how-to/move-to-another-bucket.md");
    let name = format!("S3_BUCKET={}", new.name);
    let (access, secret) = (format!("_ACCESS_KEY={}", old.s3.access_key), format!("_SECRET_KEY={}", old.s3.secret_key));
    let variables = guide.next(&[
        ("https://new.example.org", &new.s3.url),
        ("https://old.example.org", &old.s3.url),
        ("S3_BUCKET=packages-2", &name),
        ("_ACCESS_KEY=…", &access),
        ("_SECRET_KEY=…", &secret),
    ]);
    let key = new.environment().into_iter().find(|(name, _)| name == "GPG_SIGN_KEY_ARMORED").unwrap().1;
    let run = |commands: String| {
        let commands = format!("{variables}\n{commands}");
        shell(&commands, directory.path()).env("GPG_SIGN_KEY_ARMORED", &key).succeed().everything()
    };
    let bucket = format!("s3://{}", old.name);
    run(guide.next(&[("s3://packages", &bucket)]));
    // what comes meanwhile
    Upload::to("/live/1.10/el/9?wait=30").file(&packages[1]).send(&server).expect_created();
    assert!(server.terminate().success());
    run(guide.next(&[("s3://packages", &bucket)]));
    let verified = run(guide.next(&[]));
    assert!(verified.contains("live/1.10/el/9/x86_64"), "{verified}");
    let server = new.serve();
    let third = Rpm::new("hello", "3.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/9?wait=30").file(&third).send(&server).expect_created();
    for package in packages.iter().chain([&third]) {
        let name = crate::support::file_name(package);
        curl::get(&server.url(&format!("/live/1.10/el/9/x86_64/Packages/{name}"))).expect_status(200);
    }
}
