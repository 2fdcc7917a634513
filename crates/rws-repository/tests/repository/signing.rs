//! Packages that are signed when they are taken, for two repositories with different keys. The process dies right before and
//! right after every operation of the store: no reader ever finds a package whose bytes and index differ, and no package
//! with another signature than one of the repository's key.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rws_model::{FileName, Format, Signer, UploadFormat as _, sha256};
use rws_openpgp::{Keyring, SigningKey};
use rws_repository::Heads;
use rws_repository::catalogue::{Catalogue, Configured, Distribution, Model, OnConflict, Policy, SignPackages};
use rws_repository::publish::Triggers;
use rws_repository::scheduler::Scheduler;
use rws_repository::{IntakeError, RepositoryError};
use rws_rpm::Rpm;
use rws_store::{Moment, Operation, Store};

use crate::support::{Crash, World, accept, at_every_crash_point, get, id, observed, received, rpm, settings};

const NOW: i64 = 1_795_000_000;

fn ring(seed: u8) -> Arc<dyn Signer> {
    let key = SigningKey::generate("test <test@localhost>", 1_700_000_000, &mut [seed; 32]).unwrap();
    Arc::new(Keyring::of(Arc::new(key)).unwrap())
}

/// `live` has one key, `release` another.
fn catalogue(sign_packages: SignPackages, on_conflict: OnConflict) -> Arc<Catalogue> {
    let el = Distribution { format: Ok(Arc::new(Rpm) as Arc<dyn Format>), versions: vec!["9".to_owned()] };
    let model = Model {
        kinds: vec!["live".to_owned(), "release".to_owned()],
        series: vec!["2.8".to_owned()],
        enabled: Vec::new(),
        distributions: BTreeMap::from([("el".to_owned(), el)]),
        anchors: BTreeMap::from([("both".to_owned(), vec!["live/2.8".to_owned(), "release/2.8".to_owned()])]),
    };
    Arc::new(Catalogue::new(model, move |target, _| Configured {
        settings: settings(&["x86_64"]),
        policy: Policy { sign_packages, on_conflict, ..Policy::default() },
        signer: Some(ring(if target.kind == "live" { 1 } else { 2 })),
        release_package: None,
        retention: None,
    }))
}

const REPOSITORIES: [&str; 2] = ["live/2.8/el/9/x86_64", "release/2.8/el/9/x86_64"];

/// The packages of a repository, read from its head as clients read them, each to the last byte and with its signature
/// verified: their names, and whether they are signed.
async fn read(store: &dyn Store, repository: &str) -> Vec<(String, bool)> {
    let Some((head, _)) = Heads(store).read(&id(repository)).await.unwrap() else { return Vec::new() };
    let repomd = head.root.iter().find_map(|file| file.text().filter(|text| text.contains("<repomd"))).unwrap();
    let value =
        |text: &str, start: &str| text.split(start).nth(1).unwrap().split(['"', '<']).next().unwrap().to_owned();
    let primary = repomd.split("<data type=\"primary\">").nth(1).unwrap();
    let bytes = get(store, &format!("{repository}/{}", value(primary, "href=\""))).await.unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    let signer = ring(if repository.starts_with("live") { 1 } else { 2 });
    let mut packages = Vec::new();
    for package in text.split("<package type").skip(1) {
        let href = value(package, "href=\"");
        let file = get(store, &format!("{repository}/{href}")).await.unwrap_or_else(|| panic!("{href} is missing"));
        assert_eq!(sha256(&file).hex(), value(package, "pkgid=\"YES\">"), "{href}");
        assert_eq!(file.len().to_string(), value(package, "<size package=\""), "{href}");
        let range = package.split("<rpm:header-range ").nth(1).unwrap();
        let start: usize = value(range, "start=\"").parse().unwrap();
        assert_eq!(file[start..start + 4], [0x8e, 0xad, 0xe8, 1], "{href}");
        let name = FileName::parse(href.rsplit('/').next().unwrap()).unwrap();
        let front = Rpm.signing().unwrap().read(&name, &mut &file[..]).unwrap();
        let signed = match front.signatures() {
            [] => false,
            [packet] => {
                assert!(signer.verify_package(packet, front.signed_bytes(), NOW + 1_000_000).is_some(), "{href}");
                true
            }
            several => panic!("{} signatures", several.len()),
        };
        packages.push((name.to_string(), signed));
    }
    packages.sort();
    packages
}

async fn send(world: &World, store: &Arc<dyn Store>, path: &str, files: &[PathBuf]) -> Result<(), IntakeError> {
    let targets = world.catalogue.resolve(path).unwrap();
    accept(store, &targets, received(&targets[0], files)).await.map(drop)
}

