//! The keys that sign: replaced while clients look on, kept elsewhere, checked.

mod clients;
mod rotation;
mod signers;
mod stand;
