//! Other bytes for a package that is there, where the policy refuses them: two uploads at the same time are settled before
//! either is answered. And other bytes for a file that another package names, which are refused everywhere.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use crate::support::{ACTOR, World, accept, catalogue_with, everybody, id, observed, received};
use async_trait::async_trait;
use rws_model::{Digester, FileName, Identity, sha256};
use rws_repository::catalogue::OnConflict;
use rws_repository::intake::Accepted;
use rws_repository::limits::Requester;
use rws_repository::removal::{self, Removal};
use rws_repository::verify::{Depth, Verifier};
use rws_repository::{IntakeError, Present};
use rws_store::{Moment, Observer, Operation, StoreError};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const TREE: &str = "release/2.8/ubuntu";

fn refusing() -> Arc<World> {
    Arc::new(World::with(catalogue_with(OnConflict::Refuse, None)))
}

fn package(world: &World, text: &str) -> PathBuf {
    world.deb("aa", "1", "amd64", text)
}

/// The text of the one package that is published.
async fn published(world: &World) -> String {
    world.publish(FOCAL).await.unwrap();
    let index = world.index(&format!("{TREE}/dists/focal/main/binary-amd64/Packages")).await;
    let found: Vec<_> = index.lines().filter_map(|line| line.strip_prefix("Description: ")).collect();
    assert_eq!(found.len(), 1, "{index}");
    found[0].to_owned()
}

/// Another replica takes an upload of the same package, at one operation, and may publish it too.
struct Meanwhile {
    world: Arc<World>,
    at: (Moment, &'static str, &'static str),
    publishes: bool,
    text: &'static str,
    answer: Mutex<Option<Result<(), IntakeError>>>,
}

#[async_trait]
impl Observer for Meanwhile {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let (when, verb, prefix) = self.at;
        let here = moment == when && operation.verb == verb && operation.key.starts_with(prefix);
        if here && self.answer.lock().unwrap().is_none() {
            let answer = self.world.upload(FOCAL, &[package(&self.world, self.text)]).await.map(drop);
            if self.publishes {
                self.world.publish(FOCAL).await.unwrap();
            }
            *self.answer.lock().unwrap() = Some(answer);
        }
        Ok(())
    }
}

const MOMENTS: [(Moment, &str, &str); 7] = [
    (Moment::After, "list", ".rws/pending/"),
    (Moment::Before, "write", ".rws/incoming/"),
    (Moment::Before, "write", ".rws/pending/"),
    (Moment::Before, "write", ".rws/identities/"),
    (Moment::After, "write", ".rws/identities/"),
    (Moment::Before, "write", ".rws/uploads/"),
    (Moment::After, "write", ".rws/uploads/"),
];

#[tokio::test]
async fn of_two_contents_at_the_same_time_one_is_answered() {
    for at in MOMENTS {
        for publishes in [false, true] {
            let world = refusing();
            let meanwhile = Meanwhile { world: world.clone(), at, publishes, text: "other", answer: Mutex::default() };
            let meanwhile = Arc::new(meanwhile);
            let targets = world.catalogue.resolve(FOCAL).unwrap();
            let files = received(&targets[0], &[package(&world, "own")]);
            let answer = accept(&observed(&world, meanwhile.clone()), &targets, files).await;
            let other = meanwhile.answer.lock().unwrap().take().expect("it came");
            let context = format!("{at:?} {publishes}: {answer:?} {other:?}");
            assert!(answer.is_ok() != other.is_ok(), "{context}");
            for refused in [answer.as_ref().err(), other.as_ref().err()].into_iter().flatten() {
                assert!(matches!(refused, IntakeError::Conflict(_)), "{context}");
            }
            let expected = if answer.is_ok() { "own" } else { "other" };
            assert_eq!(published(&world).await, expected, "{context}");
            assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
            assert_eq!(world.keys(".rws/identities/").await, Vec::<String>::new(), "{context}");
        }
    }
}

#[tokio::test]
async fn the_same_bytes_at_the_same_time_are_both_answered() {
    for at in MOMENTS {
        for publishes in [false, true] {
            let world = refusing();
            let meanwhile = Meanwhile { world: world.clone(), at, publishes, text: "own", answer: Mutex::default() };
            let meanwhile = Arc::new(meanwhile);
            let targets = world.catalogue.resolve(FOCAL).unwrap();
            let files = received(&targets[0], &[package(&world, "own")]);
            accept(&observed(&world, meanwhile.clone()), &targets, files).await.unwrap();
            meanwhile.answer.lock().unwrap().take().unwrap().unwrap();
            assert_eq!(published(&world).await, "own", "{at:?} {publishes}");
        }
    }
}

