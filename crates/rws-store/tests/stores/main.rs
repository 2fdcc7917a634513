//! The promises of a store, kept by each kind of it.

mod conformance;
mod local_files;
mod s3;
mod single_writer;
