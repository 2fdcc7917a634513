//! What somebody may change: the targets of a path, and what answers may say of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use axum::http::StatusCode;
use rws_model::{Allowed, RepositoryId, Target, Verb, glob_matches};
use rws_repository::IntakeError;
use rws_repository::actor::Actor;
use rws_repository::catalogue::{ConfiguredTarget, PathError};
use rws_repository::limits::{PackageLimits, Requester};

use super::Gate;
use crate::access::{Login, User};
use crate::answer::Problem;

/// So many targets and patterns a request may name.
const MAX_PATHS: usize = 500;

/// The longest one.
const MAX_PATH_BYTES: usize = 500;

/// The targets of a path, all of which a user may change.
#[derive(Clone)]
pub struct Writable {
    targets: Vec<Arc<ConfiguredTarget>>,
    limits: PackageLimits,
    /// One of them that the user may not read.
    hidden: Option<Target>,
}

/// The targets of a path, all of which a user may change and read: answers may say what is there.
#[derive(Clone)]
pub struct Visible(Writable);

/// A file of a package in a repository that a user may change.
pub struct WritableFile {
    /// Its target.
    pub target: Writable,
    /// Its repository.
    pub repository: RepositoryId,
    /// Its path below the tree of the repository.
    pub path: String,
}

impl Gate {
    /// The targets of a path, when the user may do this with them all. `failed` says what cannot be done where a distribution is of
    /// an unknown kind.
    ///
    /// # Errors
    ///
    /// 400 for a path of no target, 403 for a target with which the user may not do this.
    pub fn writable(&self, user: &Login, verb: Verb, path: &str, failed: &str) -> Result<Writable, Problem> {
        let targets = self.catalogue.resolve(path).map_err(|error| match error {
            PathError::Base(_) => Problem::bad_request("path", format!("{failed}: {error}")),
            _ => Problem::bad_request("path", error.to_string()),
        })?;
        allow(user, verb, targets)
    }

    /// Whether a path stands for targets, whoever asks.
    pub fn is_of_targets(&self, path: &str) -> bool {
        self.catalogue.resolve(path).is_ok()
    }

    /// The targets of several paths, each once, when the user may do this with them all.
    ///
    /// # Errors
    ///
    /// 400 for no path, or one of no target, 403 for a target with which the user may not do this.
    pub fn writable_all(&self, user: &Login, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
        allow(user, verb, each_once(paths, |path| self.resolve(path))?)
    }

    fn resolve(&self, path: &str) -> Result<Vec<Arc<ConfiguredTarget>>, Problem> {
        let resolved = self.catalogue.resolve(path.trim_matches('/'));
        resolved.map_err(|error| Problem::bad_request("path", format!("{path}: {error}")))
    }

    /// The same for paths and patterns. A pattern has four parts, with `*` and `?` in them.
    ///
    /// # Errors
    ///
    /// The same; 400 for a pattern that matches no target, too.
    pub fn writable_matching(&self, user: &Login, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
        let resolve = |path: &str| {
            if !path.contains(['*', '?']) {
                return self.resolve(path);
            }
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            let is_meant = |target: &&Arc<ConfiguredTarget>| {
                let Target { kind, series, distribution, version } = &target.target;
                let names = [kind, series, distribution, version];
                parts.len() == names.len() && parts.iter().zip(names).all(|(part, name)| glob_matches(part, name))
            };
            // what a user can neither read nor change is not matched: a refusal would name it
            let is_known = |target: &&Arc<ConfiguredTarget>| {
                may_change(user, &target.target) || user.reader().may_read(&target.target)
            };
            let found: Vec<_> = self.catalogue.targets().filter(is_meant).filter(is_known).cloned().collect();
            let nothing = || Problem::bad_request("path", format!("{path} matches no target."));
            if found.is_empty() { Err(nothing()) } else { Ok(found) }
        };
        allow(user, verb, each_once(paths, resolve)?)
    }

    /// The file at the address where it is downloaded; `None` for a path that is none. A path as in uploads is one, whatever lies
    /// there.
    ///
    /// # Errors
    ///
    /// 403 for a target with which the user may not do this.
    pub fn writable_file(&self, user: &Login, verb: Verb, path: &str) -> Result<Option<WritableFile>, Problem> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let found = self.catalogue.by_package(path).filter(|_| self.catalogue.resolve(directory).is_err());
        let Some((repository, target, below)) = found else { return Ok(None) };
        let target = allow(user, verb, vec![Arc::clone(target)])?;
        Ok(Some(WritableFile { target, repository: repository.clone(), path: below.to_owned() }))
    }
}

