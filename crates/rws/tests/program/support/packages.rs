//! Packages to upload: small ones built here by the real tools, and real ones.

pub mod deb;
pub mod real;
pub mod rpm;
pub mod source;
pub mod upload;

/// Time stamps inside built packages, so that the same fixture has the same bytes.
const SOURCE_DATE_EPOCH: &str = "1600000000";
