//! Each mistake is one line: file, key, value, what is allowed.

use super::*;
use crate::configuration::file;

const NAME: &str = "is a name of letters, digits and . _ + ~ -, not starting with a dot";
const NAMES: &str = "is a list of names, for example [\"1.10\", \"modules\"]";
const DISTRIBUTIONS: &str =
    "is an object of distributions: {\"el\": {\"base\": \"rpm\", \"versions\": [\"8\", \"9\"]}}";

#[test]
fn mistakes_in_the_model() {
    let supported = |key: &str, value| with(small(), &format!("/model/supported_repos/{key}"), value);
    let el = |key: &str, value| with(small(), &format!("/model/supported_repos/distrs/el/{key}"), value);
    for (file, line) in [
        (json!({}), "model is missing; allowed is an object with supported_repos".to_owned()),
        (json!([]), "the file is a list; allowed is one JSON object".to_owned()),
        (
            json!({ "model": {} }),
            "model.supported_repos is missing; allowed is an object with repo_kind, tarantool_series, distrs and \
             enabled"
                .to_owned(),
        ),
        (supported("repo_kind", json!(null)), format!("model.supported_repos.repo_kind is missing; allowed {NAMES}")),
        (supported("repo_kind", json!("l")), format!("model.supported_repos.repo_kind is \"l\"; allowed {NAMES}")),
        (supported("repo_kind", json!([])), format!("model.supported_repos.repo_kind is empty; allowed {NAMES}")),
        (
            supported("repo_kind", json!(["live", "a/b"])),
            format!("model.supported_repos.repo_kind[1] is \"a/b\"; allowed {NAME}"),
        ),
        (
            supported("repo_kind", json!(["-"])),
            "model.supported_repos.repo_kind has \"-\"; allowed is any other name, because the addresses below /-/ belong to \
             the service"
                .to_owned(),
        ),
        (
            supported("tarantool_series", json!([2.5])),
            format!("model.supported_repos.tarantool_series[0] is 2.5; allowed {NAME}"),
        ),
        (
            supported("enabled", json!(["9.9"])),
            "model.supported_repos.enabled[0] is \"9.9\"; allowed are the names in \
             model.supported_repos.tarantool_series: modules, 1.10"
                .to_owned(),
        ),
        (supported("distrs", json!([])), format!("model.supported_repos.distrs is a list; allowed {DISTRIBUTIONS}")),
        (supported("distrs", json!({})), format!("model.supported_repos.distrs is empty; allowed {DISTRIBUTIONS}")),
        (
            supported("distrs", json!({ "..": {} })),
            format!("model.supported_repos.distrs.\"..\" has the name \"..\"; allowed {NAME}"),
        ),
        (el("base", json!(5)), "model.supported_repos.distrs.el.base is 5; allowed is \"deb\" or \"rpm\"".to_owned()),
        (
            el("base", json!(null)),
            "model.supported_repos.distrs.el.base is missing; allowed is \"deb\" or \"rpm\"".to_owned(),
        ),
        (el("versions", json!([7])), format!("model.supported_repos.distrs.el.versions[0] is 7; allowed {NAME}")),
        (
            el("versions", json!(["a\nb"])),
            format!("model.supported_repos.distrs.el.versions[0] is \"a\\nb\"; allowed {NAME}"),
        ),
        (
            with(small(), "/anchors", json!({ "a": "live/1.10" })),
            "anchors.a is \"live/1.10\"; allowed is an object of lists of paths: {\"modules\": [\"live/1.10/\", \
             \"release/1.10/\"]}"
                .to_owned(),
        ),
        (
            with(small(), "/anchors", json!({ "a": [1] })),
            "anchors.a[0] is 1; allowed is a path, or a part of one, like live/1.10/".to_owned(),
        ),
    ] {
        assert_eq!(mistake(&file, &[]), format!("rws.json: {line}"));
    }
}

