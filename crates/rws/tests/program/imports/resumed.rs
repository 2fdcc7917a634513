//! An import that is killed goes on where it was.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rws_lab::{Asked, HttpServer, Reply};
use serde_json::Value;

use super::trees::import;
use crate::contract::stage::get;
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::{Server, own_variables};
use crate::support::{file_name, read_file, temporary_directory, wait, write_file};

const TARGET: &str = "release/2.8/ubuntu/focal";

/// More than one upload of an import takes.
const PACKAGES: usize = 103;

#[test]
fn a_killed_import_goes_on_where_it_was() {
    let (tree, work) = (temporary_directory(), temporary_directory());
    // one package that dpkg made, under many names: what differs is in its control file
    let pool = tree.path().join("pool");
    for number in 0..PACKAGES {
        let path = Deb::new(&format!("rws-{number}"), "1.0-1", "all").build(work.path());
        write_file(&pool.join(file_name(&path)), read_file(&path));
    }
    let listed =
        Program::new("apt-ftparchive", work.path()).current_dir(tree.path()).args(["packages", "pool"]).succeed();
    write_file(&tree.path().join("dists/focal/main/binary-amd64/Packages"), &listed.stdout);
    let release = Program::new("apt-ftparchive", work.path()).current_dir(tree.path()).args(["release", "dists/focal"]);
    write_file(&tree.path().join("dists/focal/Release"), &release.succeed().stdout);

    let (root, is_held, is_open) =
        (tree.path().to_owned(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (held, open) = (Arc::clone(&is_held), Arc::clone(&is_open));
    let asked_debs = |server: &HttpServer| {
        let debs = server.asked().into_iter().filter(|asked| asked.target.starts_with("/pool/"));
        debs.fold(BTreeMap::<String, usize>::new(), |mut counts, asked| {
            *counts.entry(asked.target).or_default() += 1;
            counts
        })
    };
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let source = HttpServer::start(move |asked: &Asked| {
        let path = root.join(asked.target.trim_start_matches('/'));
        if !path.is_file() {
            return Reply::new(404, "");
        }
        let is_late = asked.target.starts_with("/pool/") && count.fetch_add(1, Ordering::SeqCst) == PACKAGES - 2;
        if is_late && !open.load(Ordering::SeqCst) {
            held.store(true, Ordering::SeqCst);
            while !open.load(Ordering::SeqCst) {
                std::thread::yield_now();
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        }
        Reply::new(200, read_file(&path))
    });
    let server = Server::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rws"));
    own_variables().iter().for_each(|name| _ = command.env_remove(name));
    command.env("RWS_DATA_DIR", server.data_dir()).args(["import", source.url(), TARGET]);
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{error}"));
    wait::until("the last but one package", wait::BOUND * 2, || is_held.load(Ordering::SeqCst).then_some(()));
    child.kill().and_then(|()| child.wait()).unwrap_or_else(|error| panic!("{error}"));
    is_open.store(true, Ordering::SeqCst);

    let ran = import(&server, source.url(), TARGET, &["--json"]).expect_success();
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let counts = ["imported", "present"].map(|key| said[key].as_u64().unwrap_or_default());
    assert_eq!(counts, [3, 100], "{}", ran.transcript());
    // what was taken is not asked for again
    let asked = asked_debs(&source);
    assert_eq!(asked.values().filter(|count| **count > 1).count(), 2, "{asked:?}");
    let repositories = get(&server, "/-/repositories").text();
    assert!(repositories.contains(&format!("\"packages\":{PACKAGES}")), "{repositories}");
}
