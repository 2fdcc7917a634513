//! What was seen, and the rule that breaks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode_str;

use super::head::Head;
use super::{FaultRule, Forged};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// counts from 1
    pub number: usize,
    /// `GET`, `PUT`, …
    pub method: String,
    /// the path without its percent encoding: `/BUCKET/KEY`
    pub path: String,
    /// what follows the `?`, as it was sent; empty when there is none
    pub query: String,
    /// the headers, as they were sent
    pub headers: Vec<(String, String)>,
    /// how much of the request's body has arrived, without the lengths of chunks
    pub request_bytes: u64,
    /// what was sent to the client; 0 when the connection was cut, or nothing was sent yet
    pub status: u16,
    /// how much of the answer's body was sent to the client, without the lengths of chunks
    pub response_bytes: u64,
}

impl Seen {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A request's place in the record. It is written before what it says happens, so that who has the answer finds it here.
pub(super) struct Entry(Arc<Mutex<Seen>>);

impl Entry {
    pub(super) fn snapshot(&self) -> Seen {
        lock(&self.0).clone()
    }

    pub(super) fn received(&self, bytes: u64) {
        lock(&self.0).request_bytes += bytes;
    }

    pub(super) fn answered(&self, status: u16) {
        lock(&self.0).status = status;
    }

    pub(super) fn sent(&self, bytes: u64) {
        lock(&self.0).response_bytes += bytes;
    }
}

/// What the proxy's connections share.
pub(super) struct Shared {
    upstream: String,
    seen: Mutex<Vec<Arc<Mutex<Seen>>>>,
    rule: Mutex<Option<FaultRule>>,
    /// The first answers to listings, where they are kept.
    earlier: Mutex<Option<HashMap<String, Forged>>>,
}

impl Shared {
    pub(super) fn new(upstream: &str) -> Self {
        Self {
            upstream: upstream.to_owned(),
            seen: Mutex::default(),
            rule: Mutex::default(),
            earlier: Mutex::default(),
        }
    }

    /// `HOST:PORT`
    pub(super) fn upstream(&self) -> &str {
        &self.upstream
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).iter().map(|entry| lock(entry).clone()).collect()
    }

    pub(super) fn forget(&self) {
        lock(&self.seen).clear();
    }

    pub(super) fn set_rule(&self, rule: Option<FaultRule>) {
        *lock(&self.rule) = rule;
    }

    pub(super) fn rule(&self) -> Option<FaultRule> {
        lock(&self.rule).clone()
    }

    pub(super) fn keep_answers(&self) {
        lock(&self.earlier).get_or_insert_default();
    }

    /// Whether the answer to a request is to be kept.
    pub(super) fn keeps(&self, seen: &Seen) -> bool {
        let is_listing = seen.method == "GET" && seen.query.contains("list-type=2");
        is_listing && lock(&self.earlier).as_ref().is_some_and(|kept| !kept.contains_key(&kind(seen)))
    }

    pub(super) fn keep(&self, seen: &Seen, answer: &Forged) {
        if let Some(kept) = &mut *lock(&self.earlier) {
            kept.entry(kind(seen)).or_insert_with(|| answer.clone());
        }
    }

    /// The first answer to such a request.
    pub(super) fn earlier(&self, seen: &Seen) -> Option<Forged> {
        lock(&self.earlier).as_ref()?.get(&kind(seen)).cloned()
    }

    /// Records the head of a request.
    pub(super) fn record(&self, head: &Head) -> Entry {
        let (method, target) = head.method_and_target();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut seen = lock(&self.seen);
        let entry = Arc::new(Mutex::new(Seen {
            number: seen.len() + 1,
            method: method.to_owned(),
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            query: query.to_owned(),
            headers: head.headers(),
            request_bytes: 0,
            status: 0,
            response_bytes: 0,
        }));
        seen.push(Arc::clone(&entry));
        Entry(entry)
    }
}

/// A request without what is another one each time: its signature.
fn kind(seen: &Seen) -> String {
    let query: Vec<&str> = seen.query.split('&').filter(|part| !part.starts_with("X-Amz-")).collect();
    format!("{} {}?{}", seen.method, seen.path, query.join("&"))
}

/// A rule that panicked is no reason to hide what was seen.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