/// The targets of some paths, each once. Bounded before anything is looked up: what is not yet known to be allowed costs little.
fn each_once(
    paths: &[String],
    resolve: impl Fn(&str) -> Result<Vec<Arc<ConfiguredTarget>>, Problem>,
) -> Result<Vec<Arc<ConfiguredTarget>>, Problem> {
    let refuse = |message: String| Err(Problem::bad_request("path", message));
    if paths.is_empty() {
        return refuse("The request names no target.".to_owned());
    }
    if paths.len() > MAX_PATHS {
        return refuse(format!("The request names more than {MAX_PATHS} targets and patterns."));
    }
    if paths.iter().any(|path| path.len() > MAX_PATH_BYTES) {
        return refuse(format!("A target or a pattern has more than {MAX_PATH_BYTES} bytes."));
    }
    let mut targets = BTreeMap::new();
    for path in paths {
        targets.extend(resolve(path)?.into_iter().map(|target| (target.target.clone(), target)));
    }
    Ok(targets.into_values().collect())
}

/// Whether a user may change anything of a target.
pub(super) fn may_change(user: &User, target: &Target) -> bool {
    Verb::ALL.iter().any(|verb| (user.may)(*verb, target) != Allowed::Nothing)
}

/// Checks that the user may do this with all of some targets.
fn allow(user: &Login, verb: Verb, targets: Vec<Arc<ConfiguredTarget>>) -> Result<Writable, Problem> {
    let mut limits = PackageLimits::none();
    let may = |target: &&Arc<ConfiguredTarget>| match (user.may)(verb, &target.target) {
        Allowed::Nothing => false,
        Allowed::Packages(lists) => {
            limits.limit(target.target.clone(), lists);
            true
        }
        Allowed::Everything => true,
    };
    let (allowed, refused): (Vec<_>, Vec<_>) = targets.iter().partition(may);
    match refused.first() {
        Some(target) => {
            let message = match verb {
                Verb::Upload | Verb::Read => format!("You are not allowed to write to {}.", target.target),
                Verb::Delete => format!("You are not allowed to delete from {}.", target.target),
                Verb::Promote => format!("You are not allowed to promote to {}.", target.target),
                Verb::Retain => format!("You are not allowed to apply retention to {}.", target.target),
            };
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message))
        }
        None => {
            let reader = user.reader();
            let hidden = targets.iter().map(|target| &target.target).find(|target| !reader.may_read(target)).cloned();
            Ok(Writable { targets: allowed.into_iter().cloned().collect(), limits, hidden })
        }
    }
}

impl Writable {
    /// The targets.
    pub fn targets(&self) -> &[Arc<ConfiguredTarget>] {
        &self.targets
    }

    /// Somebody who asks for a change of them, with the packages that may be changed.
    pub fn requester<'a>(&'a self, actor: &'a Actor) -> Requester<'a> {
        Requester { actor, limits: &self.limits }
    }

    /// The same, where the user may read them all.
    ///
    /// # Errors
    ///
    /// 403 where the user may not: the answer would say what is there.
    pub fn visible(&self) -> Result<Visible, Problem> {
        match &self.hidden {
            Some(target) => {
                let message = format!("You may not read {target}, and the answer would say what is there.");
                let problem = Problem::new(StatusCode::FORBIDDEN, "may-not-read", message);
                Err(problem.with_hint("an administrator can add the verb \"read\" to what you are allowed to do"))
            }
            None => Ok(Visible(self.clone())),
        }
    }

    /// Whether the user may read them all.
    pub fn is_visible(&self) -> bool {
        self.hidden.is_none()
    }

    /// Why a change was refused: without what is there, where the user may not read that.
    pub fn problem(&self, error: IntakeError) -> Problem {
        match error.names_contents() {
            true => self.problem_of_contents(Problem::of_intake(error)),
            false => Problem::of_intake(error),
        }
    }

    /// A problem that names what is there: in general words, where the user may not read that.
    pub fn problem_of_contents(&self, problem: Problem) -> Problem {
        match self.is_visible() {
            true => problem,
            false => problem.with_message("What is published there stands in the way, and you may not read it."),
        }
    }

    /// These targets for who changes more than single packages.
    ///
    /// # Errors
    ///
    /// 403 where only some packages may be changed.
    pub fn whole(self) -> Result<Self, Problem> {
        match self.limits.limited() {
            Some(target) => {
                let message = format!("You may change only some packages of {target}, and this changes it as a whole.");
                Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message))
            }
            None => Ok(self),
        }
    }
}

impl Deref for Visible {
    type Target = Writable;

    fn deref(&self) -> &Writable {
        &self.0
    }
}
