//! What a repository is: layout, planning, publishing, synchronising.
//!
//! * [`catalogue`]: what the configuration says there can be.
//! * [`areas`]: which targets the public paths belong to.
//! * [`IncomingFiles`]: the files of a request on their way into the store.
//! * [`aside`]: files that wait for the list of their upload.
//! * [`intake`]: an upload becomes a promise; [`removal`]: so does a removal.
//! * [`plan`]: a generation and changes become the next generation; pure.
//! * [`render`]: its index files, block by block; pure.
//! * [`events`]: what receivers of webhooks are told.
//! * [`publish`]: the publisher, the only one that writes public files.
//! * [`scheduler`]: which repositories are reconciled when.
//! * [`token`]: what somebody may log in with besides a password.
//! * [`backup`]: a copy of repositories in another store.
//! * [`import`]: packages of other repositories.
//! * [`tree`]: what readers see.

pub mod actor;
pub mod areas;
pub mod aside;
pub mod audit;
pub mod backup;
mod blocks;
pub mod build_ids;
pub mod catalogue;
mod configuration_fingerprint;
mod conflict;
mod content;
mod digest_names;
mod disk_format;
pub mod entries;
mod error;
pub mod events;
mod existing;
mod foreign;
mod gather;
mod generation;
pub mod generation_lists;
pub mod history;
mod id;
pub mod import;
pub mod inspection;
pub mod intake;
pub mod limits;
mod lost;
pub mod object_access;
pub mod package_list;
pub mod package_signing;
mod pending;
pub mod phasing;
pub mod pin;
pub mod plan;
mod presence;
pub mod private;
pub mod promotion;
pub mod publication;
pub mod publish;
pub mod purge;
pub mod read_rules;
pub mod readers;
mod reading;
mod reception;
pub mod release;
pub mod removal;
pub mod render;
mod replacement;
pub mod retention;
pub mod rollback;
pub mod scheduler;
pub mod selection;
pub mod sign_present;
mod sources;
mod spill;
mod stored_files;
mod stored_packages;
pub mod token;
pub mod tree;
mod upload;
mod vague_names;
pub mod verify;

pub use content::SCRATCH_PREFIX;
pub use error::{Conflict, IntakeError, Present, RepositoryError};
pub use existing::existing;
pub use foreign::ForeignRoots;
pub use generation::{
    Condemned, FileRow, Generation, Head, Heads, IndexBlock, IndexState, PackageRow, Past, Retired, Tables,
};
pub use id::{GenerationId, UploadId};
pub use reading::generation;
pub use reception::IncomingFiles;
pub use upload::{Upload, UploadBuilder, UploadChange};
