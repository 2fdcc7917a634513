//! The original's keys in the file, and that the environment wins over them.

use super::*;
use crate::configuration::store::BucketCredentials;

fn s3() -> Value {
    let mut file = small();
    for (key, value) in [
        ("endpoint_url", json!("https://file.example.org")),
        ("region", json!("file-region")),
        ("bucket_name", json!("file-bucket")),
        ("base_path", json!("/file/path/")),
        ("access_key_id", json!("file-id")),
        ("secret_access_key", json!("file-secret")),
        ("public_read", json!(true)),
    ] {
        file = with(file, &format!("/model/{key}"), value);
    }
    with(file, "/common/credentials", json!({ "bob": "hash" }))
}

#[test]
fn the_store_can_stand_in_the_file() {
    let store = &shown(&resolved(&s3(), &[]))["store"]["s3"];
    let expected = json!({
        "url": "https://file.example.org", "region": "file-region", "bucket": "file-bucket", "base_path": "file/path",
        "access_key": "file-id", "secret_key": "<set>", "session_token": "<not set>", "aws": null, "public_read": true,
        "addressing": "path", "ca_file": null, "timeout_seconds": 30, "retries": 5,
        "sse_kms_key_id": null, "bucket_owner": null,
    });
    assert_eq!(*store, expected);
}

#[test]
fn the_environment_wins_one_by_one_and_an_empty_variable_does_not() {
    for (variable, value, key, of_file) in [
        ("S3_URL", json!("http://other"), "url", json!("https://file.example.org")),
        ("S3_REGION", json!("other"), "region", json!("file-region")),
        ("S3_BUCKET", json!("other"), "bucket", json!("file-bucket")),
        ("S3_BASE_PATH", json!("other"), "base_path", json!("file/path")),
        ("S3_ACCESS_KEY", json!("other"), "access_key", json!("file-id")),
        ("S3_PUBLIC_READ", json!(false), "public_read", json!(true)),
    ] {
        let text = value.as_str().unwrap_or("False");
        assert_eq!(shown(&resolved(&s3(), &[(variable, text)]))["store"]["s3"][key], value, "{variable}");
        assert_eq!(shown(&resolved(&s3(), &[(variable, "")]))["store"]["s3"][key], of_file, "{variable}");
    }
    let super::super::StoreConfiguration::S3 { credentials, .. } = resolved(&s3(), &[("S3_SECRET_KEY", "other")]).store
    else {
        panic!("S3 was selected")
    };
    let BucketCredentials::Keys { secret_key, .. } = *credentials else { panic!("keys were given") };
    assert_eq!(secret_key.expose(), "other");
}

#[test]
fn a_key_of_s3_in_the_file_selects_it() {
    for key in crate::configuration::store::KEYS {
        let value = if key == "public_read" { json!(false) } else { json!("x") };
        let line = mistake(&with_model(key, value), &[]);
        assert!(
            line.contains(&format!("because model.{key} selects S3; allowed are a value there or as model.")),
            "{line}"
        );
        for unset in [json!(null), json!("")] {
            let store = &shown(&resolved(&with_model(key, unset), &[]))["store"];
            assert_eq!(store["local"]["directory"], "./rws-data", "{key}");
        }
    }
}

#[test]
fn synchronising_can_be_set_in_the_file() {
    assert!(resolved(&with(small(), "/common/sync_on_start", json!(true)), &[]).sync_on_start);
    let forced = with_model("force_sync", json!(true));
    assert!(resolved(&forced, &[]).force_sync);
    assert!(resolved(&forced, &[("RWS_FORCE_SYNC", "")]).force_sync);
    assert!(!resolved(&forced, &[("RWS_FORCE_SYNC", "0")]).force_sync);
}

#[test]
fn sections_that_the_original_could_do_without() {
    let mut file = small();
    file.as_object_mut().unwrap().remove("common");
    assert_eq!(resolved(&file, &[]).warnings, [""; 0]);
    assert_eq!(resolved(&with(with(small(), "/common", json!(null)), "/anchors", json!(null)), &[]).warnings, [""; 0]);
}

#[test]
fn keys_that_nobody_knows_are_warnings_outside_the_new_sections() {
    let mut file = small();
    for pointer in ["/a b", "/common/b", "/model/c", "/model/supported_repos/d", "/model/supported_repos/distrs/el/e"] {
        file = with(file, pointer, json!(1));
    }
    file = with(file, "/model/gpg_sign_key", json!("F00"));
    let starts = [
        "rws.json: \"a b\" is unknown and ignored; known are common, model,",
        "rws.json: common.b is unknown and ignored; known are sync_on_start, create_empty, credentials",
        "rws.json: model.gpg_sign_key is not used: put the key itself into GPG_SIGN_KEY_ARMORED",
        "rws.json: model.c is unknown and ignored; known are supported_repos, force_sync, endpoint_url,",
        "rws.json: model.supported_repos.d is unknown and ignored; known are repo_kind,",
        "rws.json: model.supported_repos.distrs.el.e is unknown and ignored; known are base, versions",
    ];
    let warnings = resolved(&file, &[]).warnings;
    assert_eq!(warnings.len(), starts.len(), "{warnings:#?}");
    for (warning, start) in warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}");
    }
}
