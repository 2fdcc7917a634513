//! The publisher, the planner and the scheduler, over stores that watch, break and race.

mod audit;
mod catalogue;
mod crashes;
mod incremental;
mod package_lists;
mod phasing;
mod pins;
mod promotion;
mod publish;
mod purging;
mod races;
mod refuse;
mod requests;
mod retention;
mod roots;
mod scheduler;
mod signing;
mod stale;
mod status;
mod support;
mod verify;
