//! The keys that sign.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};
use async_trait::async_trait;
use rws_model::{SignError, Signer, SigningRequest, Target};
use rws_openpgp::{KeyError, KeySignature, KeySigner, Keyring, Passphrase, PublicKey, SignatureKind, SigningKey};
use rws_server::KeyState;

use super::embedded::Secrets;
use crate::configuration::keys::{KeySource, MAIN, MODULES, TargetKeys};
use crate::configuration::{self, Configuration};
use crate::signers::ExternalSigner;

/// One key of the configuration.
enum Key {
    /// It signs in this process.
    Here(Arc<SigningKey>),
    /// It signs elsewhere.
    Elsewhere(Arc<ExternalSigner>),
    /// Only its public half is known.
    Public(Box<PublicKey>),
    /// It may not sign any more.
    Ended(Arc<EndedKey>),
}

/// A key that is expired or revoked: what it signed stays, and nothing else is held up.
struct EndedKey {
    public: PublicKey,
    reason: String,
}

#[async_trait]
impl KeySigner for EndedKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    async fn signature(&self, _kind: SignatureKind, _request: SigningRequest<'_>) -> Result<KeySignature, SignError> {
        Err(SignError { key: self.public.fingerprint().to_owned(), reason: self.reason.clone() })
    }
}

/// What becomes of keys that do harm where they are used as they are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitKeys {
    /// They are errors: somebody looks at the configuration.
    Refused,
    /// They are not used, and said to be problems: all else goes on.
    Idle,
}

/// The keys that sign, and those that clients learn.
pub struct SigningKeys {
    keys: BTreeMap<String, Key>,
    unfit: UnfitKeys,
    /// Those that were put together already, by what they consist of.
    rings: Mutex<BTreeMap<String, Arc<Keyring>>>,
    /// The states of the keys at a time, in seconds since 1970: whoever asks gets them without a signature verified.
    checked: Mutex<Option<(i64, Vec<KeyState>)>>,
}

/// So long what a key says of itself is not looked at again.
const CHECKED_SECONDS: i64 = 60;

impl SigningKeys {
    /// Imports the configured keys. Without any, takes the embedded one where there is one, so that repositories stay
    /// signed when users are configured later; makes one when users are not configured either.
    ///
    /// # Errors
    ///
    /// When a key is not fit to sign, or one that a target names is not there.
    pub fn load(
        configuration: &Configuration,
        secrets: Option<&Secrets>,
        unfit: UnfitKeys,
        now: i64,
    ) -> anyhow::Result<Self> {
        let mut keys = configured(configuration, unfit, now)?;
        if let (true, Some(secrets)) = (keys.is_empty(), secrets) {
            let made = match configuration.credentials {
                None => Some(secrets.make_key(now)?),
                Some(_) => secrets.key(now)?,
            };
            keys.extend(made.map(|key| (MAIN.to_owned(), Key::Here(Arc::new(key)))));
        }
        let keys = Self { keys, unfit, rings: Mutex::default(), checked: Mutex::default() };
        keys.check(configuration)?;
        for KeyState { name, warnings, problem, .. } in keys.states(now) {
            warnings.iter().for_each(|warning| tracing::warn!(key = name, "{warning}"));
            problem.iter().for_each(|problem| tracing::error!(key = name, "{problem}"));
        }
        if configuration.model.targets().any(|target| keys.of(configuration, &target).is_ok_and(|ring| ring.is_none()))
        {
            tracing::warn!(
                "some repositories are not signed: set GPG_SIGN_KEY_ARMORED, or keys in the configuration file"
            );
        }
        Ok(keys)
    }

    /// Whether every key that a target names is there.
    fn check(&self, configuration: &Configuration) -> anyhow::Result<()> {
        configuration.model.targets().try_for_each(|target| self.of(configuration, &target).map(|_| ()))
    }

