//! Every example of the original's README, as written there but for file names, user, password and port.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use crate::support::curl::{self, Answer};
use crate::support::gpgv::{KeyOptions, SecretKey, Verifier};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server, refused_start};
use crate::support::{file_name, project_root, read_file, temporary_directory, wait, write_file};
use serde_json::{Value, json};

/// `curl -u … -F … --request METHOD …`, as the README has it.
#[track_caller]
fn curl(server: &Server, method: &str, path: &str, forms: &[String]) -> Answer {
    let mut arguments: Vec<String> = forms.iter().flat_map(|form| ["-F".to_owned(), form.clone()]).collect();
    arguments.extend(["--request".to_owned(), method.to_owned()]);
    curl::request(&server.url(path), Some(server.credentials()), &arguments)
}

/// `NAME=@/path/to/NAME`
fn form(path: &Path) -> String {
    format!("{}=@{}", file_name(path), path.display())
}

#[track_caller]
fn expect_ok(answer: Answer, status: u16) {
    let answer = answer.expect_status(status);
    assert_eq!(answer.text(), "{\"message\":\"OK\"}\n");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[track_caller]
fn cartridge(directory: &Path) -> [PathBuf; 2] {
    let rpm = Rpm::new("cartridge-cli", "1.8.0.0", "1.el7");
    let files = [rpm.build(directory), rpm.build_source(directory)];
    let names = files.each_ref().map(|path| file_name(path));
    assert_eq!(names, ["cartridge-cli-1.8.0.0-1.el7.x86_64.rpm", "cartridge-cli-1.8.0.0-1.el7.src.rpm"]);
    files
}

fn noarch(directory: &Path) -> PathBuf {
    Rpm::new("cartridge-doc", "1.0", "1").architecture("noarch").build(directory)
}

/// Waits until the primary list of an rpm repository names a file, and the file is there with its bytes.
#[track_caller]
fn wait_for_rpm(server: &Server, repository: &str, file: &Path) {
    let location = format!("Packages/{}", file_name(file));
    wait::until(&format!("{location} in {repository}"), wait::BOUND, || {
        primary(server, repository)?.contains(&format!("<location href=\"{location}\"")).then_some(())
    });
    let body = curl::get(&server.url(&format!("{repository}/{location}"))).expect_status(200).body;
    assert!(body == read_file(file), "{repository}/{location} has other bytes");
}

/// The primary list of an rpm repository, once it has one.
fn primary(server: &Server, repository: &str) -> Option<String> {
    let repomd = curl::get(&server.url(&format!("{repository}/repodata/repomd.xml")));
    let text = repomd.text();
    let href = text.split('"').find(|href| href.ends_with("primary.xml.gz"))?;
    let packed = curl::get(&server.url(&format!("{repository}/{href}"))).expect_status(200).body;
    let directory = temporary_directory();
    write_file(&directory.path().join("primary.gz"), packed);
    let gzip = Program::new("gzip", directory.path()).args(["--decompress", "--stdout"]);
    Some(gzip.arg(directory.path().join("primary.gz")).succeed().output())
}

/// Waits until an index of an apt repository has a line.
#[track_caller]
fn wait_for_line(server: &Server, index: &str, line: &str) {
    server.wait_for_body(index, |text| text.lines().any(|found| found == line));
}

/// The shipped configuration with changes.
fn configuration(change: impl FnOnce(&mut Value)) -> String {
    let text = std::fs::read_to_string(project_root().join("config.default")).unwrap();
    let mut value = serde_json::from_str(&text).unwrap();
    change(&mut value);
    value.to_string()
}

#[test]
fn put_of_a_binary_and_a_source_rpm() {
    let server = Server::start();
    let directory = temporary_directory();
    let [binary, source] = cartridge(directory.path());
    let answer = curl(&server, "PUT", "/live/1.10/el/7", &[form(&binary), form(&source)]);
    expect_ok(answer, 201);
    wait_for_rpm(&server, "/live/1.10/el/7/x86_64", &binary);
    wait_for_rpm(&server, "/live/1.10/el/7/SRPMS", &source);
    let elsewhere = format!("/live/1.10/el/7/aarch64/Packages/{}", file_name(&binary));
    curl::get(&server.url(&elsewhere)).expect_status(404);
}

#[test]
fn put_of_a_deb_with_its_source_and_a_post() {
    let server = Server::start();
    let directory = temporary_directory();
    let deb = Deb::new("tarantool-smtp", "0.0.4.0-1", "amd64").build(directory.path());
    let source = SourcePackage::new("tarantool-smtp", "0.0.4.0-1").upstream_xz().build(directory.path());
    let files = [vec![deb], source.all()].concat();
    let mut names: Vec<String> = files.iter().map(|path| file_name(path)).collect();
    names.sort();
    let expected = [
        "tarantool-smtp_0.0.4.0-1.debian.tar.xz",
        "tarantool-smtp_0.0.4.0-1.dsc",
        "tarantool-smtp_0.0.4.0-1_amd64.deb",
        "tarantool-smtp_0.0.4.0.orig.tar.xz",
    ];
    assert_eq!(names, expected);

    let missing = curl(&server, "POST", "/release/2.8/ubuntu/focal", &[]).expect_status(404);
    let message = "Can't update repository: Repository release/2.8/ubuntu/focal doesn't exist";
    assert_eq!(missing.json()["message"], message);

    let forms: Vec<String> =
        std::iter::once("product=tarantool-smtp".to_owned()).chain(files.iter().map(|path| form(path))).collect();
    expect_ok(curl(&server, "PUT", "/release/2.8/ubuntu/focal", &forms), 201);
    let dists = "/release/2.8/ubuntu/dists/focal";
    let pool = "pool/focal/main/t/tarantool-smtp";
    let line = format!("Filename: {pool}/tarantool-smtp_0.0.4.0-1_amd64.deb");
    wait_for_line(&server, &format!("{dists}/main/binary-amd64/Packages.gz"), &line);
    wait_for_line(&server, &format!("{dists}/main/source/Sources.gz"), &format!("Directory: {pool}"));
    for file in &files {
        let path = format!("/release/2.8/ubuntu/{pool}/{}", file_name(file));
        let body = curl::get(&server.url(&path)).expect_status(200).body;
        assert!(body == read_file(file), "{path} has other bytes");
    }

    expect_ok(curl(&server, "POST", "/release/2.8/ubuntu/focal", &[]), 200);
}

#[test]
fn the_anchor_of_the_default_configuration_reaches_all_21_repositories() {
    let server = Server::start();
    let directory = temporary_directory();
    let [binary, source] = cartridge(directory.path());
    let noarch = noarch(directory.path());
    let forms = [form(&binary), form(&source), form(&noarch)];
    expect_ok(curl(&server, "PUT", "/tarantool-modules/el/7", &forms), 201);
    let series = ["1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"];
    let mut targets: Vec<String> =
        ["live", "release"].iter().flat_map(|kind| series.map(|series| format!("{kind}/{series}"))).collect();
    targets.push("release/modules".to_owned());
    assert_eq!(targets.len(), 21);
    for target in &targets {
        wait_for_rpm(&server, &format!("/{target}/el/7/x86_64"), &binary);
        wait_for_rpm(&server, &format!("/{target}/el/7/SRPMS"), &source);
        for architecture in ["x86_64", "aarch64"] {
            wait_for_rpm(&server, &format!("/{target}/el/7/{architecture}"), &noarch);
        }
    }
    curl::get(&server.url("/live/modules")).expect_status(404);
    expect_ok(curl(&server, "POST", "/tarantool-modules/el/7", &[]), 200);
}

#[test]
fn the_anchor_of_the_configuration_example() {
    let directory = temporary_directory();
    let file = directory.path().join("rws.json");
    let anchor = json!({"tarantool-modules": ["release/1.10/", "release/modules/", "live/1.10/"]});
    write_file(&file, configuration(|value| value["anchors"] = anchor));
    let environment = vec![("RWS_CFG".to_owned(), file.display().to_string())];
    let server = Server::start_with(Options { environment, ..Options::default() });
    let [binary, _] = cartridge(directory.path());
    expect_ok(curl(&server, "PUT", "/tarantool-modules/el/7", &[form(&binary)]), 201);
    for target in ["release/1.10", "release/modules", "live/1.10"] {
        wait_for_rpm(&server, &format!("/{target}/el/7/x86_64"), &binary);
    }
    for other in ["/live/2.1", "/live/modules", "/release/2.1"] {
        curl::get(&server.url(other)).expect_status(404);
    }
}

#[test]
fn enabled_as_the_series_stands_for_the_configured_list() {
    let server = Server::start();
    let directory = temporary_directory();
    let noarch = noarch(directory.path());
    expect_ok(curl(&server, "PUT", "/live/enabled/el/8", &[form(&noarch)]), 201);
    for series in ["modules", "1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"] {
        for architecture in ["x86_64", "aarch64"] {
            wait_for_rpm(&server, &format!("/live/{series}/el/8/{architecture}"), &noarch);
        }
    }
    for series in ["enabled", "series-2", "series-3"] {
        curl::get(&server.url(&format!("/live/{series}"))).expect_status(404);
    }
}

/// Hashes of "correct horse" by werkzeug 3.1.8, and of "password" by argon2-cffi 25.1.0.
const SCRYPT: &str = "scrypt:32768:8:1$ehVWG6aGCmRg9wkL$d6a986dc63d59f511334e4978ea3211f20ec1947dab9045310511e34cbfc0a82db604f14a8d329a4760a1ee203feb28e27d7175dfd39b18ba519e5fb7f658f4b";
const PBKDF2: &str =
    "pbkdf2:sha256:600000$5v1q4CH7K091Oz6F$d0aefc3227a1f6f6735e3be5a121647340c70d3972b7c7966a40bd93605b589a";
const ARGON2ID: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$dv5Kkxm8kCs36cd8WXBS2w$W6UwWxvM7HNHCjktMZJqjaqyyKNdP5MQrRQ8E0/EUxI";

#[test]
fn credentials_with_hashes_of_each_kind() {
    let users = json!({"scrypt": SCRYPT, "pbkdf2": PBKDF2, "argon2id": ARGON2ID, "plain": "password"});
    let credentials = |user: &str, password: &str| Credentials { user: user.to_owned(), password: password.to_owned() };
    let server = Server::start_with(Options {
        environment: vec![("RWS_CREDENTIALS".to_owned(), users.to_string())],
        credentials: Some(credentials("scrypt", "correct horse")),
        ..Options::default()
    });
    let directory = temporary_directory();
    let file = form(&noarch(directory.path()));
    let put = ["-F", &file, "--request", "PUT"].map(str::to_owned);
    let target = server.url("/live/1.10/el/7");
    for (user, password, status) in [
        ("scrypt", "correct horse", 201),
        ("pbkdf2", "correct horse", 201),
        ("argon2id", "password", 201),
        ("scrypt", "password", 401),
        ("pbkdf2", "password", 401),
        ("argon2id", "correct horse", 401),
        ("argon2id", "", 401),
        ("plain", "password", 401),
        ("nobody", "password", 401),
    ] {
        let answer = curl::request(&target, Some(&credentials(user, password)), &put);
        assert_eq!(answer.status, status, "{user}:{password}: {}", answer.text());
    }
    let warned = |line: &str| line.contains("plain") && line.contains("rws hash-password");
    assert!(server.log().lines().any(warned), "no warning that `plain` cannot log in");
    assert!(!server.log().contains("password: "), "a password is made although there are users");
}

#[test]
fn sync_on_start_of_the_file_that_rws_cfg_names() {
    let directory = temporary_directory();
    let (data, file) = (directory.path().join("data"), directory.path().join("rws.json"));
    write_file(&file, configuration(|value| value["common"]["sync_on_start"] = json!(true)));
    let packages = data.join("live/1.10/el/7/x86_64/Packages");
    let pool = data.join("release/2.8/ubuntu/pool/focal/main/t/tarantool-smtp");
    for directory in [&packages, &pool] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let rpm = Rpm::new("cartridge-cli", "1.8.0.0", "1.el7").build(&packages);
    Deb::new("tarantool-smtp", "0.0.4.0-1", "amd64").build(&pool);
    let server = Server::start_with(Options {
        data_dir: Some(data),
        environment: vec![("RWS_CFG".to_owned(), file.display().to_string())],
        ..Options::default()
    });
    wait_for_rpm(&server, "/live/1.10/el/7/x86_64", &rpm);
    let line = "Filename: pool/focal/main/t/tarantool-smtp/tarantool-smtp_0.0.4.0-1_amd64.deb";
    wait_for_line(&server, "/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz", line);
}

/// Uploads to a release series and to `modules`, and judges all signatures by the two keys.
#[track_caller]
fn expect_signed(environment: &[(&str, &str)], main: Option<&SecretKey>, modules: Option<&SecretKey>) {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = Server::start_with(Options { environment, ..Options::default() });
    let directory = temporary_directory();
    let noarch = form(&noarch(directory.path()));
    let deb = form(&Deb::new("tarantool-smtp", "0.0.4.0-1", "amd64").build(directory.path()));
    for (series, key, url) in [("2.8", main, "main.asc"), ("modules", modules, "modules.asc")] {
        let product = "product=tarantool-smtp".to_owned();
        let path = format!("/release/{series}/ubuntu/focal?wait=30");
        expect_ok(curl(&server, "PUT", &path, &[product, deb.clone()]), 201);
        let path = format!("/release/{series}/el/7?wait=30");
        expect_ok(curl(&server, "PUT", &path, std::slice::from_ref(&noarch)), 201);
        let get = |path: &str| curl::get(&server.url(&format!("/release/{series}/{path}")));
        let Some(key) = key else {
            for path in ["ubuntu/dists/focal/InRelease", "ubuntu/dists/focal/Release.gpg"] {
                get(path).expect_status(404);
            }
            get("el/7/x86_64/repodata/repomd.xml.asc").expect_status(404);
            continue;
        };
        let body = |path: &str| get(path).expect_status(200).body;
        let verifier = Verifier::new(&key.public_armored());
        let release = body("ubuntu/dists/focal/Release");
        let (inline, text) = verifier.verify_inline(&body("ubuntu/dists/focal/InRelease"));
        assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&release));
        let detached = verifier.verify_detached(&release, &body("ubuntu/dists/focal/Release.gpg"));
        let repomd = body("el/7/x86_64/repodata/repomd.xml");
        let of_repomd = verifier.verify_detached(&repomd, &body("el/7/x86_64/repodata/repomd.xml.asc"));
        assert_eq!((&inline, &detached), (&detached, &of_repomd));
        let served = curl::get(&server.url(&format!("/-/keys/{url}"))).expect_status(200).body;
        assert_eq!(Verifier::new(&served).verify_detached(&release, &body("ubuntu/dists/focal/Release.gpg")), detached);
    }
}

