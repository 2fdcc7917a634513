//! The configuration: a JSON file in the original's format, environment variables and the command line, resolved into
//! typed values. The command line wins over the environment, the environment over the file.

mod access;
mod aws;
mod connection;
mod credentials;
mod declared_keys;
pub mod environment;
mod explain;
mod file;
mod host_name;
mod htpasswd;
pub mod keys;
mod listening_address;
mod mistake;
mod model;
mod node;
pub mod oidc;
mod pages;
mod pattern;
pub mod process;
mod readers;
mod repeated;
pub mod repositories;
pub mod secret;
mod setting;
mod show;
mod signing;
pub mod store;
#[cfg(test)]
mod tests;
pub mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rws_model::{Format, Formats, Readers, RepositorySettings, Target, TargetPattern};
use rws_repository::catalogue::Policy;
use rws_repository::retention::Retention;
use rws_server::WebhookSettings;
pub use rws_store::Addressing;

pub use self::credentials::{User, Users};
pub use self::declared_keys::KEYS;
pub use self::environment::Environment;
pub use self::file::Source;
pub use self::listening_address::ListeningAddress;
pub use self::mistake::Mistake;
pub use self::model::{Distribution, Model};
pub use self::node::Secrecy;
pub use self::oidc::OidcIssuer;
pub use self::process::{LogFormat, ServerSettings};
pub use self::signing::SigningKey;
pub use self::store::StoreConfiguration;

use self::environment::{RWS_CREDENTIALS, RWS_FORCE_SYNC, RWS_SPOOL_DIR};
use self::mistake::ENVIRONMENT;

/// The series that has a key of its own.
pub const MODULES: &str = "modules";

/// What the command line says of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`
    pub file: Option<PathBuf>,
    /// `--data-dir`
    pub data_directory: Option<PathBuf>,
    /// Nobody is served, so that no users are needed.
    pub without_users: bool,
}

/// The configuration, everything resolved.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where the file's part comes from.
    pub source: Source,
    /// Where the repositories are.
    pub store: StoreConfiguration,
    /// Where the files of uploads under way are; none for the place that the server chooses.
    pub spool_directory: Option<PathBuf>,
    /// Whether synchronising skips malformed packages instead of stopping.
    pub force_sync: bool,
    /// Whether all repositories are synchronised at start.
    pub sync_on_start: bool,
    /// Whether all repositories that can exist are there before their first package, where nothing else is said of one.
    pub create_empty: bool,
    /// Who may write. None only with the local store and no word of users anywhere: the first start makes a user.
    /// Empty only when `server.read_only` is set.
    pub credentials: Option<Users>,
    /// The users of each group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// The files with users and groups beside the configuration's own: they are read again when they change.
    pub access_files: Vec<PathBuf>,
    /// The issuers of tokens whose jobs may do something.
    pub oidc: Vec<OidcIssuer>,
    /// `GPG_SIGN_KEY_ARMORED`
    pub main_key: Option<SigningKey>,
    /// `GPG_MODULES_SIGN_KEY_ARMORED`
    pub modules_key: Option<SigningKey>,
    /// The keys of the section `keys`, by name.
    pub keys: keys::Keys,
    /// Which repositories there can be.
    pub model: Model,
    /// Settings of the HTTP server.
    pub server: ServerSettings,
    /// The formats that there are.
    pub formats: Formats,
    /// What looks wrong but does not stop the program, one line each.
    pub warnings: Vec<String>,
    /// How many days the audit goes back; `None`: a week, as uploads are kept in any case.
    pub audit_days: Option<u32>,
    /// Who is told of what happens.
    pub webhooks: Vec<WebhookSettings>,
    rules: Vec<repositories::Rule>,
}

