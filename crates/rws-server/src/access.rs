//! Who may write: Basic authentication (RFC 7617).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rws_model::Target;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::passwords::{PasswordHash, Workspace};

/// For how long a verified password is remembered: a burst of a CI job pays for one check.
const REMEMBERED: Duration = Duration::from_secs(300);

/// How many passwords wait for their check before further requests wait to be queued.
const CHECKS_WAITING: usize = 64;

/// How many verified passwords are remembered.
const MOST_REMEMBERED: usize = 1000;

/// A user.
#[derive(Clone)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// The hash of the password; `None` for one that can never log in.
    pub hash: Option<PasswordHash>,
    /// Whether the user may write to a target.
    pub may_write: Arc<dyn Fn(&Target) -> bool + Send + Sync>,
}

/// All users, and the passwords that were verified lately.
pub struct Users {
    users: BTreeMap<String, Arc<User>>,
    /// Makes the digests of remembered passwords worthless to anybody else.
    secret: [u8; 32],
    verified: Mutex<HashMap<[u8; 32], Instant>>,
    checks: mpsc::Sender<Check>,
}

/// A password that is to be checked.
struct Check {
    hash: PasswordHash,
    password: Vec<u8>,
    answer: oneshot::Sender<bool>,
}

/// Checks passwords one after the other. A check takes a tenth of a second and tens of megabytes, up to a gigabyte: on
/// threads that come and go, each would keep memory of its own.
fn check_passwords(mut checks: mpsc::Receiver<Check>) {
    let mut workspace = Workspace::default();
    while let Some(Check { hash, password, answer }) = checks.blocking_recv() {
        // a client that went away needs no answer
        if !answer.is_closed() {
            _ = answer.send(hash.verify_in(&mut workspace, &password));
        }
    }
}

impl Users {
    /// These users.
    pub fn new(users: impl IntoIterator<Item = User>) -> Self {
        let users = users.into_iter().map(|user| (user.name.clone(), Arc::new(user))).collect();
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        let (checks, waiting) = mpsc::channel(CHECKS_WAITING);
        std::thread::spawn(move || check_passwords(waiting));
        Self { users, secret, verified: Mutex::default(), checks }
    }

    /// The user who sends these headers, when the password is right.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<User>> {
        let (name, password) = credentials(headers)?;
        let user = self.users.get(&name);
        // a name that is not known costs as much as one that is
        let hash = user.or_else(|| self.users.values().next())?.hash.clone()?;
        let digest = self.digest(&name, &password);
        let fresh = |verified: &Instant| verified.elapsed() < REMEMBERED;
        if self.lock().get(&digest).is_some_and(fresh) {
            return user.cloned();
        }
        let (answer, right) = oneshot::channel();
        self.checks.send(Check { hash, password, answer }).await.ok()?;
        let right = right.await.unwrap_or(false);
        let user = user.filter(|_| right)?;
        let mut verified = self.lock();
        if verified.len() >= MOST_REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, Instant::now());
        Some(Arc::clone(user))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self, name: &str, password: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.secret);
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        digest.update(password);
        digest.update(self.secret);
        digest.finalize().into()
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    (!name.is_empty()).then(|| (name, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_basic_credentials_are_read() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        assert_eq!(read("basic dTpwOnc="), Some(("u".to_owned(), b"p:w".to_vec())));
        for bad in ["Bearer dTpwOnc=", "Basic !", "Basic dXB3", "Basic OnB3", "Basic"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
