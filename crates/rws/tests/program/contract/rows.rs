//! A table of rows: all of them run, then the ones that do not hold are named.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Default)]
pub struct Rows {
    count: usize,
    failures: Vec<String>,
    is_ended: bool,
}

impl Rows {
    /// Runs one row: it holds when nothing in it panics.
    pub fn row(&mut self, name: &str, check: impl FnOnce()) {
        self.count += 1;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(check)) {
            self.failures.push(format!("- {name}: {}", said(&*panic)));
        }
    }

    /// Panics when a row did not hold. A table that does not come here would hold whatever its rows say.
    #[track_caller]
    pub fn end(mut self) {
        self.is_ended = true;
        let Self { count, failures, .. } = &self;
        assert!(*count > 0, "a table without rows");
        assert!(failures.is_empty(), "{} of {count} rows do not hold:\n{}", failures.len(), failures.join("\n"));
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        assert!(self.is_ended || std::thread::panicking(), "the table was not ended: nobody has looked at its rows");
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
