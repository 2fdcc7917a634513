//! Whole descriptions apart from the packages, judged by apt-ftparchive and apt.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use crate::contract::stage::configured;
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::packages::real::real_debs;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{configuration_file, file_name, temporary_directory, write_file};

const SUITE: &str = "/live/2.8/ubuntu/dists/focal";

/// The stanzas of an index as it is served, each once.
fn stanzas(server: &Server, name: &str) -> BTreeSet<String> {
    let packed = curl::get(&server.url(&format!("{SUITE}/main/{name}.gz"))).expect_status(200).body;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(packed.as_slice()), &mut text).unwrap();
    split(&text)
}

fn split(text: &str) -> BTreeSet<String> {
    text.split("\n\n").map(|one| one.trim_matches('\n').to_owned()).filter(|one| !one.is_empty()).collect()
}

#[test]
fn real_packages_have_what_apt_ftparchive_writes() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |_| {});
    let debs: Vec<PathBuf> = real_debs().into_iter().filter(|path| file_name(path).ends_with("_amd64.deb")).collect();
    for part in debs.chunks(50).take(2) {
        let upload = Upload::to("/live/2.8/ubuntu/focal?wait=60").field("product", "real").files(part);
        upload.send(&server).expect_created();
    }
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let before = stanzas(&server, "binary-amd64/Packages");
    // what is there already is read again
    let mut server = server;
    configuration_file(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live", "translations": true }]);
    });
    server.restart();
    server.wait_for_body(&format!("{SUITE}/Release"), |text| text.contains(" main/i18n/Translation-en\n"));
    let place = server.data_dir().join("live/2.8/ubuntu");
    let settings = directory.path().join("ftp.conf");
    let text = format!(
        "Dir {{ ArchiveDir \"{0}\"; CacheDir \"{1}\"; OverrideDir \"{1}\"; }};\n\
         Default {{ Packages::Compress \".\"; Translation::Compress \".\"; Contents::Compress \".\"; }};\n\
         Tree \"any\" {{ Sections \"main\"; Architectures \"amd64\"; LongDescription \"false\"; BinOverride \"none\";\n\
         Directory \"pool\"; Packages \"../Packages\"; Contents \"../Contents\"; Translation \"../Translation-en\"; }};\n",
        place.display(),
        directory.path().display()
    );
    write_file(&settings, text);
    write_file(&directory.path().join("none"), "");
    let options = ["-o", "APT::FTPArchive::SHA512=false", "-o", "APT::FTPArchive::AlwaysStat=true"];
    Program::new("apt-ftparchive", directory.path()).args(options).arg("generate").arg(&settings).succeed();
    let reference = |name: &str| split(&std::fs::read_to_string(place.join("..").join(name)).unwrap());
    let (ours, theirs) = (stanzas(&server, "binary-amd64/Packages"), reference("Packages"));
    assert!(ours == theirs, "{:#?}", ours.symmetric_difference(&theirs).take(4).collect::<Vec<_>>());
    let ours = stanzas(&server, "i18n/Translation-en");
    let theirs = reference("Translation-en");
    assert!(ours == theirs, "{:#?}", ours.symmetric_difference(&theirs).take(4).collect::<Vec<_>>());

    // apt that reads English, and apt that reads none
    for (languages, has_long) in [("en", true), ("none", false)] {
        let apt = Apt::signed_by(&server.url("/live/2.8/ubuntu"), "focal", &key);
        let option = format!("Acquire::Languages={languages}");
        apt.get(&["-o", &option, "update"]).expect_clean();
        let shown = apt.cache(&["-o", &option, "show", "hello"]).expect_clean().output();
        assert_eq!(shown.contains("GNU hello program produces"), has_long, "{shown}");
        assert!(shown.contains("Description-md5: "), "{shown}");
    }
    // and back
    configuration_file(directory.path(), |_| {});
    server.restart();
    server.wait_for_body(&format!("{SUITE}/Release"), |text| !text.contains("Translation-en"));
    assert!(stanzas(&server, "binary-amd64/Packages") == before);
}
