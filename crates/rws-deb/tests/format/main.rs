//! What is read from Debian packages and written for apt, beside the real dpkg and apt tools.

mod apt;
mod contents;
mod door;
mod golden;
mod hostile;
mod mutants;
mod release_package;
mod repository;
mod support;
mod upload;
mod version_order;
