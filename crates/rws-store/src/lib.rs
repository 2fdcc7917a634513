//! Where bytes live.
//!
//! One narrow trait, [`Store`]: read, write under a condition, copy, delete, list. Two backends: [`LocalStore`], a
//! directory with durable, atomic writes whose conditions hold between processes, and [`MemoryStore`] for tests.
//! [`ObservedStore`] lets a test see, refuse or hold every operation. One conformance suite
//! (`tests/conformance.rs`) runs over all of them.

mod error;
mod key;
mod local;
mod memory;
mod observed;
mod store;

pub use error::{Retry, StoreError};
pub use key::Key;
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use observed::{Moment, ObservedStore, Observer, Operation};
pub use store::{
    Body, ByteStream, Condition, Content, DirectoryEntry, Kind, Listed, Span, Stat, Store, Version, Write, collect,
};
