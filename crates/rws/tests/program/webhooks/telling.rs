//! What is told, to whom, and that nobody is held up by another one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rws_lab::Reply;
use serde_json::{Value, json};

use super::receiver::{Receiver, expect_signed};
use crate::contract::index::sha256;
use crate::contract::rows::Rows;
use crate::contract::stage::{
    FIXTURES, RPM_TARGET, call, configuration, configured, expect_created, expect_status, get, post_json, put,
};
use crate::support::form::Form;
use crate::support::gpgv::{KeyOptions, SecretKey};
use crate::support::program::Program;
use crate::support::server::{Options, Server, own_variables};
use crate::support::{temporary_directory, wait, write_file};

const OTHER: &str = "/live/1.10/el/9";

fn upload(server: &Server, target: &str) -> String {
    let answer = put(server, &format!("{target}?wait=30"), Form::of([&FIXTURES.rpm]));
    expect_created(&answer);
    let status = answer.header("rws-status").unwrap_or_default();
    status.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn receivers_are_told_what_their_entry_says() {
    let (all, some) = (Receiver::start(), Receiver::start());
    let never = Receiver::start();
    let location = never.url();
    let moved =
        Receiver::answering(move |_| Reply { headers: vec![("Location", location.clone())], ..Reply::new(307, "") });
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        let mut narrow = some.entry(directory.path(), "some");
        narrow["events"] = json!(["repository.published", "package.promoted"]);
        narrow["match"] = json!("live/1.10/el/9");
        let entry = |receiver: &Receiver, name: &str| receiver.entry(directory.path(), name);
        file["webhooks"] = json!([entry(&moved, "moved"), entry(&all, "all"), narrow]);
    });
    let mut rows = Rows::default();
    let accepted = upload(&server, RPM_TARGET);
    rows.row("an upload, and the generation that has it", || {
        let told = all.wait_for_kind("upload.accepted");
        assert_eq!(told.id, format!("{accepted}-upload-accepted"));
        let user = server.credentials().user.as_str();
        let said = ["upload", "verb", "user"].map(|key| told.data[key].as_str().unwrap_or("?"));
        assert_eq!(said, [accepted.as_str(), "upload", user]);
        assert_eq!(told.data["targets"], json!([&RPM_TARGET[1..]]));
        let package = &told.data["packages"][0];
        assert_eq!(
            (&package["file"], &package["sha256"]),
            (&json!(FIXTURES.rpm.name), &json!(sha256(&FIXTURES.rpm.bytes)))
        );
        assert_eq!((&told.data["more_packages"], told.data["packages"].as_array().map(Vec::len)), (&json!(0), Some(1)));
        let published = all.wait_for_kind("repository.published");
        let generations = get(&server, "/-/repositories/live/1.10/el/7/x86_64/generations").json();
        assert_eq!(published.data["generation"], generations["generations"][0]["generation"]);
        assert_eq!((&published.data["packages"], &published.data["uploads"]), (&json!(1), &json!([accepted])));
        assert_eq!(published.data["previous_generation"], Value::Null);
    });
    rows.row("a promotion, to who wants to know of its target", || {
        let body = json!({ "from": RPM_TARGET, "to": [OTHER], "packages": "all" });
        expect_status(&post_json(&server, "/-/promote?wait=30", &body), 201);
        let told = all.wait_for_kind("package.promoted");
        assert_eq!((&told.data["from"], &told.data["targets"]), (&json!(&RPM_TARGET[1..]), &json!([&OTHER[1..]])));
        // of where it comes from it is told nothing
        assert_eq!(some.wait_for_kind("package.promoted").data["from"], Value::Null);
        some.wait_for_kind("repository.published");
    });
    rows.row("a removal", || {
        expect_status(&call(&server, "DELETE", &format!("{OTHER}/{}?wait=30", FIXTURES.rpm.name)), 200);
        let told = all.wait_for_kind("package.removed");
        assert_eq!((&told.data["verb"], &told.data["packages"][0]["action"]), (&json!("delete"), &json!("remove")));
    });
    rows.row("a repository that cannot be published, once", || {
        let bad = "live/1.10/el/7/x86_64/Packages/bad-1-1.x86_64.rpm";
        write_file(&server.data_dir().join(bad), b"no package");
        for _ in 0..2 {
            expect_status(&call(&server, "POST", RPM_TARGET), 200);
            server.wait_for_body("/-/status", |body| body.contains("bad-1-1"));
        }
        let told = all.wait_for_kind("repository.failed");
        assert!(told.data["reason"].as_str().is_some_and(|reason| reason.contains(bad)), "{told:?}");
        assert_eq!(told.data["repository"], "live/1.10/el/7/x86_64");
    });
    rows.row("every event once, signed, and nothing that was not asked for", || {
        // what the narrow one gets last: the generation without the package
        wait::until("both generations", wait::BOUND, || (some.told().len() == 3).then_some(()));
        wait::until("all events", wait::BOUND, || (all.told().len() == 7).then_some(()));
        assert!(some.told().iter().all(|told| ["repository.published", "package.promoted"].contains(&&*told.kind)));
        for receiver in [&all, &some] {
            assert!(receiver.counts().values().all(|count| *count == 1), "{:?}", receiver.counts());
        }
        let asked = all.server.asked();
        expect_signed(&asked[0]);
        expect_signed(&asked[asked.len() - 1]);
    });
    rows.row("a redirect is not followed", || {
        server.wait_for_log("follows no redirect");
        assert_eq!(never.server.asked().len(), 0);
    });
    rows.row("metrics say what became of it", || {
        server.wait_for_body("/-/metrics", |body| {
            body.contains("rws_webhook_pending{webhook=\"all\"} 0")
                && !body.contains("rws_webhook_pending{webhook=\"moved\"} 0")
                && body.contains("rws_webhook_deliveries_total{webhook=\"moved\",outcome=\"delivered\"} 0")
        });
    });
    rows.row("neither the log nor the shown configuration has the secret or the path of a URL", || {
        let home = temporary_directory();
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), home.path());
        let program = own_variables().into_iter().fold(program, Program::env_remove);
        let file = directory.path().join("rws.json").display().to_string();
        let shown = program.env("RWS_CFG", file).args(["config", "show"]).succeed().output();
        for text in [shown, server.log()] {
            assert!(!text.contains("rws-hook-token") && !text.contains("c2VjcmV0"), "{text}");
        }
    });
    rows.end();
}

