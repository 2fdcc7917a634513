//! How the S3 service is talked to: settings of `store` and of variables.

use std::time::Duration;

use super::variables::{CA_FILE, S3};
use super::*;
use crate::configuration::{Addressing, StoreConfiguration};

const ADDRESSINGS: &str = "is \"path\" or \"virtual-host\"";
const SECONDS: &str = "is a whole number of seconds from 1 to 600";
const TIMES: &str = "is a whole number from 0 to 20";
const PEM: &str = "is the path of a readable PEM file with at least one certificate";

/// All of S3 with further variables, which win over the same ones of it.
fn with_s3(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let others = S3.iter().filter(|(name, _)| more.iter().all(|(known, _)| known != name));
    others.chain(more).copied().collect()
}

fn with_store(key: &str, value: Value) -> Value {
    with(small(), "/store", json!({ key: value }))
}

#[track_caller]
fn in_use(file: &Value, variables: &[(&'static str, &'static str)]) -> (Addressing, Option<PathBuf>, Duration, u32) {
    match resolved(file, &with_s3(variables)).store {
        StoreConfiguration::S3 { addressing, ca_file, timeout, retries, .. } => (addressing, ca_file, timeout, retries),
        StoreConfiguration::Local { .. } => panic!("S3 was selected"),
    }
}

#[test]
fn nothing_said_is_path_addressing_30_seconds_and_5_retries() {
    let expected = (Addressing::Path, None, Duration::from_secs(30), 5);
    assert_eq!(in_use(&small(), &[]), expected);
    let nulls = json!({ "addressing": null, "ca_file": null, "timeout_seconds": null, "retries": null });
    for store in [json!(null), json!({}), nulls] {
        assert_eq!(in_use(&with(small(), "/store", store), &[]), expected);
    }
}

#[test]
fn encryption_and_the_owner_of_the_bucket() {
    let file = with(small(), "/store", json!({ "sse_kms_key_id": "alias/rws", "bucket_owner": "012345678901" }));
    let store = &shown(&resolved(&file, &S3))["store"]["s3"];
    assert_eq!((&store["sse_kms_key_id"], &store["bucket_owner"]), (&json!("alias/rws"), &json!("012345678901")));
    let (key, owner) = ("is the id, the alias or the ARN of a key of KMS", "is the number of an account: 12 digits");
    for (name, value, allowed) in [
        ("sse_kms_key_id", json!(""), key),
        ("sse_kms_key_id", json!("a b"), key),
        ("sse_kms_key_id", json!(true), key),
        ("bucket_owner", json!("1"), owner),
        ("bucket_owner", json!("01234567890a"), owner),
        ("bucket_owner", json!(123_456_789_012_u64), owner),
    ] {
        for variables in [&S3[..], &[]] {
            let line = mistake(&with_store(name, value.clone()), variables);
            assert_eq!(line, format!("rws.json: store.{name} is {value}; allowed {allowed}"));
        }
    }
}

#[test]
fn all_of_them_in_variables_or_in_the_file() {
    let expected = (Addressing::VirtualHost, Some(CA_FILE.into()), Duration::from_secs(1), 20);
    let variables =
        [("S3_ADDRESSING", "virtual-host"), ("S3_CA_FILE", CA_FILE), ("S3_TIMEOUT", "1"), ("S3_RETRIES", "20")];
    assert_eq!(in_use(&small(), &variables), expected);
    let store = json!({ "addressing": "virtual-host", "ca_file": CA_FILE, "timeout_seconds": 1, "retries": 20 });
    assert_eq!(in_use(&with(small(), "/store", store), &[]), expected);
}