#[test]
fn mistakes_in_the_sections_of_the_process() {
    for (file, line) in [
        (
            with(small(), "/common", json!(1)),
            "common is 1; allowed is an object with sync_on_start, create_empty and credentials",
        ),
        (
            with(small(), "/common/sync_on_start", json!("no")),
            "common.sync_on_start is \"no\"; allowed is true or false",
        ),
        (with_model("force_sync", json!(0)), "model.force_sync is 0; allowed is true or false"),
        (with(small(), "/server", json!([])), "server is a list; allowed is an object"),
        (
            with(small(), "/server", json!({ "port": 1 })),
            "server.port is unknown; allowed are read_only, public_url, trusted_proxies, tls, download, download_url, \
             download_from_bytes, limits, log_format",
        ),
        (
            with(small(), "/server", json!({ "public_url": "ftp://x" })),
            "server.public_url is \"ftp://x\"; allowed is a URL such as https://packages.example.org, without user and password",
        ),
        (
            with(small(), "/server", json!({ "trusted_proxies": ["10.0.0.0/33"] })),
            "server.trusted_proxies[0] is \"10.0.0.0/33\"; allowed is an address or a network like 10.0.0.0/8",
        ),
        (
            with(small(), "/server", json!({ "tls": { "certificate": "a.pem" } })),
            "server.tls.key is missing; allowed is the path of a PEM file",
        ),
        (
            with(small(), "/server", json!({ "download": "fast" })),
            "server.download is \"fast\"; allowed is \"stream\" or \"redirect\"",
        ),
        (
            with(small(), "/server", json!({ "download": "redirect" })),
            "server.download is \"redirect\"; allowed is redirect only with a bucket as the store, or together with server.download_url",
        ),
        (
            with(small(), "/server", json!({ "download_url": "https://cdn.example.org" })),
            "server.download_url is set; allowed together with server.download: \"redirect\" only",
        ),
        (
            with(small(), "/server", json!({ "limits": { "uploads": 0 } })),
            "server.limits.uploads is 0; allowed is a whole number from 1 to 65536",
        ),
        (
            with(small(), "/server", json!({ "log_format": "xml" })),
            "server.log_format is \"xml\"; allowed is \"text\" or \"json\"",
        ),
        (
            with(small(), "/server", json!({ "read_only": "yes" })),
            "server.read_only is \"yes\"; allowed is true or false",
        ),
        (
            with(small(), "/store", json!({ "a b": 1 })),
            "store.\"a b\" is unknown; allowed are addressing, ca_file, timeout_seconds, retries, sse_kms_key_id, \
             bucket_owner, allowed_links",
        ),
        (with(small(), "/publish", json!({ "x": 1 })), "publish.x is unknown; allowed are no keys here"),
    ] {
        assert_eq!(mistake(&file, &[]), format!("rws.json: {line}"));
    }
}

#[test]
fn mistakes_in_repositories() {
    let line = "is one line of text, without blanks at the beginning and at the end";
    let architectures = "are architectures such as amd64 or x86_64; packages for all architectures need no entry";
    for (entry, expected) in [
        (json!(1), "repositories[0] is 1; allowed is an object with match and settings".to_owned()),
        (json!({}), "repositories[0].match is missing; allowed is a pattern like live/*/el/*".to_owned()),
        (
            json!({ "match": "live", "architecture": ["amd64"] }),
            "repositories[0].architecture is unknown; allowed are match, architectures, compression, on_conflict, \
             origin, label, suite, version, description, digests, valid_until_seconds, create_empty, contents, \
             components, debug_packages, changelogs, translations, keep, file_names, keys, sign_packages, package_keys, release_package, signed_by, retain, read"
                .to_owned(),
        ),
        (
            json!({ "match": "live", "architectures": ["noarch"] }),
            format!("repositories[0].architectures[0] is \"noarch\"; allowed {architectures}"),
        ),
        (
            json!({ "match": "live", "file_names": "any" }),
            "repositories[0].file_names is \"any\"; allowed is \"free\" or \"strict\"".to_owned(),
        ),
        (
            json!({ "match": "live", "architectures": [] }),
            format!("repositories[0].architectures is empty; allowed {architectures}"),
        ),
        (
            json!({ "match": "live", "compression": ["bz2"] }),
            "repositories[0].compression[0] is \"bz2\"; allowed is a list of \"none\", \"gz\", \"xz\", \"zstd\", each at most \
             once"
                .to_owned(),
        ),
        (
            json!({ "match": "live", "on_conflict": "keep" }),
            "repositories[0].on_conflict is \"keep\"; allowed is \"replace\" or \"refuse\"".to_owned(),
        ),
        (
            json!({ "match": "live", "origin": "a\nSuite: b" }),
            format!("repositories[0].origin is \"a\\nSuite: b\"; allowed {line}"),
        ),
        (
            json!({ "match": "live", "digests": ["sha256"] }),
            "repositories[0].digests[0] is \"sha256\"; allowed is a list of \"md5\", \"sha1\", \"sha512\": the \
             digests in addition to SHA-256"
                .to_owned(),
        ),
        (json!({ "match": "live", "label": "" }), format!("repositories[0].label is \"\"; allowed {line}")),
        (
            json!({ "match": "live", "valid_until_seconds": 0 }),
            "repositories[0].valid_until_seconds is 0; allowed is a whole number from 1".to_owned(),
        ),
        (
            json!({ "match": "live", "keep": 3 }),
            "repositories[0].keep is 3; allowed is an object with generations, hours or both".to_owned(),
        ),
        (
            json!({ "match": "live", "keep": { "generations": 2 } }),
            "repositories[0].keep.generations is 2; allowed is a whole number from 3 to 1000".to_owned(),
        ),
        (
            json!({ "match": "live", "retain": {} }),
            "repositories[0].retain has neither newest nor days, and would keep everything; allowed is an object with \
             newest, days and names: {\"newest\": 5, \"days\": 30}"
                .to_owned(),
        ),
        (
            json!({ "match": "live", "retain": { "newest": 0 } }),
            "repositories[0].retain.newest is 0; allowed is a whole number from 1".to_owned(),
        ),
        (
            json!({ "match": "live", "retain": { "newest": 1, "names": [""] } }),
            "repositories[0].retain.names[0] is \"\"; allowed is a list of names of packages, with * and ?".to_owned(),
        ),
        (
            json!({ "match": "live", "create_empty": 1 }),
            "repositories[0].create_empty is 1; allowed is true or false".to_owned(),
        ),
    ] {
        assert_eq!(mistake(&with(small(), "/repositories", json!([entry])), &[]), format!("rws.json: {expected}"));
    }
    let file = with(small(), "/repositories", json!({}));
    assert!(mistake(&file, &[]).starts_with("rws.json: repositories is an object; allowed is a list of objects"));
}