impl Configuration {
    /// Reads the file that `--config` or `RWS_CFG` names, or the built-in one, and resolves everything.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn load(overrides: &Overrides, environment: &Environment, formats: &Formats) -> Result<Self, Mistake> {
        let file = file::read(overrides, environment)?;
        Self::resolve(file, overrides, environment, formats)
    }

    /// Resolves everything; the file is where it comes from, and its text.
    fn resolve(
        (source, text): (Source, String),
        overrides: &Overrides,
        environment: &Environment,
        formats: &Formats,
    ) -> Result<Self, Mistake> {
        let text = text.as_str();
        let origin = source.to_string();
        let value = file::parse(&origin, text)?;
        let file = file::top(&origin, &value)?;
        let repeated = repeated::keys(text).into_iter();
        let mut warnings: Vec<String> =
            repeated.map(|key| format!("{origin}: {key} occurs twice; RWS uses the last one")).collect();
        file.warn_unknown(&file::KEYS, &mut warnings);
        let common = file::common(&file, &mut warnings)?;
        let of_all = |key: &str| match common.as_ref().and_then(|common| common.get(key)) {
            Some(node) => node.boolean(),
            None => Ok(false),
        };
        let (sync_on_start, create_empty) = (of_all("sync_on_start")?, of_all("create_empty")?);
        let audit_days = file::audit_days(&file, &mut warnings)?;
        let webhooks = webhooks::read(&file)?;
        let section = file::model(&file, &mut warnings)?;
        let force_sync = match section.get("force_sync") {
            Some(node) => node.boolean()?,
            None => false,
        };
        let model = model::read(&file, &section, formats, &mut warnings)?;
        let of_process = process::store(&file)?;
        let given = store::Given { model: &section, store: of_process.as_ref(), environment };
        let store = store::read(&given, &source, overrides, &mut warnings)?;
        let server = process::read(&file, environment)?;
        if matches!(store, StoreConfiguration::Local { .. }) {
            process::refuse_signed_urls(&file, &server)?;
        }
        let keys = keys::read(&file, environment)?;
        let known = repositories::Known {
            model: &model,
            formats,
            keys: &keys,
            has_public_url: server.service.public_url.is_some(),
        };
        let rules = repositories::read(&file, &known, &mut warnings)?;
        let access::Access { users, groups, oidc, files: access_files } =
            access::read(&file, common.as_ref(), environment, &mut warnings)?;
        warnings.extend(users.iter().flat_map(|users| credentials::useless(users, &model)));
        warnings.extend(oidc::useless(&oidc, &model));
        warnings.extend(webhooks::useless(&webhooks, &model));
        warnings.extend(repositories::unknown_readers(&rules, users.as_ref(), &groups, &oidc));
        Ok(Self {
            credentials: match overrides.without_users {
                true => users.or_else(|| matches!(store, StoreConfiguration::S3 { .. }).then(Users::new)),
                // jobs may be all who log in
                false if users.is_none() && !oidc.is_empty() && matches!(store, StoreConfiguration::S3 { .. }) => {
                    Some(Users::new())
                }
                false => require_users(users, &store, &server, environment, &origin)?,
            },
            groups,
            oidc,
            access_files,
            spool_directory: environment.path(RWS_SPOOL_DIR),
            force_sync: environment.boolean(RWS_FORCE_SYNC).unwrap_or(force_sync),
            main_key: signing::main_key(environment, &mut warnings)?,
            modules_key: signing::modules_key(environment, &mut warnings)?,
            keys,
            source,
            store,
            sync_on_start,
            create_empty,
            audit_days,
            webhooks,
            model,
            server,
            formats: formats.clone(),
            warnings,
            rules,
        })
    }

    /// The names of the keys of a target, where an entry of `repositories` says which.
    pub fn keys_for(&self, target: &Target) -> Option<&keys::TargetKeys> {
        repositories::keys(&self.rules, target)
    }

    /// Which packages of a target are kept, where not all are.
    pub fn retention_for(&self, target: &Target) -> Option<Retention> {
        repositories::retention(&self.rules, target)
    }

    /// The name that the release package of a target gets its name from, where it is to have one.
    pub fn release_package_for(&self, target: &Target) -> Option<&str> {
        repositories::release_package_name(&self.rules, target)
    }

    /// The files of public keys whose signatures on packages of a target are taken.
    pub fn package_keys_for(&self, target: &Target) -> &[PathBuf] {
        repositories::package_keys(&self.rules, target)
    }

    /// What is said of the repositories of a target, which are of this format.
    pub fn settings_for(&self, target: &Target, format: &dyn Format) -> RepositorySettings {
        let public_url = self.server.service.public_url.as_ref().filter(|_| format.names_snapshots());
        let snapshots = public_url.map(|url| format!("{url}/-/at/@SNAPSHOTID@"));
        let with_changelogs = public_url.filter(|_| repositories::has_changelogs(&self.rules, target));
        let changelogs = with_changelogs.map(|url| format!("{url}/-/changelogs"));
        RepositorySettings { snapshots, changelogs, ..repositories::settings(&self.rules, target, format) }
    }

    /// Who may read which repositories, as far as anything is said of it: later ones win.
    pub fn readers(&self) -> Vec<(TargetPattern, Readers)> {
        repositories::readers(&self.rules)
    }

    /// What is said of a target beside the form of its indexes.
    pub fn policy_for(&self, target: &Target) -> Policy {
        repositories::policy(&self.rules, self.create_empty, target)
    }
}

/// Users are made by the program only for the embedded default; nobody may serve with none by accident.
fn require_users(
    users: Option<Users>,
    store: &StoreConfiguration,
    server: &ServerSettings,
    environment: &Environment,
    origin: &str,
) -> Result<Option<Users>, Mistake> {
    let local = matches!(store, StoreConfiguration::Local { .. });
    match users {
        Some(users) if !users.is_empty() => Ok(Some(users)),
        _ if server.service.read_only => Ok(Some(Users::new())),
        None if local => Ok(None),
        users => {
            let in_environment = users.is_none() || environment.is_set(RWS_CREDENTIALS);
            let (origin, key) = match in_environment {
                true => (ENVIRONMENT, RWS_CREDENTIALS.name),
                false => (origin, "users"),
            };
            let problem =
                if users.is_none() { "is missing; it is required because S3 is the store" } else { "is empty" };
            let allowed = "is at least one user: {\"name\": \"hash\"}; or server.read_only: true in the file";
            Err(Mistake::new(origin, key, problem, allowed))
        }
    }
}
