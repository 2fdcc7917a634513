//! Who may read what, by the configuration alone.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use rws_model::{Readers, Target, TargetPattern};

use crate::areas::{Area, Areas};
use crate::private;

/// Who may read which targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRules {
    targets: BTreeMap<Target, Readers>,
    /// In their order: later ones win.
    rules: Vec<(TargetPattern, Readers)>,
}

impl ReadRules {
    /// These rules for these targets, which are all that there are. Later rules win.
    pub fn new<'t>(rules: Vec<(TargetPattern, Readers)>, targets: impl IntoIterator<Item = &'t Target>) -> Self {
        // without rules everything is everybody's
        let targets = targets.into_iter().filter(|_| !rules.is_empty()).map(|target| {
            let rule = rules.iter().rfind(|(pattern, _)| pattern.matches(target));
            (target.clone(), rule.map_or(Readers::Public, |(_, readers)| readers.clone()))
        });
        Self { targets: targets.collect(), rules }
    }

    /// Whether there is anything that not everybody may read.
    pub fn have_private(&self) -> bool {
        self.targets.values().any(|readers| !readers.are_public())
    }

    /// Who may read a target.
    pub fn readers(&self, target: &Target) -> &Readers {
        match self.targets.get(target) {
            Some(readers) => readers,
            None if self.rules.is_empty() => &Readers::Public,
            // there is no target that the configuration does not name
            None => &Readers::Users,
        }
    }

    /// Whether somebody may read one target who may not read another. Groups are not looked into.
    pub fn disclose(&self, from: &Target, to: &Target) -> bool {
        match (self.readers(from), self.readers(to)) {
            (Readers::Public, _) | (Readers::Users, Readers::Users | Readers::Named(_)) => false,
            (Readers::Named(few), Readers::Named(others)) => !others.is_subset(few),
            (Readers::Users, Readers::Public) | (Readers::Named(_), Readers::Public | Readers::Users) => true,
        }
    }

    /// Who may read what lies at a path of no target, where a rule covers it.
    pub fn readers_beside(&self, path: &str) -> Option<&Readers> {
        self.rules.iter().rfind(|(pattern, _)| pattern.covers(path)).map(|(_, readers)| readers)
    }

    /// Whether rules tell apart what lies at and below a path of no target.
    pub fn tell_apart_below(&self, path: &str) -> bool {
        self.rules.iter().any(|(pattern, _)| pattern.begins_below(path))
    }

    /// Whether everybody sees the same at a path, which belongs to this.
    pub fn are_public(&self, path: &str, area: &Area<'_>) -> bool {
        let is_public = |target: &Target| self.readers(target).are_public();
        match area {
            Area::Of(target) => is_public(&target.target),
            Area::Above(targets) => targets.iter().all(|target| is_public(&target.target)),
            Area::Beside(targets) => match self.readers_beside(path) {
                Some(readers) => readers.are_public(),
                None => targets.iter().all(|target| is_public(&target.target)),
            },
        }
    }
}

/// Which paths everybody may read, as the configuration says it now.
pub struct PublicPaths {
    areas: Areas,
    rules: RwLock<Arc<ReadRules>>,
}

impl PublicPaths {
    /// By these rules, until others take their place.
    pub fn new(areas: Areas, rules: ReadRules) -> Self {
        Self { areas, rules: RwLock::new(Arc::new(rules)) }
    }

    /// Puts other rules in place.
    pub fn replace(&self, rules: ReadRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Whether everybody may read a target.
    pub fn has_target(&self, target: &Target) -> bool {
        self.rules().readers(target).are_public()
    }

    /// Whether everybody may read what is at a path. Of RWS's own objects nothing is said here.
    pub fn has(&self, path: &str) -> bool {
        let rules = self.rules();
        path.starts_with(private::PREFIX) || !rules.have_private() || rules.are_public(path, &self.areas.of(path))
    }

    fn rules(&self) -> Arc<ReadRules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}
