//! What a push says while it works: a bar on a terminal, plain lines elsewhere, groups and annotations in GitHub Actions. All of it
//! is on standard error: what a push has done is on standard output.

use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environment::Environment;
use crate::output::complain;

/// Who reads it.
enum Reader {
    /// Somebody at a terminal.
    Terminal(ProgressBar),
    /// GitHub Actions, which shows groups and annotations (its workflow commands).
    GitHub,
    /// A log.
    Log,
}

/// The messages of one push.
#[derive(Clone)]
pub struct Report(Arc<Reader>);

impl Report {
    /// For who reads standard error.
    pub fn new(environment: &Environment) -> Self {
        let reader = if environment.is_on("GITHUB_ACTIONS") {
            Reader::GitHub
        } else if std::io::stderr().is_terminal() && !environment.is_on("CI") {
            Reader::Terminal(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()))
        } else {
            Reader::Log
        };
        Self(Arc::new(reader))
    }

    /// Begins a step, which ends with [`Report::end_step`].
    pub fn step(&self, title: &str) {
        match &*self.0 {
            Reader::GitHub => complain(format_args!("::group::{}", escaped(title))),
            _ => self.line(title),
        }
    }

    /// Ends a step.
    pub fn end_step(&self) {
        if let Reader::GitHub = &*self.0 {
            complain("::endgroup::");
        }
    }

    /// Says a line.
    pub fn line(&self, line: impl Display) {
        match &*self.0 {
            Reader::Terminal(bar) => bar.suspend(|| complain(line)),
            // a name of a file must not look like a command, which begins a line, if need be behind blanks
            Reader::GitHub => complain(format_args!("- {}", escaped(&line.to_string()))),
            Reader::Log => complain(line),
        }
    }

    /// Says something that somebody should look at.
    pub fn warning(&self, line: impl Display) {
        self.annotation("warning", &line.to_string());
    }

    /// Says why one of so many uploads failed. Why the only one did is said at the end; GitHub shows it as an annotation anyway.
    pub fn failed(&self, line: impl Display, of: usize) {
        if of > 1 || matches!(&*self.0, Reader::GitHub) {
            self.error(line);
        }
    }

    /// Says why it fails.
    pub fn error(&self, line: impl Display) {
        self.annotation("error", &line.to_string());
    }

    fn annotation(&self, kind: &str, text: &str) {
        match &*self.0 {
            Reader::GitHub => complain(format_args!("::{kind} title=rws push::{}", escaped(text))),
            _ => self.line(format_args!("{kind}: {text}")),
        }
    }

    /// Shows how far so many bytes are, from now on.
    pub fn begin_bytes(&self, bytes: u64) {
        if let Reader::Terminal(bar) = &*self.0 {
            bar.set_length(bytes);
            let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// The bytes are all there.
    pub fn end_bytes(&self) {
        if let Reader::Terminal(bar) = &*self.0 {
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    /// How far one upload is.
    pub fn progress(&self) -> Progress {
        let bar = match &*self.0 {
            Reader::Terminal(bar) => Some(bar.clone()),
            _ => None,
        };
        Progress { bar, sent_bytes: AtomicU64::new(0) }
    }
}

/// How far one upload is, as a part of all.
pub struct Progress {
    bar: Option<ProgressBar>,
    sent_bytes: AtomicU64,
}

impl Progress {
    /// It begins, perhaps again.
    pub fn begin(&self) {
        let lost = self.sent_bytes.swap(0, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.dec(lost);
        }
    }

    /// So many more bytes were sent.
    pub fn sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }
}

/// A text in a workflow command: one line, with `%` and line ends escaped.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
