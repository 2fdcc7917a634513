//! The tutorial and the how-tos: every command of them is run, in the order in which it stands there. What needs systemd is in
//! `package::service`.
#![expect(clippy::unwrap_used, reason = "test code")]

mod bucket;
mod operation;

use std::path::Path;

use crate::support::debian_system::debian_system;
use crate::support::documents::{Guide, blocks, document};
use crate::support::server::Server;
use crate::support::{file_name, files_in, project_root};

/// The documents whose commands tests run, each with its test.
const GUIDES: [(&str, fn()); 10] = [
    ("docs/tutorial.md", the_tutorial),
    ("docs/how-to/install.md", crate::package::service::the_guides_of_the_service),
    ("docs/how-to/move-to-another-bucket.md", bucket::moving_to_another_bucket),
    ("docs/how-to/nginx.md", crate::package::service::the_guides_of_the_service),
    ("docs/how-to/operate.md", operation::when_something_is_wrong),
    ("docs/how-to/replicas.md", bucket::several_replicas),
    ("docs/how-to/rotate-a-key.md", operation::replacing_a_key),
    ("docs/how-to/s3.md", bucket::with_a_bucket),
    ("docs/how-to/who-uploaded-what.md", operation::who_uploaded_what),
    // it has none
    ("docs/how-to/README.md", no_guide_is_left_out),
];

#[test]
fn no_guide_is_left_out() {
    let pages = files_in(&project_root().join("docs/how-to"));
    let pages = pages.iter().map(|page| format!("docs/how-to/{}", file_name(page)));
    for page in pages.chain(["docs/tutorial.md".to_owned()]) {
        let is_listed = GUIDES.iter().any(|(path, _)| *path == page);
        assert!(is_listed, "no test runs the commands of {page}: write one with documents::Guide, and list it here");
    }
    assert_eq!(blocks(&document("docs/how-to/README.md")).len(), 0);
    // an index that lacks a page is of no use
    let index = document("docs/how-to/README.md");
    for (path, _) in &GUIDES[1..9] {
        let name = file_name(Path::new(path));
        assert!(index.contains(&format!("({name})")), "{name} is not in docs/how-to/README.md");
    }
}

/// As root on a machine of its own, from the package to its removal.
#[test]
pub fn the_tutorial() {
    let server = Server::start();
    let mut guide = Guide::open("docs/tutorial.md");
    // all tests run a program that cargo built, and start it so
    guide.expect("cargo build --release\nexport PATH=\"$PWD/target/release:$PATH\"");
    guide.expect("rws serve");
    let host = server.base_url().trim_start_matches("http://");
    let at = ("127.0.0.1:5000", host);
    let yes = ("apt-get install", "apt-get install --yes");
    let commands = [
        guide.next(&[]),
        guide.next(&[at, ("=PASSWORD", &format!("={}", server.credentials().password))]),
        guide.next(&[at, yes]),
        guide.next(&[]),
        guide.next(&[yes]),
        guide.next(&[("apt-get purge", "apt-get purge --yes")]),
    ];
    let system = debian_system(&["libc6"]);
    system.write("opt/rws", "");
    std::fs::copy(env!("CARGO_BIN_EXE_rws"), system.path("opt/rws")).unwrap();
    let script = format!("cd /tmp; export PATH=/opt:$PATH DEBIAN_FRONTEND=noninteractive\n{}", commands.join("\n"));
    let said = system.succeed(&["bash", "-euc", &script]);
    for part in ["published  1 package", "hello from 1.0\n", "hello from 1.1\n", "Removing rws-demo (1.1)"] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}
