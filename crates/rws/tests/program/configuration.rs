//! The configuration as a user meets it: the program, its exit code, and the one line it says.
#![expect(clippy::expect_used, reason = "test code")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const S3: [(&str, &str); 5] = [
    ("S3_URL", "http://127.0.0.1:9"),
    ("S3_REGION", "r"),
    ("S3_BUCKET", "packages"),
    ("S3_ACCESS_KEY", "id"),
    ("S3_SECRET_KEY", "hush-hush"),
];

/// Runs the program in a directory with these variables only.
fn rws(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rws"));
    command.args(arguments).current_dir(directory).env_clear().envs(variables.iter().copied());
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A directory with one file in it, `rws.json`.
fn directory(file: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("rws.json"), file).expect("the file can be written");
    directory
}

/// `config check`, `config show` and `serve` all refuse with the same line and exit code 2.
#[track_caller]
fn refuses(file: &str, variables: &[(&str, &str)], line: &str) {
    let directory = directory(file);
    for arguments in [&["config", "check"][..], &["config", "show"], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = rws(directory.path(), arguments, variables);
        assert_eq!(text(&output.stderr), format!("error: {line}\n"), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

const FILE: (&str, &str) = ("RWS_CFG", "rws.json");

#[test]
fn nothing_at_all_is_a_good_configuration() {
    let directory = directory("");
    let output = rws(directory.path(), &["config", "check"], &[]);
    let line = "ok: built-in: 2814 targets in the directory ./rws-data, a user made at the first start\n";
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (line, ""));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn mistakes_are_one_line_and_exit_code_2() {
    let readable = "is the path of a readable JSON file";
    refuses(
        "",
        &[("RWS_CFG", "absent")],
        &format!("environment: RWS_CFG is \"absent\", which does not exist; allowed {readable}"),
    );
    refuses(
        "",
        &[("RWS_CFG", ".")],
        &format!("environment: RWS_CFG is \".\", which is a directory; allowed {readable}"),
    );
    refuses(
        "{]",
        &[FILE],
        "rws.json: line 1, column 2 is not valid JSON: key must be a string; allowed is one JSON object",
    );
    refuses("{}", &[FILE], "rws.json: model is missing; allowed is an object with supported_repos");
    refuses(
        r#"{"model": {"supported_repos": {"repo_kind": ["live"], "tarantool_series": ["1.10"],
            "distrs": {"el": {"base": true, "versions": ["7"]}}}}}"#,
        &[FILE],
        "rws.json: model.supported_repos.distrs.el.base is true; allowed is \"deb\" or \"rpm\"",
    );
    let users = "is at least one user: {\"name\": \"hash\"}; or server.read_only: true in the file";
    refuses("", &[("RWS_CREDENTIALS", "{}")], &format!("environment: RWS_CREDENTIALS is empty; allowed {users}"));
    refuses(
        "",
        &S3,
        &format!("environment: RWS_CREDENTIALS is missing; it is required because S3 is the store; allowed {users}"),
    );
    refuses(
        "",
        &S3[1..3],
        "environment: S3_URL is missing; required because S3_REGION selects S3; allowed is a value there or as \
         model.endpoint_url in the configuration file",
    );
}