#[test]
fn modules_are_signed_by_their_own_key_and_the_rest_by_the_main_one() {
    let (main, modules) = (SecretKey::generate("rsa3072"), SecretKey::generate("ed25519"));
    let (main_secret, modules_secret) = (main.secret_armored(), modules.secret_armored());
    expect_signed(
        &[("GPG_SIGN_KEY_ARMORED", &main_secret), ("GPG_MODULES_SIGN_KEY_ARMORED", &modules_secret)],
        Some(&main),
        Some(&modules),
    );
}

#[test]
fn modules_are_signed_by_the_main_key_where_they_have_none() {
    let main = SecretKey::generate("ed25519");
    let secret = main.secret_armored();
    expect_signed(&[("GPG_SIGN_KEY_ARMORED", &secret), ("GPG_MODULES_SIGN_KEY_ARMORED", "")], Some(&main), Some(&main));
}

#[test]
fn only_modules_are_signed_where_only_they_have_a_key() {
    let modules = SecretKey::generate("ed25519");
    expect_signed(&[("GPG_MODULES_SIGN_KEY_ARMORED", &modules.secret_armored())], None, Some(&modules));
}

#[test]
fn keys_with_passphrases_sign() {
    let main =
        SecretKey::generate_with("ed25519", &KeyOptions { passphrase: "correct horse", ..KeyOptions::default() });
    let modules = SecretKey::generate_with("rsa3072", &KeyOptions { passphrase: "päss wörd", ..KeyOptions::default() });
    let (main_secret, modules_secret) = (main.secret_armored(), modules.secret_armored());
    expect_signed(
        &[
            ("GPG_SIGN_KEY_ARMORED", &main_secret),
            ("GPG_SIGN_KEY_PASSPHRASE", "correct horse"),
            ("GPG_MODULES_SIGN_KEY_ARMORED", &modules_secret),
            ("GPG_MODULES_SIGN_KEY_PASSPHRASE", "päss wörd"),
        ],
        Some(&main),
        Some(&modules),
    );
}

