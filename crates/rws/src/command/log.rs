//! The log: lines are gathered for a moment and written together, behind the work that they tell of. None is dropped.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::configuration::LogFormat;

/// How long lines are gathered: a process that is killed takes so much with it.
const GATHERED: Duration = Duration::from_millis(20);

/// Whoever writes more than this waits until it is written.
const MOST_BYTES: usize = 1 << 20;

/// The log of this process; what is left of it is written when this goes.
pub struct Log {
    gathered: Arc<Gathered>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Gathered {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    has_ended: bool,
}

impl Log {
    /// Starts the log of this process, to standard error; `RUST_LOG` chooses how much of it, `level` says it otherwise.
    pub fn start(level: &str, format: LogFormat) -> Self {
        let gathered = Arc::new(Gathered::default());
        let lines = Arc::clone(&gathered);
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_timer(Clock);
        let log = log.with_writer(move || Lines(Arc::clone(&lines)));
        match format {
            LogFormat::Text => log.with_ansi(stderr().is_terminal()).init(),
            LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
        }
        let writing = Arc::clone(&gathered);
        Self { gathered, writer: Some(std::thread::spawn(move || writing.write())) }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.gathered.state().has_ended = true;
        self.gathered.changed.notify_all();
        if let Some(writer) = self.writer.take() {
            // it ends at the latest with standard error
            _ = writer.join();
        }
    }
}

impl Gathered {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut state = self.state();
        while state.lines.len() > MOST_BYTES && !state.has_ended {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let is_first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        if is_first {
            self.changed.notify_all();
        }
    }

    /// Writes all that comes until the end.
    fn write(&self) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.state();
            while state.lines.is_empty() && !state.has_ended {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if !state.has_ended {
                drop(state);
                std::thread::sleep(GATHERED);
                state = self.state();
            }
            std::mem::swap(&mut taken, &mut state.lines);
            let has_ended = state.has_ended;
            drop(state);
            self.changed.notify_all();
            // nobody is left to be told that the log cannot be written
            _ = stderr().write_all(&taken);
            taken.clear();
            if has_ended && self.state().lines.is_empty() {
                return;
            }
        }
    }
}

/// The time of a line, in microseconds. Many lines share the text of a second, which each thread writes once.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        thread_local! {
            static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
        }
        let now = Timestamp::now();
        SECOND.with_borrow_mut(|(second, text)| {
            if *second != now.as_second() {
                *second = now.as_second();
                *text = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            }
            line.write_str(text)
        })?;
        write!(line, ".{:06}Z", now.subsec_microsecond())
    }
}

/// Where one line goes.
struct Lines(Arc<Gathered>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_now() {
        let before = Timestamp::now();
        for _ in 0..2 {
            let mut line = String::new();
            Clock.format_time(&mut Writer::new(&mut line)).unwrap();
            let time: Timestamp = line.parse().unwrap();
            assert_eq!(line.len(), "2026-11-25T18:20:00.123456Z".len());
            assert!(time.as_microsecond() >= before.as_microsecond() && time <= Timestamp::now(), "{line}");
        }
    }
}
