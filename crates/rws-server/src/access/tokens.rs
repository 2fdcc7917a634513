//! The tokens of the store, as this process knows them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rws_model::{Allowed, Grant, Verb};
use rws_repository::RepositoryError;
use rws_repository::token::{self, Token, TokenText};
use rws_store::Store;
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::{Access, User};

/// For how long the list of tokens is good.
const FRESH: Duration = Duration::from_secs(10);

/// For how long it is good where the store does not answer: as long as a revoked token may be good at most.
const LONGEST_TRUSTED: Duration = Duration::from_secs(30);

/// How often the list is asked for because of a token that is not on it: one that was made elsewhere is good at once, and those who
/// make tokens up cost nothing.
const LOOKS: Duration = Duration::from_secs(1);

/// How long the store is waited for.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// The list of tokens cannot be had, and the last one is too old.
#[derive(Clone, Copy, Debug)]
pub struct Unknown;

/// The tokens of the store.
pub struct Tokens {
    store: Arc<dyn Store>,
    listed: Mutex<ListedTokens>,
    /// Held by the one who asks the store for the list.
    turn: tokio::sync::Mutex<()>,
    read: Mutex<HashMap<String, Arc<Token>>>,
    /// The day on which each was used last, as far as that is noted.
    noted: Mutex<HashMap<String, String>>,
}

#[derive(Default)]
struct ListedTokens {
    ids: BTreeSet<String>,
    /// When they were asked for; `None`: never.
    at: Option<Instant>,
    /// When the store was asked last, whatever it answered.
    tried_at: Option<Instant>,
}

impl ListedTokens {
    fn are_younger(&self, age: Duration) -> bool {
        self.at.is_some_and(|at| at.elapsed() < age)
    }
}

impl Tokens {
    /// The tokens of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            listed: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            read: Mutex::default(),
            noted: Mutex::default(),
        }
    }

    /// The token of a text; `None` where there is none, or it is not good any more.
    pub async fn find(&self, text: &TokenText) -> Result<Option<Arc<Token>>, Unknown> {
        let id = text.id();
        if !self.is_listed(&id).await? {
            return Ok(None);
        }
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let token = match known {
            Some(token) => token,
            None => {
                let read = timeout(LONGEST_ANSWER, token::read(&*self.store, &id)).await.map_err(|_| Unknown)?;
                let Some(token) = read.map_err(|error| unknown(&error))? else { return Ok(None) };
                let token = Arc::new(token);
                let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(id.clone(), Arc::clone(&token));
                token
            }
        };
        let is_right = bool::from(token.sha256.hex().as_bytes().ct_eq(text.digest().hex().as_bytes()));
        let is_over = token.expires_at.is_some_and(|expires_at| expires_at <= now());
        if !is_right || is_over {
            return Ok(None);
        }
        self.note_use(&id);
        Ok(Some(token))
    }

    async fn is_listed(&self, id: &str) -> Result<bool, Unknown> {
        let came = Instant::now();
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        // one asks for all who come meanwhile, however slow the store is
        let _turn = self.turn.lock().await;
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        if self.listed().tried_at.is_none_or(|tried| tried < came) {
            self.list().await;
        }
        let listed = self.listed();
        match listed.ids.contains(id) {
            is_listed if listed.at.is_some_and(|at| at >= came) => Ok(is_listed),
            true if listed.are_younger(LONGEST_TRUSTED) => Ok(true),
            _ => Err(Unknown),
        }
    }

    /// What needs no question.
    fn known(&self, id: &str) -> Option<bool> {
        let listed = self.listed();
        let is_listed = listed.ids.contains(id);
        listed.are_younger(if is_listed { FRESH } else { LOOKS }).then_some(is_listed)
    }

    async fn list(&self) {
        let asked = Instant::now();
        let answered = timeout(LONGEST_ANSWER, token::ids(&*self.store)).await;
        let mut listed = self.listed();
        listed.tried_at = Some(Instant::now());
        match answered {
            Ok(Ok(ids)) => {
                self.read.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| ids.contains(id));
                (listed.ids, listed.at) = (ids, Some(asked));
            }
            Ok(Err(error)) => _ = unknown(&error),
            Err(_) => tracing::error!("RWS cannot read the tokens: the store does not answer"),
        }
    }

    fn listed(&self) -> MutexGuard<'_, ListedTokens> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list is asked for again before it is used: this process changed it.
    pub fn look_again(&self) {
        let mut listed = self.listed();
        (listed.at, listed.tried_at) = (None, None);
    }

    /// Notes the day, once.
    fn note_use(&self, id: &str) {
        let Some(day) = token::day(now()) else { return };
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(id) == Some(&day) {
            return;
        }
        noted.insert(id.to_owned(), day.clone());
        let (store, id) = (Arc::clone(&self.store), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = token::note_use(&*store, &id, &day).await {
                tracing::debug!(%error, "RWS could not note that a token was used");
            }
        });
    }
}

fn unknown(error: &RepositoryError) -> Unknown {
    tracing::error!(%error, "RWS cannot read the tokens");
    Unknown
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Who logs in with a token: somebody who may do what it allows, as far as its maker may do that now. `None`: there is no such user
/// any more.
pub fn user(access: &Arc<Access>, token: &Token) -> Option<User> {
    let maker = Arc::clone(&access.account(&token.created_by)?.user);
    let (access, allow) = (Arc::clone(access), token.allow.clone());
    let may = move |verb: Verb, target: &_| {
        let of_maker = match verb {
            Verb::Read if access.may_read(Some(&maker), target) => Allowed::Everything,
            Verb::Read => Allowed::Nothing,
            _ => (maker.may)(verb, target),
        };
        Grant::allowed(&allow, verb, target).and(of_maker)
    };
    let claims = [("token", &token.id), ("created_by", &token.created_by)];
    Some(User {
        name: format!("token:{}", token.name),
        listed_as: BTreeSet::new(),
        reads_as_user: false,
        may: Arc::new(may),
        is_admin: false,
        claims: claims.map(|(name, value)| (name.to_owned(), value.clone())).into(),
    })
}
