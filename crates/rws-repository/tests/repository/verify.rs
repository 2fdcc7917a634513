//! What is wrong with a repository is found and can be mended.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use crate::support::{ACTOR, World, everybody, id, record};
use rws_repository::publish::{Malformed, Publisher, Trigger, Triggers};
use rws_repository::verify::{Checked, Depth, Remedy, Verifier};
use rws_repository::{UploadBuilder, UploadId};
use rws_store::{Key, Store};

const FOCAL: &str = "live/2.8/ubuntu/focal";
const DISTS: &str = "live/2.8/ubuntu/dists/focal";

async fn world() -> World {
    let world = World::new();
    for name in ["aa", "bb"] {
        world.upload(FOCAL, &[world.deb(name, "1", "amd64", name)]).await.unwrap();
        world.publish(FOCAL).await.unwrap();
    }
    world
}

async fn check(world: &World, depth: Depth) -> Checked {
    let public = &everybody(&world.catalogue);
    let verifier = Verifier { store: &*world.memory, catalogue: &world.catalogue, depth, public };
    verifier.check(&id(FOCAL)).await.unwrap().unwrap()
}

/// The names of what is wrong, and what mends it.
async fn faults(world: &World, depth: Depth) -> Vec<(String, Remedy)> {
    check(world, depth).await.faults.into_iter().map(|fault| (fault.name, fault.remedy)).collect()
}

async fn reconcile(world: &World, triggers: Triggers) {
    world.tick();
    world.publisher(world.store()).reconcile(&id(FOCAL), triggers).await.unwrap();
}

async fn delete(world: &World, name: &str) {
    world.memory.delete(&[Key::parse(name).unwrap()]).await.unwrap();
}

const REBUILD: Triggers = Triggers::of(&[Trigger::Rebuild, Trigger::Start]);

#[tokio::test]
async fn a_whole_repository_has_no_faults() {
    let world = world().await;
    let checked = check(&world, Depth::Bytes).await;
    assert_eq!((checked.index_files, checked.packages, checked.faults), (6, 2, Vec::new()));
    let public = &everybody(&world.catalogue);
    let verifier = Verifier { store: &*world.memory, catalogue: &world.catalogue, depth: Depth::Presence, public };
    assert_eq!(verifier.check(&id("release/2.8/ubuntu/focal")).await.unwrap(), None);
}

#[tokio::test]
async fn a_public_file_that_somebody_broke_is_exposed_again() {
    let world = world().await;
    let name = "dists/focal/main/binary-amd64/Packages.gz";
    delete(&world, &format!("live/2.8/ubuntu/{name}")).await;
    delete(&world, &format!("{DISTS}/Release")).await;
    let expected = [("dists/focal/Release".to_owned(), Remedy::Expose), (name.to_owned(), Remedy::Expose)];
    assert_eq!(faults(&world, Depth::Presence).await, expected);
    reconcile(&world, Triggers::of(&[Trigger::Start])).await;
    assert_eq!(faults(&world, Depth::Presence).await, []);
}

#[tokio::test]
async fn a_package_that_went_or_changed_is_found_and_synchronised() {
    let world = world().await;
    delete(&world, "live/2.8/ubuntu/pool/focal/main/p/product/aa_1_amd64.deb").await;
    let bb = "pool/focal/main/p/product/bb_1_amd64.deb";
    let mut bytes = world.get(&format!("live/2.8/ubuntu/{bb}")).await.unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    world.put(&format!("live/2.8/ubuntu/{bb}"), bytes).await;
    let aa = "pool/focal/main/p/product/aa_1_amd64.deb".to_owned();
    assert_eq!(faults(&world, Depth::Presence).await, [(aa.clone(), Remedy::Synchronise)]);
    let both = [(aa, Remedy::Synchronise), (bb.to_owned(), Remedy::Synchronise)];
    assert_eq!(faults(&world, Depth::Bytes).await, both);
}

#[tokio::test]
async fn what_is_derived_is_made_anew() {
    for broken in ["an index", "the manifest"] {
        let world = world().await;
        let name = match broken {
            "an index" => {
                let keys = world.keys(&format!("{DISTS}/main/binary-amd64/by-hash/")).await;
                let sizes = keys.iter().map(async |key| world.get(key).await.unwrap().len());
                let sizes: Vec<usize> = futures::future::join_all(sizes).await;
                // of the current generation: the largest
                keys[sizes.iter().enumerate().max_by_key(|(_, size)| **size).unwrap().0].clone()
            }
            _ => world.keys(".rws/generations/").await.pop().unwrap(),
        };
        world.put(&name, b"cut".to_vec()).await;
        let found = check(&world, Depth::Presence).await.faults;
        assert!(found.iter().all(|fault| fault.remedy == Remedy::Rebuild) && !found.is_empty(), "{broken}: {found:?}");
        // an upload that waits comes through with the repair
        world.upload(FOCAL, &[world.deb("cc", "1", "amd64", "cc")]).await.unwrap();
        reconcile(&world, REBUILD).await;
        let checked = check(&world, Depth::Bytes).await;
        assert_eq!((checked.packages, checked.faults), (3, Vec::new()), "{broken}");
        // and everything goes on as before
        world.upload(FOCAL, &[world.deb("dd", "1", "amd64", "dd")]).await.unwrap();
        world.publish(FOCAL).await.unwrap();
        assert_eq!(check(&world, Depth::Bytes).await.packages, 4, "{broken}");
    }
}

