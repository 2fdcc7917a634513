//! What the store said of objects that this process wrote or looked at lately: what a copy of one has to be.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Key, Version};

/// How many objects are remembered.
const REMEMBERED: usize = 4096;

/// The versions of objects.
#[derive(Debug, Default)]
pub struct Versions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    versions: HashMap<Key, Version>,
    order: VecDeque<Key>,
}

impl Versions {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an object.
    pub fn note(&self, key: &Key, version: &Version) {
        let mut known = self.known();
        if known.versions.insert(key.clone(), version.clone()).is_some() {
            return;
        }
        known.order.push_back(key.clone());
        if known.order.len() > REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.versions.remove(&oldest);
        }
    }

    /// What is known of an object.
    pub fn of(&self, key: &Key) -> Option<Version> {
        self.known().versions.get(key).cloned()
    }
}
