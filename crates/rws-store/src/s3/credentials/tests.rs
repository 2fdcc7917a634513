//! Each source against a server that speaks its protocol, and their order.

use rws_lab::{HttpServer, Reply};
use serde_json::json;
use tempfile::TempDir;

use super::chain::{Chain, ChainError};
use super::{AwsVariables, SessionKeys};

const ENDS: &str = "2100-01-01T00:00:00Z";
const ENDS_MILLISECONDS: i64 = 4_102_444_800_000;
const SECRET: &str = "hush-hush";

/// Variables of a machine that is not at AWS.
fn nowhere() -> AwsVariables {
    AwsVariables { is_metadata_disabled: true, ..AwsVariables::default() }
}

async fn ask(variables: &AwsVariables) -> Result<SessionKeys, ChainError> {
    Chain::new(variables, "us-east-2", None).unwrap().keys().await
}

#[track_caller]
fn expect(keys: &SessionKeys, key: &str, token: Option<&str>, expires_at: Option<i64>) {
    assert_eq!((keys.credentials.key(), keys.credentials.secret()), (key, SECRET));
    assert_eq!((keys.credentials.token(), keys.expires_at), (token, expires_at));
}

#[track_caller]
fn expect_error(error: &ChainError, may_pass: bool, parts: &[&str]) {
    for part in parts {
        assert!(error.message.contains(part), "{error} does not say {part}");
    }
    assert_eq!(error.may_pass, may_pass, "{error}");
    assert!(!error.message.contains(SECRET), "{error}");
}

