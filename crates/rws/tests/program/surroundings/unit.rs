//! The units of packaging/: judged by systemd's own tool. The full tier runs them.

use crate::support::program::Program;
use crate::support::{project_root, temporary_directory};

#[test]
fn the_service_is_confined() {
    let directory = temporary_directory();
    let analyze = Program::new("systemd-analyze", directory.path());
    // a tenth of a point each; what is left is the network and the directory of the repositories
    let ran = analyze.args(["security", "--offline=true", "--threshold=15"]);
    let ran = ran.arg(project_root().join("packaging/rws.service")).run().expect_success();
    assert!(ran.everything().contains("Overall exposure level for rws.service: 1."), "{}", ran.transcript());
}
