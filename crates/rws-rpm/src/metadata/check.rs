//! Whether a file of metadata is one: well-formed, and of its kind.

use quick_xml::Reader;
use quick_xml::events::Event;
use saphyr_parser::{Event as Yaml, Parser};

/// No file of these kinds nests deeper.
const DEEPEST: usize = 100;

/// Checks a decompressed file of a kind.
pub fn check(kind: &str, plain: &[u8]) -> Result<(), String> {
    match kind {
        "group" => xml(plain, &["comps"], None),
        "updateinfo" => xml(plain, &["updates"], Some(("update", "id"))),
        "appstream" => xml(plain, &["components", "component"], None),
        _ => modules(plain),
    }
}

/// A well-formed document with one of these root elements, in which each `parent` has a `child` with a text.
fn xml(plain: &[u8], roots: &[&str], required: Option<(&str, &str)>) -> Result<(), String> {
    let mut reader = Reader::from_reader(plain);
    let broken = |at: u64, what: String| format!("it is no well-formed XML, at byte {at}: {what}");
    let mut open: Vec<String> = Vec::new();
    let (mut seen_root, mut has_required) = (false, true);
    let mut buffer = Vec::new();
    loop {
        let event =
            reader.read_event_into(&mut buffer).map_err(|error| broken(reader.error_position(), error.to_string()))?;
        let at = reader.buffer_position();
        match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                let name = tag.name().as_ref().to_owned();
                if let Some(error) = tag.attributes().find_map(Result::err) {
                    return Err(broken(at, error.to_string()));
                }
                if open.is_empty() {
                    if seen_root {
                        return Err(broken(at, format!("<{name}> is a second root element")));
                    }
                    if !roots.contains(&name.as_str()) {
                        return Err(format!("its root element is <{name}>, not <{}>", roots.join("> or <")));
                    }
                    seen_root = true;
                }
                if required.is_some_and(|(parent, _)| parent == name) {
                    has_required = false;
                }
                if matches!(event, Event::Start(_)) {
                    open.push(name);
                } else if let Some((parent, child)) = required.filter(|(parent, _)| *parent == name) {
                    return Err(format!("it has an <{parent}> without <{child}>"));
                }
                if open.len() > DEEPEST {
                    return Err(format!("its elements nest deeper than {DEEPEST}"));
                }
            }
            Event::End(_) => {
                let closed = open.pop().unwrap_or_default();
                if let Some((parent, child)) = required.filter(|(parent, _)| *parent == closed && !has_required) {
                    return Err(format!("it has an <{parent}> without <{child}>"));
                }
            }
            Event::Text(text) => {
                let is_blank = text.trim().is_empty();
                if open.is_empty() && !is_blank {
                    return Err(broken(at, "there is text outside of the root element".to_owned()));
                }
                if let (false, Some((parent, child)), [.., above, last]) = (is_blank, required, open.as_slice())
                    && above == parent
                    && last == child
                {
                    has_required = true;
                }
            }
            Event::Eof if !seen_root => return Err("it has no root element".to_owned()),
            Event::Eof if !open.is_empty() => return Err(broken(at, format!("<{}> is not closed", open.join("> <")))),
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

/// YAML documents, each a mapping that says what it is (modulemd).
fn modules(plain: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(plain).map_err(|error| format!("it is no UTF-8: {error}"))?;
    let (mut open, mut documents, mut says_what, mut is_key) = (Vec::new(), 0, true, true);
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| format!("it is no YAML: {error}"))?;
        match event {
            Yaml::DocumentStart(_) => {
                documents += 1;
                (says_what, is_key) = (false, true);
            }
            Yaml::DocumentEnd if !says_what => {
                return Err(format!("its document {documents} is no mapping with the key `document`"));
            }
            Yaml::MappingStart(..) | Yaml::SequenceStart(..) => {
                open.push(matches!(event, Yaml::MappingStart(..)));
                if open.len() > DEEPEST {
                    return Err(format!("it nests deeper than {DEEPEST}"));
                }
            }
            Yaml::MappingEnd | Yaml::SequenceEnd => {
                open.pop();
                if open.len() == 1 {
                    is_key = !is_key;
                }
            }
            // keys and values of the outermost mapping take turns
            Yaml::Scalar(value, ..) if open == [true] => {
                says_what |= is_key && value == "document";
                is_key = !is_key;
            }
            _ => {}
        }
    }
    if documents == 0 { Err("it has no document".to_owned()) } else { Ok(()) }
}
