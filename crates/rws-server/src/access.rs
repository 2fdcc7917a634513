//! Who somebody is: Basic authentication (RFC 7617).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics::counter;
use rws_model::{Allowed, Target, Verb};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::budgets::Network;
use crate::checks::Checks;
use crate::failures::{LoginKey, LoginThrottle};
use crate::passwords::PasswordHash;

/// For how long a verified password is good without a check: a burst of a CI job pays for one.
const REMEMBERED: Duration = Duration::from_secs(300);

/// Who would have to wait longer for earlier guesses is sent away.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// How many verified passwords are remembered. Their checks go before those of others.
const MOST_REMEMBERED: usize = 1000;

/// Whether something may be done with a target.
pub type Rights = Arc<dyn Fn(Verb, &Target) -> Allowed + Send + Sync>;

/// A user.
#[derive(Clone)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// The hash of the password; `None` for one that can never log in.
    pub hash: Option<PasswordHash>,
    /// What the user may do.
    pub may: Rights,
    /// Whether the user may do what is of no target alone, such as pins.
    pub is_admin: bool,
}

/// All users, and the passwords that were verified lately.
pub struct Users {
    users: BTreeMap<String, Arc<User>>,
    /// Makes the digests of remembered passwords worthless to anybody else.
    secret: [u8; 32],
    /// By digest, when each was checked last.
    verified: Mutex<HashMap<[u8; 32], Instant>>,
    failures: Mutex<LoginThrottle>,
    checks: Checks,
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many wrong passwords come for this name or from this network, so that this one was not looked at.
    TooMany,
}

impl Users {
    /// These users; all checks of passwords together take at most `memory_bytes`.
    pub fn new(users: impl IntoIterator<Item = User>, memory_bytes: u64) -> Self {
        let users = users.into_iter().map(|user| (user.name.clone(), Arc::new(user))).collect();
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        let checks = Checks::start(memory_bytes);
        Self { users, secret, verified: Mutex::default(), failures: Mutex::default(), checks }
    }

    /// The user who sends these headers, where the password was right a moment ago.
    pub fn remembered(&self, headers: &HeaderMap) -> Option<Arc<User>> {
        let (name, password) = credentials(headers)?;
        let user = self.users.get(&name)?;
        (self.age(&self.digest(&name, &password))? < REMEMBERED).then(|| Arc::clone(user))
    }

    /// The user who sends these headers, when the password is right. A wrong one makes the next ones wait that come for this
    /// name from this client.
    pub async fn authenticate(&self, headers: &HeaderMap, address: IpAddr) -> Result<Arc<User>, Denied> {
        let (name, password) = credentials(headers).ok_or(Denied::Wrong)?;
        let digest = self.digest(&name, &password);
        let client = Network::of(address);
        // whoever has the right password does not wait for others who guess it from the same address
        let is_known = self.age(&digest).is_some();
        let pair = LoginKey::new(client, if is_known { digest.as_slice() } else { name.as_bytes() });
        let turn = lock(&self.failures).turn(&pair);
        let _turn = tokio::time::timeout(LONGEST_QUEUE, turn.lock()).await.map_err(|_| Denied::TooMany)?;
        // of a burst of requests the first one has paid for all
        if let Some(user) = self.remembered(headers) {
            return Ok(user);
        }
        let next = lock(&self.failures).next(&pair, Instant::now());
        tokio::time::sleep_until(next.into()).await;
        // counted before the check: who does not wait for the answer has guessed too
        lock(&self.failures).failed(pair.clone(), Instant::now());
        let user = self.users.get(&name);
        let (hash, has_password) = match user.and_then(|user| user.hash.as_ref()) {
            Some(hash) => (Some(hash), true),
            None => (self.stand_in(&name), false),
        };
        let Some(hash) = hash.cloned() else { return Err(Denied::Wrong) };
        let check = self.checks.check(client, is_known, hash, password);
        let right = tokio::time::timeout(LONGEST_QUEUE, check).await.ok().flatten().ok_or(Denied::TooMany)?;
        let Some(user) = user.filter(|_| right && has_password) else {
            counter!("rws_logins_total", "outcome" => "wrong").increment(1);
            return Err(Denied::Wrong);
        };
        counter!("rws_logins_total", "outcome" => "right").increment(1);
        lock(&self.failures).succeeded(&pair);
        let mut verified = lock(&self.verified);
        if verified.len() >= MOST_REMEMBERED && !verified.contains_key(&digest) {
            let oldest = verified.iter().min_by_key(|(_, at)| **at).map(|(digest, _)| *digest);
            oldest.map(|oldest| verified.remove(&oldest));
        }
        verified.insert(digest, Instant::now());
        Ok(Arc::clone(user))
    }

    /// How long ago this password was found right; `None` where it never was.
    fn age(&self, digest: &[u8; 32]) -> Option<Duration> {
        lock(&self.verified).get(digest).map(Instant::elapsed)
    }

    /// The hash that is computed for a name that nobody can log in with: always the same for the same name, and as often that
    /// of a user as there are users, so that its cost says nothing.
    fn stand_in(&self, name: &str) -> Option<&PasswordHash> {
        let hashes: Vec<&PasswordHash> = self.users.values().filter_map(|user| user.hash.as_ref()).collect();
        let first = self.digest(name, b"").first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let at = usize::try_from(first).unwrap_or(usize::MAX).checked_rem(hashes.len())?;
        hashes.get(at).copied()
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
