//! Logging in: with a password, a token, or the token of a CI job.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use metrics::counter;
use rws_repository::token::{Token, TokenText};
use rws_store::Store;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::authorization::{Credentials, credentials};
use super::tokens::{self, Tokens};
use super::{Access, Account, Login};
use crate::budgets::Network;
use crate::checks::Checks;
use crate::failures::{LoginKey, LoginThrottle};
use rws_passwords::PasswordHash;

/// For how long a password that was right is good without a further check, from its last use on: a burst of a CI job, and a
/// machine that asks from time to time, pay for one.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Who would have to wait longer for earlier guesses is sent away.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// How many verified passwords are remembered. Their checks go before those of others.
const MOST_REMEMBERED: usize = 10_000;

/// The logins of a process.
pub struct Logins {
    access: RwLock<Arc<Access>>,
    /// What of the present configuration cannot be used, so that it is not in force.
    broken: Mutex<Option<String>>,
    /// Makes the digests of remembered passwords worthless to anybody else.
    secret: [u8; 32],
    /// By digest, when each was used last.
    verified: Mutex<HashMap<[u8; 32], Instant>>,
    failures: Mutex<LoginThrottle>,
    checks: Checks,
    tokens: Tokens,
}

/// Why nobody is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many wrong passwords come for this name or from this network, so that this one was not looked at.
    TooMany,
    /// Whether a token is good cannot be found out now.
    Unavailable,
    /// The token of a CI job is not taken.
    Job(rws_oidc::Denied),
}

