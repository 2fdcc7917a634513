//! What is read from RPM packages, beside createrepo_c.

mod damaged;
mod door;
mod golden;
mod metadata;
mod stream;
mod support;
