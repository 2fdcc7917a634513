//! Taking over what the original service left: packages where it put them, indexed and signed by its metadata tool,
//! mkrepo. Real mkrepo makes the repositories; real clients judge what becomes of them.
#![expect(clippy::unwrap_used, reason = "test code")]

mod changes;
mod clients;
mod createrepo;
mod going_back;
mod reads;
mod ruins;
mod stage;
