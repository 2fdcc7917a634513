//! The clock of a directory: that of the machine which keeps its files, whatever this machine's own says.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// How often the two clocks are compared.
const COMPARED: Duration = Duration::from_secs(60);

/// What two clocks of one machine differ by at most: the kernel stamps files in steps.
const STEP_NANOSECONDS: i128 = 1_000_000_000;

/// The clock of a directory.
#[derive(Debug)]
pub struct Clock {
    /// Where a file may be made for a moment.
    directory: PathBuf,
    compared: Mutex<Option<(Instant, i128)>>,
}

impl Clock {
    /// The clock of a directory that can be written.
    pub fn of(directory: PathBuf) -> Self {
        Self { directory, compared: Mutex::new(None) }
    }

    /// The time since 1970. Where the directory cannot be written, by this machine's own clock.
    pub fn now(&self) -> Duration {
        let own = own_nanoseconds();
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = match *compared {
            Some((when, ahead)) if when.elapsed() < COMPARED => ahead,
            _ => {
                let ahead = self.compare().unwrap_or(0);
                *compared = Some((Instant::now(), ahead));
                ahead
            }
        };
        let nanoseconds = u64::try_from(own + ahead).unwrap_or(0);
        Duration::from_nanos(nanoseconds)
    }

    /// How many nanoseconds the directory's clock is ahead; none where both are one clock.
    fn compare(&self) -> io::Result<i128> {
        let path = self.directory.join(format!("clock-{}", Uuid::new_v4().simple()));
        let mut file = File::create_new(&path)?;
        let written = file.write_all(b"tick").and_then(|()| file.metadata()).and_then(|file| file.modified());
        fs::remove_file(&path)?;
        let theirs = written?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ahead = i128::try_from(theirs.as_nanos()).unwrap_or(0) - own_nanoseconds();
        Ok(if ahead.abs() < STEP_NANOSECONDS { 0 } else { ahead })
    }
}

fn own_nanoseconds() -> i128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(now.as_nanos()).unwrap_or(0)
}
