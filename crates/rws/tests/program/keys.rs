//! The keys that sign: replaced while clients look on, kept elsewhere, checked; packages that are signed.
#![expect(clippy::expect_used, reason = "a test says so by failing")]

mod clients;
mod packages;
mod release;
mod rotation;
mod signers;
mod stand;
mod unfit;
