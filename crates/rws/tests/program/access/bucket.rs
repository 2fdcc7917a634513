//! Who may read objects from the bucket itself.

use serde_json::{Value, json};

use super::secrecy::{close, users};
use crate::contract::stage::{FIXTURES, deb_form, expect_created, expect_status, user};
use crate::support::bucket::Bucket;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{configuration_file, temporary_directory, wait};

const PRIVATE: &str = "/live/1.10/el/8";
const PUBLIC: &str = "/live/1.10/el/7";

fn start(bucket: &Bucket) -> Server {
    let environment = bucket.environment();
    let credentials: Option<Credentials> = Some(user("root"));
    let server = Server::start_with(Options { environment, credentials, ..Options::default() });
    server.wait_for_body("/-/ready", |text| text.starts_with("ready"));
    server
}

fn put(server: &Server, target: &str, form: Form) {
    let path = format!("{target}?wait=60");
    expect_created(&Request::new("PUT", &path).user(&user("root")).form(form).send(server));
}

/// Objects of a target that everybody can read, and that nobody can.
fn seen(bucket: &Bucket, target: &str) -> (usize, usize) {
    let keys = bucket.keys().into_iter().filter(|key| key.starts_with(&target[1..]));
    let (open, closed): (Vec<_>, Vec<_>) = keys.partition(|key| bucket.anonymous_status(key) == 200);
    (open.len(), closed.len())
}

#[test]
fn objects_of_private_repositories_are_private_in_the_bucket_too() {
    let directory = temporary_directory();
    let path = configuration_file(directory.path(), |file| {
        close(file);
        file["server"]["download"] = json!("redirect");
        file["server"]["download_from_bytes"] = json!(1);
    });
    let bucket = Bucket::on_ceph().with("S3_PUBLIC_READ", "true").with("RWS_CFG", &path);
    let bucket = bucket.with("RWS_CREDENTIALS", &users().to_string());
    let mut server = start(&bucket);
    put(&server, PRIVATE, Form::of([&FIXTURES.rpm]));
    put(&server, PUBLIC, Form::of([&FIXTURES.rpm]));
    put(&server, "/release/2.8/ubuntu/jammy", deb_form([&FIXTURES.deb]));
    put(&server, "/release/2.8/ubuntu/focal", deb_form([&FIXTURES.deb]));
    let (open, closed) = (seen(&bucket, PRIVATE), seen(&bucket, PUBLIC));
    assert!(open.0 == 0 && open.1 > 5 && closed.1 == 0 && closed.0 > 5, "{open:?} {closed:?}");
    for (directory, is_open) in
        [("dists/jammy", false), ("pool/jammy", false), ("dists/focal", true), ("pool/focal", true)]
    {
        let (open, closed) = seen(&bucket, &format!("/release/2.8/ubuntu/{directory}/"));
        assert_eq!((open > 0, closed > 0), (is_open, !is_open), "{directory}");
    }
    // a signed URL is good for a minute
    let package = format!("{PRIVATE}/x86_64/Packages/{}", FIXTURES.rpm.name);
    let answer = Request::get(&package).user(&user("ann")).send(&server);
    expect_status(&answer, 302);
    assert!(answer.header("location").is_some_and(|address| address.contains("X-Amz-Expires=60")), "{answer:?}");
    assert!(answer.header("cache-control").is_some_and(|caching| caching.contains("no-store")));

    // a public one that becomes private loses what it has, and gets it back
    let change = |readers: Value| {
        let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let rules = file["repositories"].as_array_mut().unwrap();
        rules.retain(|rule| rule["match"] != PUBLIC[1..]);
        rules.push(json!({ "match": &PUBLIC[1..], "read": readers }));
        std::fs::write(&path, file.to_string()).unwrap();
    };
    change(json!(["ann"]));
    server.signal("HUP");
    let closed = wait::until_or(wait::BOUND * 2, || (seen(&bucket, PUBLIC).0 == 0).then_some(()));
    assert!(closed.is_some(), "{:?}\n{}", seen(&bucket, PUBLIC), server.log());
    // what another tool, or another replica, opens is found and mended
    let key = format!("{}/x86_64/Packages/{}", &PUBLIC[1..], FIXTURES.rpm.name);
    let bytes = bucket.get(&key).unwrap_or_default();
    bucket.write_for_everybody(&key, bytes);
    assert_eq!(bucket.anonymous_status(&key), 200);
    let verified = bucket.command(&["verify", "--all"]).expect_failure().everything();
    assert!(verified.contains(&key) && verified.contains("everybody may read this object"), "{verified}");
    bucket.command(&["verify", "--all", "--repair"]).expect_success();
    assert_eq!(bucket.anonymous_status(&key), 403);

    change(json!("public"));
    server.signal("HUP");
    let open = wait::until_or(wait::BOUND * 2, || (seen(&bucket, PUBLIC).1 == 0).then_some(()));
    assert!(open.is_some(), "{:?}\n{}", seen(&bucket, PUBLIC), server.log());
    assert!(server.terminate().success());
}
