//! Nothing that is secret is ever printed.

use super::*;

const HUSH: &str = "hush-hush";

#[test]
fn neither_debug_nor_config_show_has_a_secret() {
    let user = format!(r#"{{"bob": "{HUSH}", "eve": {{"hash": "{HUSH}"}}}}"#);
    let secrets = ["GPG_SIGN_KEY_ARMORED", "GPG_SIGN_KEY_PASSPHRASE", "GPG_MODULES_SIGN_KEY_ARMORED"];
    let secrets = secrets.iter().chain(&["GPG_MODULES_SIGN_KEY_PASSPHRASE", "S3_SECRET_KEY", "S3_SESSION_TOKEN"]);
    let mut variables: Vec<(&'static str, &str)> = secrets.map(|name| (*name, HUSH)).collect();
    variables.extend([("RWS_CREDENTIALS", user.as_str()), ("S3_URL", "http://s3"), ("S3_REGION", "r")]);
    variables.extend([("S3_BUCKET", "bucket"), ("S3_ACCESS_KEY", "id")]);

    let configuration = resolved(&small(), &variables);
    let environment = Environment::new(variables.iter().copied());
    let of_file = with(small(), "/common/credentials", json!({ "bob": HUSH }));
    let printed = [
        format!("{configuration:?}"),
        format!("{:#}", shown(&configuration)),
        format!("{environment:?}"),
        format!("{:?}", resolved(&of_file, &[])),
        shown(&resolved(&of_file, &[])).to_string(),
        configuration.summary(),
    ];
    for text in printed {
        assert!(!text.contains(HUSH), "{text}");
    }
    assert!(format!("{environment:?}").contains(r#""S3_BUCKET": "bucket""#));
}

#[test]
fn keys_of_aws_are_not_printed() {
    let secrets = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    let mut variables = vec![("RWS_CREDENTIALS", "{\"bob\": \"hash\"}"), ("S3_URL", "http://s3"), ("S3_REGION", "r")];
    variables.push(("S3_BUCKET", "bucket"));
    variables.extend(secrets.map(|name| (name, HUSH)));
    let configuration = resolved(&small(), &variables);
    let environment = Environment::new(variables.iter().copied());
    for text in [format!("{configuration:?}"), shown(&configuration).to_string(), format!("{environment:?}")] {
        assert!(!text.contains(HUSH), "{text}");
    }
}

#[test]
fn no_mistake_shows_a_secret() {
    for file in [
        with(small(), "/common/credentials", json!(HUSH)),
        with(small(), "/common/credentials", json!([HUSH])),
        with(small(), "/users", json!({ "bob": [HUSH] })),
        with(small(), "/users", json!({ "bob": { "hash": [HUSH] } })),
        with_model("secret_access_key", json!(HUSH)),
        with_model("secret_access_key", json!([HUSH])),
        with_model("endpoint_url", json!(format!("https://bob:{HUSH}@s3"))),
    ] {
        let needed = [("S3_REGION", "r"), ("S3_BUCKET", "b"), ("S3_ACCESS_KEY", "id")];
        let s3 = [("S3_URL", "http://s3"), ("S3_SECRET_KEY", "other"), ("RWS_CREDENTIALS", "{}")];
        for count in 0..=s3.len() {
            let line = resolve(&file, &[&needed[..], &s3[..count]].concat()).map(|_| ()).unwrap_err().to_string();
            assert!(!line.contains(HUSH), "{line}");
        }
    }
    let variables = [("S3_URL", "https://bob:hush-hush@s3"), ("S3_REGION", "r"), ("S3_BUCKET", "b")];
    let variables = [&variables[..], &[("S3_ACCESS_KEY", "id"), ("S3_SECRET_KEY", "x")]].concat();
    assert_eq!(
        mistake(&small(), &variables),
        "environment: S3_URL is not shown; allowed is a URL like https://s3.example.org, without user and password"
    );
}
