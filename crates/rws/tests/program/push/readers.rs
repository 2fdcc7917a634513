//! Who reads what a push says: somebody at a terminal, GitHub, a log, a program.

use super::stage::{DEB, bare_program, expect, logged_in, push};
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::temporary_directory;

#[test]
fn a_terminal_shows_a_bar() {
    let (server, directory) = (Server::start(), temporary_directory());
    let deb = Deb::new("rws-one", "1.0", "amd64").file("usr/share/x", &[1; 1 << 20]).build(directory.path());
    let command = format!("{} push {} {}", env!("CARGO_BIN_EXE_rws"), server.url(&format!("/{DEB}")), deb.display());
    let home = temporary_directory();
    // util-linux gives the program a terminal of its own
    let script = logged_in(bare_program("script", home.path()), server.credentials()).env("TERM", "xterm");
    let script = script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(home.path());
    let ran = script.run();
    let said = ran.expect_success().output();
    let (before, after) = said.rsplit_once(" left").unwrap_or_default();
    assert!(before.contains('\u{2588}') && before.contains(" of "), "no bar: {said:?}");
    assert!(after.contains("\u{1b}[2K"), "the bar is still there: {said:?}");
    assert!(after.contains("published rws-one_1.0_amd64.deb in ") && after.contains("apt-get install"), "{said:?}");
    // and a log has none
    let ran = push(&server, DEB, &[], &[deb]);
    assert!(!ran.everything().contains(['\u{1b}', '\r', '\u{2588}']), "{}", ran.everything());
}

#[test]
fn github_shows_groups_and_annotations() {
    let (server, directory) = (Server::start(), temporary_directory());
    let deb = Deb::new("rws-one", "1.0", "amd64").build_as(directory.path(), "agent.deb");
    let github = |target: &str| {
        let home = temporary_directory();
        let program = logged_in(super::stage::bare(home.path()), server.credentials()).env("GITHUB_ACTIONS", "true");
        program.env("CI", "true").arg("push").arg(server.url(target)).arg(&deb).run()
    };
    let ran = github(&format!("/{DEB}"));
    expect(&ran, 0, &["::group::Check the packages", "::warning title=rws push::agent.deb: "]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let count = |text: &str| said.lines().filter(|line| line.starts_with(text)).count();
    assert_eq!((count("::group::"), count("::endgroup::")), (3, 3), "{said}");
    let ran = github("/live/9.9/ubuntu/jammy");
    expect(&ran, 3, &["::error title=rws push::", "Tarantool series \"9.9\" is not supported."]);
}
