//! What programs and operators read below `/-/`.

use serde_json::Value;

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, configured, deb_form, expect_code, expect_created, expect_status, get, put,
};
use crate::support::form::Form;
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{project_root, read_file, temporary_directory, test_cache};

#[test]
fn repositories() {
    let server = Server::start();
    let mut rows = Rows::default();
    rows.row("none yet", || assert_eq!(get(&server, "/-/repositories").text(), "{\"repositories\":[]}\n"));
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.source_rpm])));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb, &FIXTURES.arm_deb])));
    rows.row("each with its state", || {
        let json = get(&server, "/-/repositories").json();
        let repositories = json["repositories"].as_array().unwrap();
        let said: Vec<String> = repositories
            .iter()
            .map(|one| format!("{} {} {} {}", one["repository"], one["format"], one["state"], one["packages"]))
            .collect();
        let expected = [
            "\"live/1.10/el/7/SRPMS\" \"rpm\" \"published\" 1",
            "\"live/1.10/el/7/x86_64\" \"rpm\" \"published\" 1",
            "\"release/2.8/ubuntu/focal\" \"deb\" \"published\" 2",
        ];
        assert_eq!(said, expected);
        for one in repositories {
            let generation = one["generation"].as_str().unwrap();
            let tree = one["repository"].as_str().unwrap().trim_end_matches("/focal");
            expect_status(&get(&server, &format!("/@{generation}/{tree}/{}", root_of(one))), 200);
            assert!(one["published_at"].as_str().unwrap().ends_with('Z'));
            assert_eq!(one["last_error"], Value::Null);
        }
    });
    rows.row("another publish is seen at once", || {
        let before = get(&server, "/-/repositories").json()["repositories"][1]["generation"].clone();
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.noarch_rpm])));
        let after = get(&server, "/-/repositories").json()["repositories"].clone();
        let of = |name: &str| after.as_array().unwrap().iter().find(|one| one["repository"] == name).unwrap().clone();
        assert_ne!(of("live/1.10/el/7/x86_64")["generation"], before);
        assert_eq!(of("live/1.10/el/7/x86_64")["packages"], 2);
        assert_eq!(of("live/1.10/el/7/aarch64")["packages"], 1);
    });
    rows.end();
}

fn root_of(repository: &Value) -> &'static str {
    if repository["format"] == "deb" { "dists/focal/InRelease" } else { "repodata/repomd.xml" }
}

#[test]
fn a_repository_that_is_not_configured_any_more() {
    let directory = temporary_directory();
    let data = directory.path().join("data");
    let with = |change: &dyn Fn(&mut Value)| {
        let environment = super::stage::configuration(directory.path(), change);
        let options =
            crate::support::server::Options { environment, data_dir: Some(data.clone()), ..Default::default() };
        Server::start_with(options)
    };
    let mut server = with(&|_| {});
    let credentials = server.credentials().clone();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    assert!(server.terminate().success());
    let environment = super::stage::configuration(directory.path(), |file| {
        file["model"]["supported_repos"]["distrs"]["el"]["versions"] = serde_json::json!(["8"]);
    });
    let server = Server::start_with(crate::support::server::Options {
        environment,
        data_dir: Some(data.clone()),
        credentials: Some(credentials),
        ..Default::default()
    });
    let json = get(&server, "/-/repositories").json();
    assert_eq!(json["repositories"][0]["state"], "not-configured", "{json}");
    expect_status(&get(&server, "/live/1.10/el/7/x86_64/repodata/repomd.xml"), 200);
}

