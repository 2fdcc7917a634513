//! Metadata of any text: nothing panics, and what is refused is refused in one line.

use proptest::prelude::*;
use proptest::sample::select;
use rws_model::{MetadataOffer, MetadataOrigin, UploadFormat};
use rws_rpm::Rpm;

#[rustfmt::skip]
const XML: &[&str] = &[
    "<comps>", "</comps>", "<updates>", "</updates>", "<update>", "</update>", "<group>", "</group>", "<id>", "</id>", "<id/>",
    "<display_order/>", "<match name=\"a\"/>", "<a b='c' d=\"&lt;\">", "</a>", "<!-- c -->", "<![CDATA[", "]]>", "<?p x?>",
    "<!DOCTYPE a SYSTEM 'b'>", "<?xml version=\"1.0\"?>", "&#x20;", "&amp;", "&", "text", " ", "\n", "\u{1}", "ä", "\u{feff}",
];

#[rustfmt::skip]
const YAML: &[&str] = &[
    "---\n", "...\n", "document: modulemd\n", "document: modulemd-defaults\n", "document: modulemd-obsoletes\n", "version: 2\n",
    "version: 1\n", "data:\n", "  name: a\n", "  stream: \"1\"\n", "  license: {module: [MIT]}\n", "  summary: >-\n    s\n",
    "  description: |\n    d\n", "  artifacts:\n    rpms:\n    - a-0:1-1.x\n", "  profiles: {a: {rpms: [b]}}\n", "- ", "? ", ": ",
    "[", "]", "{", "}", ", ", "&a ", "*a", "!t ", "!!str ", "! ", "!<a> ", "'", "\"", "\\", "\\x41", "|\n", ">2\n", "# c\n",
    "%YAML 1.1\n", "%TAG ! b\n", "\t", "  ", "\n", "\r\n", "\u{85}", "\u{2028}", "\u{feff}", "a", "ä", "😀", "%41", "@", "`",
];

fn read(kind: &str, content: &[u8]) {
    let offer = MetadataOffer { kind, name: kind, content, origin: MetadataOrigin::Sent };
    if let Err(refusal) = Rpm.metadata(&offer) {
        assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'), "{refusal}");
    }
}

fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_xml_panics(text in pieces(XML), place: prop::sample::Index, byte: u8) {
        let mut bytes = format!("<comps>{text}</comps>").into_bytes();
        for kind in ["comps", "updateinfo", "appstream"] {
            read(kind, text.as_bytes());
            read(kind, &bytes);
        }
        let place = place.index(bytes.len());
        bytes[place] = byte;
        read("comps", &bytes);
        bytes.truncate(place);
        read("comps", &bytes);
    }

    #[test]
    fn no_yaml_panics(text in pieces(YAML), place: prop::sample::Index, byte: u8) {
        let mut bytes = format!("document: modulemd\nversion: 2\ndata:\n{text}").into_bytes();
        read("modules", text.as_bytes());
        read("modules", &bytes);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        read("modules", &bytes);
        bytes.truncate(place);
        read("modules", &bytes);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        for kind in ["comps", "updateinfo", "modules", "appstream"] {
            read(kind, &bytes);
        }
    }
}
