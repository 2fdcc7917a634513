//! The formats of RWS.

use std::sync::Arc;

use rws_deb::Deb;
use rws_model::{Format, Formats};
use rws_rpm::Rpm;

/// The formats of RWS, in the order in which their files are listed to who sends others. This is the one place where formats
/// are chosen.
pub fn formats() -> Formats {
    Formats::new([Arc::new(Rpm) as Arc<dyn Format>, Arc::new(Deb)])
}
