//! One file picked out of an archive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rws_model::{BuildId, FoundFile};

use crate::{FileSink, build_id, relative};

/// So many first bytes of a program have its notes.
const START_BYTES: usize = 64 << 10;

/// Which file is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first with content that has one of these paths; without slashes at their starts.
    Paths(Vec<Vec<u8>>),
    /// The first program or library that has this build ID.
    BuildId(BuildId),
}

/// What was picked, as far as it has arrived.
#[derive(Debug, Default)]
pub struct Picked {
    /// What it is; `None`: it was not found yet.
    pub found: Option<FoundFile>,
    /// Its bytes that nobody has taken.
    pub bytes: Vec<u8>,
    /// So many bytes of it are to come.
    pub left_bytes: u64,
}

impl Picked {
    /// Whether all of it has arrived.
    pub fn is_complete(&self) -> bool {
        self.found.is_some() && self.left_bytes == 0
    }
}

/// Picks a file.
pub struct Picker {
    wanted: Wanted,
    picked: Arc<Mutex<Picked>>,
    /// A file of which is not known yet whether it is the wanted one: its first bytes, and how many more there are.
    candidate: Option<(FoundFile, Vec<u8>)>,
    /// Whether the present file is the picked one.
    is_picking: bool,
}

impl Picker {
    /// Picks a file into a place that others look at.
    pub fn new(wanted: Wanted, picked: Arc<Mutex<Picked>>) -> Self {
        Self { wanted, picked, candidate: None, is_picking: false }
    }

    fn pick(&mut self, found: FoundFile) -> MutexGuard<'_, Picked> {
        self.is_picking = true;
        let mut picked = self.picked.lock().unwrap_or_else(PoisonError::into_inner);
        picked.left_bytes = found.size_bytes;
        picked.found = Some(found);
        picked
    }
}

impl FileSink for Picker {
    fn begin(&mut self, path: &[u8], size_bytes: u64) {
        self.candidate = None;
        self.is_picking = false;
        let has_found = self.picked.lock().unwrap_or_else(PoisonError::into_inner).found.is_some();
        if has_found || size_bytes == 0 {
            return;
        }
        let path = relative(path);
        let found = FoundFile { path: path.to_vec(), size_bytes };
        match &self.wanted {
            Wanted::BuildId(_) => self.candidate = Some((found, Vec::new())),
            Wanted::Paths(paths) if paths.iter().any(|one| one == path) => drop(self.pick(found)),
            Wanted::Paths(_) => {}
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.is_picking {
            self.picked.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
            return;
        }
        let (Some((found, mut start)), Wanted::BuildId(wanted)) = (self.candidate.take(), &self.wanted) else { return };
        let left = usize::try_from(found.size_bytes).unwrap_or(usize::MAX) - start.len();
        start.extend_from_slice(&bytes[..bytes.len().min(left)]);
        let is_known = start.len() >= START_BYTES || start.len() as u64 == found.size_bytes;
        if !is_known {
            self.candidate = b"\x7fELF".starts_with(&start[..start.len().min(4)]).then_some((found, start));
        } else if build_id(&start).as_ref() == Some(wanted) {
            self.pick(found).take(&start);
        }
    }
}

impl Picked {
    fn take(&mut self, bytes: &[u8]) {
        let length = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        self.left_bytes -= length as u64;
        self.bytes.extend_from_slice(&bytes[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(wanted: Wanted, files: &[(&str, &[u8])], piece: usize) -> (Option<String>, Vec<u8>, bool) {
        let place = Arc::new(Mutex::new(Picked::default()));
        let mut picker = Picker::new(wanted, Arc::clone(&place));
        for (path, content) in files {
            picker.begin(path.as_bytes(), content.len() as u64);
            let padded = [content, &[0; 3][..]].concat();
            padded.chunks(piece).for_each(|bytes| picker.bytes(bytes));
        }
        let picked = place.lock().unwrap();
        let path = picked.found.as_ref().map(|found| String::from_utf8(found.path.clone()).unwrap());
        (path, picked.bytes.clone(), picked.is_complete())
    }

    #[test]
    fn the_first_with_content_counts() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let id = build_id(&own);
        let files: &[(&str, &[u8])] =
            &[("./a", b""), ("./b", b"b"), ("./usr/bin/x", &own), ("/a", b"text"), ("a", b"later")];
        for piece in [1000, 70_000] {
            let wanted = || Wanted::Paths(vec![b"a".to_vec(), b"c".to_vec()]);
            assert_eq!(picked(wanted(), files, piece), (Some("a".to_owned()), b"text".to_vec(), true));
            assert_eq!(picked(Wanted::Paths(vec![b"z".to_vec()]), files, piece), (None, Vec::new(), false));
            let Some(id) = id.clone() else { continue };
            let (path, content, is_complete) = picked(Wanted::BuildId(id), files, piece);
            assert_eq!((path.as_deref(), is_complete), (Some("usr/bin/x"), true));
            assert!(content == own);
        }
    }
}