#[test]
fn the_variable_wins_over_the_key_and_an_empty_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.pem");
    std::fs::copy(CA_FILE, &other).unwrap();
    let other = other.to_str().unwrap();
    for (variable, text, key, of_variable, of_file) in [
        ("S3_ADDRESSING", "path", "addressing", json!("path"), json!("virtual-host")),
        ("S3_CA_FILE", CA_FILE, "ca_file", json!(CA_FILE), json!(other)),
        ("S3_TIMEOUT", "7", "timeout_seconds", json!(7), json!(600)),
        ("S3_RETRIES", "7", "retries", json!(7), json!(0)),
    ] {
        let file = with_store(key, of_file.clone());
        let at = |text| shown(&resolved(&file, &with_s3(&[(variable, text)])))["store"]["s3"][key].clone();
        assert_eq!(at(text), of_variable, "{variable}");
        assert_eq!(at(""), of_file, "{variable}");
        assert_eq!(resolved(&file, &S3).warnings, [""; 0], "{key}");
    }
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    for (variable, text, allowed) in [
        ("S3_ADDRESSING", "Path", ADDRESSINGS),
        ("S3_ADDRESSING", "virtual_host", ADDRESSINGS),
        ("S3_TIMEOUT", "0", SECONDS),
        ("S3_TIMEOUT", "601", SECONDS),
        ("S3_TIMEOUT", "30s", SECONDS),
        ("S3_TIMEOUT", "+5", SECONDS),
        ("S3_TIMEOUT", " 5", SECONDS),
        ("S3_TIMEOUT", "1.5", SECONDS),
        ("S3_TIMEOUT", "99999999999999999999", SECONDS),
        ("S3_RETRIES", "-1", TIMES),
        ("S3_RETRIES", "21", TIMES),
        ("S3_RETRIES", "many", TIMES),
    ] {
        let line = mistake(&small(), &with_s3(&[(variable, text)]));
        assert_eq!(line, format!("environment: {variable} is {text:?}; allowed {allowed}"));
    }
    for (key, value, allowed) in [
        ("addressing", json!("virtual"), ADDRESSINGS),
        ("addressing", json!(""), ADDRESSINGS),
        ("addressing", json!(true), ADDRESSINGS),
        ("timeout_seconds", json!(0), SECONDS),
        ("timeout_seconds", json!(601), SECONDS),
        ("timeout_seconds", json!("30"), SECONDS),
        ("timeout_seconds", json!(1.5), SECONDS),
        ("timeout_seconds", json!(5_000_000_000_u64), SECONDS),
        ("retries", json!(21), TIMES),
        ("retries", json!(-1), TIMES),
        ("retries", json!(4_294_967_297_u64), TIMES),
        ("ca_file", json!(1), PEM),
    ] {
        // where nothing selects S3 too
        for variables in [&S3[..], &[]] {
            let line = mistake(&with_store(key, value.clone()), variables);
            assert_eq!(line, format!("rws.json: store.{key} is {value}; allowed {allowed}"));
        }
    }
}

#[test]
fn a_file_of_authorities_has_a_certificate() {
    let certificate = std::fs::read_to_string(CA_FILE).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let no_line = Some("does not contain the line -----BEGIN CERTIFICATE-----");
    for (name, content, wrong) in [
        ("one.pem", certificate.clone().into_bytes(), None),
        ("two.pem", format!("first\n{certificate}second\n{certificate}").into_bytes(), None),
        ("with carriage returns.pem", certificate.replace('\n', "\r\n").into_bytes(), None),
        ("in latin-1.pem", [b"Autorit\xe9\n", certificate.as_bytes()].concat(), None),
        ("no line break at the end.pem", certificate.trim_end().into(), None),
        ("empty.pem", Vec::new(), no_line),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\n".to_vec(), no_line),
        ("trusted.pem", b"-----BEGIN TRUSTED CERTIFICATE-----\n".to_vec(), no_line),
        ("quoted.pem", certificate.replace("-----BEGIN", "> -----BEGIN").into_bytes(), no_line),
        ("authority.der", b"\x30\x82\x01\x0a\x00\xff".to_vec(), no_line),
    ] {
        let path = path(name);
        std::fs::write(&path, content).unwrap();
        expect_judged(&path, wrong);
    }
    expect_judged(&path("absent.pem"), Some("does not exist"));
    expect_judged(directory.path().to_str().unwrap(), Some("is a directory"));
    #[cfg(unix)]
    expect_judged("/dev/null", Some("is not a regular file"));
}