async fn publish(world: &World, store: Arc<dyn Store>) -> Result<(), RepositoryError> {
    world.tick();
    let publisher = world.publisher(store);
    for repository in REPOSITORIES {
        publisher.reconcile(&id(repository), Triggers::NONE).await?;
    }
    Ok(())
}

fn packages(directory: &Path) -> [PathBuf; 2] {
    ["first", "second"].map(|name| rpm(directory, name))
}

async fn die(files: &[PathBuf; 2], number: usize, moment: Moment) -> Option<Operation> {
    let world = World::with(catalogue(SignPackages::Unsigned, OnConflict::Refuse));
    send(&world, &world.store(), "both/el/9", &files[..1]).await.unwrap();
    publish(&world, world.store()).await.unwrap();
    world.tick();
    let crash = Crash::at(number, moment);
    let store = observed(&world, crash.clone());
    let sent = send(&world, &store, "both/el/9", &files[1..]).await;
    let done = match &sent {
        Ok(()) => publish(&world, store).await.is_ok(),
        Err(_) => false,
    };
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{moment:?} {operation:?}");
    assert_eq!(!done, operation.is_some(), "{context}");
    for repository in REPOSITORIES {
        read(&*world.memory, repository).await;
    }
    // the next start: what was answered is there, and who was not answered sends it again
    publish(&world, world.store()).await.unwrap();
    if sent.is_err() {
        send(&world, &world.store(), "both/el/9", &files[1..])
            .await
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        publish(&world, world.store()).await.unwrap();
    }
    let both = ["first-1-1.x86_64.rpm", "second-1-1.x86_64.rpm"].map(|name| (name.to_owned(), true));
    for repository in REPOSITORIES {
        assert_eq!(read(&*world.memory, repository).await, both, "{context}");
    }
    // the same files once more, by another process: nothing changes
    let before = world.memory_stats().await;
    world.tick();
    send(&world, &world.store(), "both/el/9", files).await.unwrap_or_else(|error| panic!("{context}: {error}"));
    publish(&world, world.store()).await.unwrap();
    assert_eq!(world.memory_stats().await, before, "{context}");
    world.pass(2 * 24 * 60 * 60);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
    operation
}

#[tokio::test]
async fn every_crash_point_of_signing_and_publishing() {
    let directory = tempfile::tempdir().unwrap();
    let files = packages(directory.path());
    at_every_crash_point(60, async |number, moment| die(&files, number, moment).await).await;
}

/// Two replicas take the same file at the same time: each signs it, and one of the signatures is published.
#[tokio::test]
async fn two_replicas_that_sign_the_same_file_agree() {
    let directory = tempfile::tempdir().unwrap();
    let files = packages(directory.path());
    for on_conflict in [OnConflict::Replace, OnConflict::Refuse] {
        let world = World::with(catalogue(SignPackages::Unsigned, on_conflict));
        send(&world, &world.store(), "both/el/9", &files[..1]).await.unwrap();
        // another second makes another signature
        world.tick();
        send(&world, &world.store(), "both/el/9", &files[..1]).await.unwrap();
        publish(&world, world.store()).await.unwrap();
        for repository in REPOSITORIES {
            assert_eq!(read(&*world.memory, repository).await, [("first-1-1.x86_64.rpm".to_owned(), true)]);
            let files = world.keys(&format!("{repository}/Packages/")).await;
            assert_eq!(files.len(), 1, "{files:?}");
        }
        let before = world.memory_stats().await;
        world.tick();
        send(&world, &world.store(), "live/2.8/el/9", &files[..1]).await.unwrap();
        publish(&world, world.store()).await.unwrap();
        assert_eq!(world.memory_stats().await, before);
    }
}

/// What was taken unsigned before is signed once it is sent again, even where other bytes are refused; and what is signed
/// stays so when signing is no longer asked for.
#[tokio::test]
async fn the_same_file_is_no_conflict_whatever_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let files = packages(directory.path());
    let of = |world: &World, sign| world.configured_as(catalogue(sign, OnConflict::Refuse));
    let world = World::with(catalogue(SignPackages::Off, OnConflict::Refuse));
    let mut expected = false;
    for sign in [SignPackages::Off, SignPackages::Unsigned, SignPackages::Off, SignPackages::Always] {
        let now = of(&world, sign);
        expected |= sign != SignPackages::Off;
        now.tick();
        send(&now, &now.store(), "both/el/9", &files[..1]).await.unwrap();
        publish(&now, now.store()).await.unwrap();
        for repository in REPOSITORIES {
            let packages = read(&*now.memory, repository).await;
            assert_eq!(packages, [("first-1-1.x86_64.rpm".to_owned(), expected)], "{sign:?}");
        }
    }
}
