//! Index entries against those of the real `apt-ftparchive`, stanza by stanza, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{inspect, run};
use rws_deb::Deb;
use rws_model::{
    Assembled, Inspected, Listed, PackagePlace, Placement, RecordFile, RepositorySettings, Target, UploadFormat,
    fill_slot,
};

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
        let kind = if name.ends_with(".udeb") { "udeb" } else { "binary" };
        assert_eq!(inspected.entries[0].partition, format!("{kind}-{}", inspected.architecture));
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
        let placement = Placement {
            target: &target,
            place: &PackagePlace::of_product("p"),
            architectures: &[],
            settings: &RepositorySettings::default(),
            pool: &lookup,
            listed: Listed::InUpload,
            strict_names: false,
            is_present: false,
        };
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
        ("empty", b"Section:\nPriority:  \nX-Empty:\nX-Folded:\n folded\nDepends: a,\n b\nDescription: d\n"),
        ("folded", b"Section:\n utils\nPriority: \n  optional\nDescription: d\n"),
        ("folded-tab", b"Section:\n\tutils\nDescription: d\n"),
        ("latin", b"X-Author: Andr\xe9\nDescription: caf\xe9\n \xff\xfe\n"),
        ("utf8", "X-Name: Überraschung ☃\nDescription: ü\n".as_bytes()),
        ("installed", b"Conffiles:\n /etc/x 0123\nDescription: d\n"),
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

/// A directory of real packages.
fn real(kind: &str) -> String {
    rws_lab::real_packages(kind).display().to_string()
}

/// How many packages are of which kind.
#[derive(Default)]
struct Kinds(BTreeMap<&'static str, usize>);

impl Kinds {
    fn count(&mut self, kind: &'static str, is_one: bool) {
        *self.0.entry(kind).or_default() += usize::from(is_one);
    }

    /// All kinds are there.
    #[track_caller]
    fn expect_all(&self) {
        println!("{:?}", self.0);
        let missing: Vec<_> = self.0.iter().filter(|(_, number)| **number == 0).collect();
        assert!(missing.is_empty(), "there are none of {missing:?}");
    }
}

/// The value of a field, its continuation lines included.
fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    let label = format!("\n{name}:");
    let rest = stanza[stanza.find(&label)? + label.len()..].trim_start_matches(' ');
    let end = rest.match_indices('\n').find(|(place, _)| !rest[place + 1..].starts_with(' ')).map(|(place, _)| place);
    Some(&rest[..end.unwrap_or(rest.len())])
}

fn count_version(kinds: &mut Kinds, version: &str) {
    for (kind, sign) in [("epoch", ':'), ("~ in the version", '~'), ("+ in the version", '+')] {
        kinds.count(kind, version.contains(sign));
    }
}

/// What the archive has besides the everyday fields.
const RARE_FIELDS: [&str; 16] = [
    "Built-Using",
    "Essential",
    "Protected",
    "Pre-Depends",
    "Provides",
    "Breaks",
    "Enhances",
    "Build-Ids",
    "Original-Maintainer",
    "Ruby-Versions",
    "Lua-Versions",
    "Ghc-Package",
    "Go-Import-Path",
    "Gstreamer-Elements",
    "Python-Egg-Name",
    "Cnf-Extra-Commands",
];

/// Debian 12 packs `control.tar` with gzip or xz and `data.tar` with xz; `every_compression_of_dpkg_deb` has the others.
#[test]
fn real_packages() {
    let pool = real("deb");
    let number = compare_packages(Path::new("/"), &pool);
    println!("{number} real packages are equal");
    assert!(number >= 300, "300 are wanted");
    let (mut kinds, mut sections) = (Kinds::default(), BTreeSet::new());
    for path in files(Path::new("/"), &pool, "deb") {
        let inspected = inspect_path(&path);
        let text = String::from_utf8_lossy(&inspected.entries[0].text).into_owned();
        for (kind, value) in [("Multi-Arch: same", "same"), ("Multi-Arch: foreign", "foreign")] {
            kinds.count(kind, field(&text, "Multi-Arch") == Some(value));
        }
        kinds.count("Multi-Arch: allowed", field(&text, "Multi-Arch") == Some("allowed"));
        for (kind, value) in [("all", "all"), ("amd64", "amd64"), ("arm64", "arm64")] {
            kinds.count(kind, inspected.architecture == value);
        }
        for name in RARE_FIELDS {
            kinds.count(name, field(&text, name).is_some());
        }
        count_version(&mut kinds, field(&text, "Version").unwrap());
        let description = field(&text, "Description").unwrap();
        kinds.count("description of 3000 bytes", description.len() >= 3000);
        kinds.count("description not in ASCII", !description.is_ascii());
        kinds.count("maintainer not in ASCII", !field(&text, "Maintainer").unwrap().is_ascii());
        kinds.count("udeb", path.extension().is_some_and(|extension| extension == "udeb"));
        let bytes = fs::read(&path).unwrap();
        for (kind, name) in [("control.tar.gz", "control.tar.gz"), ("control.tar.xz", "control.tar.xz")] {
            kinds.count(kind, bytes[..256].windows(name.len()).any(|window| window == name.as_bytes()));
        }
        sections.insert(field(&text, "Section").unwrap().to_owned());
    }
    kinds.expect_all();
    println!("{} sections: {sections:?}", sections.len());
    assert!(sections.len() >= 50, "all sections of Debian are wanted");
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

/// Debian's sources are all signed; `sources_signed_and_unsigned_old_and_new` has unsigned ones.
#[test]
fn real_sources() {
    let pool = real("source");
    let number = compare_sources(Path::new("/"), &pool);
    println!("{number} real sources are equal");
    assert!(number >= 40, "40 are wanted");
    let mut kinds = Kinds::default();
    for path in files(Path::new("/"), &pool, ".dsc") {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let format = field(&text, "Format").unwrap();
        let names: Vec<&str> =
            field(&text, "Files").unwrap().lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        let ends = |ending: &str| names.iter().any(|name| name.ends_with(ending));
        let component = |name: &&str| name.contains(".orig-") && !name.ends_with(".asc");
        kinds.count("signed", text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----\n"));
        kinds.count("1.0 native", format == "1.0" && !ends(".diff.gz"));
        kinds.count("1.0 with a diff", format == "1.0" && ends(".diff.gz"));
        kinds.count("3.0 (native)", format == "3.0 (native)");
        kinds.count("3.0 (quilt)", format == "3.0 (quilt)");
        kinds.count("several orig components", names.iter().any(component));
        kinds.count("upstream signature", ends(".asc"));
        kinds.count(".tar.bz2", ends(".tar.bz2"));
        kinds.count("Package-List", field(&text, "Package-List").is_some());
        kinds.count("no Package-List", field(&text, "Package-List").is_none());
        count_version(&mut kinds, field(&text, "Version").unwrap());
    }
    kinds.expect_all();
}
