//! A .changes as it is uploaded: no panic, and whatever is accepted makes entries that are one stanza each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rws_deb::Deb;
use rws_fuzz::inspect_named;

fuzz_target!(|bytes: &[u8]| {
    let Some(inspected) = inspect_named(&Deb, "x.changes", bytes) else { return };
    for entry in &inspected.entries {
        // an empty line inside would start another stanza
        let text = entry.text.strip_suffix(b"\n\n").or(entry.text.strip_suffix(b"\n")).unwrap_or(&entry.text);
        assert!(!text.windows(2).any(|two| two == b"\n\n"), "{}", String::from_utf8_lossy(text));
    }
});
