//! Every variable: set, empty, unset.

use super::*;
use crate::configuration::environment::{VARIABLES, documentation};
use crate::installation::signing::{SigningKeys, UnfitKeys};
use rws_openpgp::{KeySigner as _, SigningKey};

/// All of S3 and a user: what the original needed at least.
pub const S3: [(&str, &str); 6] = [
    ("S3_URL", "https://s3.example.org"),
    ("S3_REGION", "ru-msk"),
    ("S3_BUCKET", "packages"),
    ("S3_ACCESS_KEY", "id"),
    ("S3_SECRET_KEY", "hush"),
    ("RWS_CREDENTIALS", r#"{"bob": "hash"}"#),
];

/// The same without keys.
const S3_WITHOUT_KEYS: [(&str, &str); 4] = {
    let [url, region, bucket, _, _, users] = S3;
    [url, region, bucket, users]
};

/// A certificate, from where unit tests run.
pub const CA_FILE: &str = "src/configuration/tests/authority.pem";

/// A variable of the table: the others that it needs, a value, and where `config show` has what when it is set and
/// when it is not.
struct Case {
    variable: &'static str,
    others: &'static [(&'static str, &'static str)],
    value: &'static str,
    pointer: &'static str,
    set: Value,
    unset: Value,
}

fn case(variable: &'static str, value: &'static str, pointer: &'static str, set: Value, unset: Value) -> Case {
    Case { variable, others: &[], value, pointer, set, unset }
}

fn cases() -> Vec<Case> {
    let credentials = r#"{"bob": "hash", "eve": {"hash": "x", "allow": ["live/*"]}}"#;
    let live = json!([{ "match": "live/*", "verbs": ["upload", "delete"] }]);
    let users = json!({
        "bob": { "hash": "<set>", "allow": null, "admin": false },
        "eve": { "hash": "<set>", "allow": live, "admin": false },
    });
    let needs = |mut one: Case, others| {
        one.others = others;
        one
    };
    let (set, not_set) = (|| json!("<set>"), || json!("<not set>"));
    let s3 = |variable, value, pointer, set, unset| needs(case(variable, value, pointer, set, unset), &S3);
    vec![
        case("RWS_LISTEN", "0.0.0.0:80", "/listen", json!("0.0.0.0:80"), json!("127.0.0.1:5000")),
        case("PORT", "81", "/listen", json!("0.0.0.0:81"), json!("127.0.0.1:5000")),
        case("RWS_DATA_DIR", "/data", "/store/local/directory", json!("/data"), json!("./rws-data")),
        case("RWS_SPOOL_DIR", "/spool", "/spool_directory", json!("/spool"), json!(null)),
        case("RWS_CREDENTIALS", credentials, "/users", users, json!({})),
        case("RWS_FORCE_SYNC", "1", "/force_sync", json!(true), json!(false)),
        case("RWS_LOG_FORMAT", "json", "/server/log_format", json!("json"), json!("text")),
        case("GPG_SIGN_KEY_ARMORED", "hush", "/main_key/armored", set(), not_set()),
        needs(
            case("GPG_SIGN_KEY_PASSPHRASE", "hush", "/main_key/passphrase", set(), not_set()),
            &[("GPG_SIGN_KEY_ARMORED", "hush")],
        ),
        case("GPG_MODULES_SIGN_KEY_ARMORED", "hush", "/modules_key/armored", set(), not_set()),
        needs(
            case("GPG_MODULES_SIGN_KEY_PASSPHRASE", "hush", "/modules_key/passphrase", set(), not_set()),
            &[("GPG_MODULES_SIGN_KEY_ARMORED", "hush")],
        ),
        s3("S3_BASE_PATH", "/a/b/", "/store/s3/base_path", json!("a/b"), json!("")),
        s3("S3_PUBLIC_READ", "True", "/store/s3/public_read", json!(true), json!(false)),
        s3("S3_URL", "http://127.0.0.1:9000", "/store/s3/url", json!("http://127.0.0.1:9000"), json!(null)),
        s3("S3_REGION", "us-east-2", "/store/s3/region", json!("us-east-2"), json!(null)),
        s3("S3_BUCKET", "b", "/store/s3/bucket", json!("b"), json!(null)),
        s3("S3_ACCESS_KEY", "k", "/store/s3/access_key", json!("k"), json!(null)),
        s3("S3_SECRET_KEY", "k", "/store/s3/secret_key", set(), json!(null)),
        s3("S3_SESSION_TOKEN", "k", "/store/s3/session_token", set(), not_set()),
        s3("S3_ADDRESSING", "virtual-host", "/store/s3/addressing", json!("virtual-host"), json!("path")),
        s3("S3_CA_FILE", CA_FILE, "/store/s3/ca_file", json!(CA_FILE), json!(null)),
        s3("S3_TIMEOUT", "600", "/store/s3/timeout_seconds", json!(600), json!(30)),
        s3("S3_RETRIES", "0", "/store/s3/retries", json!(0), json!(5)),
    ]
    .into_iter()
    .chain(cases_of_aws())
    .collect()
}

/// The variables of AWS's own programs, which are used where S3 has no keys.
fn cases_of_aws() -> impl Iterator<Item = Case> {
    let text = |variable, value, pointer| case(variable, value, pointer, json!(value), json!(null));
    let secret = |variable, pointer| case(variable, "hush", pointer, json!("<set>"), json!("<not set>"));
    let cases = vec![
        text("AWS_ACCESS_KEY_ID", "id", "/store/s3/aws/AWS_ACCESS_KEY_ID"),
        secret("AWS_SECRET_ACCESS_KEY", "/store/s3/aws/AWS_SECRET_ACCESS_KEY"),
        secret("AWS_SESSION_TOKEN", "/store/s3/aws/AWS_SESSION_TOKEN"),
        text("AWS_WEB_IDENTITY_TOKEN_FILE", "/token", "/store/s3/aws/AWS_WEB_IDENTITY_TOKEN_FILE"),
        text("AWS_ROLE_ARN", "arn:aws:iam::1:role/a", "/store/s3/aws/AWS_ROLE_ARN"),
        text("AWS_ROLE_SESSION_NAME", "name", "/store/s3/aws/AWS_ROLE_SESSION_NAME"),
        text("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1", "/store/s3/aws/AWS_ENDPOINT_URL_STS"),
        text("AWS_PROFILE", "name", "/store/s3/aws/AWS_PROFILE"),
        text("AWS_SHARED_CREDENTIALS_FILE", "/file", "/store/s3/aws/AWS_SHARED_CREDENTIALS_FILE"),
        text("AWS_CONFIG_FILE", "/file", "/store/s3/aws/AWS_CONFIG_FILE"),
        text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a", "/store/s3/aws/AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        text("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://a/", "/store/s3/aws/AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        secret("AWS_CONTAINER_AUTHORIZATION_TOKEN", "/store/s3/aws/AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/a", "/store/s3/aws/AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        text("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://a", "/store/s3/aws/AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        case("AWS_EC2_METADATA_DISABLED", "true", "/store/s3/aws/AWS_EC2_METADATA_DISABLED", json!(true), json!(false)),
    ];
    cases.into_iter().map(|case| Case { others: &S3_WITHOUT_KEYS, ..case })
}

#[test]
fn a_bucket_without_keys_has_those_of_aws() {
    let environment = Environment::new(S3_WITHOUT_KEYS).with_other("HOME", "/home/rws");
    let aws = &shown(&resolved_in(&small(), &environment).unwrap())["store"]["s3"]["aws"];
    assert_eq!(aws["AWS_SHARED_CREDENTIALS_FILE"], "/home/rws/.aws/credentials");
    assert_eq!(aws["AWS_CONFIG_FILE"], "/home/rws/.aws/config");
    // with keys of its own nobody asks for others
    let aws = [&S3[..], &[("AWS_ACCESS_KEY_ID", "id"), ("AWS_ENDPOINT_URL_STS", "no URL")]].concat();
    assert_eq!(at("/store/s3/aws", &aws), json!(null));
    let wrong = [&S3_WITHOUT_KEYS[..], &[("AWS_ENDPOINT_URL_STS", "sts")]].concat();
    let line = "environment: AWS_ENDPOINT_URL_STS is \"sts\"; allowed is a URL like https://sts.example.org, without user and \
                password";
    assert_eq!(mistake(&small(), &wrong), line);
    let wrong = [&S3_WITHOUT_KEYS[..], &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://a:hush@b")]].concat();
    assert!(
        mistake(&small(), &wrong).starts_with("environment: AWS_EC2_METADATA_SERVICE_ENDPOINT is not shown; allowed")
    );
}

#[test]
fn half_of_the_keys_is_a_mistake() {
    let variables = [&S3_WITHOUT_KEYS[..], &[("S3_SESSION_TOKEN", "hush")]].concat();
    let line = "environment: S3_ACCESS_KEY, S3_SECRET_KEY are missing; required because S3_SESSION_TOKEN is set; allowed are a \
                value there or as model.access_key_id, model.secret_access_key in rws.json";
    assert_eq!(mistake(&small(), &variables), line);
    let variables = [&S3_WITHOUT_KEYS[..], &[("S3_SECRET_KEY", "hush")]].concat();
    let line = "environment: S3_ACCESS_KEY is missing; required because S3_SECRET_KEY is set; allowed is a value there or as \
                model.access_key_id in rws.json";
    assert_eq!(mistake(&small(), &variables), line);
}

/// What `config show` has at the pointer; `null` where the configuration is refused.
fn at(pointer: &str, variables: &[(&'static str, &str)]) -> Value {
    let environment = Environment::new(variables.iter().copied());
    let listen = ListeningAddress::resolve(None, &environment).unwrap();
    match resolve(&small(), variables) {
        Ok(configuration) => configuration.show(&listen).pointer(pointer).unwrap().clone(),
        Err(mistake) => {
            assert!(mistake.problem.starts_with("is missing"), "{mistake}");
            Value::Null
        }
    }
}

#[test]
fn every_variable_set_empty_and_unset() {
    let cases = cases();
    // which file, and where a backup is: no part of a configuration
    let is_other = |name: &str| name == "RWS_CFG" || name.starts_with("RWS_BACKUP_");
    for variable in VARIABLES.iter().filter(|variable| !is_other(variable.name)) {
        assert!(cases.iter().any(|case| case.variable == variable.name), "{} has no case", variable.name);
    }
    for Case { variable, others, value, pointer, set, unset } in cases {
        let others: Vec<_> = others.iter().copied().filter(|(name, _)| *name != variable).collect();
        let with = |value| [&others[..], &[(variable, value)]].concat();
        assert_eq!(at(pointer, &with(value)), set, "{variable} set");
        assert_eq!(at(pointer, &with("")), unset, "{variable} empty");
        assert_eq!(at(pointer, &others), unset, "{variable} unset");
    }
}

#[test]
fn yes_and_no_are_read_as_the_original_read_them() {
    for (value, expected) in
        [("1", true), ("true", true), ("no", true), (" ", true), ("0", false), ("False", false), ("fALSE", false)]
    {
        assert_eq!(resolved(&small(), &[("RWS_FORCE_SYNC", value)]).force_sync, expected, "{value:?}");
        let variables = [&S3[..], &[("S3_PUBLIC_READ", value)]].concat();
        assert_eq!(at("/store/s3/public_read", &variables), json!(expected), "{value:?}");
    }
}

#[test]
fn any_variable_of_s3_selects_it_and_what_is_missing_is_named() {
    let all = ["S3_URL", "S3_REGION", "S3_BUCKET"];
    let optional = [
        "S3_BASE_PATH",
        "S3_PUBLIC_READ",
        "S3_ADDRESSING",
        "S3_CA_FILE",
        "S3_TIMEOUT",
        "S3_RETRIES",
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "S3_SESSION_TOKEN",
    ];
    for selector in all.iter().chain(&optional) {
        let line = mistake(&small(), &[(selector, "0")]);
        let keys = ["S3_ACCESS_KEY", "S3_SECRET_KEY"];
        // one key needs the other one
        let needs_keys = keys.contains(selector) || *selector == "S3_SESSION_TOKEN";
        let needed = all.iter().chain(keys.iter().filter(|_| needs_keys));
        let missing: Vec<&str> = needed.copied().filter(|name| name != selector).collect();
        let start = format!(
            "environment: {} are missing; required because {selector} selects S3; allowed are",
            missing.join(", ")
        );
        assert!(line.starts_with(&start), "{line}");
    }
    assert_eq!(
        mistake(&small(), &S3[..4]),
        "environment: S3_SECRET_KEY is missing; required because S3_ACCESS_KEY is set; allowed is a value there or as \
         model.secret_access_key in rws.json"
    );
}

#[test]
fn a_data_directory_beside_s3_is_a_warning() {
    let variables = [&S3[..], &[("RWS_DATA_DIR", "/data")]].concat();
    let line = "environment: RWS_DATA_DIR is not used, because S3_URL selects S3";
    assert_eq!(resolved(&small(), &variables).warnings, [line]);
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let environment = Environment::new([("RWS_DATA_DIR", "/environment"), ("RWS_CFG", "/nowhere")]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rws.json");
    std::fs::write(&file, small().to_string()).unwrap();
    let overrides =
        Overrides { file: Some(file.clone()), data_directory: Some("option".into()), ..Overrides::default() };
    let configuration = Configuration::load(&overrides, &environment, &formats()).unwrap();
    assert_eq!(configuration.source, Source::File(file));
    assert_eq!(shown(&configuration)["store"]["local"]["directory"], "option");
}

#[test]
fn modules_is_signed_with_the_main_key_when_it_has_none() {
    let key = |seed: u8| SigningKey::generate("RWS", 1_700_000_000, &mut [seed; 32]).unwrap();
    let (main, own) = (key(1), key(2));
    let (main_text, own_text) = (main.export_secret_armored().unwrap(), own.export_secret_armored().unwrap());
    let (main, own) = (Some(main.public_key().fingerprint()), Some(own.public_key().fingerprint()));
    let (of_main, of_own) = (("GPG_SIGN_KEY_ARMORED", main_text), ("GPG_MODULES_SIGN_KEY_ARMORED", own_text));
    for (variables, of_modules, of_others) in [
        (&[][..], None, None),
        (&[of_main][..], main, main),
        (&[of_own][..], own, None),
        (&[of_main, of_own][..], own, main),
    ] {
        let configuration = resolved(&small(), variables);
        let keys = SigningKeys::load(&configuration, None, UnfitKeys::Refused, 1_800_000_000).unwrap();
        for target in configuration.model.targets() {
            let expected = if target.series == "modules" { of_modules } else { of_others };
            let signer = keys.signer_of(&configuration, &target);
            assert_eq!(signer.as_ref().map(|signer| signer.signing_fingerprint()), expected, "{target}");
        }
    }
    let line = "environment: GPG_SIGN_KEY_PASSPHRASE is not used, because GPG_SIGN_KEY_ARMORED is not set";
    assert_eq!(resolved(&small(), &[("GPG_SIGN_KEY_PASSPHRASE", "x")]).warnings, [line]);
}

#[test]
fn the_documentation_names_every_variable() {
    let text = documentation();
    for variable in VARIABLES {
        assert!(text.contains(&format!("  {}", variable.name)), "{}", variable.name);
        assert!(text.contains(variable.description), "{}", variable.name);
    }
    assert!(text.contains("S3_SECRET_KEY (secret)"));
}
