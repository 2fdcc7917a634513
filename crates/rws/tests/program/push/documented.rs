//! The commands of docs/publishing.md, as they stand there but for address, user and password.

use std::path::Path;

use rws_lab::{HttpServer, Reply};
use serde_json::json;

use super::stage::{bare_program, logged_in};
use crate::access::jobs::Place;
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{project_root, read_file, temporary_directory};

const ADDRESS: &str = "https://rws.example.org";

#[track_caller]
fn document() -> String {
    String::from_utf8(read_file(&project_root().join("docs/publishing.md"))).unwrap()
}

/// What stands in the first block of a kind after a heading.
#[track_caller]
fn block(heading: &str, kind: &str) -> String {
    let document = document();
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let (_, block) = section.split_once(&format!("```{kind}\n")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// Runs commands with the program in PATH, and packages in `build/`.
fn shell(commands: &str, directory: &Path) -> Program {
    let program = Path::new(env!("CARGO_BIN_EXE_rws")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let shell = bare_program("bash", directory).args(["-euo", "pipefail", "-c", commands]);
    shell.env("PATH", path).current_dir(directory)
}

fn with_a_package() -> tempfile::TempDir {
    let directory = temporary_directory();
    std::fs::create_dir(directory.path().join("build")).unwrap();
    Deb::new("rws-demo", "1.0", "all").build(&directory.path().join("build"));
    directory
}

#[test]
fn from_a_laptop_and_from_afar() {
    let (server, directory) = (Server::start(), with_a_package());
    let login = "export RWS_USER=ci RWS_PASSWORD=…";
    let commands = block("From a laptop", "sh");
    assert!(commands.contains(login), "{commands}");
    let own = format!("export RWS_USER={} RWS_PASSWORD={}", server.credentials().user, server.credentials().password);
    let commands = commands.replace(login, &own).replace(ADDRESS, server.base_url());
    let said = shell(&commands, directory.path()).succeed().output();
    assert!(said.contains("apt-get install"), "{said}");

    let commands = block("Change repositories from afar", "sh").replace(ADDRESS, server.base_url());
    let said = logged_in(shell(&commands, directory.path()), server.credentials()).succeed().output();
    for part in ["live/1.10/ubuntu/focal  published  1 package", "+ rws-demo 1.0 all", "pinned", "rollback by rws"] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

#[test]
fn from_github_and_gitlab() {
    let place = Place::start();
    let token = place.token(json!({}));
    let github =
        HttpServer::start(move |asked| match asked.target.ends_with("audience=https%3A%2F%2Frws%2Eexample%2Eorg") {
            true => Reply::new(200, format!("{{\"value\":\"{token}\"}}")),
            false => Reply::new(400, ""),
        });
    let script = |heading: &str| {
        let job = block(heading, "yaml");
        let line = job.lines().find_map(|line| Some(line.split_once("rws push ")?.1)).unwrap();
        let command = format!("rws push {line}").replace(ADDRESS, place.server.base_url());
        (command, job)
    };
    let directory = with_a_package();
    let (command, job) = script("From GitHub Actions");
    assert!(job.contains("id-token: write"), "{job}");
    let ran = shell(&command, directory.path())
        .env("CI", "true")
        .env("GITHUB_ACTIONS", "true")
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?api-version=2.0", github.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-runner")
        // the service of the test is at another address than the one that the rules know
        .env("RWS_AUDIENCE", ADDRESS)
        .succeed();
    assert!(ran.everything().contains("::group::Upload to ") && ran.output().contains("apt-get install"));
    let (command, job) = script("From GitLab CI");
    assert!(job.contains("    RWS_ID_TOKEN:\n      aud: https://rws.example.org\n"), "{job}");
    let ran = shell(&command, directory.path()).env("CI", "true").env("GITLAB_CI", "true");
    let said = ran.env("RWS_ID_TOKEN", place.token_of_gitlab()).succeed().output();
    assert!(said.contains("apt-get install"), "{said}");
}

#[test]
fn from_jenkins() {
    let (server, directory) = (Server::start(), with_a_package());
    let create = block("From Jenkins", "sh").replace(ADDRESS, server.base_url());
    let token = logged_in(shell(&create, directory.path()), server.credentials()).succeed().output();
    let token = token.split_whitespace().find(|word| word.starts_with("rws_")).unwrap().to_owned();
    let pipeline = block("From Jenkins", "groovy");
    assert!(pipeline.contains("RWS_TOKEN = credentials('rws-token')"), "{pipeline}");
    let command = pipeline.lines().find_map(|line| line.trim().strip_prefix("sh '")?.strip_suffix('\'')).unwrap();
    let ran = shell(&command.replace(ADDRESS, server.base_url()), directory.path()).env("RWS_TOKEN", token);
    let said = ran.env("CI", "true").env("JENKINS_URL", "https://jenkins.example.org").succeed().output();
    assert!(said.contains("apt-get install"), "{said}");
}