/// A replica died between its claim and its answer: nobody was promised anything.
#[tokio::test]
async fn a_claim_that_was_left_behind_is_taken_over() {
    struct Dies;

    #[async_trait]
    impl Observer for Dies {
        async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
            let dead = operation.key.starts_with(".rws/uploads/") || operation.verb == "delete";
            let error = std::io::Error::other("the process died");
            if dead && moment == Moment::Before {
                return Err(StoreError::from_io("use", operation.key.as_str(), error));
            }
            Ok(())
        }
    }

    let world = refusing();
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    let files = received(&targets[0], &[package(&world, "lost")]);
    accept(&observed(&world, Arc::new(Dies)), &targets, files).await.unwrap_err();
    let refused = world.upload(FOCAL, &[package(&world, "later")]).await.unwrap_err();
    assert!(matches!(&refused, IntakeError::Conflict(conflict) if conflict.present == Present::UnderWay), "{refused}");
    world.pass(11 * 60);
    world.upload(FOCAL, &[package(&world, "later")]).await.unwrap();
    assert_eq!(published(&world).await, "later");
}

#[tokio::test]
async fn what_was_deleted_may_come_with_other_bytes() {
    let world = refusing();
    world.upload(FOCAL, &[package(&world, "first")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    world.upload(FOCAL, &[package(&world, "second")]).await.unwrap_err();
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    let name = FileName::parse("aa_1_amd64.deb").unwrap();
    world.tick();
    assert!(
        removal::remove(&*world.memory, &targets, &Removal::Named(name.clone()), Requester::unlimited(&ACTOR))
            .await
            .unwrap()
            .is_some()
    );
    // the removal is not published yet, and counts
    world.upload(FOCAL, &[package(&world, "second")]).await.unwrap();
    assert_eq!(published(&world).await, "second");
    assert!(
        removal::remove(
            &*world.memory,
            &targets,
            &Removal::Named(FileName::parse("zz_1_amd64.deb").unwrap()),
            Requester::unlimited(&ACTOR)
        )
        .await
        .unwrap()
        .is_none()
    );
}

const ORIG: &str = "hello_1.0.orig.tar.gz";

/// A source package of this revision of `hello` 1.0: `.dsc`, the part of its own, and the upstream tarball, which all
/// revisions call by the same name. The tarballs are whatever they are: only the digests count.
fn source(world: &World, revision: &str, upstream: &str) -> Vec<PathBuf> {
    let directory = world.directory().join(format!("{revision}-{upstream}"));
    std::fs::create_dir_all(&directory).unwrap();
    let version = format!("1.0-{revision}");
    let debian = format!("hello_{version}.debian.tar.xz");
    let (mut md5, mut sha256) = (String::new(), String::new());
    for (name, text) in [(debian.as_str(), version.as_str()), (ORIG, upstream)] {
        std::fs::write(directory.join(name), text).unwrap();
        let mut digester = Digester::new();
        digester.update(text.as_bytes());
        let (size, digests) = digester.finish();
        md5.push_str(&format!(" {} {size} {name}\n", digests.md5.unwrap()));
        sha256.push_str(&format!(" {} {size} {name}\n", digests.sha256));
    }
    let dsc = format!("hello_{version}.dsc");
    let text = format!(
        "Format: 3.0 (quilt)\nSource: hello\nVersion: {version}\nArchitecture: any\nChecksums-Sha256:\n{sha256}\
         Files:\n{md5}"
    );
    std::fs::write(directory.join(&dsc), text).unwrap();
    [dsc.as_str(), &debian, ORIG].iter().map(|name| directory.join(name)).collect()
}

/// Somebody puts a source package into the store by other means.
async fn put_source(world: &World, directory: &str, files: &[PathBuf]) {
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        world.put(&format!("{TREE}/{directory}/{name}"), std::fs::read(file).unwrap()).await;
    }
}

/// The upload is refused for its upstream tarball, because of one of these revisions.
#[track_caller]
fn expect_rival(answer: Result<Accepted, IntakeError>, (uploaded, present): (&str, &str), by: &[&str]) {
    let Err(IntakeError::Conflict(conflict)) = answer else { panic!("{answer:?}") };
    assert_eq!((conflict.file.as_str(), conflict.uploaded), (ORIG, sha256(uploaded.as_bytes())));
    let named = |revision: &&str| Present::Named {
        sha256: sha256(present.as_bytes()),
        by: Identity(format!("source hello 1.0-{revision}")),
    };
    assert!(by.iter().map(named).any(|named| named == conflict.present), "{conflict}");
}

/// What is pending is published, and every source has the bytes that its `.dsc` states.
async fn expect_whole(world: &World, sources: usize) {
    let outcome = world.publish(FOCAL).await.unwrap();
    assert_eq!(outcome.failed, []);
    let public = &everybody(&world.catalogue);
    let verifier = Verifier { store: &*world.memory, catalogue: &world.catalogue, depth: Depth::Bytes, public };
    assert_eq!(verifier.check(&id(FOCAL)).await.unwrap().unwrap().faults, []);
    let index = world.index(&format!("{TREE}/dists/focal/main/source/Sources")).await;
    assert_eq!(index.matches("Package: hello\n").count(), sources, "{index}");
}

#[tokio::test]
async fn an_upstream_tarball_is_shared_by_those_with_the_same_bytes() {
    for is_published in [false, true] {
        let world = World::new();
        world.upload(FOCAL, &source(&world, "1", "upstream")).await.unwrap();
        if is_published {
            expect_whole(&world, 1).await;
        }
        for other in [source(&world, "2", "other"), source(&world, "2", "other")[2..].to_vec()] {
            expect_rival(world.upload(FOCAL, &other).await, ("other", "upstream"), &["1"]);
        }
        for revision in ["2", "1", "2"] {
            world.upload(FOCAL, &source(&world, revision, "upstream")).await.unwrap();
        }
        world.upload(FOCAL, &source(&world, "3", "upstream")[2..]).await.unwrap();
        // of its own, but another one names them too
        expect_rival(world.upload(FOCAL, &source(&world, "1", "other")).await, ("other", "upstream"), &["2"]);
        expect_rival(world.upload(FOCAL, &source(&world, "3", "other")).await, ("other", "upstream"), &["1", "2"]);
        expect_whole(&world, 2).await;
    }
}

#[tokio::test]
async fn a_source_that_alone_names_its_tarball_may_come_with_another() {
    for is_published in [false, true] {
        let world = World::new();
        for revision in ["1", "2"] {
            world.upload(FOCAL, &source(&world, revision, "upstream")).await.unwrap();
        }
        if is_published {
            expect_whole(&world, 2).await;
        }
        let targets = world.catalogue.resolve(FOCAL).unwrap();
        world.tick();
        let removed = removal::remove(
            &*world.memory,
            &targets,
            &Removal::Named(FileName::parse("hello_1.0-2.dsc").unwrap()),
            Requester::unlimited(&ACTOR),
        )
        .await;
        assert!(removed.unwrap().is_some());
        // the removal is not published yet, and counts
        world.upload(FOCAL, &source(&world, "1", "other")).await.unwrap();
        expect_rival(world.upload(FOCAL, &source(&world, "3", "upstream")).await, ("upstream", "other"), &["1"]);
        expect_whole(&world, 1).await;
    }
}

/// Other tools may have put other bytes of one name into directories that are one for an upload. Those that have a place
/// there are in nobody's way, whoever brings them.
#[tokio::test]
async fn bytes_that_have_a_place_are_no_rival_beside_others() {
    const POOL: &str = "pool/focal/main/p/product";
    for publishes in [false, true] {
        let world = World::new();
        put_source(&world, POOL, &source(&world, "1", "upstream")).await;
        put_source(&world, &format!("{POOL}/below"), &source(&world, "2", "other")).await;
        // of another product
        put_source(&world, &format!("{POOL}-two"), &source(&world, "0", "third")).await;
        world.synchronise(FOCAL).await.unwrap().synchronised.unwrap();
        expect_whole(&world, 3).await;
        // the same identity's bytes, while another one has others; and another's
        for (revision, upstream) in [("2", "other"), ("1", "upstream"), ("3", "other"), ("4", "upstream")] {
            world.upload(FOCAL, &source(&world, revision, upstream)).await.unwrap();
            if publishes {
                world.publish(FOCAL).await.unwrap();
            }
        }
        let refused = world.upload(FOCAL, &source(&world, "5", "third")).await.unwrap_err();
        assert!(matches!(&refused, IntakeError::Conflict(conflict) if conflict.file == ORIG), "{refused}");
        expect_whole(&world, 5).await;
    }
}

/// All operations of a store.
#[derive(Default)]
struct Operations(Mutex<Vec<Operation>>);

#[async_trait]
impl Observer for Operations {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        if moment == Moment::Before {
            self.0.lock().unwrap().push(operation.clone());
        }
        Ok(())
    }
}

