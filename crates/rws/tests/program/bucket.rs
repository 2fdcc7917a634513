//! The program on a bucket: starts, refusals, what it asks of S3, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "test code")]

mod commands;
mod directory_equals_bucket;
mod foreign_objects;
mod impostors;
mod keys_of_aws;
mod large_files;
mod one_writer;
mod outages;
mod reads;
mod refusals;
mod starts;
mod uploads;
