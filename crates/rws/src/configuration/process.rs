//! The settings of the process: the objects `server`, `store` and `publish`.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rws_server::settings::{Downloads, Limits, Settings};
use serde_json::{Value, json};

use super::connection;
use super::environment::{Environment, RWS_LOG_FORMAT};
use super::mistake::Mistake;
use super::node::{Node, Object};
use super::pages;
use super::setting::Setting;
use super::store::{ALLOWED_LINKS, is_url};

/// The keys of `server`.
pub const SERVER_KEYS: [&str; 9] = [
    "read_only",
    "public_url",
    "trusted_proxies",
    "tls",
    "download",
    "download_url",
    "download_from_bytes",
    "limits",
    "log_format",
];

/// The keys of `store`.
pub const STORE_KEYS: [&str; 7] = {
    let [addressing, ca_file, timeout, retries, sse_kms_key_id, bucket_owner] = connection::KEYS;
    [addressing, ca_file, timeout, retries, sse_kms_key_id, bucket_owner, ALLOWED_LINKS]
};

/// The keys of `server.tls`.
pub const TLS_KEYS: [&str; 2] = ["certificate", "key"];

/// The keys of `server.limits`.
pub const LIMIT_KEYS: [&str; 15] = [
    "connections",
    "answers_bytes",
    "uploads",
    "reading_bytes",
    "entries_bytes",
    "passwords_bytes",
    "parts",
    "part_header_bytes",
    "field_bytes",
    "file_bytes",
    "upload_bytes",
    "pending_bytes",
    "aside_bytes",
    "stalled_seconds",
    "slowest_bytes_per_second",
];

/// Files that are smaller are not worth a second request.
const REDIRECTED_BYTES: u64 = 1 << 20;

/// Settings of the HTTP server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// What the service itself is told.
    pub service: Settings,
    /// Where the certificate is; none: connections are plain.
    pub tls: Option<TlsFiles>,
    /// How the log is written.
    pub log_format: LogFormat,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the certificate and those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object in each line.
    Json,
}

/// Reads `server`, `pages` and `publish`. A key in `publish` cannot mean anything yet, so it is a mistake there.
pub fn read(file: &Object<'_>, environment: &Environment) -> Result<ServerSettings, Mistake> {
    object(file, "publish", &[])?;
    let server = object(file, "server", &SERVER_KEYS)?;
    let get = |key: &str| server.as_ref().and_then(|server| server.get(key));
    let default = Settings::default();
    let log_format = Setting::find(environment, RWS_LOG_FORMAT, get("log_format"))?;
    Ok(ServerSettings {
        service: Settings {
            read_only: get("read_only").map_or(Ok(false), |node| node.boolean())?,
            public_url: get("public_url").map(|node| url(&node)).transpose()?,
            trusted_proxies: get("trusted_proxies").map_or(Ok(default.trusted_proxies), |node| networks(&node))?,
            downloads: downloads(get)?,
            limits: get("limits").map_or(Ok(default.limits), |node| limits(&node))?,
            pages: pages::read(file)?,
        },
        tls: get("tls").map(|node| tls(&node)).transpose()?,
        log_format: log_format.map_or(Ok(LogFormat::Text), |setting| format(&setting))?,
    })
}

/// Only a bucket has URLs to redirect to by itself.
pub fn refuse_signed_urls(file: &Object<'_>, server: &ServerSettings) -> Result<(), Mistake> {
    let node = file.get("server").and_then(|server| server.object("is an object").ok()?.get("download"));
    match (&server.service.downloads, node) {
        (Downloads::Redirect { base: None, .. }, Some(node)) => {
            Err(node.mistake("is redirect only with a bucket as the store, or together with server.download_url"))
        }
        _ => Ok(()),
    }
}

/// The object `store`.
pub fn store<'a>(file: &Object<'a>) -> Result<Option<Object<'a>>, Mistake> {
    object(file, "store", &STORE_KEYS)
}

fn object<'a>(file: &Object<'a>, name: &str, known: &[&str]) -> Result<Option<Object<'a>>, Mistake> {
    let Some(node) = file.get(name) else { return Ok(None) };
    let object = node.object("is an object")?;
    object.refuse_unknown(known)?;
    Ok(Some(object))
}

/// What [`is_url`] asks for.
pub const URL: &str = "is a URL such as https://packages.example.org, without user and password";

fn url(node: &Node<'_>) -> Result<String, Mistake> {
    let text = node.text(URL)?.trim_end_matches('/');
    if is_url(text) { Ok(text.to_owned()) } else { Err(node.mistake(URL)) }
}

fn networks(node: &Node<'_>) -> Result<Vec<IpNet>, Mistake> {
    let allowed = "is a list of addresses and networks like [\"10.0.0.0/8\", \"::1\"]";
    let network = |node: Node<'_>| {
        let text = node.text("is an address or a network like 10.0.0.0/8")?;
        let address = || text.parse().map(|address: std::net::IpAddr| address.into());
        text.parse().or_else(|_| address()).map_err(|_| node.mistake("is an address or a network like 10.0.0.0/8"))
    };
    node.list(allowed)?.into_iter().map(network).collect()
}