/// An upload that needs all that can be asked of a repository: whether a tarball that its `.dsc` names is there, whether other
/// packages name its files, whether the package is there with other bytes, what it replaces.
#[tokio::test]
async fn a_repository_is_read_once_before_the_claim_and_once_after_it() {
    let world = refusing();
    world.upload(FOCAL, &source(&world, "1", "upstream")).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    world.upload(FOCAL, &[package(&world, "pending")]).await.unwrap();
    let operations = Arc::new(Operations::default());
    let store = observed(&world, operations.clone());
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    // the upstream tarball is in the repository
    let files = received(&targets[0], &source(&world, "2", "upstream")[..2]);
    accept(&store, &targets, files).await.unwrap();
    let operations = operations.0.lock().unwrap();
    let is_claim = |one: &&Operation| one.verb == "write" && one.key.starts_with(".rws/identities/");
    let claims: Vec<usize> = (0..operations.len()).filter(|at| is_claim(&&operations[*at])).collect();
    assert!(!claims.is_empty());
    for (verb, prefix) in [("read", ".rws/heads/"), ("read", ".rws/generations/"), ("list", ".rws/pending/")] {
        let seen: Vec<usize> = (0..operations.len())
            .filter(|at| operations[*at].verb == verb && operations[*at].key.starts_with(prefix))
            .collect();
        let before = seen.iter().filter(|at| **at < claims[0]).count();
        assert_eq!((before, seen.len() - before), (1, 1), "{verb} {prefix}: {operations:#?}");
    }
}