#[test]
fn mistakes_in_the_variables_of_s3() {
    let good = [("S3_URL", "http://s3"), ("S3_REGION", "r"), ("S3_BUCKET", "b"), ("S3_ACCESS_KEY", "k")];
    for (variable, value, allowed) in [
        ("S3_URL", "s3.example.org", "is a URL like https://s3.example.org, without user and password"),
        ("S3_URL", "ftp://s3", "is a URL like https://s3.example.org, without user and password"),
        ("S3_REGION", "a b", "is a name without blanks"),
        ("S3_BUCKET", "a/b", "is a name without blanks or slashes"),
        ("S3_BASE_PATH", "a/../b", "is a path like base/path, without . and .."),
        ("S3_BASE_PATH", "a//b", "is a path like base/path, without . and .."),
        ("S3_ACCESS_KEY", "a\tb", "is a key id without blanks"),
    ] {
        let mut variables: Vec<_> = good.into_iter().filter(|(name, _)| *name != variable).collect();
        variables.extend([("S3_SECRET_KEY", "x"), (variable, value)]);
        assert_eq!(mistake(&small(), &variables), format!("environment: {variable} is {value:?}; allowed {allowed}"));
    }
}

#[test]
fn bad_json_names_line_and_column() {
    let error = file::parse("rws.json", "{\n  \"model\": {},\n  \"anchors\" []\n}").unwrap_err();
    let line = "rws.json: line 3, column 13 is not valid JSON: expected `:`; allowed is one JSON object";
    assert_eq!(error.to_string(), line);
    let line = "rws.json: line 1, column 0 is not valid JSON: EOF while parsing a value; allowed is one JSON object";
    assert_eq!(file::parse("rws.json", "").unwrap_err().to_string(), line);
}

#[test]
fn a_long_value_is_cut() {
    let file = with(small(), "/model/supported_repos/repo_kind", json!(["x/".repeat(1000)]));
    let line = format!("rws.json: model.supported_repos.repo_kind[0] is \"{}…\"; allowed {NAME}", "x/".repeat(30));
    assert_eq!(mistake(&file, &[]), line);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let environment =
        Environment::new([("S3_REGION", OsStr::from_bytes(b"\xff")), ("S3_URL", OsStr::new("http://s3"))]);
    let error = ListeningAddress::resolve(None, &Environment::new([("PORT", OsStr::from_bytes(b"\xff"))])).unwrap_err();
    assert_eq!(error.to_string(), "environment: PORT is not UTF-8; allowed is text in UTF-8");
    assert!(Configuration::load(&Overrides::default(), &environment, &formats()).is_err());
}
