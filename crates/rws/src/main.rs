//! The Repository Web Service: see [`rws`].

use std::process::ExitCode;

/// A server publishes now and then, and rests for long: an allocator that gives memory back.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rws::run(rws::formats(), std::env::args_os())
}
