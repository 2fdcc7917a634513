//! What the tests of a push share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::program::{Program, Ran};
use crate::support::server::{Credentials, Server, own_variables};
use crate::support::{curl, temporary_directory};

pub const DEB: &str = "live/2.8/ubuntu/jammy";
pub const RPM: &str = "live/1.10/el/8";

/// Variables of CI services that would change what a push does.
const OF_CI: [&str; 5] =
    ["CI", "GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "NETRC"];

/// The program with a private home and no login.
pub fn bare(home: &Path) -> Program {
    bare_program(env!("CARGO_BIN_EXE_rws"), home)
}

pub fn bare_program(program: &str, home: &Path) -> Program {
    let program = own_variables().into_iter().fold(Program::new(program, home), Program::env_remove);
    OF_CI.into_iter().fold(program, Program::env_remove)
}

/// The same with a login.
pub fn logged_in(program: Program, credentials: &Credentials) -> Program {
    program.env("RWS_USER", &credentials.user).env("RWS_PASSWORD", &credentials.password)
}

/// `rws push URL` with further arguments, as the server's own user.
pub fn push(server: &Server, target: &str, arguments: &[&str], files: &[PathBuf]) -> Ran {
    let home = temporary_directory();
    let program = logged_in(bare(home.path()), server.credentials()).arg("push").args(arguments);
    program.arg(server.url(&format!("/{target}"))).args(files).run()
}

/// With this exit code and these words, and never with the password.
#[track_caller]
pub fn expect(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.transcript());
    for part in parts {
        assert!(ran.everything().contains(part), "{part:?} is not in\n{}", ran.transcript());
    }
}

/// Its standard output as JSON.
#[track_caller]
pub fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.output()).unwrap_or_else(|error| panic!("{error}: {}", ran.transcript()))
}

/// How many requests with this method the server has answered so far.
pub fn requests(server: &Server, method: &str) -> usize {
    // a line may be written a moment after its answer: that of a later request comes behind it
    static MARKS: AtomicUsize = AtomicUsize::new(0);
    let mark = format!("/-/mark-{}", MARKS.fetch_add(1, Ordering::Relaxed));
    curl::get(&server.url(&mark)).expect_status(404);
    server.wait_for_log(&format!("path=\"{mark}\""));
    let is_counted = |line: &&str| line.contains(&format!(" method={method} ")) && !line.contains("path=\"/-/mark-");
    server.log().lines().filter(is_counted).count()
}
