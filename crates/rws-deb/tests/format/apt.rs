//! A whole repository, read by the real apt: Release, Packages and Sources as this crate makes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{inspect, run};
use rws_deb::Deb;
use rws_model::{
    Codec, DraftContent, DraftFile, Entry, IndexFile, Listed, PackagePlace, Placement, RecordFile, RepositoryFormat,
    RepositoryId, RepositorySettings, RootError, RootInput, Target, UploadFormat, fill_slot, sha256,
};

/// The files of one upload for `live/1.10/debian/bookworm`, published below a directory.
fn publish(root: &Path, upload: &Path) {
    let target = Target {
        kind: "live".to_owned(),
        series: "1.10".to_owned(),
        distribution: "debian".to_owned(),
        version: "bookworm".to_owned(),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(upload).unwrap() {
        let path = entry.unwrap().path();
        files.push(inspect(path.file_name().unwrap().to_str().unwrap(), &fs::read(&path).unwrap()).unwrap());
    }
    let architectures = ["amd64".to_owned()];
    let nothing = |_: &str| -> Option<RecordFile> { None };
    let placement = Placement {
        target: &target,
        place: &PackagePlace::of_product("hello"),
        architectures: &architectures,
        settings: &RepositorySettings::default(),
        pool: &nothing,
        listed: Listed::InUpload,
        strict_names: false,
        is_present: false,
    };
    let mut records: Vec<_> =
        Deb.assemble(&files, &placement).unwrap().into_iter().map(|assembled| assembled.record).collect();
    records.sort_by(|left, right| Deb.compare(&left.identity, &right.identity));
    let repository = RepositoryId::parse(&target.to_string()).unwrap();
    let tree = root.join(Deb.layout(&repository).tree);
    let write = |name: &str, bytes: &[u8]| {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut entries = Vec::<Entry>::new();
    for record in &records {
        for file in &record.files {
            let bytes = fs::read(upload.join(file.name.as_str())).unwrap();
            write(&format!("{}/{}", record.directory, file.name), &bytes);
        }
        entries.extend(record.entries.iter().map(|entry| Entry {
            partition: entry.partition.clone(),
            text: fill_slot(&entry.text, &Deb.escape_directory(&record.directory)),
        }));
    }
    let settings = RepositorySettings {
        architectures: architectures.to_vec(),
        origin: "RWS".to_owned(),
        label: "test".to_owned(),
        description: "a test".to_owned(),
        ..RepositorySettings::default()
    };
    let partitions: BTreeSet<_> = entries.iter().map(|entry| entry.partition.clone()).collect();
    let indexes = Deb.indexes(&partitions, &settings, &[]);
    let mut index_files = Vec::new();
    for index in &indexes {
        let taken = entries.iter().filter(|entry| index.takes.contains(&entry.partition));
        let text = taken.map(|entry| &entry.text[..]).collect::<Vec<_>>().concat();
        for codec in &index.codecs {
            let bytes = match codec {
                Codec::Gzip => crate::support::gzip(&text),
                Codec::Xz => crate::support::xz(&text),
                _ => text.clone(),
            };
            let digest = sha256(&bytes);
            let stored_name = Deb.stored_name(&repository, index, *codec, &digest);
            write(&stored_name, &bytes);
            let plain_name = Deb.plain_name(&repository, index, *codec);
            write(plain_name.as_ref().unwrap(), &bytes);
            index_files.push(IndexFile {
                index: index.name.clone(),
                codec: *codec,
                size_bytes: bytes.len() as u64,
                sha256: digest,
                open_size_bytes: text.len() as u64,
                open_sha256: sha256(&text),
                digests: Vec::new(),
                stored_name,
                plain_name,
            });
        }
    }
    let input = RootInput {
        signed_by: &[],
        repository: &repository,
        settings: &settings,
        indexes: &indexes,
        files: &index_files,
        entries: &[],
        published_at: 1_700_000_000,
        former: &[],
        read: &|file| Err(RootError::Unread(file.stored_name.clone())),
        public_key: None,
    };
    for DraftFile { name, content } in Deb.root(&input).unwrap() {
        let DraftContent::Bytes(bytes) = content else { panic!("{name} is signed") };
        write(&name, &bytes);
    }
}

/// Packages `hello` (amd64), `hello-data` (all) and the source `hello`, made by dpkg's own tools.
fn build(directory: &Path) -> PathBuf {
    let source = directory.join("hello-1.0");
    fs::create_dir_all(source.join("debian/source")).unwrap();
    let control = "Source: hello\nSection: utils\nPriority: optional\nMaintainer: A <a@example.org>\n\nPackage: hello\n\
        Architecture: any\nDescription: says hello\n and again\n\nPackage: hello-data\nArchitecture: all\nDescription: d\n";
    fs::write(source.join("debian/control"), control).unwrap();
    fs::write(source.join("debian/source/format"), "3.0 (native)\n").unwrap();
    let date = "Tue, 14 Nov 2023 22:13:20 +0000";
    let log = format!("hello (1:1.0~rc1+x) unstable; urgency=low\n\n  * First.\n\n -- A <a@example.org>  {date}\n");
    fs::write(source.join("debian/changelog"), log).unwrap();
    run("dpkg-source", "dpkg-dev", &["-b", "hello-1.0"], directory);
    let upload = directory.join("upload");
    fs::create_dir_all(&upload).unwrap();
    for (name, architecture) in [("hello", "amd64"), ("hello-data", "all")] {
        let tree = directory.join(name);
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        let control = format!(
            "Package: {name}\nVersion: 1:1.0~rc1+x\nArchitecture: {architecture}\nMaintainer: a\nDescription: d\n long\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        run("dpkg-deb", "dpkg", &["--root-owner-group", "-b", name, "upload"], directory);
    }
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::rename(&path, upload.join(path.file_name().unwrap())).unwrap();
        }
    }
    upload
}

#[test]
fn apt_reads_the_repository() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let upload = build(directory.path());
    publish(&directory.path().join("public"), &upload);
    for name in ["state/lists/partial", "cache/archives/partial", "got", "none"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    fs::write(at("state/status"), "").unwrap();
    let line = format!("[trusted=yes arch=amd64] file://{}/live/1.10/debian bookworm main\n", at("public"));
    fs::write(at("sources.list"), format!("deb {line}deb-src {line}")).unwrap();
    let options = [
        format!("Dir::Etc::SourceList={}", at("sources.list")),
        format!("Dir::Etc::SourceParts={}", at("none")),
        format!("Dir::State={}", at("state")),
        format!("Dir::State::status={}", at("state/status")),
        format!("Dir::Cache={}", at("cache")),
        "APT::Architecture=amd64".to_owned(),
        "APT::Sandbox::User=".to_owned(),
    ];
    let apt = |program: &str, arguments: &[&str]| {
        let mut all: Vec<&str> = options.iter().flat_map(|option| ["-o", option.as_str()]).collect();
        all.extend(arguments);
        String::from_utf8(run(program, "apt", &all, Path::new(&at("got")))).unwrap()
    };
    apt("apt-get", &["update", "--error-on=any"]);
    let shown = apt("apt-cache", &["show", "hello", "hello-data"]);
    assert_eq!(shown.matches("Version: 1:1.0~rc1+x\n").count(), 2, "{shown}");
    let sources = apt("apt-cache", &["showsrc", "hello"]);
    assert!(
        sources.contains("Package: hello\n") && sources.contains("Directory: pool/bookworm/main/h/hello\n"),
        "{sources}"
    );
    apt("apt-get", &["download", "hello", "hello-data"]);
    apt("apt-get", &["source", "--download-only", "hello"]);
    for entry in fs::read_dir(&upload).unwrap() {
        let name = entry.unwrap().file_name();
        let same = fs::read_dir(at("got")).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            fs::read(&path).unwrap() == fs::read(upload.join(&name)).unwrap()
        });
        assert!(same, "apt did not bring {name:?}");
    }
}
