//! A comps file as it is sent: no panic, and what is accepted is XML to another reader, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rws_fuzz::read_metadata;

fuzz_target!(|bytes: &[u8]| {
    if !read_metadata("comps", bytes) {
        return;
    }
    // compressed files are accepted, too; roxmltree knows namespaces, clients do not
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    match roxmltree::Document::parse_with_options(text, options) {
        Ok(_) => {}
        // what only those refuse who know namespaces, and the bounds of roxmltree
        Err(error) if text.contains(':') || text.contains("xmlns") || text.contains("<!DOCTYPE") => drop(error),
        Err(roxmltree::Error::NodesLimitReached | roxmltree::Error::AttributesLimitReached) => {}
        Err(error) => panic!("{error}:\n{text}"),
    }
});