/// Blocks whoever asks until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn wait(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.1.wait_while(open, |open| !*open));
    }

    fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_all();
    }
}

#[test]
fn a_slow_receiver_and_one_that_fails_get_the_same_event_again() {
    let (gate, fails) = (Arc::new(Gate::default()), Arc::new(AtomicBool::new(true)));
    let closed = Arc::clone(&gate);
    let slow = Receiver::answering(move |_| {
        closed.wait();
        Reply::new(200, "late")
    });
    let failing = Arc::clone(&fails);
    let failing = Receiver::answering(move |_| Reply::new(if failing.load(Ordering::SeqCst) { 500 } else { 200 }, "x"));
    let good = Receiver::start();
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        let entry = |receiver: &Receiver, name: &str| receiver.entry(directory.path(), name);
        file["webhooks"] = json!([entry(&slow, "slow"), entry(&failing, "failing"), entry(&good, "good")]);
    });
    // the publish waits for nobody
    upload(&server, RPM_TARGET);
    let told = good.wait_for_kind("repository.published");
    for receiver in [&slow, &failing] {
        wait::until("a first try", wait::BOUND, || (!receiver.told().is_empty()).then_some(()));
    }
    assert!(slow.told().len() == 1, "one try at a time: {:?}", slow.told());
    server.wait_for_log("it answers 500");
    fails.store(false, Ordering::SeqCst);
    // the time limit of the first try
    server.wait_for_log("has not answered within 10 seconds");
    gate.open();
    for receiver in [&slow, &failing] {
        receiver.wait_for("the generation", |one| one.id == told.id);
        let repeated = |counts: std::collections::BTreeMap<String, usize>| counts.values().any(|count| *count > 1);
        wait::until("the same event again", wait::BOUND, || repeated(receiver.counts()).then_some(()));
    }
    server.wait_for_body("/-/metrics", |body| {
        ["slow", "failing", "good"]
            .iter()
            .all(|name| body.contains(&format!("rws_webhook_pending{{webhook=\"{name}\"}} 0")))
    });
}

#[test]
fn a_key_that_expires_soon_is_told_of_once() {
    let receiver = Receiver::start();
    let directory = temporary_directory();
    let key = SecretKey::generate_with("ed25519", &KeyOptions { expires: "10d", ..KeyOptions::default() });
    let mut environment = configuration(directory.path(), |file| {
        let mut entry = receiver.entry(directory.path(), "keys");
        entry["events"] = json!(["key.warning"]);
        file["webhooks"] = json!([entry]);
    });
    environment.push(("GPG_SIGN_KEY_ARMORED".to_owned(), key.secret_armored()));
    let mut server = Server::start_with(Options { environment, ..Options::default() });
    let told = receiver.wait_for_kind("key.warning");
    assert_eq!(told.data["key"], "main");
    assert!(told.data["warning"].as_str().is_some_and(|text| text.contains("expires on")), "{told:?}");
    // another start says nothing again: an upload's event would come behind it
    server.restart();
    server.wait_for_body("/-/metrics", |body| body.contains("rws_key_warnings{key=\"main\"} 1"));
    upload(&server, RPM_TARGET);
    assert_eq!(receiver.told().len(), 1);
}