    /// The keys of a target; none: it is not signed.
    ///
    /// # Errors
    ///
    /// When a key that the configuration names is not there, or a file of a public key cannot be read.
    pub fn of(&self, configuration: &Configuration, target: &Target) -> anyhow::Result<Option<Arc<Keyring>>> {
        let names = match configuration.keys_for(target) {
            Some(names) => names.clone(),
            None => match self.default_key(&target.series) {
                Some(name) => TargetKeys { active: name.to_owned(), also: Vec::new(), announced: Vec::new() },
                None => return Ok(None),
            },
        };
        let package_keys = configuration.package_keys_for(target);
        let identity = format!("{names:?} {package_keys:?}");
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ring) = rings.get(&identity) {
            return Ok(Some(Arc::clone(ring)));
        }
        let also: anyhow::Result<Vec<_>> = names.also.iter().map(|name| self.signer(name)).collect();
        let mut announced = Vec::new();
        for name in &names.announced {
            announced.extend(self.publishable(self.public(name)?, &format!("keys.{name}"))?);
        }
        let mut vendors = Vec::new();
        for file in package_keys {
            let place = || format!("package_keys: {}", file.display());
            for key in PublicKey::read_all(&text(file)?).with_context(place)? {
                vendors.extend(self.publishable(key, &place())?);
            }
        }
        let ring = Keyring::new(self.signer(&names.active)?, also?, announced)?.with_package_keys(vendors);
        let ring = Arc::new(ring);
        rings.insert(identity, Arc::clone(&ring));
        Ok(Some(ring))
    }

    /// A key for clients, unless it would keep them from reading others.
    fn publishable(&self, key: PublicKey, place: &str) -> anyhow::Result<Option<PublicKey>> {
        match (key.unreadable(), self.unfit) {
            (None, _) => Ok(Some(key)),
            (Some(reason), UnfitKeys::Refused) => {
                bail!("{place}: {} is not given to clients: {reason}", key.fingerprint())
            }
            (Some(reason), UnfitKeys::Idle) => {
                tracing::error!(key = key.fingerprint(), "{place}: the key is not given to clients: {reason}");
                Ok(None)
            }
        }
    }

    /// The same as what signs a repository.
    pub fn signer_of(&self, configuration: &Configuration, target: &Target) -> Option<Arc<dyn Signer>> {
        // what can be wrong was found when the keys were loaded
        self.of(configuration, target).ok().flatten().map(|ring| ring as Arc<dyn Signer>)
    }

    /// The key of a series of which no entry says anything.
    fn default_key(&self, series: &str) -> Option<&'static str> {
        let own = series == configuration::MODULES && self.keys.contains_key(MODULES);
        if own { Some(MODULES) } else { self.keys.contains_key(MAIN).then_some(MAIN) }
    }

    fn key(&self, name: &str) -> anyhow::Result<&Key> {
        self.keys.get(name).ok_or_else(|| match name {
            MODULES => anyhow!("the configuration names the key modules: set GPG_MODULES_SIGN_KEY_ARMORED"),
            MAIN => anyhow!("the configuration names the key main: set GPG_SIGN_KEY_ARMORED"),
            name => anyhow!("the configuration has no key {name}"),
        })
    }

    fn signer(&self, name: &str) -> anyhow::Result<Arc<dyn KeySigner>> {
        Ok(match self.key(name)? {
            Key::Here(key) => Arc::clone(key) as Arc<dyn KeySigner>,
            Key::Elsewhere(key) => Arc::clone(key) as Arc<dyn KeySigner>,
            Key::Ended(key) => Arc::clone(key) as Arc<dyn KeySigner>,
            Key::Public(_) => bail!("of the key {name} only the public half is known: it cannot sign"),
        })
    }

    fn public(&self, name: &str) -> anyhow::Result<PublicKey> {
        self.key(name).map(|key| key.public().clone())
    }

    /// All keys that sign.
    pub fn signers(&self) -> Vec<Arc<dyn KeySigner>> {
        self.keys.keys().filter_map(|name| self.signer(name).ok()).collect()
    }

    /// All public keys by the names of the configuration.
    pub fn public_keys(&self) -> BTreeMap<&String, &PublicKey> {
        self.keys.iter().map(|(name, key)| (name, key.public())).collect()
    }

    /// All keys, with what is to be said of each at a time.
    pub fn states(&self, now: i64) -> Vec<KeyState> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, states) = match checked.take() {
            Some((at, states)) if (at..at + CHECKED_SECONDS).contains(&now) => checked.insert((at, states)),
            _ => checked.insert((now, self.check_all(now))),
        };
        let mut states = states.clone();
        for state in &mut states {
            if let (None, Some(Key::Elsewhere(key))) = (&state.problem, self.keys.get(&state.name)) {
                state.problem = key.problem();
            }
        }
        states
    }

    /// The same with what programs and agents said that could not sign, for operators.
    pub fn detailed_states(&self, now: i64) -> Vec<KeyState> {
        let mut states = self.states(now);
        for state in &mut states {
            if let (Some(problem), Some(Key::Elsewhere(key))) = (&mut state.problem, self.keys.get(&state.name)) {
                *problem = key.detailed_problem().unwrap_or_else(|| problem.clone());
            }
        }
        states
    }

    fn check_all(&self, now: i64) -> Vec<KeyState> {
        let report = |(name, key): (&String, &Key)| {
            let public = key.public().clone();
            let (warnings, problem) = match key {
                Key::Here(key) => match public.check(now) {
                    Ok(_) => (key.warnings().to_vec(), None),
                    Err(error) => (Vec::new(), Some(error.to_string())),
                },
                Key::Elsewhere(_) => match public.check(now) {
                    Ok(warnings) => (warnings, None),
                    Err(error) => (Vec::new(), Some(error.to_string())),
                },
                Key::Ended(key) => (Vec::new(), Some(key.reason.clone())),
                Key::Public(_) => (public.check(now).unwrap_or_else(|error| vec![error.to_string()]), None),
            };
            KeyState {
                name: name.clone(),
                fingerprint: public.fingerprint().to_owned(),
                expires_at: public.expires_at(now),
                warnings,
                problem,
            }
        };
        self.keys.iter().map(report).collect()
    }

    /// The public keys by the names of their addresses, in ASCII armour. `main` and `modules` are the keys that are used in
    /// the place of those of the original.
    pub fn addresses(&self, configuration: &Configuration) -> BTreeMap<String, String> {
        let own = self.keys.iter().map(|(name, key)| (name.clone(), key.public().armored().to_owned()));
        let mut addresses: BTreeMap<String, String> = own.collect();
        for (name, of_modules) in [(MAIN, false), (MODULES, true)] {
            let mut keys: Vec<PublicKey> = Vec::new();
            for target in configuration.model.targets() {
                if (target.series == configuration::MODULES) != of_modules {
                    continue;
                }
                let ring = self.of(configuration, &target).ok().flatten();
                for key in ring.iter().flat_map(|ring| ring.public_keys()) {
                    if !keys.contains(key) {
                        keys.push(key.clone());
                    }
                }
            }
            // where no such target is signed, the key itself
            if !keys.is_empty() {
                addresses.insert(name.to_owned(), keys.iter().map(|key| key.armored()).collect());
            } else if of_modules && let Some(main) = addresses.get(MAIN).cloned() {
                addresses.entry(name.to_owned()).or_insert(main);
            }
        }
        addresses.into_iter().map(|(name, keys)| (format!("{name}.asc"), keys)).collect()
    }
}