#[tokio::test]
async fn a_rebuild_never_empties_a_repository() {
    let world = world().await;
    for key in world.keys("live/2.8/ubuntu/pool/").await {
        delete(&world, &key).await;
    }
    world.tick();
    let refused = world.publisher(world.store()).reconcile(&id(FOCAL), REBUILD).await.unwrap_err();
    assert!(refused.to_string().contains("RWS removed nothing"), "{refused}");
}

/// What an earlier version of RWS accepted: a package whose relations stop apt. The upload was promised, so that it is published.
async fn accept_unreadable(world: &World) {
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    let good = world.deb("cc", "1", "amd64", "cc");
    let mut bytes = std::fs::read(&good).unwrap();
    let maintainer = b"Maintainer: RWS <rws@example.org>";
    let at = bytes.windows(maintainer.len()).position(|window| window == maintainer).unwrap();
    let bad = format!("{:<width$}", "Depends: , foo", width = maintainer.len());
    bytes[at..at + maintainer.len()].copy_from_slice(bad.as_bytes());

    let mut record = record(&world.catalogue, FOCAL, &good);
    let mut digester = rws_model::Digester::new();
    digester.update(&bytes);
    let (_, digests) = digester.finish();
    let text = String::from_utf8(record.entries[0].text.clone()).unwrap();
    let (old, new) = (record.files[0].digests.sha256.hex(), digests.sha256.hex());
    record.entries[0].text = text.replace(&old, &new).replace("Maintainer: RWS <rws@example.org>", &bad).into_bytes();
    record.files[0].digests = digests;

    let mut upload = UploadBuilder::new(UploadId::next(1_795_000_100_000), &ACTOR);
    upload.add(record.clone(), &targets[0].repositories());
    let upload = upload.finish();
    world.put(&format!(".rws/incoming/{}/{}", upload.id, record.files[0].name), bytes).await;
    world.put(&format!(".rws/pending/{FOCAL}/{}", upload.id), Vec::new()).await;
    world.put(&format!(".rws/uploads/{}.json", upload.id), serde_json::to_vec(&upload).unwrap()).await;
    world.publish(FOCAL).await.unwrap();
}

/// Verifying names the entry, and synchronising treats its package as malformed: it stops, or leaves it out.
#[tokio::test]
async fn an_entry_that_clients_cannot_read() {
    let world = world().await;
    accept_unreadable(&world).await;
    let path = "pool/focal/main/p/product/cc_1_amd64.deb";
    let index = async || world.index(&format!("{DISTS}/main/binary-amd64/Packages")).await;
    assert!(index().await.contains("\nDepends: , foo"));
    let checked = check(&world, Depth::Presence).await;
    let [fault] = checked.faults.as_slice() else { panic!("{:?}", checked.faults) };
    assert_eq!((fault.name.as_str(), fault.remedy), (path, Remedy::Synchronise));
    assert!(fault.problem.contains("clients cannot read its entry") && fault.problem.contains("Depends"), "{fault:?}");

    let synchronise = Triggers::of(&[Trigger::Synchronise]);
    let run = async |malformed: Malformed| {
        world.tick();
        let publisher = Publisher::new(world.store(), std::sync::Arc::clone(&world.catalogue), malformed);
        publisher.reconcile(&id(FOCAL), synchronise).await.unwrap().synchronised
    };
    let stopped = run(Malformed::Stop).await.unwrap_err().to_string();
    assert!(stopped.contains(path) && stopped.contains("Depends"), "{stopped}");
    assert!(index().await.contains("Package: cc\n"), "nothing has changed");

    run(Malformed::Skip).await.unwrap();
    let text = index().await;
    assert!(
        !text.contains("Package: cc\n") && text.contains("Package: aa\n") && text.contains("Package: bb\n"),
        "{text}"
    );
    assert_eq!(world.get(&format!("{DISTS}/malformed_list.txt")).await.unwrap(), path.as_bytes());
    assert_eq!(check(&world, Depth::Bytes).await.faults, []);
    // it stays out, and nothing more is done about it
    run(Malformed::Skip).await.unwrap();
    assert_eq!(index().await, text);
}

/// Somebody deletes a pointer before its upload is published: the upload is answered for, and nowhere. What waits is named as
/// what waits; what was published, what another upload has replaced since, and what changed nothing is not lost.
#[tokio::test]
async fn an_accepted_upload_that_is_nowhere_is_named() {
    let world = world().await;
    // replaced, and removed, by later ones
    world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "other")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    // nothing new
    world.upload(FOCAL, &[world.deb("bb", "1", "amd64", "bb")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    assert_eq!(faults(&world, Depth::Presence).await, []);
    let waits = world.upload(FOCAL, &[world.deb("cc", "1", "amd64", "cc")]).await.unwrap();
    // for so long that it is not on its way
    world.pass(60);
    let expected = [(format!("upload {}", waits.id), Remedy::Publish)];
    assert_eq!(faults(&world, Depth::Presence).await, expected);
    delete(&world, &format!(".rws/pending/{FOCAL}/{}", waits.id)).await;
    let expected = [(format!(".rws/uploads/{}.json", waits.id), Remedy::Synchronise)];
    assert_eq!(faults(&world, Depth::Presence).await, expected);
}
