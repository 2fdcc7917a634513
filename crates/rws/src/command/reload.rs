//! Who may do what, read again while the service runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rws_server::Service;
use serde_json::Value;

use crate::configuration::{Configuration, ListeningAddress, Mistake, Source};
use crate::installation::access::AccessMaker;

/// How often it is looked whether a file has changed.
const LOOKS: Duration = Duration::from_secs(5);

/// Loads the configuration as at the start.
pub type Load = Box<dyn Fn() -> Result<Configuration, Mistake> + Send + Sync>;

/// Reads users, groups and who may read what again. All else of the configuration holds from a start to the next.
pub struct Reload {
    load: Load,
    maker: AccessMaker,
    listen: ListeningAddress,
    /// What is in force.
    configuration: Configuration,
    files: Vec<PathBuf>,
    /// What was read last.
    read: Vec<Option<FileState>>,
    /// What was seen last: a file that is being written is not read.
    seen: Vec<Option<FileState>>,
}

/// What tells whether a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Reload {
    /// Goes on from a configuration that is in force.
    pub fn new(load: Load, configuration: Configuration, listen: &ListeningAddress, maker: AccessMaker) -> Self {
        let files = files(&configuration);
        let read = states(&files);
        Self { load, maker, listen: listen.clone(), configuration, files, seen: read.clone(), read }
    }

    /// Looks for ever.
    pub async fn keep(mut self, service: Arc<Service>, mut asked: tokio::sync::mpsc::Receiver<()>) {
        let mut interval = tokio::time::interval(LOOKS);
        loop {
            let is_asked = tokio::select! {
                _ = interval.tick() => false,
                Some(()) = asked.recv() => true,
            };
            if is_asked || self.has_changed() {
                // reading files and many hashes takes a while
                let working = Arc::clone(&service);
                let task = tokio::task::spawn_blocking(move || {
                    self.read(&working);
                    self
                });
                match task.await {
                    Ok(done) => self = done,
                    Err(error) => return tracing::error!(%error, "RWS does not look for other users any more"),
                }
            }
        }
    }

    /// Whether a file is another one than that which was read, and is not being written now.
    fn has_changed(&mut self) -> bool {
        let now = states(&self.files);
        let is_settled = now == self.seen;
        self.seen = now;
        is_settled && self.seen != self.read
    }

    /// Takes what the files say now; what is wrong leaves everything as it is.
    fn read(&mut self, service: &Service) {
        let before = states(&self.files);
        let made = (self.load)().map_err(anyhow::Error::from);
        let made = made.and_then(|configuration| Ok((self.maker.make(&configuration)?, configuration)));
        match made {
            Ok((access, configuration)) => {
                for warning in &configuration.warnings {
                    tracing::warn!("{warning}");
                }
                service.logins.replace(access);
                service.logins.set_broken(None);
                tracing::info!("RWS has read users, groups and rights again");
                if fixed(&configuration, &self.listen) != fixed(&self.configuration, &self.listen) {
                    tracing::warn!(
                        "the configuration has changes beyond users, groups and read: restart RWS to put them into force"
                    );
                }
                self.files = files(&configuration);
                self.read = if self.files.len() == before.len() { before } else { states(&self.files) };
            }
            Err(error) => {
                tracing::error!(%error, "RWS cannot use the changed configuration, and keeps the users and rights that it has");
                let file = error.downcast_ref::<Mistake>().map(|mistake| mistake.origin.clone());
                service.logins.set_broken(Some(file.unwrap_or_else(|| "the configuration".to_owned())));
                self.read = before;
            }
        }
        self.seen = self.read.clone();
    }
}

/// The files that say who may do what.
fn files(configuration: &Configuration) -> Vec<PathBuf> {
    let own = match &configuration.source {
        Source::File(path) => Some(path.clone()),
        Source::BuiltIn => None,
    };
    own.into_iter().chain(configuration.access_files.iter().cloned()).collect()
}

fn states(files: &[PathBuf]) -> Vec<Option<FileState>> {
    let state = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Some(FileState { file: (found.dev(), found.ino()), size: found.size(), modified })
    };
    files.iter().map(state).collect()
}

/// What holds until the next start.
fn fixed(configuration: &Configuration, listen: &ListeningAddress) -> Value {
    let mut shown = configuration.show(listen);
    if let Some(shown) = shown.as_object_mut() {
        for key in ["users", "groups", "oidc", "makes_first_user"] {
            shown.remove(key);
        }
        let rules = shown.get_mut("repositories").and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
            rule.remove("read");
        }
    }
    shown
}
