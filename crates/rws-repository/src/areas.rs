//! Which targets the public paths belong to, by the configuration alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::plan::join;

/// The directories of all targets, and those above them.
pub struct Areas {
    /// The directories that belong to one target with all that is below them.
    own: HashMap<String, Arc<ConfiguredTarget>>,
    /// The targets below each directory that is above such ones.
    above: HashMap<String, Vec<Arc<ConfiguredTarget>>>,
}

/// What a public path belongs to.
pub enum Area<'a> {
    /// To this target.
    Of(&'a Arc<ConfiguredTarget>),
    /// It is a directory above those of these targets.
    Above(&'a [Arc<ConfiguredTarget>]),
    /// To no target; the nearest directory above it is above those of these ones, too.
    Beside(&'a [Arc<ConfiguredTarget>]),
}

impl Areas {
    /// The directories of all targets of a catalogue. The path of an upload and the name of a repository count as such.
    pub fn new(catalogue: &Catalogue) -> Self {
        let mut own = HashMap::new();
        let mut above: HashMap<String, BTreeMap<_, _>> = HashMap::from([(String::new(), BTreeMap::new())]);
        for target in catalogue.targets() {
            let layouts = target.repositories().into_iter().flat_map(|repository| {
                let layout = target.format.layout(&repository);
                [join(&layout.tree, &layout.metadata), join(&layout.tree, &layout.packages), repository.to_string()]
            });
            for directory in layouts.chain([target.target.to_string()]) {
                let directory = directory.trim_matches('/');
                let mut path = directory;
                while let Some((before, _)) = path.rsplit_once('/') {
                    above.entry(before.to_owned()).or_default().insert(target.target.clone(), Arc::clone(target));
                    path = before;
                }
                above.entry(String::new()).or_default().insert(target.target.clone(), Arc::clone(target));
                own.insert(directory.to_owned(), Arc::clone(target));
            }
        }
        let above = above.into_iter().map(|(directory, targets)| (directory, targets.into_values().collect()));
        Self { own, above: above.collect() }
    }

    /// What a public path without slashes at its ends belongs to.
    pub fn of(&self, path: &str) -> Area<'_> {
        let mut prefix = path;
        let mut beside = None;
        loop {
            if let Some(target) = self.own.get(prefix) {
                return Area::Of(target);
            }
            if beside.is_none()
                && let Some(targets) = self.above.get(prefix)
            {
                beside = Some(if prefix == path { Area::Above(targets) } else { Area::Beside(targets) });
            }
            match prefix.rsplit_once('/') {
                Some((before, _)) => prefix = before,
                None if prefix.is_empty() => return beside.unwrap_or(Area::Beside(&[])),
                None => prefix = "",
            }
        }
    }
}
