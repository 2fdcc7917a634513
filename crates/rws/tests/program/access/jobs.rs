//! CI jobs that log in with the tokens of their CI services: the claim sets are those of the real ones, the issuer is local.

use std::time::{SystemTime, UNIX_EPOCH};

use rws_lab::oidc::claim_sets::{github, gitlab, with};
use rws_lab::oidc::{LocalIssuer, SigningKey};
use rws_lab::{HttpServer, Reply};
use serde_json::{Value, json};

use super::secrecy::users;
use crate::contract::rows::Rows;
use crate::contract::stage::{FIXTURES, expect_code, expect_created, expect_status, user, with_users};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::raw::{Request, base64};
use crate::support::server::Server;
use crate::support::{project_root, read_file, temporary_directory, wait};

pub const AUDIENCE: &str = "https://rws.example.org";
const TARGET: &str = "/live/1.10/el/8";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64
}

/// A server that takes tokens of two issuers, and these.
pub struct Place {
    pub server: Server,
    github: LocalIssuer,
    gitlab: LocalIssuer,
    key: SigningKey,
    other_key: SigningKey,
    _directory: tempfile::TempDir,
}

impl Place {
    pub fn start() -> Self {
        let (key, other_key) = (SigningKey::rsa("one", 2048), SigningKey::p256("one"));
        let (of_github, of_gitlab) = (LocalIssuer::start(&[&key]), LocalIssuer::start(&[&other_key]));
        let directory = temporary_directory();
        let server = with_users(directory.path(), &users(), |file| {
            file["repositories"] = json!([{ "match": "live/2.8/*", "read": ["oidc:core"] }]);
            file["oidc"] = json!([
                { "type": "github", "issuer": of_github.url(), "audience": AUDIENCE, "rules": [
                    { "name": "core", "claims": { "repository_id": "74", "ref": "refs/tags/*" },
                      "allow": [{ "match": "live/*", "verbs": ["upload"], "packages": ["rws-*"] }] },
                ] },
                { "type": "gitlab", "issuer": of_gitlab.url(), "audience": AUDIENCE, "rules": [
                    { "name": "lab", "claims": { "project_id": "20", "ref_protected": "true" }, "allow": ["live/*"] },
                ] },
            ]);
        });
        Self { server, github: of_github, gitlab: of_gitlab, key, other_key, _directory: directory }
    }

    /// A token of a push of a tag, with other claims.
    pub fn token(&self, claims: Value) -> String {
        self.key.sign(&with(github(self.github.url(), AUDIENCE, now()), claims))
    }

    /// A token of a pipeline of GitLab.
    pub fn token_of_gitlab(&self) -> String {
        self.other_key.sign(&gitlab(self.gitlab.url(), AUDIENCE, now()))
    }

    fn put(&self, token: &str) -> Answer {
        let request = Request::new("PUT", &format!("{TARGET}?wait=30"));
        request.header("Authorization", &format!("Bearer {token}")).form(Form::of([&FIXTURES.rpm])).send(&self.server)
    }
}