/// The value of a metric, with its labels where it has some.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn metrics() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let package = format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name);
    expect_status(&get(&server, &package), 200);
    expect_status(&get(&server, "/nothing"), 404);
    expect_status(&Request::new("PUT", RPM_TARGET).body("").send(&server), 401);
    let answer = get(&server, "/-/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let mut rows = Rows::default();
    for (name, least) in [
        ("rws_http_requests_total{kind=\"upload\",status=\"2xx\"}", 1.0),
        ("rws_http_requests_total{kind=\"upload\",status=\"401\"}", 1.0),
        ("rws_http_requests_total{kind=\"read\",status=\"2xx\"}", 1.0),
        ("rws_http_requests_total{kind=\"read\",status=\"404\"}", 1.0),
        ("rws_http_received_bytes_total{kind=\"upload\"}", FIXTURES.rpm.bytes.len() as f64),
        ("rws_http_sent_bytes_total{kind=\"read\"}", FIXTURES.rpm.bytes.len() as f64),
        ("rws_http_request_seconds_count{kind=\"upload\"}", 2.0),
        ("rws_logins_total{outcome=\"right\"}", 1.0),
        ("rws_publishes_total{outcome=\"published\"}", 1.0),
        ("rws_publish_seconds_count", 1.0),
        ("rws_http_connections", 1.0),
        ("rws_writable", 1.0),
        ("rws_repositories_failing", 0.0),
        ("rws_uploads_open", 0.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_cpu_seconds_total", 0.0),
        ("process_open_fds", 5.0),
    ] {
        rows.row(name, || {
            let value = metric(&text, name).unwrap_or_else(|| panic!("not among\n{text}"));
            assert!(value >= least, "{value} < {least}");
        });
    }
    rows.row("a wrong password is counted", || {
        let user = crate::support::server::Credentials { user: "x".to_owned(), password: "y".to_owned() };
        expect_status(&Request::new("PUT", RPM_TARGET).user(&user).body("").send(&server), 401);
        assert_eq!(metric(&get(&server, "/-/metrics").text(), "rws_logins_total{outcome=\"wrong\"}"), Some(1.0));
    });
    rows.row("each has its help", || {
        for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has none");
        }
    });
    rows.end();
}

#[test]
fn versions_and_addresses_that_are_none() {
    let server = Server::start();
    let mut rows = Rows::default();
    rows.row("version", || {
        let text = format!("{{\"name\":\"rws\",\"version\":\"{}\"}}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(get(&server, "/-/version").text(), text);
    });
    for path in
        ["/-/", "/-/nothing", "/-/version/more", "/-/health/", "/-/keys/", "/-/keys/other.asc", "/-/%00", "/-/%ff"]
    {
        rows.row(path, || expect_code(&get(&server, path), 404, "not-found"));
    }
    for (method, path, allowed) in [
        ("POST", "/-/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/-/repositories", "GET, HEAD, OPTIONS"),
        ("PATCH", "/-/metadata/live/1.10/el/7/x86_64/comps", "DELETE, OPTIONS, PUT"),
        ("TRACE", "/-/version", "GET, HEAD, OPTIONS"),
    ] {
        rows.row(&format!("{method} {path}"), || {
            let answer = Request::new(method, path).send(&server);
            expect_status(&answer, 405);
            assert_eq!(answer.header("allow"), Some(allowed));
        });
    }
    rows.end();
}

/// Set `RWS_WRITE_OPENAPI` to write the document anew; it is still compared.
#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let server = Server::start();
    let served = get(&server, "/-/openapi.json");
    expect_status(&served, 200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    let file = project_root().join("docs/openapi.json");
    if std::env::var_os("RWS_WRITE_OPENAPI").is_some() {
        crate::support::write_file(&file, &served.body);
    }
    let same = served.body == read_file(&file);
    assert!(same, "docs/openapi.json is not what the program serves; run this test with RWS_WRITE_OPENAPI=1 and look");
}

/// Requests made of the document by the hundred: the answers are what it says, for good and for bad input. That good input is
/// accepted cannot be asked: which repositories there are is the configuration's.
#[test]
fn the_program_does_what_the_document_says() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |_| {});
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let schemathesis = test_cache().join("schemathesis/bin/schemathesis");
    assert!(schemathesis.exists(), "{} is missing: run tests/setup", schemathesis.display());
    let credentials = server.credentials();
    let ran = Program::new(schemathesis.to_str().unwrap(), directory.path())
        .args(["run", &server.url("/-/openapi.json"), "--url", server.base_url(), "--auth"])
        .args([format!("{}:{}", credentials.user, credentials.password).as_str()])
        .args(["--include-path-regex", "^/-/", "--seed", "1", "--no-color", "--workers", "1"])
        .args(["--max-examples", &std::env::var("RWS_TEST_EXAMPLES").unwrap_or_else(|_| "10".to_owned())])
        .args(["--phases", "examples,coverage,fuzzing", "--exclude-checks", "positive_data_acceptance"])
        // names of repositories that it knows from one answer are hard to make up for the next request
        .args(["--suppress-health-check", "filter_too_much"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(directory.path())
        .run();
    assert!(ran.succeeded(), "{}", ran.transcript());
    assert!(ran.output().contains("32 selected") || ran.output().contains("29 tested"), "{}", ran.transcript());
    expect_status(&get(&server, "/-/health"), 200);
}
