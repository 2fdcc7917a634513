//! Who is told of what happens: the list `webhooks` of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rws_model::TargetPattern;
use rws_repository::events::EventKind;
use rws_server::{WebhookSecret, WebhookSettings};
use serde_json::{Value, json};

use super::connection;
use super::file;
use super::mistake::Mistake;
use super::model::Model;
use super::node::{Node, Object};
use super::setting::Setting;

/// The keys of one webhook.
pub const KEYS: [&str; 7] = ["url", "secret_file", "name", "events", "match", "ca_file", "allow_http"];

const WEBHOOKS: &str = "is a list of objects with url and secret_file";
const URL: &str = "is a URL like https://hooks.example.org/rws, without user and fragment; http:// for this machine only, \
                   or with \"allow_http\": true";
const NAME: &str = "is a name of up to 100 letters, digits and . _ -";
const SECRET_FILE: &str = "is the path of a file with whsec_ and 24 to 64 bytes in base64: \
                           (printf whsec_; openssl rand -base64 32)";
const MATCH: &str = "is a pattern of targets, such as live/*";

/// Reads the list `webhooks`.
pub fn read(file: &Object<'_>) -> Result<Vec<WebhookSettings>, Mistake> {
    let Some(node) = file.get("webhooks") else { return Ok(Vec::new()) };
    let (mut webhooks, mut names, mut urls) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for node in node.list(WEBHOOKS)? {
        let webhook = webhook(&node)?;
        if !urls.insert(webhook.url.clone()) {
            return Err(node.problem("has the url of another one", "are one for each url: put all into one entry"));
        }
        if let Some(other) = names.insert(webhook.name.clone(), node.path().to_owned()) {
            let problem = format!("has the name {:?}, as {other} has", webhook.name);
            return Err(node.problem(problem, "has a name of its own; without name it is the host of the url"));
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

/// What is said of patterns that match no repository.
pub fn useless(webhooks: &[WebhookSettings], model: &Model) -> Vec<String> {
    let useless = webhooks.iter().filter(|one| !model.targets().any(|target| one.pattern.matches(&target)));
    useless
        .map(|one| format!("webhook {:?}: match is {}, which matches no repository", one.name, one.pattern))
        .collect()
}

/// As it stands in the file; of the URL only the host: the rest may be a secret.
pub fn show(webhook: &WebhookSettings) -> Value {
    let events: Vec<&str> = webhook.kinds.iter().map(|kind| kind.word()).collect();
    json!({
        "name": webhook.name,
        "url": format!("{}/…", origin(&webhook.url)),
        "secret": "<set>",
        "events": events,
        "match": webhook.pattern.to_string(),
        "ca_file": webhook.ca_file.as_ref().map(|path| path.display().to_string()),
    })
}

/// `https://host:port` of a URL that was checked.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    &url[..end]
}

fn webhook(node: &Node<'_>) -> Result<WebhookSettings, Mistake> {
    let entry = node.object(WEBHOOKS)?;
    entry.refuse_unknown(&KEYS)?;
    let allow_http = entry.get("allow_http").map(|node| node.boolean()).transpose()?.unwrap_or_default();
    // its path may be a secret
    let of_url = entry.required("url", URL)?.secret();
    let url = of_url.text(URL)?;
    if !is_url(url, allow_http) {
        return Err(of_url.mistake(URL));
    }
    let name = match entry.get("name") {
        Some(node) => node.text(NAME).ok().filter(|name| is_name(name)).ok_or_else(|| node.mistake(NAME))?.to_owned(),
        None => origin(url).split_once("://").map_or(url, |(_, host)| host).to_owned(),
    };
    let ca_file = entry.get("ca_file").map(|node| connection::ca_file(&Setting::Key(node))).transpose()?;
    Ok(WebhookSettings {
        name,
        url: url.to_owned(),
        secret: secret(&entry.required("secret_file", SECRET_FILE)?)?,
        ca_file,
        kinds: entry.get("events").map_or_else(|| Ok(EventKind::ALL.into()), |node| kinds(&node))?,
        pattern: match entry.get("match") {
            Some(node) => TargetPattern::parse(node.text(MATCH)?).ok_or_else(|| node.mistake(MATCH))?,
            None => TargetPattern::parse("*").ok_or_else(|| node.mistake(MATCH))?,
        },
    })
}

fn kinds(node: &Node<'_>) -> Result<BTreeSet<EventKind>, Mistake> {
    let words: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
    let allowed = format!("is a list of {}", words.join(", "));
    let kind = |node: &Node<'_>| {
        let word = node.text(&allowed)?;
        EventKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| node.mistake(allowed.clone()))
    };
    node.list(&allowed)?.iter().map(kind).collect()
}

fn secret(node: &Node<'_>) -> Result<WebhookSecret, Mistake> {
    let path = node.text(SECRET_FILE)?;
    let wrong = |reason: String| node.problem(format!("is {}, which {reason}", node.shown()), SECRET_FILE);
    let text = file::text(Path::new(path)).map_err(wrong)?;
    WebhookSecret::parse(&text).map_err(|error| wrong(error.to_string()))
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(plain)
}

/// Whether events may be sent there. What leaves this machine is encrypted, unless the configuration says otherwise.
fn is_url(url: &str, allow_http: bool) -> bool {
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['#', '\\', '"', '<', '>']);
    let Some((scheme, _)) = url.split_once("://") else { return false };
    let authority = origin(url).split_once("://").map_or("", |(_, authority)| authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let is_host = !host.is_empty() && !authority.contains('@');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|one| one.is_loopback());
    is_plain && is_host && is_port && (scheme == "https" || (scheme == "http" && (allow_http || is_here)))
}