fn downloads<'a>(get: impl Fn(&str) -> Option<Node<'a>>) -> Result<Downloads, Mistake> {
    let allowed = "is \"stream\" or \"redirect\"";
    let redirects = match get("download") {
        None => false,
        Some(node) => match node.text(allowed)? {
            "stream" => false,
            "redirect" => true,
            _ => return Err(node.mistake(allowed)),
        },
    };
    let base = get("download_url").map(|node| url(&node)).transpose()?;
    let from_bytes = get("download_from_bytes").map_or(Ok(REDIRECTED_BYTES), |node| node.count())?;
    let unused = ["download_url", "download_from_bytes"].into_iter().filter(|_| !redirects).find_map(&get);
    if let Some(unused) = unused {
        return Err(unused.problem("is set", "together with server.download: \"redirect\" only"));
    }
    Ok(if redirects { Downloads::Redirect { base, from_bytes } } else { Downloads::Stream })
}

fn limits(node: &Node<'_>) -> Result<Limits, Mistake> {
    let object = node.object("is an object")?;
    object.refuse_unknown(&LIMIT_KEYS)?;
    let mut limits = Limits::default();
    let count = |key: &str, most: u64| -> Result<Option<u64>, Mistake> {
        let Some(node) = object.get(key) else { return Ok(None) };
        let allowed = || node.mistake(format!("is a whole number from 1 to {most}"));
        node.count().ok().filter(|count| *count <= most).map(Some).ok_or_else(allowed)
    };
    let small = |key: &str, most: u32, limit: &mut usize| -> Result<(), Mistake> {
        if let Some(number) = count(key, most.into())? {
            *limit = usize::try_from(number).unwrap_or(usize::MAX);
        }
        Ok(())
    };
    small("connections", 1 << 20, &mut limits.connections)?;
    small("uploads", 1 << 16, &mut limits.uploads)?;
    small("parts", 1 << 20, &mut limits.parts)?;
    small("part_header_bytes", 1 << 20, &mut limits.part_header_bytes)?;
    small("field_bytes", 1 << 20, &mut limits.field_bytes)?;
    limits.answers_bytes = count("answers_bytes", u64::MAX)?.unwrap_or(limits.answers_bytes);
    limits.reading_bytes = count("reading_bytes", u64::MAX)?.unwrap_or(limits.reading_bytes);
    limits.entries_bytes = count("entries_bytes", u64::MAX / 2)?.unwrap_or(limits.entries_bytes);
    limits.passwords_bytes = count("passwords_bytes", u64::MAX)?.unwrap_or(limits.passwords_bytes);
    let slowest = count("slowest_bytes_per_second", 1 << 30)?;
    limits.slowest_bytes_per_second = slowest.unwrap_or(limits.slowest_bytes_per_second);
    limits.file_bytes = count("file_bytes", u64::MAX)?.unwrap_or(limits.file_bytes);
    limits.upload_bytes = count("upload_bytes", u64::MAX)?.unwrap_or(limits.upload_bytes);
    limits.pending_bytes = count("pending_bytes", u64::MAX)?.unwrap_or(limits.pending_bytes);
    limits.aside_bytes = count("aside_bytes", u64::MAX)?.unwrap_or(limits.aside_bytes);
    limits.stalled = count("stalled_seconds", 24 * 3600)?.map_or(limits.stalled, Duration::from_secs);
    Ok(limits)
}

fn tls(node: &Node<'_>) -> Result<TlsFiles, Mistake> {
    let object = node.object("is an object with certificate and key")?;
    object.refuse_unknown(&TLS_KEYS)?;
    let path = |key: &str| {
        let allowed = "is the path of a PEM file";
        object.required(key, allowed)?.text(allowed).map(PathBuf::from)
    };
    Ok(TlsFiles { certificate: path("certificate")?, key: path("key")? })
}

fn format(setting: &Setting<'_>) -> Result<LogFormat, Mistake> {
    let allowed = "is \"text\" or \"json\"";
    match setting.text(allowed)? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(setting.mistake(allowed)),
    }
}

impl ServerSettings {
    /// Everything as JSON.
    pub fn show(&self) -> Value {
        let Self { service, tls, log_format } = self;
        let limits = &service.limits;
        let (download, url, from_bytes) = match &service.downloads {
            Downloads::Stream => ("stream", None, None),
            Downloads::Redirect { base, from_bytes } => ("redirect", base.as_ref(), Some(from_bytes)),
        };
        json!({
            "read_only": service.read_only,
            "public_url": service.public_url,
            "trusted_proxies": service.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "tls": tls.as_ref().map(|files| json!({
                "certificate": files.certificate.display().to_string(),
                "key": files.key.display().to_string(),
            })),
            "download": download,
            "download_url": url,
            "download_from_bytes": from_bytes,
            "limits": {
                "connections": limits.connections,
                "answers_bytes": limits.answers_bytes,
                "uploads": limits.uploads,
                "reading_bytes": limits.reading_bytes,
                "entries_bytes": limits.entries_bytes,
                "passwords_bytes": limits.passwords_bytes,
                "parts": limits.parts,
                "part_header_bytes": limits.part_header_bytes,
                "field_bytes": limits.field_bytes,
                "file_bytes": limits.file_bytes,
                "upload_bytes": limits.upload_bytes,
                "pending_bytes": limits.pending_bytes,
                "aside_bytes": limits.aside_bytes,
                "stalled_seconds": limits.stalled.as_secs(),
                "slowest_bytes_per_second": limits.slowest_bytes_per_second,
            },
            "log_format": if *log_format == LogFormat::Json { "json" } else { "text" },
        })
    }
}