#[test]
fn mistakes_in_how_s3_is_talked_to_stop_the_start() {
    let with = |name, value| [&S3[..], &[("RWS_CREDENTIALS", r#"{"bob": "hash"}"#), (name, value)]].concat();
    let pem = "is the path of a readable PEM file with at least one certificate";
    for (name, value, problem, allowed) in [
        ("S3_ADDRESSING", "dns", "is \"dns\"", "is \"path\" or \"virtual-host\""),
        ("S3_TIMEOUT", "0", "is \"0\"", "is a whole number of seconds from 1 to 600"),
        ("S3_RETRIES", "21", "is \"21\"", "is a whole number from 0 to 20"),
        ("S3_CA_FILE", "absent", "is \"absent\", which does not exist", pem),
        ("S3_CA_FILE", "rws.json", "is \"rws.json\", which does not contain the line -----BEGIN CERTIFICATE-----", pem),
    ] {
        refuses("{}", &with(name, value), &format!("environment: {name} {problem}; allowed {allowed}"));
    }
    refuses(
        "",
        &with("S3_ADDRESSING", "virtual-host"),
        "environment: S3_URL is \"http://127.0.0.1:9\"; allowed is a URL with a host name, as S3_ADDRESSING is \
         \"virtual-host\" and a bucket cannot stand before an IP address; with \"path\" any URL",
    );
    refuses(
        "",
        &[("S3_RETRIES", "1")],
        "environment: S3_URL, S3_REGION, S3_BUCKET are missing; required because S3_RETRIES selects S3; allowed are a value there \
         or as model.endpoint_url, model.region, model.bucket_name in the configuration file",
    );
}

#[test]
fn a_bad_address_to_listen_on() {
    let directory = directory("");
    let allowed = "is ADDRESS:PORT, for example 127.0.0.1:5000, 0.0.0.0:80 or [::1]:5000";
    for (arguments, variables, line) in [
        (&["serve", "--listen", "80"][..], &[][..], format!("command line: --listen is \"80\"; allowed {allowed}")),
        (&["serve"], &[("RWS_LISTEN", "80")], format!("environment: RWS_LISTEN is \"80\"; allowed {allowed}")),
        (
            &["config", "check"],
            &[("PORT", "x")],
            "environment: PORT is \"x\"; allowed is a number from 0 to 65535".to_owned(),
        ),
    ] {
        let output = rws(directory.path(), arguments, variables);
        assert_eq!(text(&output.stderr), format!("error: {line}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn the_option_wins_over_the_variable_and_warnings_are_lines() {
    let file = r#"{"model": {"supported_repos": {"repo_kind": ["live"], "tarantool_series": ["1.10"],
        "distrs": {"alpine": {"base": "apk", "versions": ["3"]}}}}, "note": 1, "server": {"read_only": true}}"#;
    let directory = directory(file);
    for arguments in [["config", "check", "--config", "rws.json"], ["--config", "rws.json", "config", "check"]] {
        let output = rws(directory.path(), &arguments, &[("RWS_CFG", "absent")]);
        let expected = "\
            warning: rws.json: note is unknown and ignored; known are common, model, anchors, users, groups, htpasswd, \
            access_file, oidc, webhooks, repositories, keys, server, store, publish, audit, pages\n\
            warning: rws.json: model.supported_repos.distrs.alpine.base is \"apk\"; RWS refuses uploads there; allowed \
            is \"deb\" or \"rpm\"\n\
            ok: rws.json: 1 target in the directory ./rws-data, 0 users\n";
        assert_eq!(text(&output.stdout), expected);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn config_show_prints_json_without_secrets() {
    let directory = directory("");
    let users = [("RWS_CREDENTIALS", r#"{"bob": "hush-hush"}"#), ("GPG_SIGN_KEY_ARMORED", "hush-hush")];
    let more = [("S3_BASE_PATH", "/base/"), ("PORT", "8000"), ("S3_PUBLIC_READ", "False")];
    let connection = [("S3_CA_FILE", "authority.pem"), ("S3_TIMEOUT", "5"), ("S3_RETRIES", "0")];
    std::fs::write(directory.path().join("authority.pem"), "-----BEGIN CERTIFICATE-----\n").expect("it can be written");
    let output = rws(directory.path(), &["config", "show"], &[&S3[..], &users, &more, &connection].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("hush"));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(shown["listen"], "0.0.0.0:8000");
    assert_eq!(shown["store"]["s3"]["base_path"], "base");
    assert_eq!(shown["store"]["s3"]["secret_key"], "<set>");
    assert_eq!(shown["store"]["s3"]["addressing"], "path");
    assert_eq!(shown["store"]["s3"]["ca_file"], "authority.pem");
    assert_eq!(shown["store"]["s3"]["timeout_seconds"], 5);
    assert_eq!(shown["store"]["s3"]["retries"], 0);
    assert_eq!(shown["main_key"]["armored"], "<set>");
    assert_eq!(shown["main_key"]["passphrase"], "<not set>");
    assert_eq!(shown["users"]["bob"]["hash"], "<set>");
    assert_eq!(shown["makes_first_user"], false);
}

#[test]
fn a_wrong_command_line_is_one_line_and_exit_code_2() {
    let directory = directory("");
    for arguments in [&["serve", "--port", "80"][..], &["config", "edit"], &["config", "check", "--config"]] {
        let output = rws(directory.path(), arguments, &[]);
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn help_and_version() {
    let directory = directory("");
    let output = rws(directory.path(), &["--version"], &[]);
    assert_eq!(text(&output.stdout), format!("rws {}\n", env!("CARGO_PKG_VERSION")));
    let output = rws(directory.path(), &["--help"], &[]);
    assert!(text(&output.stdout).contains("RWS_CREDENTIALS (secret)"));
    assert_eq!(output.status.code(), Some(0));
    let output = rws(directory.path(), &[], &[]);
    assert!(text(&output.stderr).contains("Usage: rws"));
    assert_eq!(output.status.code(), Some(2));
}
