//! CONTRACT.md, row by row, against the real program: part 1, and part 2 wherever part 1 is silent.
//!
//! Each row has its name; a test runs all of its rows and then names those that do not hold. Rows of later issues are
//! listed at the end of this file.
#![expect(clippy::unwrap_used, reason = "test code")]

mod anchors;
mod api;
mod aside;
mod audit;
mod authentication;
mod browsing;
mod client_files;
mod contents;
mod documents;
mod door;
mod downloads;
mod edges;
mod empty;
mod fair;
mod forms;
mod incoming;
pub mod index;
mod lifetime;
mod limits;
mod listings;
mod malformed_in_the_store;
mod metadata;
mod names;
mod package_rights;
mod packages;
pub mod paths;
mod pins;
mod posting;
mod promoting;
mod purging;
mod raw_files;
mod release;
mod removing;
mod removing_one_of_many;
mod removing_selected;
mod replacing;
mod retaining;
mod rolling_back;
pub mod rows;
mod scheduling;
mod sources;
pub mod stage;
mod waiting;
mod warnings;
mod wire;

// Rows of CONTRACT.md that are not here, with the issue that they belong to:
//
// part 1
//   A (configuration.rs)  credentials missing, S3_* incomplete, bad configuration; `enabled` as the series and the
//                         anchors of SEED.md: seed_examples.rs
//   B (bucket.rs, bucket_readers.rs)  store unreachable or failing: 502 or 503 with Retry-After; `S3_BASE_PATH` with
//                         slashes at the ends; S3_* selects S3; an unreachable store does not stop the start;
//                         S3_PUBLIC_READ; S3_BASE_PATH and `..`
//   C  failing repository backs off, visible in logs, metrics and status; RWS_FORCE_SYNC and `malformed_list.txt`; Suite
//      of a repository taken over; kill at any instant (here: only between answer and publish); a status survives a restart and is kept 7 days
//   D  rpm with text that is not UTF-8, without PAYLOADSIZE, with `&` in file names: indexed
//   E  Suite of new repositories
//
// Interfaces
//   G  `rws hash-password`: surroundings/passwords.rs
//
// part 2
//   the table of the sync (malformed packages with and without RWS_FORCE_SYNC): C
//   `POST …/ubuntu/xenial` is 200 as soon as `…/ubuntu/` exists: part 1 (404 for what does not exist) is read as of the
//   one codename, so part 2 does not count
