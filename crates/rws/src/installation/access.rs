//! Who may do what, from a configuration.

use std::sync::Arc;

use rws_model::Target;
use rws_oidc::{IssuerSettings, Issuers};
use rws_passwords::PasswordHash;
use rws_repository::read_rules::{PublicPaths, ReadRules};
use rws_server::{Access, Account, Jobs, User};

use crate::configuration::{self, Configuration};

/// Makes it, again and again as the configuration changes.
pub struct AccessMaker {
    /// What the bucket may show to everybody.
    public: Arc<PublicPaths>,
    /// The user whom the embedded default made for itself.
    first_user: Option<Account>,
    /// The issuers of last time: they know keys.
    issuers: Option<(Vec<IssuerSettings>, Issuers)>,
}

impl AccessMaker {
    /// Nothing was made yet.
    pub fn new(public: Arc<PublicPaths>, first_user: Option<Account>) -> Self {
        Self { public, first_user, issuers: None }
    }

    /// The users of a configuration, and who may read what.
    ///
    /// # Errors
    ///
    /// When the certificates of an issuer cannot be read.
    pub fn make(&mut self, configuration: &Configuration) -> anyhow::Result<Access> {
        let configured = configuration.credentials.iter().flatten();
        let accounts = configured.map(|(name, user)| account(configuration, name, user));
        let first = self.first_user.iter().filter(|_| configuration.credentials.is_none()).cloned();
        let rules = read_rules(configuration);
        let access = Access::new(accounts.chain(first), rules.clone());
        if configuration.oidc.is_empty() {
            self.public.replace(rules);
            return Ok(access);
        }
        let settings: Vec<IssuerSettings> = configuration.oidc.iter().map(|issuer| issuer.settings.clone()).collect();
        let issuers = match &self.issuers {
            Some((known, issuers)) if *known == settings => issuers.clone(),
            _ => Issuers::new(&settings)?,
        };
        self.issuers = Some((settings, issuers.clone()));
        self.public.replace(rules);
        let grants = configuration.oidc.iter().map(|issuer| issuer.grants.clone()).collect();
        Ok(access.with_jobs(Jobs::new(issuers, grants)))
    }
}

/// Who may read what.
pub fn read_rules(configuration: &Configuration) -> ReadRules {
    let rules = configuration.readers();
    let targets: Vec<Target> = if rules.is_empty() { Vec::new() } else { configuration.model.targets().collect() };
    ReadRules::new(rules, &targets)
}

fn account(configuration: &Configuration, name: &str, user: &configuration::User) -> Account {
    let hash = PasswordHash::parse(user.hash.expose());
    if let Err(error) = &hash {
        tracing::warn!(user = name, %error, "this user cannot log in: make a hash with `rws hash-password`");
    }
    let groups = configuration.groups.iter().filter(|(_, members)| members.contains(name));
    let groups = groups.map(|(group, _)| group.clone());
    let rights = user.clone();
    let may = Arc::new(move |verb, target: &_| rights.may(verb, target));
    Account { user: Arc::new(User::new(name, groups, may, user.admin)), hash: hash.ok() }
}
