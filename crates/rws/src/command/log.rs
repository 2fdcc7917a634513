//! The log: lines are gathered for a moment and written together, behind the work that they tell of. None is dropped.

use std::borrow::Cow;
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

/// Whether a character does something else than to be seen: the controls beyond ASCII (which some terminals obey), ends of
/// lines, and marks that turn the direction of text.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The line without hidden characters: each is written as JSON writes it, `\u009b`. Those of ASCII are escaped by whoever
/// writes a value.
fn shown(line: &[u8]) -> Cow<'_, [u8]> {
    if line.iter().all(|byte| byte.is_ascii() && *byte != 0x7f) {
        return line.into();
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for character in String::from_utf8_lossy(line).chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown.into_bytes().into()
}

/// Where one line goes.
struct Lines(Arc<Gathered>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(&shown(line));
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
    fn what_is_not_seen_is_escaped() {
        for (line, expected) in [
            ("plain\n", "plain\n"),
            ("grün 包\n", "grün 包\n"),
            ("a\u{9b}31mb\u{2028}c\u{202e}d\u{7f}", "a\\u009b31mb\\u2028c\\u202ed\\u007f"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(shown(line.as_bytes()), expected.as_bytes());
        }
        assert_eq!(shown(b"a\xff\n"), "a\u{fffd}\n".as_bytes());
    }

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
