//! Whether a file of metadata is one: well-formed, of its kind, and with what clients cannot do without.

use super::modules;
use super::xml::{Event, Reader};

/// No file of these kinds nests deeper; clients take more than 3,000 levels.
const MAX_DEPTH: usize = 4_000;

/// Checks a decompressed file of a kind.
pub fn check(kind: &str, plain: &[u8]) -> Result<(), String> {
    match kind {
        "group" => xml(plain, &["comps"], comps),
        "updateinfo" => xml(plain, &["updates"], updates),
        "appstream" => xml(plain, &["components", "component"], |_, _| Ok(())),
        _ => modules::check(plain),
    }
}

/// An element that is open.
#[derive(Default)]
struct Element<'a> {
    name: &'a str,
    /// It has text that is more than blanks.
    has_text: bool,
    has_child: bool,
    /// It has a child `<id>` with a text.
    has_id: bool,
}

impl Element<'_> {
    fn has_plain_text(&self) -> bool {
        self.has_text && !self.has_child
    }
}

/// What a kind wants of an element that ends inside another one.
type Rule = fn(&Element<'_>, &mut Element<'_>) -> Result<(), String>;

/// A well-formed document with one of these root elements whose elements keep to a rule.
fn xml(plain: &[u8], roots: &[&str], rule: Rule) -> Result<(), String> {
    let mut reader = Reader::new(plain).map_err(|broken| broken.to_string())?;
    // the first stands for the document
    let mut open = vec![Element::default()];
    while let Some(event) = reader.next_event().map_err(|broken| broken.to_string())? {
        match event {
            Event::Start(name) => {
                if open.len() == 1 && !roots.contains(&name) {
                    return Err(format!("its root element is <{name}>, not <{}>", roots.join("> or <")));
                }
                if open.len() > MAX_DEPTH {
                    return Err(format!("its elements nest deeper than {MAX_DEPTH}"));
                }
                // dnf 4 crashes on it
                if name == "match"
                    && roots == ["comps"]
                    && !(reader.has_attribute("name") && reader.has_attribute("install"))
                {
                    return Err(format!("its <match> before byte {} lacks name or install", reader.position()));
                }
                if let Some(parent) = open.last_mut() {
                    parent.has_child = true;
                }
                open.push(Element { name, ..Element::default() });
            }
            Event::Text { is_blank } => {
                if let Some(element) = open.last_mut() {
                    element.has_text |= !is_blank;
                }
            }
            Event::End => {
                if let (Some(element), Some(parent)) = (open.pop(), open.last_mut()) {
                    let place = |reason| format!("{reason}, before byte {}", reader.position());
                    rule(&element, parent).map_err(place)?;
                }
            }
        }
    }
    Ok(())
}

/// dnf 4 ends its group commands in a traceback where an id has no text. It crashes where the others are not just a text, and
/// where the root element stands inside something.
fn comps(element: &Element<'_>, parent: &mut Element<'_>) -> Result<(), String> {
    match (element.name, parent.name) {
        ("id", "group" | "environment") if element.has_plain_text() => parent.has_id = true,
        ("id", "group" | "environment") => return Err(format!("one <{}> has an empty <id>", parent.name)),
        (name @ ("display_order" | "uservisible"), "group" | "environment" | "category")
            if !element.has_plain_text() =>
        {
            return Err(format!("one <{}> has an empty <{name}>, or one with elements", parent.name));
        }
        ("comps", "") => {}
        ("comps", _) => return Err(format!("one <{}> has a <comps>", parent.name)),
        (name @ ("group" | "environment"), _) if !element.has_id => {
            return Err(format!("one <{name}> is without <id>"));
        }
        _ => {}
    }
    Ok(())
}

/// An update without an id is a package without a name to all clients. One with an empty id is read, but nobody can
/// ask for it.
fn updates(element: &Element<'_>, parent: &mut Element<'_>) -> Result<(), String> {
    match (element.name, parent.name) {
        ("id", "update") => parent.has_id |= element.has_text,
        ("update", _) if !element.has_id => return Err("it has an <update> without <id>".to_owned()),
        _ => {}
    }
    Ok(())
}
