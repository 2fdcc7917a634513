//! A client on a copy of a system, which installs and removes packages there.

use std::thread::JoinHandle;

use rws_lab::Chroot;
use tempfile::TempDir;

use super::program::{Program, Ran};
use super::{temporary_directory, wait, write_file};

/// A client on a copy of a system, that goes from phase to phase as the test says.
pub struct Machine {
    directory: TempDir,
    thread: Option<JoinHandle<Ran>>,
}

impl Machine {
    /// Runs a script; it calls `phase N` where it waits for the test.
    pub fn start(system: Chroot, files: &[(&str, Vec<u8>)], script: &str) -> Self {
        let directory = temporary_directory();
        for (name, content) in files {
            write_file(&directory.path().join(name), content);
        }
        let here = directory.path().display().to_string();
        let script = format!(
            "set -e\nexec 2>&1\nset -x\nT={here}\nphase() {{ set +x; touch $T/at-$1; until [ -e $T/go-$1 ]; do sleep 0.1; done; set -x; }}\n\
             export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8\nexec </dev/null\n{script}\n"
        );
        let home = directory.path().to_owned();
        let thread = std::thread::spawn(move || {
            let mut words = system.copied("sh").into_iter();
            Program::new(words.next().expect("a word"), &home).args(words).arg("-c").arg(script).run()
        });
        Self { directory, thread: Some(thread) }
    }

    /// Waits until the script is at a phase.
    #[track_caller]
    pub fn until(&mut self, phase: u32) {
        let at = self.directory.path().join(format!("at-{phase}"));
        let arrived = wait::until_or(wait::BOUND * 3, || {
            (at.exists() || self.thread.as_ref().is_some_and(JoinHandle::is_finished)).then_some(())
        });
        if arrived.is_none() || !at.exists() {
            let ran = self.thread.take().expect("it runs").join().expect("it ends");
            panic!("it did not come to phase {phase}:\n{}", ran.transcript());
        }
    }

    /// Lets it go on from a phase.
    pub fn go(&self, phase: u32) {
        write_file(&self.directory.path().join(format!("go-{phase}")), "");
    }

    /// What it did.
    #[track_caller]
    pub fn end(mut self) -> String {
        self.thread.take().expect("it runs").join().expect("it ends").expect_success().output()
    }
}