impl Key {
    fn public(&self) -> &PublicKey {
        match self {
            Self::Here(key) => key.public_key(),
            Self::Elsewhere(key) => key.public_key(),
            Self::Public(key) => key,
            Self::Ended(key) => &key.public,
        }
    }
}

/// The keys of the two variables and of the section `keys`.
fn configured(configuration: &Configuration, unfit: UnfitKeys, now: i64) -> anyhow::Result<BTreeMap<String, Key>> {
    let mut keys = BTreeMap::new();
    for (name, key) in [(MAIN, &configuration.main_key), (MODULES, &configuration.modules_key)] {
        if let Some(key) = key {
            // of one or two keys, each signs about everything: without it nothing could be published
            keys.insert(name.to_owned(), Key::Here(Arc::new(import(key, now)?)));
        }
    }
    for (name, source) in &configuration.keys {
        let key = or_ended(read(source, now), || public_half(source), unfit);
        keys.insert(name.clone(), key.with_context(|| format!("keys.{name}"))?);
    }
    Ok(keys)
}

/// The key, or what stands for one whose time is over.
fn or_ended(
    key: anyhow::Result<Key>,
    public: impl FnOnce() -> Result<PublicKey, KeyError>,
    unfit: UnfitKeys,
) -> anyhow::Result<Key> {
    let error = match key {
        Err(error) if unfit == UnfitKeys::Idle => error,
        key => return key,
    };
    match error.downcast_ref::<KeyError>() {
        Some(ended @ (KeyError::Expired { .. } | KeyError::Revoked { .. })) => match public() {
            Ok(public) => Ok(Key::Ended(Arc::new(EndedKey { public, reason: ended.to_string() }))),
            Err(_) => Err(error),
        },
        _ => Err(error),
    }
}

fn public_half(source: &KeySource) -> Result<PublicKey, KeyError> {
    let unread = |error: anyhow::Error| KeyError::Damaged { reason: error.to_string() };
    match source {
        KeySource::Text(key) => PublicKey::read(key.armored.expose()),
        KeySource::File { file, .. } => PublicKey::read(&text(file).map_err(unread)?),
        KeySource::Elsewhere { public, .. } | KeySource::Public { public } => public_key(public).map_err(unread),
    }
}

fn read(source: &KeySource, now: i64) -> anyhow::Result<Key> {
    Ok(match source {
        KeySource::Text(key) => Key::Here(Arc::new(import(key, now)?)),
        KeySource::File { file, passphrase_file } => {
            let passphrase = passphrase_file.as_deref().map(text).transpose()?;
            let passphrase = passphrase.as_deref().map(|text| text.lines().next().unwrap_or_default());
            let passphrase = passphrase.map(|line| Passphrase::new(line.as_bytes()));
            let key = SigningKey::import(&text(file)?, passphrase.as_ref(), now);
            Key::Here(Arc::new(key.with_context(|| file.display().to_string())?))
        }
        KeySource::Elsewhere { place, public, timeout } => {
            let key = public_key(public)?;
            key.check(now).with_context(|| public.display().to_string())?;
            Key::Elsewhere(Arc::new(ExternalSigner::new(place.clone(), key, *timeout)))
        }
        KeySource::Public { public } => Key::Public(Box::new(public_key(public)?)),
    })
}

fn public_key(file: &Path) -> anyhow::Result<PublicKey> {
    PublicKey::read(&text(file)?).with_context(|| file.display().to_string())
}

fn text(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Imports a configured key.
///
/// # Errors
///
/// When it is not fit to sign.
pub fn import(key: &configuration::SigningKey, now: i64) -> anyhow::Result<SigningKey> {
    let passphrase = key.passphrase.as_ref().map(|passphrase| Passphrase::new(passphrase.expose().as_bytes()));
    SigningKey::import(key.armored.expose(), passphrase.as_ref(), now).context(key.variable.clone())
}
