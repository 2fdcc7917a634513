//! Other bytes for a package that is there, where the policy refuses them: two uploads at the same time are settled before
//! either is answered.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use rws_repository::catalogue::OnConflict;
use rws_repository::{IntakeError, Present, intake};
use rws_store::{Moment, Observer, Operation, StoreError};
use support::{World, accept, catalogue_with, observed, received};

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
    let index = world.get(&format!("{TREE}/dists/focal/main/binary-amd64/Packages")).await.unwrap();
    let index = String::from_utf8(index).unwrap();
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
    let name = rws_model::FileName::parse("aa_1_amd64.deb").unwrap();
    world.tick();
    assert!(intake::remove(&*world.memory, &targets, &name).await.unwrap().is_some());
    // the removal is not published yet, and counts
    world.upload(FOCAL, &[package(&world, "second")]).await.unwrap();
    assert_eq!(published(&world).await, "second");
    assert!(
        intake::remove(&*world.memory, &targets, &rws_model::FileName::parse("zz_1_amd64.deb").unwrap())
            .await
            .unwrap()
            .is_none()
    );
}