#[test]
fn the_token_of_a_job_is_the_credential() {
    let place = Place::start();
    let mut rows = Rows::default();
    let token = place.token(json!({}));
    rows.row("as Bearer, and as the password of anybody", || {
        expect_created(&place.put(&token));
        let basic = format!("Basic {}", base64(format!("anybody:{token}").as_bytes()));
        let request = Request::new("PUT", TARGET).header("Authorization", &basic);
        expect_created(&request.form(Form::of([&FIXTURES.rpm])).send(&place.server));
    });
    rows.row("of another service, with a key of the same name", || {
        expect_created(&place.put(&place.token_of_gitlab()));
    });
    rows.row("it may what its rule allows, and read what names the rule", || {
        let bearer = |method: &str, path: &str| {
            Request::new(method, path).header("Authorization", &format!("Bearer {token}")).body("").send(&place.server)
        };
        expect_status(&bearer("DELETE", &format!("{TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name)), 403);
        expect_status(&bearer("GET", "/-/tokens"), 403);
        let form = Form::of([&FIXTURES.rpm]);
        let private = "/live/2.8/el/8";
        let sent =
            Request::new("PUT", &format!("{private}?wait=30")).header("Authorization", &format!("Bearer {token}"));
        expect_created(&sent.form(form).send(&place.server));
        let root = format!("{private}/x86_64/repodata/repomd.xml");
        expect_status(&bearer("GET", &root), 200);
        expect_status(&Request::get(&root).user(&user("ann")).send(&place.server), 404);
    });
    rows.row("the audit says which claims were accepted", || {
        let audit = Request::get("/-/audit").user(&user("root")).send(&place.server).text();
        let first: Value = audit.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        assert_eq!(first["user"], "oidc:core");
        let claims = &first["claims"];
        assert_eq!((&claims["repository_id"], &claims["ref"]), (&json!("74"), &json!("refs/tags/2.11.0")));
        assert_eq!(claims["iss"], place.github.url());
        assert!(!audit.contains(&token));
    });
    rows.row("no log has it", || {
        let signature = token.rsplit('.').next().unwrap_or_default();
        assert!(!place.server.log().contains(signature));
        place.server.wait_for_log("user=\"oidc:core\"");
    });
    rows.end();
}

#[test]
fn tokens_that_are_not_taken() {
    let place = Place::start();
    let mut rows = Rows::default();
    let good = place.token(json!({}));
    let stranger = SigningKey::rsa("one", 2048);
    let claims = |changes: Value| with(github(place.github.url(), AUDIENCE, now()), changes);
    let unsigned = format!("{}.", good.rsplit_once('.').map_or("", |(signed, _)| signed));
    for (name, token, status, code) in [
        ("forged", stranger.sign(&claims(json!({}))), 401, "bad-token"),
        ("unsigned", unsigned, 401, "bad-token"),
        ("expired", place.token(json!({ "exp": now() - 600 })), 401, "bad-token"),
        ("not yet good", place.token(json!({ "nbf": now() + 600 })), 401, "bad-token"),
        ("for another audience", place.token(json!({ "aud": "https://other.example.org" })), 401, "bad-token"),
        ("of a stranger", place.token(json!({ "iss": "https://issuer.example.org" })), 401, "bad-token"),
        ("key of another issuer", place.other_key.sign(&claims(json!({}))), 401, "bad-token"),
        ("a fork", place.token(json!({ "repository_id": "75" })), 403, "forbidden"),
        (
            "a name that was taken over",
            place.token(json!({ "repository_id": "76", "repository": "octo-org/octo-repo" })),
            403,
            "forbidden",
        ),
        ("a branch", place.token(json!({ "ref": "refs/heads/main" })), 403, "forbidden"),
        ("a pull request", place.token(json!({ "event_name": "pull_request_target" })), 403, "forbidden"),
        ("another workflow's run", place.token(json!({ "event_name": "workflow_run" })), 403, "forbidden"),
    ] {
        rows.row(name, || {
            let answer = place.put(&token);
            expect_code(&answer, status, code);
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
            assert!(!answer.text().contains("eyJ"), "{}", answer.text());
        });
    }
    rows.row("the good one is taken still", || expect_created(&place.put(&good)));
    rows.end();
}

#[test]
fn an_issuer_that_is_down_keeps_nobody_else_out() {
    let place = Place::start();
    let good = place.token(json!({}));
    for reply in [Reply::new(500, ""), Reply::new(200, "x".repeat(10 << 20)), Reply::new(200, "{\"keys\": 1}")] {
        place.github.server().set(move |_| reply.clone());
        expect_status(&place.put(&good), 503);
        let form = Form::of([&FIXTURES.rpm]);
        expect_created(&Request::new("PUT", TARGET).user(&user("root")).form(form).send(&place.server));
        expect_created(&place.put(&place.token_of_gitlab()));
    }
    place.github.recover();
    let taken = wait::until_or(wait::BOUND * 2, || (place.put(&good).status == 201).then_some(()));
    assert!(taken.is_some(), "{}", place.put(&good).text());
}

#[test]
fn the_action_logs_in_with_the_token_of_the_job() {
    // what GitHub answers to a job that asks for its token
    let service = HttpServer::start(|_| Reply::new(404, ""));
    let place = Place::start();
    let token = place.token(json!({}));
    service.set(move |asked| {
        let is_right = asked.target.starts_with("/request?api-version=2.0&audience=https")
            && asked.header("authorization").eq_ignore_ascii_case("bearer of-the-runner");
        match is_right {
            true => Reply::new(200, format!("{{\"count\":1,\"value\":\"{token}\"}}")),
            false => Reply::new(403, "{\"message\": \"no\"}"),
        }
    });
    let directory = temporary_directory();
    Rpm::new("rws-job", "1.0", "1").build(directory.path());
    let action = |runner: &str| {
        let home = temporary_directory();
        Program::new(project_root().join(".github/actions/upload/upload"), home.path())
            .env("RWS_ENDPOINT", place.server.url(&format!("{TARGET}?wait=30")))
            .env("RWS_AUDIENCE", AUDIENCE)
            .env("RWS_PKG_DIR", directory.path().display().to_string())
            .env("RWS_RETRY", "0")
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/request?api-version=2.0", service.url()))
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", runner)
            .run()
    };
    let said = action("of-the-runner").expect_success().everything();
    assert!(said.contains("OK") && !said.contains("eyJ"), "{said}");
    let said = action("wrong").expect_failure().everything();
    assert!(said.contains("GitHub does not give a token of the job"), "{said}");
}

#[test]
fn the_example_for_gitlab_uploads() {
    let place = Place::start();
    let docs = String::from_utf8(read_file(&project_root().join("docs/access.md"))).unwrap_or_default();
    let (_, rest) = docs.split_once("  id_tokens:").unwrap_or_default();
    let (_, script) = rest.split_once("  script:\n").unwrap_or_default();
    let (script, _) = script.split_once("```").unwrap_or_default();
    // lines of a YAML list, some of them folded
    let script = script.replace("    - >-\n", "").replace("    - ", "").replace("\n      ", " ");
    assert!(script.contains("RWS_TOKEN"), "{docs}");
    let script = script.replace("https://rws.example.org", place.server.base_url());
    let directory = temporary_directory();
    let built = Rpm::new("rws-job", "1.0", "1").build(directory.path());
    std::fs::create_dir(directory.path().join("build")).unwrap();
    std::fs::rename(&built, directory.path().join("build/package.rpm")).unwrap();
    let run = |token: &str| {
        let shell = Program::new("bash", directory.path()).args(["-euo", "pipefail", "-c", &script]);
        shell.env("RWS_TOKEN", token).current_dir(directory.path()).run()
    };
    assert!(run(&place.token_of_gitlab()).expect_success().everything().contains("OK"));
    let of_branch = with(gitlab(place.gitlab.url(), AUDIENCE, now()), json!({ "ref_protected": "false" }));
    assert!(run(&place.other_key.sign(&of_branch)).expect_failure().everything().contains("no rule"));
}
