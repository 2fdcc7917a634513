//! What is read from RPM packages, beside createrepo_c.

mod damaged;
mod door;
mod golden;
mod metadata;
mod release_package;
mod signing;
mod stream;
mod support;
