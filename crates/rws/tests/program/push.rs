//! `rws push` of the real program to the real server, as a publisher and as a CI job run it.
#![expect(clippy::unwrap_used, reason = "test code")]

mod documented;
mod failures;
mod interruptions;
mod logins;
mod packages;
mod readers;
mod stage;
mod states;