#[test]
fn keys_that_cannot_sign_are_refused_at_start() {
    let expired = KeyOptions { made_at: "20200101T000000", expires: "1d", ..KeyOptions::default() };
    let expired = SecretKey::generate_with("ed25519", &expired);
    let certifying = SecretKey::generate_with("ed25519", &KeyOptions { usage: "cert", ..KeyOptions::default() });
    let locked = KeyOptions { passphrase: "correct horse", ..KeyOptions::default() };
    let locked = SecretKey::generate_with("ed25519", &locked);
    let public = String::from_utf8(certifying.public_armored()).unwrap();
    let rows = [
        ("expired", expired.secret_armored(), "", "expired on 2020-01-02"),
        ("cert-only", certifying.secret_armored(), "", "not sign"),
        ("locked, no passphrase", locked.secret_armored(), "", "passphrase"),
        ("locked, wrong passphrase", locked.secret_armored(), "battery staple", "passphrase"),
        ("public only", public, "", "public key"),
        ("garbage", "battery staple".to_owned(), "", "no armored OpenPGP key"),
    ];
    let variables = [
        ("GPG_SIGN_KEY_ARMORED", "GPG_SIGN_KEY_PASSPHRASE"),
        ("GPG_MODULES_SIGN_KEY_ARMORED", "GPG_MODULES_SIGN_KEY_PASSPHRASE"),
    ];
    for (name, armored, passphrase, reason) in &rows {
        for (variable, passphrase_variable) in variables {
            let ran = refused_start(&[(variable, armored), (passphrase_variable, passphrase)]);
            let said = ran.everything();
            assert_eq!(ran.code, Some(2), "{name}: {said}");
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert!(said.starts_with("error: ") && said.contains(variable), "{name}: {said}");
            assert!(said.contains(reason), "{name}: {said}");
            for secret in ["battery staple", "correct horse", "BEGIN PGP"] {
                assert!(!said.contains(secret), "{name} shows a secret: {said}");
            }
        }
    }
}
