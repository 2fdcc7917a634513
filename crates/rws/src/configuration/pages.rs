//! The section `pages`: what the pages for people say of the service.

use std::path::{Path, PathBuf};

use rws_server::settings::{Logo, Pages};
use serde_json::{Value, json};

use super::file::unreadable;
use super::mistake::{Mistake, quoted};
use super::node::{Node, Object};

/// The keys of `pages`.
pub const PAGES_KEYS: [&str; 4] = ["enabled", "name", "description", "logo"];

/// How long texts may be, in characters.
const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 2000;

/// How large a picture may be: every page shows it.
const MAX_LOGO_BYTES: u64 = 1 << 20;

/// The pictures that browsers show, by the ends of their names.
const PICTURES: [(&str, &str); 4] =
    [("svg", "image/svg+xml"), ("png", "image/png"), ("webp", "image/webp"), ("jpg", "image/jpeg")];

/// Reads the section.
pub fn read(file: &Object<'_>) -> Result<Pages, Mistake> {
    let default = Pages::default();
    let Some(node) = file.get("pages") else { return Ok(default) };
    let pages = node.object("is an object with enabled, name, description and logo")?;
    pages.refuse_unknown(&PAGES_KEYS)?;
    let name = pages.get("name").map(|node| text(&node, MAX_NAME)).transpose()?;
    Ok(Pages {
        enabled: pages.get("enabled").map_or(Ok(default.enabled), |node| node.boolean())?,
        name: name.unwrap_or(default.name),
        description: pages.get("description").map(|node| text(&node, MAX_DESCRIPTION)).transpose()?,
        logo: pages.get("logo").map(|node| logo(&node)).transpose()?,
    })
}

/// Everything as JSON.
pub fn show(pages: &Pages) -> Value {
    json!({
        "enabled": pages.enabled,
        "name": pages.name,
        "description": pages.description,
        "logo": pages.logo.as_ref().map(|logo| json!({ "type": logo.content_type, "bytes": logo.bytes.len() })),
    })
}

fn text(node: &Node<'_>, most: usize) -> Result<String, Mistake> {
    let allowed = format!("is a text of 1 to {most} characters in one line");
    let text = node.text(&allowed)?.trim();
    let is_good = !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err(node.mistake(allowed)) }
}

fn logo(node: &Node<'_>) -> Result<Logo, Mistake> {
    let allowed = "is the path of a picture of at most 1 MiB, whose name ends in .svg, .png, .webp or .jpg";
    let path = PathBuf::from(node.text(allowed)?);
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let known = PICTURES.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    let Some((_, content_type)) = known else { return Err(node.mistake(allowed)) };
    match bytes(&path) {
        Ok(bytes) => Ok(Logo { bytes: bytes.into(), content_type }),
        Err(reason) => {
            let problem = format!("is {}, which {reason}", quoted(&path.to_string_lossy()));
            Err(node.problem(problem, allowed))
        }
    }
}

/// The bytes of a picture; within the error why there are none, in words that follow `which`.
fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if size > MAX_LOGO_BYTES {
        return Err(format!("has {size} bytes"));
    }
    std::fs::read(path).map_err(|error| unreadable(&error))
}
