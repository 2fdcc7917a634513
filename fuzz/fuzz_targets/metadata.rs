//! A file of comps, updateinfo, modules or appstream, and one of DEP-11 or translated descriptions, as it is sent or carried. The first
//! byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rws_deb::Deb;
use rws_model::{MetadataOffer, MetadataOrigin, UploadFormat};
use rws_rpm::Rpm;

const KINDS: [(&str, &str); 4] = [
    ("group", "comps.xml"),
    ("updateinfo", "updateinfo.xml"),
    ("modules", "modules.yaml"),
    ("appstream", "appstream.xml"),
];
const DEB_KINDS: [&str; 4] = ["Components-amd64.yml", "CID-Index-amd64.json", "icons-64x64.tar", "Translation-de"];
/// Of carried files: the name says how they are compressed. Files that are sent show it themselves.
const ENDS: [&str; 4] = ["", ".gz", ".xz", ".zst"];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, content)) = bytes.split_first() else { return };
    let (kind, name) = KINDS[usize::from(first % 4)];
    let deb_kind = DEB_KINDS[usize::from(first % 4)];
    // libyaml-safer 0.3.0 panics on a tag before a comma; the formats catch that, the fuzzer ends with it
    if (kind == "modules" || deb_kind.starts_with("Components")) && content.contains(&b'!') {
        return;
    }
    let name = format!("{name}{}", ENDS[usize::from(first / 4 % 4)]);
    // ASCII digits stand for files that are sent
    let origin = if *first < 128 { MetadataOrigin::Sent } else { MetadataOrigin::Carried { timestamp: 1_600_000_000 } };
    let deb_name = format!("{deb_kind}{}", ENDS[usize::from(first / 4 % 4)]);
    let _ = Deb.metadata(&MetadataOffer { kind: deb_kind, name: &deb_name, content, origin });
    let _ = Rpm.metadata(&MetadataOffer { kind, name: &name, content, origin });
});
