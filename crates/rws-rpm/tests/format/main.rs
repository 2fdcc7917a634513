//! What is read from RPM packages, beside createrepo_c.

mod damaged;
mod golden;
mod stream;
mod support;
