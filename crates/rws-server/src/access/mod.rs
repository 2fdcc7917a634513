//! Who may do what: users, what they may do, and who may read which repositories.

mod authorization;
mod jobs;
mod logins;
mod reader;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use rws_model::{Allowed, Readers, Target, Verb};
use rws_repository::read_rules::ReadRules;

use rws_passwords::PasswordHash;

pub use self::jobs::Jobs;
pub use self::logins::{Denied, Logins};
pub use self::reader::Reader;

/// How much somebody may do with a target.
pub type Rights = Arc<dyn Fn(Verb, &Target) -> Allowed + Send + Sync>;

/// Somebody who is logged in.
#[derive(Clone)]
pub struct User {
    /// The name, as logs and records have it.
    pub name: String,
    /// The names by which lists of readers mean this one: of the user, of groups, of rules for CI jobs.
    pub listed_as: BTreeSet<String>,
    /// Whether this one may read what everybody may who logs in.
    pub reads_as_user: bool,
    /// What the user may do.
    pub may: Rights,
    /// Whether the user may do what is of no target alone, such as pins.
    pub is_admin: bool,
    /// What else is known of how this one logged in, as records have it.
    pub claims: BTreeMap<String, String>,
}

/// Somebody who has logged in, and what the configuration said at that moment: a request does not mix two configurations.
#[derive(Clone)]
pub struct Login {
    user: Arc<User>,
    access: Arc<Access>,
}

impl Login {
    /// This one, as one who reads.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.access), Some(Arc::clone(&self.user)))
    }

    /// Who may read what.
    pub fn rules(&self) -> &ReadRules {
        self.access.rules()
    }
}

impl Deref for Login {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

/// A user with a password.
#[derive(Clone)]
pub struct Account {
    /// The user.
    pub user: Arc<User>,
    /// The hash of the password; `None` for one that can never log in.
    pub hash: Option<PasswordHash>,
}

/// Who may do what, as the configuration says it now.
#[derive(Default)]
pub struct Access {
    accounts: BTreeMap<String, Account>,
    rules: ReadRules,
    jobs: Option<Jobs>,
}

impl User {
    /// A user of this name, in these groups.
    pub fn new(name: &str, groups: impl IntoIterator<Item = String>, may: Rights, is_admin: bool) -> Self {
        // a name must not pass for that of a group, or of a rule
        let own = Some(name.to_owned()).filter(|name| !name.starts_with('@') && !name.contains(':'));
        let listed_as = groups.into_iter().map(|group| format!("@{group}")).chain(own).collect();
        Self { name: name.to_owned(), listed_as, reads_as_user: true, may, is_admin, claims: BTreeMap::new() }
    }
}

impl Access {
    /// These accounts, and who may read what.
    pub fn new(accounts: impl IntoIterator<Item = Account>, rules: ReadRules) -> Self {
        let accounts = accounts.into_iter().map(|account| (account.user.name.clone(), account)).collect();
        Self { accounts, rules, jobs: None }
    }

    /// The same with CI jobs that may log in.
    #[must_use]
    pub fn with_jobs(self, jobs: Jobs) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// Who may read what.
    pub fn rules(&self) -> &ReadRules {
        &self.rules
    }

    /// Whether somebody may read a target; `None` is somebody who does not log in.
    pub fn may_read(&self, user: Option<&User>, target: &Target) -> bool {
        let readers = self.rules.readers(target);
        let is_listed = |user: &User| match readers {
            Readers::Public => true,
            Readers::Users => user.reads_as_user,
            Readers::Named(names) => !names.is_disjoint(&user.listed_as),
        };
        let is_granted = |user: &User| user.is_admin || (user.may)(Verb::Read, target) != Allowed::Nothing;
        readers.are_public() || user.is_some_and(|user| is_listed(user) || is_granted(user))
    }

    /// Whether somebody may read what is on a list of readers and of no target.
    fn may_read_beside(user: Option<&User>, readers: &Readers) -> bool {
        match readers {
            Readers::Public => true,
            Readers::Users => user.is_some_and(|user| user.reads_as_user || user.is_admin),
            Readers::Named(names) => user.is_some_and(|user| user.is_admin || !names.is_disjoint(&user.listed_as)),
        }
    }

    /// The account of a name.
    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }
}
