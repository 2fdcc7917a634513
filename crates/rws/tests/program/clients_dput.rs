//! The release engineer's job: upload with the real `dput` and `dput-ng`, read with the real apt.

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl;
use crate::support::dput::{Client, Uploader};
use crate::support::gpgv::SecretKey;
use crate::support::packages::upload::{BuiltPackage, UploadFiles};
use crate::support::server::{Credentials, Server};
use crate::support::storage::Storage;
use crate::support::{expect_same_files, files_below, read_file, temporary_directory, write_file};

const TARGET: &str = "/release/2.8/ubuntu/focal";
const ARCHIVE: &str = "/release/2.8/ubuntu";
const PACKAGES: &str = "/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz";

crate::on_every_storage! {
    dput_uploads_source_and_binary,
    dput_ng_uploads_source_and_binary,
}

fn dput_uploads_source_and_binary(storage: Storage) {
    uploads_source_and_binary(storage, Client::Dput);
}

fn dput_ng_uploads_source_and_binary(storage: Storage) {
    uploads_source_and_binary(storage, Client::DputNg);
}

#[track_caller]
fn uploads_source_and_binary(storage: Storage, client: Client) {
    let server = Server::on(storage);
    let key = SecretKey::generate("ed25519");
    let (plain, signed) = (temporary_directory(), temporary_directory());
    let unsigned = BuiltPackage::new("rws-plain", "1.0~rc1+git2").build(plain.path());
    Uploader::new(client, &server, TARGET).upload("plain", &unsigned.changes).expect_success();
    let signed = BuiltPackage::new("rws-signed", "1:1.0").signed_by(&key).build(signed.path());
    Uploader::new(client, &server, TARGET).checking(key.home()).upload("signed", &signed.changes).expect_success();
    server.wait_for_body(PACKAGES, |text| text.contains("rws-plain") && text.contains("rws-signed"));
    let apt = client_of(&server);
    for (name, files) in [("rws-plain", &unsigned), ("rws-signed", &signed)] {
        expect_same_files(&apt.source(name).expect_clean().files, &files.source());
    }
    let debs = [unsigned.ending(&[".deb"]), signed.ending(&[".deb"])].concat();
    expect_same_files(&apt.install(&["rws-plain", "rws-signed"]).expect_clean().files, &debs);
    for name in ["rws-plain", "rws-signed"] {
        let product = name.trim_start_matches("rws-");
        let shown = apt.cache(&["show", name]).expect_clean().output();
        assert!(shown.contains(&format!("Filename: pool/focal/main/{}/{product}/", &product[..1])), "{shown}");
    }
}

#[track_caller]
fn client_of(server: &Server) -> Apt {
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let apt = Apt::signed_by(&server.url(ARCHIVE), "focal", &key);
    apt.update().expect_clean();
    apt
}

/// Files may come to one replica and the `.changes` to another one.
#[test]
fn ceph_another_replica_takes_the_changes() {
    let directory = temporary_directory();
    let files = BuiltPackage::new("rws-parted", "1.0").build(directory.path());
    let bucket = Bucket::on_ceph();
    let servers = [bucket.serve(), bucket.serve()];
    for (number, file) in files.others.iter().chain([&files.changes]).enumerate() {
        let server = &servers[number % 2];
        let url = server.url(&format!("/-/incoming{TARGET}/parted/{}?wait=60", crate::support::file_name(file)));
        let arguments = ["--upload-file".to_owned(), file.display().to_string()];
        curl::request(&url, Some(server.credentials()), &arguments).expect_created();
    }
    for server in &servers {
        let apt = client_of(server);
        expect_same_files(&apt.source("rws-parted").expect_clean().files, &files.source());
    }
}

#[test]
fn the_same_upload_again_is_no_mistake() {
    let server = Server::start();
    let directory = temporary_directory();
    let files = BuiltPackage::new("rws-again", "1.0").build(directory.path());
    for client in [Client::Dput, Client::DputNg] {
        Uploader::new(client, &server, TARGET).upload("again", &files.changes).expect_success();
    }
}

/// dput sends its first file without the password, and looks for an answer only when it has sent all of it.
#[test]
fn a_large_file_is_not_cut_off_before_the_password() {
    let server = Server::start();
    let directory = temporary_directory();
    let files = BuiltPackage::new("rws-large", "1.0").padded(16 << 20).build(directory.path());
    let text = String::from_utf8_lossy(&read_file(&files.changes)).into_owned();
    // the tarball becomes the first of each list
    let (mut lines, mut dsc) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if line.ends_with(".dsc") {
            dsc.push(line);
        } else {
            lines.push(line);
            lines.extend(dsc.pop().filter(|_| line.ends_with(".tar.xz")));
        }
    }
    write_file(&files.changes, lines.join("\n") + "\n");
    let ran = Uploader::new(Client::Dput, &server, TARGET).upload("large", &files.changes).expect_success();
    assert!(ran.everything().contains("rws-large_1.0.tar.xz: need authentication"), "{}", ran.transcript());
    server.wait_for_body(PACKAGES, |text| text.contains("rws-large"));
    let apt = client_of(&server);
    expect_same_files(&apt.source("rws-large").expect_clean().files, &files.source());
}

#[test]
fn what_is_refused_fails_and_publishes_nothing() {
    let server = Server::start();
    let directory = temporary_directory();
    let files = BuiltPackage::new("rws-bad", "1.0").build(directory.path());
    let stranger = Credentials { user: server.credentials().user.clone(), password: "wrong".to_owned() };
    for client in [Client::Dput, Client::DputNg] {
        let ran = Uploader::new(client, &server, TARGET).of(&stranger).upload("bad", &files.changes).expect_failure();
        assert!(ran.everything().contains("401") || ran.everything().contains("nauthorized"), "{}", ran.transcript());
        let ran = Uploader::new(client, &server, "/release/2.8/ubuntu/hardy").upload("bad", &files.changes);
        ran.expect_failure();
        let cut = cut(&files);
        Uploader::new(client, &server, TARGET).upload("bad", &cut.changes).expect_failure();
    }
    let names = files_below(&server.data_dir());
    assert!(!names.iter().any(|path| path.to_string_lossy().contains("/pool/")), "{names:?}");
}

/// The same upload with a package that is no package; the `.changes` agrees with it, so that the client sends it.
fn cut(files: &UploadFiles) -> UploadFiles {
    let deb = files.ending(&[".deb"]).remove(0);
    let bytes = read_file(&deb);
    let directory = deb.with_extension("cut");
    let name = crate::support::file_name(&deb);
    let damaged = directory.join(&name);
    write_file(&damaged, &bytes[..bytes.len() / 2]);
    let sums = ["md5sum", "sha1sum", "sha256sum"].map(|program| {
        let sum = |path: &std::path::Path| {
            let ran = crate::support::program::Program::new(program, &directory).arg(path).succeed().output();
            ran.split_whitespace().next().unwrap_or_default().to_owned()
        };
        (sum(&deb), sum(&damaged))
    });
    let mut text = String::from_utf8_lossy(&read_file(&files.changes)).into_owned();
    for (before, now) in sums {
        text = text.replace(&format!("{before} {}", bytes.len()), &format!("{now} {}", bytes.len() / 2));
    }
    for other in files.others.iter().filter(|other| **other != deb) {
        write_file(&directory.join(crate::support::file_name(other)), read_file(other));
    }
    let changes = directory.join(crate::support::file_name(&files.changes));
    write_file(&changes, text);
    UploadFiles { changes, others: Vec::new() }
}
