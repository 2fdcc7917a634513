//! Index entries against those of the real `apt-ftparchive`, stanza by stanza, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rws_deb::Deb;
use rws_model::{Assembled, Format, Inspected, Placement, RecordFile, Target, fill_slot};
use support::{inspect, run};

/// The stanzas that `apt-ftparchive` writes for the files in `directory/pool`.
fn reference(command: &str, directory: &Path, pool: &str) -> Vec<Vec<u8>> {
    let arguments = ["-o", "APT::FTPArchive::SHA512=false", "-o", "APT::FTPArchive::AlwaysStat=true", command, pool];
    let text = run("apt-ftparchive", "apt-utils", &arguments, directory);
    let mut stanzas = vec![Vec::new()];
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        stanzas.last_mut().unwrap().extend_from_slice(line);
        if line == b"\n" {
            stanzas.push(Vec::new());
        }
    }
    assert_eq!(stanzas.pop(), Some(Vec::new()), "the output ends with an empty line");
    stanzas
}

/// All files of `directory/pool` with this ending, by name.
fn files(directory: &Path, pool: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join(pool)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn inspect_path(path: &Path) -> Inspected {
    inspect(path.file_name().unwrap().to_str().unwrap(), &fs::read(path).unwrap())
        .unwrap_or_else(|refusal| panic!("refused: {refusal}"))
}

/// Compares every package in a directory; returns their number.
fn compare_packages(directory: &Path, pool: &str) -> usize {
    let paths = files(directory, pool, "deb");
    let mut expected = BTreeMap::new();
    for stanza in reference("packages", directory, pool) {
        let text = String::from_utf8_lossy(&stanza).into_owned();
        let name = text.lines().find_map(|line| line.strip_prefix("Filename: ")).unwrap().to_owned();
        expected.insert(name, stanza);
    }
    for path in &paths {
        let inspected = inspect_path(path);
        let name = format!("{pool}/{}", inspected.file.name);
        let expected = expected.remove(&name).unwrap_or_else(|| panic!("apt-ftparchive skips {name}"));
        let entry = fill_slot(&inspected.entries[0].text, pool.as_bytes());
        assert_eq!(String::from_utf8_lossy(&entry), String::from_utf8_lossy(&expected), "{name}");
        assert_eq!(entry, expected, "{name}");
        assert_eq!(inspected.entries[0].partition, format!("binary-{}", inspected.architecture));
    }
    assert!(expected.is_empty(), "only apt-ftparchive has {:?}", expected.keys());
    paths.len()
}

/// Compares every source in a directory, assembled as if all of it were one upload; returns their number.
fn compare_sources(directory: &Path, pool: &str) -> usize {
    let target = Target {
        kind: "live".to_owned(),
        series: "1.10".to_owned(),
        distribution: "debian".to_owned(),
        version: "bookworm".to_owned(),
    };
    let expected = reference("sources", directory, pool);
    let paths = files(directory, pool, ".dsc");
    assert_eq!(expected.len(), paths.len(), "apt-ftparchive has as many sources");
    for path in &paths {
        let dsc = inspect_path(path);
        let lookup = |wanted: &str| -> Option<RecordFile> {
            let name = wanted.rsplit_once('/').unwrap().1;
            Some(inspect_path(&directory.join(pool).join(name)).file)
        };
        let placement =
            Placement { target: &target, product: Some("p"), architectures: &[], contents: false, pool: &lookup };
        let assembled = Deb.assemble(std::slice::from_ref(&dsc), &placement).unwrap();
        let [Assembled { record, .. }] = &assembled[..] else { panic!("one record") };
        let entry = fill_slot(&record.entries[0].text, pool.as_bytes());
        let same = expected.contains(&entry);
        let similar = || {
            let line = format!(" {}\n", dsc.file.name);
            let of_dsc = |text: &str| text.contains(&line);
            expected.iter().map(|stanza| String::from_utf8_lossy(stanza).into_owned()).find(|text| of_dsc(text))
        };
        assert!(same, "{}:\n{}\napt-ftparchive:\n{:?}", dsc.file.name, String::from_utf8_lossy(&entry), similar());
        assert_eq!(record.files.len(), dsc.names.len() + 1);
    }
    paths.len()
}

/// Builds `pool/NAME.deb` around a control file, unchecked, with the real dpkg-deb.
fn build(directory: &Path, name: &str, control: &[u8], options: &[&str]) {
    let tree = directory.join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/share/doc/x")).unwrap();
    fs::write(tree.join("usr/share/doc/x/readme"), name).unwrap();
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    fs::create_dir_all(directory.join("pool")).unwrap();
    let file = format!("pool/{name}.deb");
    let arguments = [options, &["--root-owner-group", "--nocheck", "-b", "tree", &file]].concat();
    run("dpkg-deb", "dpkg", &arguments, directory);
}

const HEAD: &str = "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n";

#[test]
fn every_compression_of_dpkg_deb() {
    let directory = tempfile::tempdir().unwrap();
    let control = format!("{HEAD}Description: says hello\n and again\n");
    for packing in ["gzip", "xz", "zstd", "none"] {
        let option = format!("-Z{packing}");
        build(directory.path(), &format!("uniform-{packing}"), control.as_bytes(), &[&option]);
        build(
            directory.path(),
            &format!("mixed-{packing}"),
            control.as_bytes(),
            &[&option, "--no-uniform-compression"],
        );
    }
    build(directory.path(), "best-xz", control.as_bytes(), &["-Zxz", "-z9"]);
    build(directory.path(), "best-zstd", control.as_bytes(), &["-Zzstd", "-z22"]);
    assert_eq!(compare_packages(directory.path(), "pool"), 10);
}

#[test]
fn odd_but_legal_control_files() {
    let directory = tempfile::tempdir().unwrap();
    let odd: [(&str, &[u8]); 14] = [
        ("tabs", b"Depends:\ta,\n\tb,\n  \t c\nDescription: d\n\tx\n   y\n .\n z\n"),
        ("unknown", b"X-Zeta: 1\nAlpha: 2\nDescription: d\nX-Beta:3\nx_y: 4\n"),
        ("case", b"DEPENDS: a\nsection: utils\nPRIORITY: optional\ndescription: d\nx-Own-Case: v\n"),
        ("blanks", b"Section:    utils   \nPriority:\toptional\t\nX-A:    v   \nX-B:v\nDepends: a,   \n b  \nDescription: d  \n"),
        ("empty", b"Section:\nPriority:  \nX-Empty:\nX-Folded:\n folded\nDepends:\n a,\n b\nDescription: d\n"),
        ("folded", b"Section:\n utils\nPriority: \n  optional\nDescription: d\n"),
        ("folded-tab", b"Section:\n\tutils\nDescription: d\n"),
        ("latin", b"X-Author: Andr\xe9\nDescription: caf\xe9\n \xff\xfe\n"),
        ("utf8", "X-Name: Überraschung ☃\nDescription: ü\n".as_bytes()),
        ("installed", b"Status: install ok installed\nConffiles:\n /etc/x 0123\nConfig-Version: 3\nDescription: d\n"),
        ("own-digests", b"Filename: evil\nSize: 1\nMD5sum: x\nSHA1: y\nSHA256: z\nDescription: d\n"),
        ("kinds", b"Multi-Arch: same\nBuilt-Using: gcc-12 (= 12.2.0-14)\nEssential: yes\nProtected: yes\nBuild-Essential: yes\nTask: a\nTag: b::c\nHomepage: https://example.org/\nBreaks: q\nDescription: d\n"),
        ("colon-blank", b"Depends : a\nX-Own\t: b\nDescription: d\n"),
        ("long", b"Description: d\n ............................................................................................................................................\n"),
    ];
    for (name, rest) in odd {
        build(directory.path(), name, &[HEAD.as_bytes(), rest].concat(), &[]);
    }
    assert_eq!(compare_packages(directory.path(), "pool"), odd.len());
}

#[test]
fn versions_with_epochs_and_signs() {
    let directory = tempfile::tempdir().unwrap();
    for (file, version) in [
        ("hello_1%3a1.0~rc1+dfsg-1_amd64", "1:1.0~rc1+dfsg-1"),
        ("hello_1.0~rc1_amd64", "2:1.0~rc1"),
        ("hello_2:1.0_amd64", "2:1.0"),
        ("hello_1.0+b1_amd64", "1.0+b1"),
    ] {
        let control =
            format!("Package: hello\nVersion: {version}\nArchitecture: amd64\nDescription: d\nMaintainer: a\n");
        build(directory.path(), file, control.as_bytes(), &[]);
    }
    assert_eq!(compare_packages(directory.path(), "pool"), 4);
}

#[test]
fn real_packages() {
    let Some(pool) = std::env::var_os("RWS_TEST_DEBS") else { return };
    let number = compare_packages(Path::new("/"), &pool.to_string_lossy());
    println!("{number} real packages are equal");
    assert!(number > 0);
}

/// The digests and size of a file, as `.dsc` lists have them.
fn line(path: &Path, digest: fn(&RecordFile) -> String) -> String {
    let file = inspect_path(path).file;
    format!(" {} {} {}\n", digest(&file), file.size_bytes, file.name)
}

#[test]
fn sources_signed_and_unsigned_old_and_new() {
    let directory = tempfile::tempdir().unwrap();
    let pool = directory.path().join("pool");
    fs::create_dir(&pool).unwrap();
    for file in
        ["hello_1.0.orig.tar.gz", "hello_1.0.orig-doc.tar.xz", "hello_1.0.orig.tar.gz.asc", "hello_1.0-1.diff.gz"]
    {
        fs::write(pool.join(file), file).unwrap();
    }
    let list = |digest| -> String {
        files(directory.path(), "pool", "")
            .iter()
            .filter(|path| path.extension().is_none_or(|extension| extension != "dsc"))
            .map(|path| line(path, digest))
            .collect()
    };
    let md5 = list(|file| file.digests.md5.clone().unwrap());
    let sha1 = list(|file| file.digests.sha1.clone().unwrap());
    let sha256 = list(|file| file.digests.sha256.hex());
    let sha512 = list(|file| file.digests.sha512.clone().unwrap());
    let head = "Format: 3.0 (quilt)\nSource: hello\nBinary: hello, hello-doc\nArchitecture: any all\nVersion: 1:1.0-1\n\
        Maintainer: A <a@example.org>\nUploaders: B <b@example.org>,\n C <c@example.org>\nSection: utils\nPriority: extra\n\
        X-Unknown: 1\nPackage-List:\n hello deb utils optional arch=any\n hello-doc deb doc optional arch=all\n";
    let full = format!("{head}Checksums-Sha1:\n{sha1}Checksums-Sha256:\n{sha256}Files:\n{md5}");
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n",
        full.replace("X-Unknown", "- X-Unknown")
    );
    for (name, text) in [
        ("hello_1.0-1.dsc", full.clone()),
        ("signed.dsc", signed),
        ("old.dsc", format!("{head}Files:\n{md5}")),
        ("middle.dsc", format!("{head}Checksums-Sha1:\n{sha1}Files:\n{md5}")),
        ("sha512.dsc", format!("{full}Checksums-Sha512:\n{sha512}")),
        ("tabs.dsc", full.replace("\n C <", "\n\t C <")),
    ] {
        fs::write(pool.join(name), text).unwrap();
    }
    assert_eq!(compare_sources(directory.path(), "pool"), 6);
}

#[test]
fn real_sources() {
    let Some(pool) = std::env::var_os("RWS_TEST_SOURCES") else { return };
    let number = compare_sources(Path::new("/"), &pool.to_string_lossy());
    println!("{number} real sources are equal");
    assert!(number > 0);
}
