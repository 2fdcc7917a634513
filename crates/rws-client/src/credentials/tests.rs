//! Which login is found first, and which place is no good.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const SERVICE: &str = "https://rws.example.org:8443/sub";

fn find(variables: &[(&str, &str)]) -> Result<Credentials, ClientError> {
    let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
    Credentials::find(SERVICE, &Environment::new(value))
}

fn write(path: &Path, text: &str, mode: u32) -> String {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

fn found(variables: &[(&str, &str)]) -> String {
    find(variables).unwrap().description().to_owned()
}

#[test]
fn the_environment_comes_first_and_the_job_last() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display().to_string();
    let all = [
        ("RWS_TOKEN", "rws_1"),
        ("RWS_USER", "ann"),
        ("RWS_PASSWORD", "p"),
        ("HOME", at.as_str()),
        ("RWS_ID_TOKEN", "eyJ"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.example/?x=y"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner"),
    ];
    let file = home.path().join(".config/rws/client.json");
    write(&file, r#"{"services": {"https://rws.example.org:8443/sub/": {"user": "fred", "password": "f"}}}"#, 0o600);
    let netrc = home.path().join(".netrc");
    write(&netrc, "machine rws.example.org login nina password n", 0o600);
    assert!(found(&all).contains("RWS_TOKEN"));
    assert!(found(&all[1..]).contains("ann of RWS_USER"));
    assert!(found(&all[3..]).contains("fred in"));
    std::fs::remove_file(&file).unwrap();
    assert!(found(&all[3..]).contains("nina in"));
    std::fs::remove_file(&netrc).unwrap();
    assert!(found(&all[3..]).contains("RWS_ID_TOKEN"));
    assert_eq!(found(&all[5..]), "the token of the GitHub job, for https://rws.example.org:8443");
    assert!(found(&[&all[5..], &[("RWS_AUDIENCE", "rws")]].concat()).ends_with("for rws"));
    assert!(!find(&all[6..]).unwrap().is_somebody());
}

#[test]
fn places_that_are_no_good_are_named() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display().to_string();
    let file = home.path().join(".config/rws/client.json");
    let error = |variables: &[(&str, &str)]| {
        let error = find(variables).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    };
    let good = r#"{"services": {"https://rws.example.org:8443/sub": {"token": "rws_hush"}}}"#;
    let path = write(&file, good, 0o640);
    assert!(error(&[("HOME", &at)]).contains(&format!("chmod 600 {path}")));
    for text in [good.replace("token", "tokn"), good.replace("rws_hush\"", "rws_hush"), good.replace("token", "user")] {
        write(&file, &text, 0o600);
        let said = error(&[("HOME", &at)]);
        assert!(said.contains("client.json") && !said.contains("hush"), "{said}");
    }
    assert!(error(&[("RWS_CLIENT_CONFIG", "/nonexistent")]).contains("/nonexistent"));
    assert!(error(&[("NETRC", "/nonexistent")]).contains("/nonexistent"));
    assert!(error(&[("RWS_USER", "ann")]).contains("only one of"));
    write(&file, r#"{"services": {"https://other.example.org": {"token": "x"}}}"#, 0o600);
    assert!(!find(&[("HOME", &at)]).unwrap().is_somebody());
}
