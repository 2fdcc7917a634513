//! One file picked out of an archive.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rws_model::{BuildId, FileOutput, FoundFile};

use crate::{FileSink, build_id, relative};

/// So many first bytes of a program have its notes.
const START_BYTES: usize = 64 << 10;

/// Which file is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first with content that has one of these paths; without slashes at their starts.
    Paths(HashSet<Vec<u8>>),
    /// The first program or library that has this build ID.
    BuildId(BuildId),
}

/// Whether all of the file has come.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    /// Whether it has.
    pub fn is_complete(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Picks a file.
pub struct Picker {
    wanted: Wanted,
    output: Box<dyn FileOutput>,
    progress: Progress,
    state: State,
}

enum State {
    /// The present file is another one.
    Other,
    /// It is not known yet whether the present file is the wanted one: its first bytes.
    Candidate(FoundFile, Vec<u8>),
    /// So many bytes of the picked file are to come.
    Picking(u64),
    /// It has come.
    Complete,
}

impl Picker {
    /// Picks a file for `output`.
    pub fn new(wanted: Wanted, output: Box<dyn FileOutput>, progress: Progress) -> Self {
        Self { wanted, output, progress, state: State::Other }
    }

    fn pick(&mut self, found: FoundFile) -> io::Result<()> {
        self.state = State::Picking(found.size_bytes);
        self.output.found(found)
    }

    fn give(&mut self, left_bytes: u64, bytes: &[u8]) -> io::Result<()> {
        let length = usize::try_from(left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        self.output.bytes(&bytes[..length])?;
        let left_bytes = left_bytes - length as u64;
        self.state = State::Picking(left_bytes);
        if left_bytes == 0 {
            self.state = State::Complete;
            self.progress.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl FileSink for Picker {
    fn begin(&mut self, path: &[u8], size_bytes: u64) -> io::Result<()> {
        if matches!(self.state, State::Complete) {
            return Ok(());
        }
        self.state = State::Other;
        if size_bytes == 0 {
            return Ok(());
        }
        let path = relative(path);
        let found = || FoundFile { path: path.to_vec(), size_bytes };
        match &self.wanted {
            Wanted::BuildId(_) => self.state = State::Candidate(found(), Vec::new()),
            Wanted::Paths(paths) if paths.contains(path) => return self.pick(found()),
            Wanted::Paths(_) => {}
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::Other) {
            State::Picking(left_bytes) => self.give(left_bytes, bytes),
            State::Candidate(found, mut start) => {
                let left = usize::try_from(found.size_bytes).unwrap_or(usize::MAX) - start.len();
                start.extend_from_slice(&bytes[..bytes.len().min(left)]);
                let is_known = start.len() >= START_BYTES || start.len() as u64 == found.size_bytes;
                if !is_known {
                    if b"\x7fELF".starts_with(&start[..start.len().min(4)]) {
                        self.state = State::Candidate(found, start);
                    }
                    return Ok(());
                }
                let size_bytes = found.size_bytes;
                match (build_id(&start), &self.wanted) {
                    (Some(id), Wanted::BuildId(wanted)) if id == *wanted => {
                        self.pick(found)?;
                        self.give(size_bytes, &start)
                    }
                    _ => Ok(()),
                }
            }
            state @ (State::Complete | State::Other) => {
                self.state = state;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What was given.
    #[derive(Clone, Default)]
    struct Given(Arc<Mutex<(Option<FoundFile>, Vec<u8>)>>);

    impl FileOutput for Given {
        fn found(&mut self, file: FoundFile) -> io::Result<()> {
            self.0.lock().unwrap().0 = Some(file);
            Ok(())
        }

        fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().1.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn picked(wanted: Wanted, files: &[(&str, &[u8])], piece: usize) -> (Option<String>, Vec<u8>, bool) {
        let (given, progress) = (Given::default(), Progress::default());
        let mut picker = Picker::new(wanted, Box::new(given.clone()), progress.clone());
        for (path, content) in files {
            picker.begin(path.as_bytes(), content.len() as u64).unwrap();
            let padded = [content, &[0; 3][..]].concat();
            padded.chunks(piece).for_each(|bytes| picker.bytes(bytes).unwrap());
        }
        let (found, content) = given.0.lock().unwrap().clone();
        (found.map(|found| String::from_utf8(found.path).unwrap()), content, progress.is_complete())
    }

    #[test]
    fn the_first_with_content_counts() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let id = build_id(&own);
        let files: &[(&str, &[u8])] =
            &[("./a", b""), ("./b", b"b"), ("./usr/bin/x", &own), ("/a", b"text"), ("a", b"later")];
        for piece in [1000, 70_000] {
            let wanted = || Wanted::Paths([b"a".to_vec(), b"c".to_vec()].into());
            assert_eq!(picked(wanted(), files, piece), (Some("a".to_owned()), b"text".to_vec(), true));
            assert_eq!(picked(Wanted::Paths([b"z".to_vec()].into()), files, piece), (None, Vec::new(), false));
            let Some(id) = id.clone() else { continue };
            let (path, content, is_complete) = picked(Wanted::BuildId(id), files, piece);
            assert_eq!((path.as_deref(), is_complete), (Some("usr/bin/x"), true));
            assert!(content == own);
        }
    }
}