fn file(directory: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The answer of an agent.
fn document(key: &str) -> Reply {
    let document = json!({
        "Code": "Success", "LastUpdated": "2026-11-28T01:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": key,
        "SecretAccessKey": SECRET, "Token": "session", "Expiration": ENDS,
    });
    Reply::new(200, document.to_string())
}

#[tokio::test]
async fn the_environment_comes_first() {
    let keys = AwsVariables {
        access_key_id: Some("env".to_owned()),
        secret_access_key: Some(SECRET.to_owned()),
        web_identity_token_file: Some("/nowhere".into()),
        profile: Some("nobody".to_owned()),
        ..nowhere()
    };
    expect(&ask(&keys).await.unwrap(), "env", None, None);
    let session = AwsVariables { session_token: Some("session".to_owned()), ..keys.clone() };
    expect(&ask(&session).await.unwrap(), "env", Some("session"), None);
    let half = AwsVariables { secret_access_key: None, ..keys };
    expect_error(&ask(&half).await.unwrap_err(), false, &["environment: AWS_SECRET_ACCESS_KEY is not set, but"]);
}

/// STS, as AWS, MinIO and Ceph answer.
fn sts(status: u16, key: &'static str) -> HttpServer {
    HttpServer::start(move |_| {
        let error = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>InvalidIdentityToken</Code><Message>No provider &amp; no token</Message></Error></ErrorResponse>";
        let good = format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>a</SubjectFromWebIdentityToken>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
             <SessionToken>ses/sion+&amp;=</SessionToken><Expiration>{ENDS}</Expiration></Credentials>\
             </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        );
        Reply::new(status, if status == 200 { good } else { error.to_owned() })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_is_exchanged_by_sts() {
    let (directory, server) = (tempfile::tempdir().unwrap(), sts(200, "web"));
    let token_file = file(&directory, "token", "eyJ.a b/+&=\n".replace(' ', "_").as_str());
    let variables = AwsVariables {
        web_identity_token_file: Some(token_file.clone()),
        role_arn: Some("arn:aws:iam::1:role/rws".to_owned()),
        sts_url: Some(server.url().to_owned()),
        profile: Some("nobody".to_owned()),
        ..nowhere()
    };
    expect(&ask(&variables).await.unwrap(), "web", Some("ses/sion+&="), Some(ENDS_MILLISECONDS));
    let asked = server.asked();
    let form = String::from_utf8(asked[0].body.clone()).unwrap();
    assert_eq!((asked[0].method.as_str(), asked[0].target.as_str()), ("POST", "/"));
    let expected = "Action=AssumeRoleWithWebIdentity&Version=2011%2D06%2D15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Frws&\
                    RoleSessionName=rws&WebIdentityToken=eyJ%2Ea%5Fb%2F%2B%26%3D";
    assert_eq!(form, expected);

    // the file is read each time
    std::fs::write(&token_file, "second").unwrap();
    let named = AwsVariables { role_session_name: Some("replica-1".to_owned()), ..variables.clone() };
    ask(&named).await.unwrap();
    let form = String::from_utf8(server.asked()[1].body.clone()).unwrap();
    assert!(form.ends_with("RoleSessionName=replica%2D1&WebIdentityToken=second"), "{form}");

    let refusing = sts(400, "");
    let refused = AwsVariables { sts_url: Some(refusing.url().to_owned()), ..variables.clone() };
    let error = ask(&refused).await.unwrap_err();
    expect_error(&error, false, &["web identity: STS answers 400 InvalidIdentityToken No provider & no token"]);
    let down = sts(503, "");
    let down = AwsVariables { sts_url: Some(down.url().to_owned()), ..variables.clone() };
    expect_error(&ask(&down).await.unwrap_err(), true, &["web identity: STS answers 503"]);
    let closed = AwsVariables { sts_url: Some("http://127.0.0.1:1".to_owned()), ..variables.clone() };
    expect_error(
        &ask(&closed).await.unwrap_err(),
        true,
        &["web identity: http://127.0.0.1:1: the host cannot be reached"],
    );
    let missing = AwsVariables { web_identity_token_file: Some("/nowhere/token".into()), ..variables.clone() };
    expect_error(
        &ask(&missing).await.unwrap_err(),
        true,
        &["AWS_WEB_IDENTITY_TOKEN_FILE: /nowhere/token cannot be read"],
    );
    let no_role = AwsVariables { role_arn: None, ..variables.clone() };
    expect_error(&ask(&no_role).await.unwrap_err(), false, &["web identity: AWS_ROLE_ARN is not set"]);
    for nonsense in ["", "<html>", "{}"] {
        let server = HttpServer::start(move |_| Reply::new(200, nonsense));
        let variables = AwsVariables { sts_url: Some(server.url().to_owned()), ..variables.clone() };
        expect_error(&ask(&variables).await.unwrap_err(), true, &["web identity: STS does not answer with keys"]);
    }
    // an error that quotes the token
    let echo = HttpServer::start(|asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let token = body.rsplit('=').next().unwrap_or_default().to_owned();
        Reply::new(400, format!("<Error><Code>Bad</Code><Message>{token} is bad</Message></Error>"))
    });
    std::fs::write(&token_file, "hushhush").unwrap();
    let error = ask(&AwsVariables { sts_url: Some(echo.url().to_owned()), ..variables }).await.unwrap_err();
    assert!(!error.message.contains("hushhush") && error.message.contains("400 Bad"), "{error}");
}

#[tokio::test]
async fn profiles_of_the_shared_files() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = "# a comment\n[default]\naws_access_key_id = one\naws_secret_access_key=hush-hush\n\n\
                       [session]\nAWS_ACCESS_KEY_ID=two\naws_secret_access_key = hush-hush\naws_session_token = ses=sion\n\
                       s3 =\n  aws_access_key_id = nested\n[half]\naws_access_key_id=x\n[both]\naws_access_key_id=b\n\
                       aws_secret_access_key=hush-hush\n";
    let config = "[default]\nregion = us-east-2\n[profile config]\naws_access_key_id = three\n\
                  aws_secret_access_key = hush-hush\n[profile role]\nrole_arn = arn:aws:iam::1:role/a\n\
                  source_profile = default\n[profile both]\naws_access_key_id=c\naws_secret_access_key=other\n\
                  aws_session_token=other\n[plain]\n\
                  aws_access_key_id=x\naws_secret_access_key=y\n";
    let variables = |profile: Option<&str>| AwsVariables {
        credentials_file: Some(file(&directory, "credentials", credentials)),
        config_file: Some(file(&directory, "config", config)),
        profile: profile.map(str::to_owned),
        ..nowhere()
    };
    for (profile, key, token) in [
        (None, "one", None),
        (Some("default"), "one", None),
        (Some("session"), "two", Some("ses=sion")),
        (Some("config"), "three", None),
        (Some("both"), "b", None),
    ] {
        expect(&ask(&variables(profile)).await.unwrap(), key, token, None);
    }
    for (profile, part) in [
        ("half", "have no profile \"half\" with aws_access_key_id and aws_secret_access_key"),
        ("nobody", "have no profile \"nobody\""),
        // in the config file a profile has a word before its name
        ("plain", "have no profile \"plain\""),
        ("role", "profile \"role\" has role_arn and no keys; RWS uses only keys of profiles"),
    ] {
        expect_error(&ask(&variables(Some(profile))).await.unwrap_err(), false, &["profile files: ", part]);
    }
    let of_config = AwsVariables {
        config_file: Some(file(
            &directory,
            "other",
            "[profile default]\naws_access_key_id=four\naws_secret_access_key=hush-hush",
        )),
        ..nowhere()
    };
    expect(&ask(&of_config).await.unwrap(), "four", None, None);
    // a directory in place of a file
    let unreadable = AwsVariables { credentials_file: Some(directory.path().to_owned()), ..nowhere() };
    expect_error(&ask(&unreadable).await.unwrap_err(), false, &["profile files: ", "cannot be read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_of_a_container() {
    let (directory, server) = (tempfile::tempdir().unwrap(), HttpServer::start(|_| document("container")));
    let variables = AwsVariables {
        container_full_uri: Some(format!("{}/v1/credentials?a=b", server.url())),
        container_authorization_token: Some("of the variable".to_owned()),
        metadata_url: Some("http://127.0.0.1:1".to_owned()),
        ..AwsVariables::default()
    };
    expect(&ask(&variables).await.unwrap(), "container", Some("session"), Some(ENDS_MILLISECONDS));
    let token_file = file(&directory, "token", "of the file\n");
    let with_file = AwsVariables { container_authorization_token_file: Some(token_file.clone()), ..variables.clone() };
    ask(&with_file).await.unwrap();
    std::fs::write(&token_file, "renewed").unwrap();
    ask(&with_file).await.unwrap();
    let none = AwsVariables { container_authorization_token: None, ..variables.clone() };
    ask(&none).await.unwrap();
    let sent: Vec<String> = server.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["of the variable", "of the file", "renewed", ""]);
    assert_eq!(server.asked()[0].target, "/v1/credentials?a=b");

    std::fs::write(&token_file, "two\nlines").unwrap();
    expect_error(&ask(&with_file).await.unwrap_err(), true, &["container: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "]);
    let elsewhere = AwsVariables { container_full_uri: Some("http://example.org/".to_owned()), ..variables.clone() };
    expect_error(&ask(&elsewhere).await.unwrap_err(), false, &["container: AWS_CONTAINER_CREDENTIALS_FULL_URI names"]);
    for (reply, may_pass, part) in [
        (Reply::new(403, "hush-hush"), false, "its status is 403"),
        (Reply::new(500, ""), true, "its status is 500"),
        (Reply::new(200, ""), true, "its answer has no AccessKeyId"),
        (Reply::new(200, json!({ "AccessKeyId": "a" }).to_string()), true, "its answer has no AccessKeyId"),
        (Reply::new(200, vec![b' '; 10 << 20]), false, "more than 65536 bytes"),
        (Reply { headers: vec![("Location", server.url().to_owned())], ..Reply::new(307, "") }, false, "status is 307"),
    ] {
        let server = HttpServer::start(move |_| reply.clone());
        let variables = AwsVariables { container_full_uri: Some(server.url().to_owned()), ..nowhere() };
        expect_error(&ask(&variables).await.unwrap_err(), may_pass, &["container: ", part]);
    }
}

/// The metadata service with its sessions.
fn metadata() -> HttpServer {
    HttpServer::start(|asked| {
        let has_session = asked.header("x-aws-ec2-metadata-token") == "a-session==";
        match (asked.method.as_str(), asked.target.as_str()) {
            ("PUT", "/latest/api/token") if asked.header("x-aws-ec2-metadata-token-ttl-seconds") == "60" => {
                Reply::new(200, "a-session==")
            }
            ("GET", _) if !has_session => Reply::new(401, ""),
            ("GET", "/latest/meta-data/iam/security-credentials/") => Reply::new(200, "a-role\n"),
            ("GET", "/latest/meta-data/iam/security-credentials/a-role") => document("machine"),
            _ => Reply::new(404, ""),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_service_of_a_machine() {
    let server = metadata();
    let variables = AwsVariables { metadata_url: Some(format!("{}/", server.url())), ..AwsVariables::default() };
    expect(&ask(&variables).await.unwrap(), "machine", Some("session"), Some(ENDS_MILLISECONDS));
    assert_eq!(server.asked().len(), 3);

    let no_role = HttpServer::start(|asked| match asked.method.as_str() {
        "PUT" => Reply::new(200, "a-session=="),
        _ => Reply::new(404, ""),
    });
    let variables = AwsVariables { metadata_url: Some(no_role.url().to_owned()), ..AwsVariables::default() };
    expect_error(&ask(&variables).await.unwrap_err(), false, &["instance metadata: ", "this machine has no role"]);
    let failing = HttpServer::start(|asked| match asked.method.as_str() {
        "PUT" => Reply::new(200, "a-session=="),
        _ if asked.target.ends_with('/') => Reply::new(200, "a-role"),
        _ => Reply::new(200, json!({ "Code": "Failed" }).to_string()),
    });
    let variables = AwsVariables { metadata_url: Some(failing.url().to_owned()), ..AwsVariables::default() };
    expect_error(&ask(&variables).await.unwrap_err(), true, &["instance metadata: it answers \"Failed\""]);
    // only the second version is spoken
    let first = HttpServer::start(|asked| match asked.method.as_str() {
        "PUT" => Reply::new(405, ""),
        _ => document("first"),
    });
    let variables = AwsVariables { metadata_url: Some(first.url().to_owned()), ..AwsVariables::default() };
    expect_error(&ask(&variables).await.unwrap_err(), false, &["instance metadata: its status is 405"]);
    assert_eq!(first.asked().len(), 1);
    // what would be a header of its own
    let odd = HttpServer::start(|_| Reply::new(200, "a\u{7f}b c"));
    let variables = AwsVariables { metadata_url: Some(odd.url().to_owned()), ..AwsVariables::default() };
    expect_error(&ask(&variables).await.unwrap_err(), true, &["instance metadata: it answers no text"]);
}

#[tokio::test]
async fn what_each_source_lacks_is_said() {
    let files = AwsVariables {
        credentials_file: Some("/nowhere/credentials".into()),
        config_file: Some("/nowhere/config".into()),
        ..nowhere()
    };
    let error = ask(&files).await.unwrap_err();
    let parts = [
        "set S3_ACCESS_KEY and S3_SECRET_KEY, or one of the sources",
        "environment: AWS_ACCESS_KEY_ID is not set; ",
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; ",
        "profile files: /nowhere/credentials and /nowhere/config have no profile \"default\" with",
        "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set; ",
        "instance metadata: AWS_EC2_METADATA_DISABLED is set",
    ];
    expect_error(&error, false, &parts);
    assert!(!format!("{files:?}").contains("nowhere"));
}

#[test]
fn keys_are_fetched_again_before_they_end() {
    let keys = |expires_at| {
        let keys = super::AccessKeys { access_key: String::new(), secret_key: String::new(), session_token: None };
        SessionKeys::new(keys, expires_at)
    };
    let minutes = |count: i64| count * 60_000;
    for (end, refresh_at) in [(60, 55), (12, 7), (10, 5), (6, 3), (0, 0)] {
        assert_eq!(keys(Some(minutes(end))).refresh_at(0), Some(minutes(refresh_at)), "{end}");
    }
    assert_eq!(keys(None).refresh_at(0), None);
    assert!(keys(None).are_good(i64::MAX) && keys(Some(5000)).are_good(3999) && !keys(Some(5000)).are_good(4000));
}
