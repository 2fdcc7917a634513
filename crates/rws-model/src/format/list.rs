//! The formats of an installation.

use std::fmt;
use std::sync::Arc;

use super::Format;
use crate::{RepositorySettings, Sha256};

/// The formats of an installation: what they say together of names of files, and which one has a name. Where two of them
/// say something else of one name, the first counts.
#[derive(Clone, Default)]
pub struct Formats(Vec<Arc<dyn Format>>);

impl Formats {
    /// These formats.
    pub fn new(formats: impl IntoIterator<Item = Arc<dyn Format>>) -> Self {
        Self(formats.into_iter().collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Format>> {
        self.0.iter()
    }

    /// The same and one more, unless it is one of them.
    pub fn add(&mut self, format: &Arc<dyn Format>) {
        if !self.iter().any(|known| known.name() == format.name()) {
            self.0.push(Arc::clone(format));
        }
    }

    /// The one of this name ([`Format::name`]).
    pub fn named(&self, name: &str) -> Option<&Arc<dyn Format>> {
        self.iter().find(|format| format.name() == name)
    }

    /// Their names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.iter().map(|format| format.name()).collect();
        names.sort_unstable();
        names
    }

    /// [`crate::UploadFormat::extensions`] of all.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> {
        self.iter().flat_map(|format| format.extensions()).copied()
    }

    /// [`crate::UploadFormat::skips`] of any.
    pub fn skips(&self, name: &str, settings: &RepositorySettings) -> Option<&'static str> {
        self.iter().find_map(|format| format.skips(name, settings))
    }

    /// [`crate::RepositoryFormat::no_architectures`] of all.
    pub fn no_architectures(&self) -> impl Iterator<Item = &'static str> {
        self.iter().flat_map(|format| format.no_architectures()).copied()
    }

    /// [`crate::ClientFormat::content_types`] of all.
    pub fn content_types(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.iter().flat_map(|format| format.content_types()).copied()
    }

    /// [`crate::ClientFormat::is_package`] of any.
    pub fn is_package(&self, path: &str) -> bool {
        self.iter().any(|format| format.is_package(path))
    }

    /// [`crate::ClientFormat::is_immutable`] of any.
    pub fn is_immutable(&self, path: &str) -> bool {
        self.iter().any(|format| format.is_immutable(path))
    }

    /// [`crate::ClientFormat::named_digest`] of any.
    pub fn named_digest(&self, path: &str) -> Option<Sha256> {
        self.iter().find_map(|format| format.named_digest(path))
    }

    /// [`crate::ClientFormat::other_writing`] of any.
    pub fn other_writing(&self, path: &str) -> Option<String> {
        self.iter().find_map(|format| format.other_writing(path))
    }

    /// The name of a client file in two: what stands before the dot, and [`crate::ClientFormat::setup_files`] of any.
    pub fn setup_file<'path>(&self, path: &'path str) -> Option<(&'path str, &'static str)> {
        let ends = self.iter().flat_map(|format| format.setup_files()).copied();
        let before = |end: &'static str| Some((path.strip_suffix(end)?.strip_suffix('.')?, end));
        ends.into_iter().find_map(before)
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter().map(|format| format.name())).finish()
    }
}
