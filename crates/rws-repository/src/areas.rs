//! Which targets the public paths belong to, by the configuration alone.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::plan::join;

/// The directories of all targets, and those above them. They are looked for when somebody asks first: where everything is
/// everybody's nobody does.
pub struct Areas {
    catalogue: Arc<Catalogue>,
    directories: OnceLock<Directories>,
}

struct Directories {
    /// Those that belong to one target with all that is below them.
    own: HashMap<String, Arc<ConfiguredTarget>>,
    /// The targets below each one that is above such ones.
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
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, directories: OnceLock::new() }
    }

    /// What a public path without slashes at its ends belongs to.
    pub fn of(&self, path: &str) -> Area<'_> {
        let Directories { own, above } = self.directories.get_or_init(|| Directories::of(&self.catalogue));
        let mut prefix = path;
        let mut beside = None;
        loop {
            if let Some(target) = own.get(prefix) {
                return Area::Of(target);
            }
            if beside.is_none()
                && let Some(targets) = above.get(prefix)
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

impl Directories {
    fn of(catalogue: &Catalogue) -> Self {
        let mut directories = Self { own: HashMap::new(), above: HashMap::from([(String::new(), Vec::new())]) };
        for target in catalogue.targets() {
            directories.add(&target.target.to_string(), target);
            for repository in target.repositories() {
                let layout = target.format.layout(&repository);
                for directory in [join(&layout.tree, &layout.metadata), join(&layout.tree, &layout.packages)] {
                    directories.add(directory.trim_matches('/'), target);
                }
                directories.add(repository.as_str(), target);
            }
        }
        directories
    }

    fn add(&mut self, directory: &str, target: &Arc<ConfiguredTarget>) {
        if self.own.insert(directory.to_owned(), Arc::clone(target)).is_some() {
            return;
        }
        let mut path = directory;
        while !path.is_empty() {
            path = path.rsplit_once('/').map_or("", |(before, _)| before);
            let targets = match self.above.get_mut(path) {
                Some(targets) => targets,
                None => self.above.entry(path.to_owned()).or_default(),
            };
            // the directories of a target come one after the other
            if !targets.last().is_some_and(|last| Arc::ptr_eq(last, target)) {
                targets.push(Arc::clone(target));
            }
        }
    }
}
