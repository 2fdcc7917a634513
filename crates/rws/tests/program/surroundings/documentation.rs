//! The commands of README.md, docs/usage.md and docs/clients.md (uploads by curl), and those of docs/configuration.md on
//! passwords and keys, as they stand there
//! but for address, user, password and what stands for a value of one's own.

use crate::contract::stage::configured;
use crate::support::apt::{Apt, Sources};
use crate::support::bucket::{Bucket, expect_ready};
use crate::support::curl;
use crate::support::documents::{blocks, document, replaced, shell};
use crate::support::packages::deb::Deb;
use crate::support::packages::real::real_source;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::packages::upload::BuiltPackage;
use crate::support::private_root::PrivateRoot;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{copy_files, file_name, project_root, read_file, temporary_directory, write_file};

fn host(server: &Server) -> &str {
    server.base_url().trim_start_matches("http://")
}

#[test]
fn the_readme_has_no_other_commands() {
    let readme = document("README.md");
    let all = blocks(&readme);
    let [two_commands, _, _] = all.as_slice() else { panic!("other blocks in\n{readme}") };
    let commands: Vec<&str> = two_commands.lines().map(|line| line.split("  ").next().unwrap()).collect();
    // all tests start the program so, and are run by the other one
    assert_eq!(commands, ["cargo run --release --bin rws -- serve", "tests/run"]);
    assert!(project_root().join("tests/run").is_file());
}

#[test]
fn the_walk_through() {
    let server = Server::start();
    let directory = temporary_directory();
    let apt = Apt::new(&Sources::Deb822(""));
    let sources = apt.path("etc/apt/sources.list.d/");
    let readme = document("README.md");
    let commands = replaced(
        &blocks(&readme)[1],
        &[
            ("PASSWORD", &server.credentials().password),
            ("127.0.0.1:5000", host(&server)),
            ("/etc/apt/sources.list.d/", &sources.display().to_string()),
            // the machine that runs this test stays as it is
            ("apt-get install", "apt-get install --yes --download-only"),
        ],
    );
    let ran = shell(&commands, directory.path()).env("APT_CONFIG", apt.path("apt.conf")).succeed();
    assert!(ran.everything().contains("{\"message\":\"OK\"}"), "{}", ran.transcript());
    assert!(apt.path("var/cache/apt/archives/rws-demo_1.0_all.deb").is_file(), "{}", ran.transcript());
    let policy = format!("500 {} bookworm/main", server.url("/live/1.10/debian"));
    assert!(ran.everything().contains(&policy), "{policy} is not in\n{}", ran.transcript());
    assert!(readme.contains("http://127.0.0.1:5000/live/1.10/debian bookworm/main"));
}

