//! A receiver that is down while all replicas are killed: it gets every event once it is there again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rws_lab::Reply;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::contract::stage::{configuration, rpm_file};
use crate::support::bucket::Bucket;
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::Request;
use crate::support::server::{Options, Server};
use crate::support::storage::Storage;
use crate::support::{curl, temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/7";
const REPOSITORY: &str = "live/1.10/el/7/x86_64";

crate::on_every_storage! {
    nothing_is_lost_by_a_kill_of_all_replicas,
}

/// Two servers over one store.
fn replicas(storage: Storage, configuration: &[(String, String)]) -> [Server; 2] {
    match storage {
        Storage::Ceph => {
            let bucket = Bucket::on_ceph().with(&configuration[0].0, &configuration[0].1);
            [bucket.serve(), bucket.serve()]
        }
        Storage::Directory => {
            let environment = configuration.to_vec();
            let first = Server::start_with(Options { environment: environment.clone(), ..Options::default() });
            let (data_dir, credentials) = (Some(first.data_dir()), Some(first.credentials().clone()));
            let second = Server::start_with(Options { data_dir, credentials, environment, ..Options::default() });
            [first, second]
        }
    }
}

fn put(server: &Server, number: usize, wait: &str) -> String {
    let file = rpm_file(&Rpm::new(&format!("rws-told-{number}"), "1.0", "1"));
    let request = Request::new("PUT", &format!("{TARGET}{wait}")).user(server.credentials());
    let answer: Answer = request.form(Form::of([&file])).send(server);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.header("rws-status").unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
}

/// The names of all generations.
fn generations(server: &Server) -> BTreeSet<String> {
    let answer = curl::get(&server.url(&format!("/-/repositories/{REPOSITORY}/generations"))).json();
    let all = answer["generations"].as_array().cloned().unwrap_or_default();
    all.iter().filter_map(|one| one["generation"].as_str().map(str::to_owned)).collect()
}

fn nothing_is_lost_by_a_kill_of_all_replicas(storage: Storage) {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let receiver = Receiver::answering(move |_| Reply::new(if down.load(Ordering::SeqCst) { 503 } else { 200 }, ""));
    let directory = temporary_directory();
    let configuration = configuration(directory.path(), |file| {
        file["webhooks"] = json!([receiver.entry(directory.path(), "ci")]);
    });
    let mut servers = replicas(storage, &configuration);
    let mut uploads = vec![put(&servers[0], 0, "?wait=30"), put(&servers[1], 1, "?wait=30")];
    wait::until("a try", wait::BOUND, || (!receiver.told().is_empty()).then_some(()));
    // these are answered, and nobody has time to publish, let alone to tell of them
    uploads.push(put(&servers[0], 2, ""));
    uploads.push(put(&servers[1], 3, ""));
    servers.iter_mut().for_each(Server::kill_hard);
    let tries = receiver.told();
    let tried: BTreeSet<String> = tries.iter().map(|told| told.id.clone()).collect();
    is_down.store(false, Ordering::SeqCst);
    servers.iter_mut().for_each(Server::restart);

    let expected = || {
        let is_complete = curl::get(&servers[0].url("/-/repositories")).text().contains("\"packages\":4");
        is_complete.then(|| generations(&servers[0]))
    };
    let published = wait::until("all packages", wait::BOUND, expected);
    let of = |kind: &str, key: &str| {
        let told = receiver.told().into_iter().skip(tries.len()).filter(|told| told.kind == kind);
        told.filter_map(|told| told.data[key].as_str().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    let uploads: BTreeSet<String> = uploads.into_iter().collect();
    // whoever was killed had the lease for 20 seconds
    let told = wait::until_or(wait::BOUND * 2, || {
        let all = of("upload.accepted", "upload") == uploads && of("repository.published", "generation") == published;
        all.then_some(())
    });
    assert!(told.is_some(), "uploads {uploads:?}, generations {published:?}, told {:#?}", receiver.told());
    // an event has one name, whoever tells of it and however often
    let names: BTreeSet<String> = receiver.told().into_iter().map(|told| told.id).collect();
    assert_eq!(names.len(), uploads.len() + published.len(), "{names:?}");
    assert!(!tried.is_empty() && tried.is_subset(&names));
    let is_one = |told: &Value| told["target"] == TARGET[1..];
    assert!(receiver.told().iter().filter(|told| told.kind == "repository.published").all(|told| is_one(&told.data)));
}
