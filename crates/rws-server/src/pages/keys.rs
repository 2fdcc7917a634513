//! The keys that sign.

use std::collections::BTreeSet;

use askama::Template;
use rws_model::Target;

use super::Visit;
use super::answer::{page_of_address, render};
use super::frame::{Frame, Part};
use super::view::{Moment, fingerprint};
use crate::answer::{Answer, Problem};
use crate::path::encoded;

#[derive(Template)]
#[template(path = "pages/keys.html")]
struct Keys {
    frame: Frame,
    keys: Vec<KeyRow>,
    command: String,
}

/// A key.
pub struct KeyRow {
    pub name: String,
    pub address: Option<String>,
    pub fingerprint: String,
    pub expires: Option<Moment>,
    /// How many targets it signs.
    pub targets: usize,
}

/// All keys, as pages show them, with how many of these targets each signs.
pub fn rows(visit: &Visit<'_>, published: &BTreeSet<Target>) -> Vec<KeyRow> {
    let service = visit.service;
    let signed_by = |key: &str| {
        let signers = service.gate.targets().filter(|target| published.contains(&target.target));
        let signers = signers.filter_map(|target| target.signer.as_ref());
        // the fingerprint of several keys names them all
        signers.filter(|signer| signer.fingerprint().contains(key)).count()
    };
    let row = |key: crate::service::KeyState| {
        let file = format!("{}.asc", key.name);
        KeyRow {
            address: service.keys.named(&file).map(|_| format!("{}/-/keys/{}", visit.prefix(), encoded(&file))),
            targets: signed_by(&key.fingerprint),
            name: key.name,
            fingerprint: fingerprint(&key.fingerprint),
            expires: key.expires_at.and_then(Moment::of),
        }
    };
    (service.key_states)().into_iter().map(row).collect()
}

/// The page.
///
/// # Errors
///
/// When the store fails.
pub async fn get(visit: &Visit<'_>) -> Result<Answer, Problem> {
    let contents = visit.service.gate.readable_contents(visit.reader).await?;
    let keys = rows(visit, &contents.iter().map(|one| one.target().target.clone()).collect());
    let base = (visit.base)().unwrap_or_default();
    let first = keys.iter().find_map(|key| key.address.as_ref().map(|_| key.name.clone())).unwrap_or_default();
    let template = Keys {
        frame: Frame::new(visit, "Signing keys", Some(Part::Keys)),
        keys,
        command: format!("curl -fsSL {base}/-/keys/{}.asc | gpg --show-keys", encoded(&first)),
    };
    Ok(page_of_address(&visit.parts.headers, render(&template)?))
}
