//! How long it is known who changed what, and what became of it.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;

use futures::TryStreamExt;
use rws_repository::audit::{self, AuditFilter, AuditRecord, Outcome};
use rws_repository::scheduler::Scheduler;
use rws_store::Key;

use crate::support::World;

const TARGET: &str = "live/2.8/ubuntu/focal";
const DAY: i64 = 24 * 60 * 60;

async fn records(world: &World) -> Vec<AuditRecord> {
    let store = Arc::clone(&world.store());
    let records = audit::records(store, Arc::clone(&world.catalogue), AuditFilter::default()).await.unwrap();
    records.try_collect().await.unwrap()
}

async fn outcomes(world: &World) -> Vec<Outcome> {
    records(world).await.into_iter().map(|record| record.outcome).collect()
}

async fn sweep(world: &World, days: u32) {
    Scheduler::keeping_uploads(world.publisher(world.store()), days).sweep().await.unwrap();
}

#[tokio::test]
async fn a_change_is_known_as_long_as_the_audit_goes_back() {
    let world = World::new();
    world.upload(TARGET, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
    assert_eq!(outcomes(&world).await, [Outcome::Pending]);
    world.tick();
    world.publish(TARGET).await.unwrap().synchronised.unwrap();
    world.upload(TARGET, &[world.deb("bb", "1", "amd64", "b")]).await.unwrap();
    for file in world.keys(".rws/incoming/").await {
        world.store().delete(&[Key::parse(&file).unwrap()]).await.unwrap();
    }
    world.tick();
    world.publish(TARGET).await.unwrap().synchronised.unwrap();
    let expected = outcomes(&world).await;
    assert!(matches!(expected.as_slice(), [Outcome::Published, Outcome::Failed { .. }]), "{expected:?}");
    for days in [1, 9, 19] {
        world.pass(days * DAY);
        sweep(&world, 30).await;
        assert_eq!(outcomes(&world).await, expected);
    }
    world.pass(2 * DAY);
    sweep(&world, 30).await;
    assert_eq!(records(&world).await, []);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    assert_eq!(world.keys(".rws/failed/").await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_word_of_it_uploads_are_known_for_a_week() {
    let world = World::new();
    world.upload(TARGET, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
    world.tick();
    world.publish(TARGET).await.unwrap().synchronised.unwrap();
    let names: Vec<String> =
        records(&world).await.into_iter().flat_map(|record| record.packages).map(|one| one.name).collect();
    assert_eq!(names, ["aa"]);
    world.pass(6 * DAY);
    sweep(&world, 0).await;
    assert_eq!(records(&world).await.len(), 1);
    world.pass(2 * DAY);
    sweep(&world, 0).await;
    assert_eq!(records(&world).await, []);
}