/// In the file and in the variable, the path is taken or is wrong for this reason.
#[track_caller]
fn expect_judged(path: &str, wrong: Option<&str>) {
    let file = with_store("ca_file", json!(path));
    let variables = [&S3[..], &[("S3_CA_FILE", path)]].concat();
    let Some(reason) = wrong else {
        for configuration in [resolved(&file, &S3), resolved(&small(), &variables)] {
            assert_eq!(shown(&configuration)["store"]["s3"]["ca_file"], path);
        }
        return;
    };
    for (result, place) in
        [(resolve(&file, &S3), "rws.json: store.ca_file"), (resolve(&small(), &variables), "environment: S3_CA_FILE")]
    {
        let mistake = result.unwrap_err();
        assert_eq!(format!("{}: {}", mistake.origin, mistake.key), place);
        assert!(mistake.problem.ends_with(&format!(", which {reason}")), "{mistake}");
        assert_eq!(mistake.allowed, PEM);
    }
}

#[test]
fn keys_of_store_select_nothing() {
    let store = json!({ "addressing": "virtual-host", "ca_file": CA_FILE, "timeout_seconds": 9, "retries": 0 });
    let configuration = resolved(&with(small(), "/store", store), &[]);
    assert_eq!(
        configuration.store,
        StoreConfiguration::Local { directory: "./rws-data".into(), allowed_links: Vec::new() }
    );
    let keys = ["addressing", "ca_file", "timeout_seconds", "retries"];
    let lines = keys.map(|key| format!("rws.json: store.{key} is not used, because nothing selects S3"));
    assert_eq!(configuration.warnings, lines);
}

#[test]
fn a_bucket_cannot_stand_before_an_address() {
    let address = "is a URL with a host name, as {} is \"virtual-host\" and a bucket cannot stand before an IP address; \
                   with \"path\" any URL";
    let name = "is a name of a-z, 0-9, - and _, and of . between them, as {} is \"virtual-host\" and the bucket becomes \
                a part of the host name; with \"path\" any name";
    let of_variable = ("S3_ADDRESSING", "virtual-host");
    for (variable, key, value, allowed) in [
        ("S3_URL", "endpoint_url", "http://127.0.0.1:9000", address),
        ("S3_URL", "endpoint_url", "https://[::1]", address),
        ("S3_BUCKET", "bucket_name", "Packages", name),
    ] {
        for (file, addressing, chosen) in [
            (small(), "S3_ADDRESSING", of_variable),
            (with_store("addressing", json!("virtual-host")), "store.addressing", ("S3_ADDRESSING", "")),
        ] {
            let allowed = allowed.replace("{}", addressing);
            let line = mistake(&file, &with_s3(&[chosen, (variable, value)]));
            assert_eq!(line, format!("environment: {variable} is {value:?}; allowed {allowed}"));
            let line =
                mistake(&with(file, &format!("/model/{key}"), json!(value)), &with_s3(&[chosen, (variable, "")]));
            assert_eq!(line, format!("rws.json: model.{key} is {value:?}; allowed {allowed}"));
        }
        // the variable is what counts, and path takes them all
        let file = with_store("addressing", json!("virtual-host"));
        assert_eq!(in_use(&file, &[("S3_ADDRESSING", "path"), (variable, value)]).0, Addressing::Path);
    }
    let good = [("S3_URL", "https://s3.example.org:9000/"), ("S3_BUCKET", "my-packages.2"), of_variable];
    assert_eq!(in_use(&small(), &good).0, Addressing::VirtualHost);
}
