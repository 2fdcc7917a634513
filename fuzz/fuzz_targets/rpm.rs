//! An .rpm as it is uploaded, mostly with the digests of its bytes: no panic, and whatever is accepted makes entries that are XML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rws_fuzz::{inspect_named, restated, slots};
use rws_model::fill_slot;
use rws_rpm::Rpm;

fuzz_target!(|bytes: &[u8]| {
    let Some(inspected) = inspect_named(&Rpm, "x.rpm", &restated(bytes)) else { return };
    for entry in &inspected.entries {
        assert_eq!(slots(&entry.text), usize::from(entry.partition == "primary"));
        let text = String::from_utf8(fill_slot(&entry.text, b"Packages")).expect("entries are UTF-8");
        let declared = text.replacen("<package", "<package xmlns:rpm=\"rpm\"", 1);
        if let Err(error) = roxmltree::Document::parse(&declared) {
            panic!("{error}:\n{text}");
        }
    }
});