#[test]
fn the_start_with_a_bucket() {
    let bucket = Bucket::on_ceph();
    let values = bucket.environment();
    let value = |wanted: &str| values.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
    let directory = temporary_directory();
    let key = directory.path().join("key.asc");
    write_file(&key, value("GPG_SIGN_KEY_ARMORED"));
    let readme = document("README.md");
    let commands = replaced(
        &blocks(&readme)[2],
        &[
            ("https://s3.example.org", &bucket.s3.url),
            ("S3_BUCKET=packages", &format!("S3_BUCKET={}", bucket.name)),
            ("S3_ACCESS_KEY=…", &format!("S3_ACCESS_KEY={}", bucket.s3.access_key)),
            ("S3_SECRET_KEY=…", &format!("S3_SECRET_KEY={}", bucket.s3.secret_key)),
            ("{\"ci\": \"$argon2id$…\"}", &value("RWS_CREDENTIALS")),
            ("key.asc", &key.display().to_string()),
            ("\nrws serve", &format!("\nexec {} \"$@\"", env!("CARGO_BIN_EXE_rws"))),
        ],
    );
    let spool = directory.path().join("spool").display().to_string();
    let server = Server::start_with(Options {
        environment: [("PORT", "0"), ("RWS_SPOOL_DIR", &spool)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        credentials: Some(Credentials { user: "ci".to_owned(), password: "password".to_owned() }),
        launcher: Some(["bash", "-euc", &commands, "rws"].map(str::to_owned).to_vec()),
        ..Options::default()
    });
    expect_ready(&server);
    curl::get(&server.url("/-/keys/main.asc")).expect_status(200);
}

#[test]
fn putting_packages_and_updating_metadata() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        let components = serde_json::json!(["main", "contrib"]);
        file["repositories"] = serde_json::json!([{ "match": "release/*/ubuntu", "components": components }]);
    });
    let rpm = Rpm::new("cartridge-cli", "1.8.0.0", "1.el7");
    rpm.build(directory.path());
    rpm.build_source(directory.path());
    Deb::new("tarantool-smtp", "0.0.4.0-1", "amd64").build(directory.path());
    for file in SourcePackage::new("tarantool-smtp", "0.0.4.0-1").upstream_xz().build(directory.path()).all() {
        write_file(&directory.path().join(file_name(&file)), read_file(&file));
    }
    let usage = document("docs/usage.md");
    let user = format!("{}:{}", server.credentials().user, server.credentials().password);
    let hello = real_source("hello");
    assert!(hello.all().iter().any(|path| file_name(path).ends_with(".orig.tar.gz.asc")), "{hello:?}");
    copy_files(hello.dsc.parent().unwrap(), directory.path());
    let blocks = blocks(&usage);
    let run = |block: &str, named: &[(&str, &str)]| {
        let commands = replaced(block, &[named, &[("127.0.0.1:5000", host(&server))]].concat());
        shell(&commands, directory.path()).succeed()
    };
    let [changes @ .., promotion, phase, listings] = blocks.as_slice() else { panic!("no commands in docs/usage.md") };
    assert_eq!(changes.len(), 6);
    for block in changes {
        let ran = run(block, &[("user_name:password", &user)]);
        assert_eq!(ran.output(), "{\"message\":\"OK\"}\n", "{}", ran.transcript());
    }
    server.wait_for_body("/release/2.8/ubuntu/dists/focal/main/source/Sources.gz", |text| {
        text.contains("Package: tarantool-smtp") && text.contains("hello_2.10.orig.tar.gz.asc")
    });
    server.wait_for_body("/live/1.10/el/7/SRPMS/repodata/repomd.xml", |_| true);
    let ran = run(promotion, &[("user_name:password", &user)]);
    assert!(ran.output().starts_with("{\"message\":\"OK\"}"), "{}", ran.transcript());
    server.wait_for_body("/release/1.10/el/7/?recursive=1", |files| {
        files.contains("x86_64/Packages/cartridge-cli-1.8.0.0-1.el7.x86_64.rpm")
    });
    assert_eq!(run(phase, &[("user_name:password", &user)]).output(), "{\"message\":\"OK\"}\n");
    let ran = run(listings, &[]);
    let (first, rest) = ran.output().split_once('\n').map(|(first, rest)| (first.to_owned(), rest.to_owned())).unwrap();
    assert!(first.starts_with("{\"path\":\"live/1.10\",\"entries\":[{\"name\":\"el\""), "{}", ran.transcript());
    assert!(rest.contains("{\"name\":\"SRPMS/Packages/cartridge-cli-1.8.0.0-1.el7.src.rpm\""), "{}", ran.transcript());
}

