//! The measure of attacks (`bench/abuse.py`), in its short form: whatever clients do, the server lives, its memory stays below
//! 512 MiB, every answer is right, and what was promised is published, also after a kill. Times are printed, not judged.

use crate::support::program::Program;
use crate::support::{project_root, temporary_directory};

/// Those of the gate: of each kind one; the others run in the full tier.
const OF_THE_GATE: [&str; 9] = [
    "hosts",
    "modes",
    "h2-window-1",
    "h1-pipelined",
    "rpm-pills-small",
    "deb-control",
    "metadata-bombs",
    "drip-user",
    "login-addresses",
];

#[track_caller]
fn attack(options: &[&str], names: &[&str]) {
    let home = temporary_directory();
    let script = project_root().join("bench/abuse.py");
    let program = Program::new("python3", home.path()).arg(script);
    let ran = program.args(["--short", "--rws", env!("CARGO_BIN_EXE_rws")]).args(options).args(names).run();
    println!("{}", ran.expect_success().output());
}

#[test]
fn attacks_of_each_kind_harm_nobody() {
    // a control group is not to be had everywhere: memory is looked at ten times a second then
    attack(&["--no-cgroup"], &OF_THE_GATE);
}

#[test]
fn no_attack_harms_anybody() {
    attack(&[], &[]);
}
