//! Where a login comes from: files as other programs write them, and the tokens of CI services.

use std::os::unix::fs::PermissionsExt;

use rws_lab::{HttpServer, Reply};
use serde_json::json;

use super::stage::{RPM, bare, expect};
use crate::access::jobs::{AUDIENCE, Place};
use crate::contract::rows::Rows;
use crate::contract::stage::{expect_status, post_json};
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{temporary_directory, write_file};

#[test]
fn files_with_logins() {
    let (server, directory) = (Server::start(), temporary_directory());
    let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let home = temporary_directory();
    let push = |change: &dyn Fn(Program) -> Program| {
        let program = bare(home.path()).arg("push").arg(server.url(&format!("/{RPM}")));
        change(program).arg(&rpm).run()
    };
    let (user, password) = (&server.credentials().user, &server.credentials().password);
    let mut rows = Rows::default();
    let netrc = home.path().join(".netrc");
    rows.row("netrc", || {
        write_file(
            &netrc,
            format!(
                "machine other.example login x password y\nmachine 127.0.0.1\n login {user}\n password {password}\n"
            ),
        );
        expect(&push(&|program| program), 0, &["with user rws in ", ".netrc"]);
        std::fs::rename(&netrc, home.path().join("elsewhere")).unwrap();
        expect(&push(&|program| program), 4, &["no login was found"]);
        expect(&push(&|program| program.env("NETRC", home.path().join("elsewhere"))), 0, &["elsewhere"]);
    });
    let file = home.path().join(".config/rws/client.json");
    rows.row("a file of its own, which nobody else may read", || {
        let services = json!({ "services": { server.base_url(): { "user": user, "password": password } } });
        write_file(&file, services.to_string());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        expect(&push(&|program| program), 2, &["others may read it: chmod 600"]);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        expect(&push(&|program| program), 0, &["with user rws in ", "client.json"]);
    });
    rows.row("a token of RWS, which comes first", || {
        let made = post_json(&server, "/-/tokens", &json!({ "name": "ci", "allow": ["live/*"] }));
        expect_status(&made, 201);
        let token = made.json()["token"].as_str().unwrap().to_owned();
        let ran = push(&|program| program.env("RWS_TOKEN", &token));
        expect(&ran, 0, &["with the token of RWS_TOKEN"]);
        assert!(!ran.everything().contains(&token));
    });
    rows.end();
}

#[test]
fn tokens_of_ci_jobs_are_found() {
    let github = HttpServer::start(|_| Reply::new(404, ""));
    let place = Place::start();
    let token = place.token(json!({}));
    let given = token.clone();
    github.set(move |asked| {
        let is_right = asked.target == "/request?api-version=2.0&audience=https%3A%2F%2Frws%2Eexample%2Eorg"
            && asked.header("authorization") == "Bearer of-the-runner";
        match is_right {
            true => Reply::new(200, format!("{{\"count\":1,\"value\":\"{given}\"}}")),
            false => Reply::new(403, "{\"message\": \"no\"}"),
        }
    });
    let directory = temporary_directory();
    let rpms = ["rws-a", "rws-b"].map(|name| Rpm::new(name, "1.0", "1").build(directory.path()));
    let push = |variables: &[(&str, &str)]| {
        let home = temporary_directory();
        let program =
            bare(home.path()).args(["push", "--jobs", "1"]).arg(place.server.url(&format!("/{RPM}"))).args(&rpms);
        variables.iter().fold(program, |program, (name, value)| program.env(name, value)).run()
    };
    let url = format!("{}/request?api-version=2.0", github.url());
    let of_github =
        |runner| [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", runner)];
    let audience = [("RWS_AUDIENCE", AUDIENCE)];
    let mut rows = Rows::default();
    rows.row("GitHub", || {
        let ran = push(&[&of_github("of-the-runner")[..], &audience].concat());
        expect(&ran, 0, &["with the token of the GitHub job, for https://rws.example.org"]);
        assert!(!ran.everything().contains("eyJ"));
        assert_eq!(github.asked().len(), 1, "one token is enough for two uploads");
    });
    rows.row("GitHub without the permission", || {
        let ran = push(&[&of_github("wrong")[..], &audience].concat());
        expect(&ran, 4, &["GitHub does not give a token of the job: it answered 403", "id-token: write"]);
    });
    rows.row("GitHub, by default for the service itself", || {
        // the local GitHub gives tokens for another audience only
        expect(&push(&of_github("of-the-runner")), 4, &["for http://127.0.0.1"]);
    });
    rows.row("GitLab, and any other service", || {
        let ran = push(&[("RWS_ID_TOKEN", &place.token_of_gitlab())]);
        expect(&ran, 0, &["with the token of the CI job in RWS_ID_TOKEN"]);
        assert!(!ran.everything().contains("eyJ"));
    });
    rows.row("one that no rule takes", || {
        let ran = push(&[("RWS_ID_TOKEN", &place.token(json!({ "repository_id": "75" })))]);
        expect(&ran, 4, &["no rule", "1 were not sent"]);
    });
    rows.end();
}
