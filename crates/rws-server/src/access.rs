//! Who may write: Basic authentication (RFC 7617).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics::counter;
use rws_model::Target;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::failures::{Failures, Pair};
use crate::passwords::{PasswordHash, Workspace};

/// For how long a verified password is remembered: a burst of a CI job pays for one check.
const REMEMBERED: Duration = Duration::from_secs(300);

/// How many passwords wait for their check before further requests wait to be queued.
const CHECKS_WAITING: usize = 64;

/// Who would have to wait longer for earlier guesses is sent away.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

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
    failures: Mutex<Failures>,
    checks: mpsc::Sender<Check>,
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many wrong passwords of this user come from this address, so that this one was not looked at.
    TooMany,
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
        Self { users, secret, verified: Mutex::default(), failures: Mutex::default(), checks }
    }

    /// The user who sends these headers, when the password is right. A wrong one makes the next ones wait that come for this
    /// user from this address.
    pub async fn authenticate(&self, headers: &HeaderMap, address: IpAddr) -> Result<Arc<User>, Denied> {
        let (name, password) = credentials(headers).ok_or(Denied::Wrong)?;
        let user = self.users.get(&name);
        let digest = self.digest(&name, &password);
        if self.is_remembered(&digest) {
            return user.cloned().ok_or(Denied::Wrong);
        }
        let pair = Pair::new(address, user.map(|user| user.name.as_str()));
        let turn = lock(&self.failures).turn(&pair);
        let _turn = tokio::time::timeout(LONGEST_QUEUE, turn.lock()).await.map_err(|_| Denied::TooMany)?;
        // of a burst of requests the first one has paid for all
        if self.is_remembered(&digest) {
            return user.cloned().ok_or(Denied::Wrong);
        }
        let next = lock(&self.failures).next(&pair, Instant::now());
        tokio::time::sleep_until(next.into()).await;
        // counted before the check: who does not wait for the answer has guessed too
        lock(&self.failures).failed(pair.clone(), Instant::now());
        let right =
            tokio::time::timeout(LONGEST_QUEUE, self.check(user, password)).await.map_err(|_| Denied::TooMany)?;
        let Some(user) = user.filter(|_| right) else {
            counter!("rws_logins_total", "outcome" => "wrong").increment(1);
            return Err(Denied::Wrong);
        };
        counter!("rws_logins_total", "outcome" => "right").increment(1);
        lock(&self.failures).succeeded(&pair);
        let mut verified = lock(&self.verified);
        if verified.len() >= MOST_REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, Instant::now());
        Ok(Arc::clone(user))
    }

    fn is_remembered(&self, digest: &[u8; 32]) -> bool {
        lock(&self.verified).get(digest).is_some_and(|verified| verified.elapsed() < REMEMBERED)
    }

    /// Whether the password is that of the user. A name that is not known costs as much as one that is.
    async fn check(&self, user: Option<&Arc<User>>, password: Vec<u8>) -> bool {
        let hash = match user {
            Some(user) => user.hash.clone(),
            None => self.users.values().find_map(|user| user.hash.clone()),
        };
        let Some(hash) = hash else { return false };
        let (answer, right) = oneshot::channel();
        self.checks.send(Check { hash, password, answer }).await.is_ok() && right.await.unwrap_or(false)
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
