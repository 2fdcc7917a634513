//! What became of an upload, as any replica can tell. Apart from other tests: the names of uploads grow in a process, and
//! other tests let time pass.

use crate::support::{World, id};
use rws_repository::scheduler::{Progress, Scheduler};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const HOUR: i64 = 60 * 60;

/// What became of an upload is known for a week, by any replica, and then forgotten.
#[tokio::test]
async fn a_status_survives_a_restart_for_a_week() {
    let world = World::new();
    let publisher = || world.publisher(world.store());
    let first = world.upload("both/ubuntu/focal", &[world.deb("hello", "1", "amd64", "a")]).await.unwrap();
    // another process each time
    let progress = async || Scheduler::new(publisher()).progress(&first.id).await.unwrap();
    assert_eq!(progress().await, Some(Progress::Pending));
    world.publish(FOCAL).await.unwrap();
    assert_eq!(progress().await, Some(Progress::Pending));
    let generation = world.publish("live/2.8/ubuntu/focal").await.unwrap().generation;
    let Some(Progress::Published(published)) = progress().await else { panic!("{:?}", progress().await) };
    assert_eq!(published.len(), 2);
    assert_eq!(published[&id("live/2.8/ubuntu/focal")], generation);
    // its files go once all repositories have it, its name a week later
    let sweep = async || Scheduler::new(publisher()).sweep().await.unwrap();
    assert_eq!(world.leftovers().await.len(), 1);
    sweep().await;
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    for _ in 0..6 {
        world.pass(24 * HOUR);
        sweep().await;
        assert!(matches!(progress().await, Some(Progress::Published(_))));
    }
    world.pass(25 * HOUR);
    sweep().await;
    assert_eq!(progress().await, None);
    assert_eq!(world.keys(".rws/uploads/").await, Vec::<String>::new());
}
