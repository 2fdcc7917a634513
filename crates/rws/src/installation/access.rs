//! Who may do what, from a configuration.

use std::sync::Arc;

use rws_model::Target;
use rws_server::passwords::PasswordHash;
use rws_server::{Access, Account, User};

use crate::configuration::{self, Configuration};

/// The users of a configuration, and who may read what. `first` is the user whom the embedded default made for itself.
pub fn of(configuration: &Configuration, first: Option<&Account>) -> Access {
    let configured = configuration.credentials.iter().flatten();
    let accounts = configured.map(|(name, user)| account(configuration, name, user));
    let first = first.filter(|_| configuration.credentials.is_none()).cloned();
    let targets: Vec<Target> = configuration.model.targets().collect();
    Access::new(accounts.chain(first), configuration.readers(), &targets)
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
