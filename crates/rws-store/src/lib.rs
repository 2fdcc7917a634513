//! Where bytes live.
//!
//! One narrow trait, [`Store`]: read, write under a condition, copy, delete, list. Two backends: [`LocalStore`], a
//! directory with durable, atomic writes whose conditions hold between processes, and [`MemoryStore`] for tests.
//! [`ObservedStore`] lets a test see, refuse or hold every operation. One conformance suite
//! (`tests/conformance.rs`) runs over all of them.

mod cached;
mod content_type;
mod error;
mod guarded;
mod key;
mod local;
mod local_file;
pub mod low_priority;
mod memory;
mod mounted;
mod observed;
pub mod private;
mod reserved;
mod s3;
mod store;

pub use cached::CachedStore;
pub use content_type::ContentTypes;
pub use error::{Retry, StoreError};
pub use guarded::{GuardedStore, LeaseTimes, WriteAccess};
pub use key::Key;
pub use local::LocalStore;
pub use local_file::{Grower, Growth, LocalFile};
pub use memory::MemoryStore;
pub use mounted::MountedStore;
pub use observed::{Moment, ObservedStore, Observer, Operation};
pub use reserved::Reserved;
pub use s3::{AccessKeys, Addressing, AwsVariables, Conditions, PublicNames, S3Credentials, S3Settings, S3Store};
pub use store::{
    Body, ByteStream, Condition, Content, Depth, DirectoryEntry, Listed, MAX_PAGE_ENTRIES, ObjectClass, Page, Span,
    Stat, Store, Version, Write, collect,
};
