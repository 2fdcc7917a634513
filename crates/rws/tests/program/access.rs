//! Who may do what, and who may read.

mod closed;
mod reloading;
mod secrecy;
mod tokens;