/// Debian's own package has a signature of upstream beside its tarball, which its `.changes` lists, too.
#[test]
fn an_upload_file_by_file() {
    let server = Server::start();
    let directory = temporary_directory();
    let signature = directory.path().join("hello_2.10.orig.tar.xz.asc");
    write_file(&signature, "-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n-----END PGP SIGNATURE-----\n");
    let built = BuiltPackage::new("hello", "2.10-3").upstream("text").build(directory.path());
    let listed = String::from_utf8(read_file(&built.changes)).unwrap();
    assert!(listed.contains("hello_2.10.orig.tar.xz.asc"), "{listed}");
    let clients = document("docs/clients.md");
    let by_hand = blocks(&clients).into_iter().find(|block| block.contains("-T \"$changes\"")).unwrap();
    let user = format!("{}:{}", server.credentials().user, server.credentials().password);
    let commands = replaced(
        &by_hand,
        &[
            ("https://rws.example.org", server.base_url()),
            ("ci:PASSWORD", &user),
            ("changes=hello_2.10-3_amd64.changes", &format!("changes={}", file_name(&built.changes))),
        ],
    );
    let ran = shell(&commands, directory.path()).succeed();
    let answers = "{\"message\":\"OK\"}\n".repeat(built.others.len() + 1);
    assert_eq!(ran.output(), answers, "{}", ran.transcript());
    let sources =
        curl::get(&server.url("/live/1.10/debian/dists/bookworm/main/source/Sources.gz")).expect_status(200).text();
    assert!(sources.contains("hello_2.10.orig.tar.xz.asc"), "{sources}");
}

#[test]
fn metadata_of_an_apt_repository() {
    let server = Server::start();
    let directory = temporary_directory();
    let stanza = format!("Package: a\nDescription-md5: {}\nDescription-de: kurz\n", "0".repeat(32));
    write_file(&directory.path().join("Components-amd64.yml"), "File: DEP-11\n");
    write_file(&directory.path().join("icons-64x64.tar"), vec![0_u8; 10_240]);
    write_file(&directory.path().join("Translation-de"), stanza);
    shell("gzip Components-amd64.yml icons-64x64.tar", directory.path()).succeed();
    let clients = document("docs/clients.md");
    let block = blocks(&clients).into_iter().find(|block| block.contains("Translation-de")).unwrap();
    let user = format!("{}:{}", server.credentials().user, server.credentials().password);
    let commands = replaced(&block, &[("https://rws.example.org", server.base_url()), ("ci:PASSWORD", &user)]);
    let ran = shell(&commands, directory.path()).succeed();
    assert_eq!(ran.output(), "{\"message\":\"OK\"}\n".repeat(4), "{}", ran.transcript());
    server.wait_for_body("/live/1.10/debian/dists/bookworm/Release", |release| {
        release.contains(" main/dep11/icons-64x64.tar.gz\n") && !release.contains("Translation-de")
    });
}

/// The commands of a section of docs/configuration.md.
#[track_caller]
fn configuration_block(title: &str) -> String {
    let text = document("docs/configuration.md");
    let section = text.split(&format!("\n## {title}\n")).nth(1).unwrap();
    blocks(section)[0].to_owned()
}

#[test]
fn hashing_a_password() {
    let directory = temporary_directory();
    let forms = ["$argon2id$", "$argon2id$", "scrypt:32768:8:1$"];
    let block = configuration_block("Passwords");
    assert_eq!(block.lines().count(), forms.len());
    for (line, form) in block.lines().zip(forms) {
        let ran = shell(line, directory.path()).env("PASSWORD", "secret").input("secret\n").succeed();
        assert!(ran.output().starts_with(form), "{}", ran.transcript());
    }
}

#[test]
fn exporting_a_key_from_gpg() {
    let root = PrivateRoot::new();
    let make = "gpg --batch --quiet --passphrase '' --quick-generate-key MYKEYID ed25519 sign never\n";
    let gpg = root.join("gnupg");
    Program::new("mkdir", root.path()).args(["-m", "700"]).arg(&gpg).succeed();
    let ran = shell(&format!("{make}{}", configuration_block("Keys")), root.path()).env("GNUPGHOME", &gpg).succeed();
    assert!(ran.output().contains("ok: "), "{}", ran.transcript());
    assert!(!ran.output().contains("warning"), "{}", ran.transcript());
}