impl Logins {
    /// Logins of those whom the configuration knows, and with tokens of the store; all checks of passwords together take at most
    /// `memory_bytes`.
    pub fn new(access: Access, store: Arc<dyn Store>, memory_bytes: u64) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        Self {
            access: RwLock::new(Arc::new(access)),
            broken: Mutex::default(),
            secret,
            verified: Mutex::default(),
            failures: Mutex::default(),
            checks: Checks::start(memory_bytes),
            tokens: Tokens::new(store),
        }
    }

    /// Who may do what now.
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in place of the present one, at once for all requests from now on.
    pub fn replace(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    /// Takes note of what of the present configuration cannot be used, such as the name of a file, so that it is not in force;
    /// `None`: all is. Everybody may read this.
    pub fn set_broken(&self, broken: Option<String>) {
        *lock(&self.broken) = broken;
    }

    /// What of the present configuration cannot be used.
    pub fn broken(&self) -> Option<String> {
        lock(&self.broken).clone()
    }

    /// The user who sends these headers, where the password was right a while ago.
    pub fn remembered(&self, headers: &HeaderMap) -> Option<Login> {
        let Credentials::Password { name, password } = credentials(headers)? else { return None };
        let access = self.access();
        let account = access.account(&name)?;
        let digest = self.digest(&name, &password, Some(account));
        let mut verified = lock(&self.verified);
        let used = verified.get_mut(&digest).filter(|used| used.elapsed() < REMEMBERED)?;
        *used = Instant::now();
        let user = Arc::clone(&account.user);
        drop(verified);
        Some(Login { user, access })
    }

    /// The user who sends these headers, when the password is right. A wrong one makes the next ones wait that come for this
    /// name from this client.
    pub async fn authenticate(&self, headers: &HeaderMap, address: IpAddr) -> Result<Login, Denied> {
        let (name, password) = match credentials(headers).ok_or(Denied::Wrong)? {
            Credentials::Password { name, password } => (name, password),
            Credentials::Token(text) => return self.of_token(&text).await.map(|(login, _)| login),
            Credentials::Job(text) => return self.of_job(&text).await,
        };
        let access = self.access();
        let account = access.account(&name);
        let digest = self.digest(&name, &password, account);
        let client = Network::of(address);
        // whoever has the right password does not wait for others who guess it from the same address
        let is_known = lock(&self.verified).contains_key(&digest);
        let pair = LoginKey::new(client, if is_known { digest.as_slice() } else { name.as_bytes() });
        let turn = lock(&self.failures).turn(&pair);
        let _turn = tokio::time::timeout(LONGEST_QUEUE, turn.lock()).await.map_err(|_| Denied::TooMany)?;
        // of a burst of requests the first one has paid for all
        if let Some(login) = self.remembered(headers) {
            return Ok(login);
        }
        let next = lock(&self.failures).next(&pair, Instant::now());
        tokio::time::sleep_until(next.into()).await;
        // counted before the check: who does not wait for the answer has guessed too
        lock(&self.failures).failed(pair.clone(), Instant::now());
        let (hash, has_password) = match account.and_then(|account| account.hash.as_ref()) {
            Some(hash) => (Some(hash), true),
            None => (self.stand_in(&access, &name), false),
        };
        let Some(hash) = hash.cloned() else { return Err(Denied::Wrong) };
        let check = self.checks.check(client, is_known, hash, password);
        let right = tokio::time::timeout(LONGEST_QUEUE, check).await.ok().flatten().ok_or(Denied::TooMany)?;
        if !right || !has_password {
            counter!("rws_logins_total", "outcome" => "wrong").increment(1);
            return Err(Denied::Wrong);
        }
        counter!("rws_logins_total", "outcome" => "right").increment(1);
        lock(&self.failures).succeeded(&pair);
        // the configuration may have been read again since the check began
        let access = self.access();
        let hash = |account: &Account| account.hash.as_ref().map(|hash| hash.digest().to_vec());
        let checked = account.and_then(hash);
        let Some(account) = access.account(&name).filter(|now| hash(now) == checked) else {
            return Err(Denied::Wrong);
        };
        let mut verified = lock(&self.verified);
        if verified.len() >= MOST_REMEMBERED && !verified.contains_key(&digest) {
            let oldest = verified.iter().min_by_key(|(_, at)| **at).map(|(digest, _)| *digest);
            oldest.map(|oldest| verified.remove(&oldest));
        }
        verified.insert(digest, Instant::now());
        let user = Arc::clone(&account.user);
        drop(verified);
        Ok(Login { user, access })
    }

    /// The tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who logs in with a token, and the token.
    pub async fn of_token(&self, text: &TokenText) -> Result<(Login, Arc<Token>), Denied> {
        let token = self.tokens.find(text).await.map_err(|_| Denied::Unavailable)?;
        let access = self.access();
        let found = token.and_then(|token| {
            let user = Arc::new(tokens::user(&access, &token)?);
            Some((Login { user, access }, token))
        });
        if found.is_none() {
            counter!("rws_logins_total", "outcome" => "wrong").increment(1);
        }
        found.ok_or(Denied::Wrong)
    }

    /// Who logs in with the token of a CI job.
    async fn of_job(&self, text: &str) -> Result<Login, Denied> {
        let access = self.access();
        let jobs = access.jobs.as_ref().ok_or(Denied::Job(rws_oidc::Denied::UnknownIssuer))?;
        let found = jobs.user(text).await;
        let outcome = if found.is_ok() { "right" } else { "wrong" };
        counter!("rws_logins_total", "outcome" => outcome).increment(1);
        let login = found.map(|user| Login { user: Arc::new(user), access: Arc::clone(&access) });
        login.map_err(|denied| {
            tracing::info!(reason = %denied, "the token of a CI job was not taken");
            Denied::Job(denied)
        })
    }

    /// The hash that is computed for a name that nobody can log in with: always the same for the same name, and as often that
    /// of a user as there are users, so that its cost says nothing.
    fn stand_in<'a>(&self, access: &'a Access, name: &str) -> Option<&'a PasswordHash> {
        let hashes: Vec<&PasswordHash> = access.accounts.values().filter_map(|account| account.hash.as_ref()).collect();
        let first = self.digest(name, b"", None).first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let at = usize::try_from(first).unwrap_or(usize::MAX).checked_rem(hashes.len())?;
        hashes.get(at).copied()
    }

    /// What stands for a name and a password among those that were right. With another hash of the user it is another one.
    fn digest(&self, name: &str, password: &[u8], account: Option<&Account>) -> [u8; 32] {
        let hash = account.and_then(|account| account.hash.as_ref()).map(PasswordHash::digest).unwrap_or_default();
        let mut digest = Sha256::new();
        digest.update(self.secret);
        for part in [name.as_bytes(), hash] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update(password);
        digest.update(self.secret);
        digest.finalize().into()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
