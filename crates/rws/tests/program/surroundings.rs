//! What surrounds the service: its image, the test stand, the action that uploads, passwords, and what the documents say.
#![expect(clippy::unwrap_used, reason = "test code")]

mod container;
mod documentation;
mod generated;
mod passwords;
mod stand;
mod unit;
mod upload_action;
