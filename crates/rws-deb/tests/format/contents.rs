//! The names of the files in packages, against those that the real `apt-ftparchive contents` finds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::support::{CONTROL, archive, gzip, inspect, inspect_with_contents, member, run, tar, xz};
use rws_model::{Inspected, Refusal};

/// `NAME<TAB>PACKAGE` of all packages in a directory: without an override file it states no sections.
fn reference(directory: &Path, pool: &str) -> BTreeSet<String> {
    let text = String::from_utf8(run("apt-ftparchive", "apt-utils", &["contents", pool], directory)).unwrap();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (name, places) = line.rsplit_once(char::is_whitespace).unwrap();
        found.extend(places.split(',').map(|place| format!("{}\t{place}", name.trim_end())));
    }
    found
}

fn ours(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let inspected = inspect_with_contents(name, &fs::read(path).unwrap(), 1 << 16).unwrap();
    assert_eq!(inspected.warnings, Vec::<String>::new());
    lines(&inspected)
}

fn lines(inspected: &Inspected) -> Vec<String> {
    let [_, contents] = &inspected.entries[..] else { panic!("an entry of Packages and one of Contents") };
    assert_eq!(contents.partition, format!("contents-{}", inspected.architecture));
    String::from_utf8_lossy(&contents.text).lines().map(str::to_owned).collect()
}

/// Compares all packages of a directory; returns the number of lines.
fn compare(directory: &Path, pool: &str) -> usize {
    let expected = reference(directory, pool);
    let debs = fs::read_dir(directory.join(pool)).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<String> =
        debs.filter(|path| path.extension().is_some_and(|one| one == "deb")).flat_map(|path| ours(&path)).collect();
    let without_section = |line: &String| {
        let (name, place) = line.split_once('\t').unwrap();
        format!("{name}\t{}", place.rsplit('/').next().unwrap())
    };
    let found: BTreeSet<String> = found.iter().map(without_section).collect();
    let apart: Vec<&String> = found.symmetric_difference(&expected).take(10).collect();
    assert!(apart.is_empty(), "{apart:#?}");
    found.len()
}

#[test]
fn every_compression_and_every_kind_of_file() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/share/empty/directory")).unwrap();
    let deep = format!("usr/share/{}", ["long-part-of-a-name"; 9].join("/"));
    fs::create_dir_all(tree.join(&deep)).unwrap();
    fs::write(tree.join(&deep).join("f".repeat(120)), "text").unwrap();
    fs::write(tree.join("usr/share/with blank"), "text").unwrap();
    fs::write(tree.join("usr/share/größe"), vec![7; 100_000]).unwrap();
    fs::write(tree.join("usr/share/empty-file"), "").unwrap();
    fs::hard_link(tree.join("usr/share/empty-file"), tree.join("usr/share/same")).unwrap();
    std::os::unix::fs::symlink("with blank", tree.join("usr/share/link")).unwrap();
    std::os::unix::fs::symlink("x".repeat(200), tree.join("usr/share/long-link")).unwrap();
    fs::create_dir_all(directory.path().join("pool")).unwrap();
    for (number, packing) in ["gzip", "xz", "zstd", "none"].into_iter().enumerate() {
        let section = if number == 0 { "" } else { "Section: utils\n" };
        let control =
            CONTROL.replace("hello\n", &format!("hello-{packing}\n")).replace("Version", &format!("{section}Version"));
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let file = format!("pool/hello-{packing}_1.0-1_amd64.deb");
        let option = format!("-Z{packing}");
        run("dpkg-deb", "dpkg", &[&option, "--root-owner-group", "-b", "tree", &file], directory.path());
    }
    assert_eq!(compare(directory.path(), "pool"), 4 * 7);
    let with_section = ours(&directory.path().join("pool/hello-xz_1.0-1_amd64.deb"));
    assert!(with_section.contains(&"usr/share/größe\tutils/hello-xz".to_owned()), "{with_section:?}");
    let without = ours(&directory.path().join("pool/hello-gzip_1.0-1_amd64.deb"));
    assert!(without.contains(&"usr/share/with blank\thello-gzip".to_owned()), "{without:?}");
}

#[test]
fn real_packages() {
    let pool = rws_lab::real_packages("deb");
    let lines = compare(Path::new("/"), &pool.to_string_lossy());
    println!("{lines} files of real packages are the same");
    assert!(lines > 100);
}

const NAME: &str = "hello_1.0-1_amd64.deb";

fn package(data_name: &str, data: &[u8]) -> Vec<u8> {
    package_of(CONTROL, data_name, data)
}

fn package_of(control: &str, data_name: &str, data: &[u8]) -> Vec<u8> {
    let control = gzip(&tar(&[("./control", control.as_bytes())]));
    archive(&[member("debian-binary", b"2.0\n"), member("control.tar.gz", &control), member(data_name, data)])
}

fn read(data_name: &str, data: &[u8]) -> Result<Inspected, Refusal> {
    let package = package(data_name, data);
    let with_names = inspect_with_contents(NAME, &package, 1 << 16);
    // what a client sends is unpacked whether the names are wanted or not
    let without = inspect(NAME, &package);
    assert_eq!(without.is_err(), with_names.is_err() && !is_about_names(&with_names), "{without:?}");
    with_names
}

fn is_about_names(result: &Result<Inspected, Refusal>) -> bool {
    result.as_ref().is_err_and(|refusal| refusal.reason.contains("the list of its files"))
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

#[test]
fn the_length_of_the_pieces_does_not_matter() {
    let data = tar(&[("./a", b"1"), ("./b/c", &[0; 1000])]);
    for (name, packed) in [
        ("data.tar", data.clone()),
        ("data.tar.gz", gzip(&data)),
        ("data.tar.xz", xz(&data)),
        ("data.tar.zst", zstd(&data)),
    ] {
        for piece_bytes in [1, 7, 60, 511, 513, 1 << 20] {
            let inspected = inspect_with_contents(NAME, &package(name, &packed), piece_bytes).unwrap();
            assert_eq!(lines(&inspected), ["a\thello", "b/c\thello"], "{name} by {piece_bytes}");
        }
    }
}

/// It stands in every line, so that a hostile one would be multiplied, or add lines of its own.
#[test]
fn a_section_that_is_not_one_short_word_is_left_out() {
    let data = tar(&[("./a", b"1"), ("./b/c", b"2")]);
    let of_section = |section: &str| {
        let control = format!("Section: {section}\n{CONTROL}");
        inspect_with_contents(NAME, &package_of(&control, "data.tar", &data), 1 << 16)
    };
    let longest = "s".repeat(64);
    for good in ["utils", "non-free/libs", &longest] {
        let expected = [format!("a\t{good}/hello"), format!("b/c\t{good}/hello")];
        assert_eq!(lines(&of_section(good).unwrap()), expected);
    }
    // as large as apt takes it
    let huge = "s".repeat(65_534);
    for bad in
        ["", "two words", "a\tb", "größe", "utils\n evil/file\tutils/other", "utils\n .", &format!("{longest}s"), &huge]
    {
        let inspected = of_section(bad).unwrap();
        let start: String = bad.chars().take(70).collect();
        assert_eq!(lines(&inspected), ["a\thello", "b/c\thello"], "{start:?}");
    }
    let refusal = of_section(&format!("{huge}s")).expect_err("refused");
    assert!(refusal.reason.contains("65,534 bytes"), "{}", refusal.reason);
}

#[test]
fn damaged_data_is_refused_in_one_line() {
    let good = tar(&[("./a", &[7; 3000]), ("./b", b"2")]);
    let pax = {
        let mut bytes = good.clone();
        bytes[156] = b'x';
        bytes
    };
    let mut absurd = good.clone();
    absurd[124..136].copy_from_slice(&[0xff; 12]);
    for (name, data) in [
        ("data.tar", good[..700].to_vec()),
        ("data.tar", good[..5].to_vec()),
        ("data.tar", b"no archive at all".repeat(40)),
        ("data.tar", pax),
        ("data.tar", absurd),
        ("data.tar.gz", gzip(&good)[..40].to_vec()),
        ("data.tar.gz", b"no gzip".to_vec()),
        ("data.tar.gz", [gzip(&good), b"trailing".to_vec()].concat()),
        ("data.tar.xz", xz(&good)[..60].to_vec()),
        ("data.tar.xz", b"no xz".to_vec()),
        ("data.tar.zst", zstd(&good)[..20].to_vec()),
        ("data.tar.zst", b"no zstd".to_vec()),
        ("data.tar.lzma", b"no lzma".to_vec()),
    ] {
        let refusal = read(name, &data).expect_err(name);
        assert!(refusal.reason.starts_with(&format!("its {name} is damaged: ")), "{name}: {}", refusal.reason);
        assert!(!refusal.reason.contains(char::is_control), "{}", refusal.reason);
    }
    let bzip2 = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(lines(&read("data.tar.bz2", &bzip2(&good)).unwrap()), ["a\thello", "b\thello"]);
    assert!(read("data.tar.bz2", b"no bzip2").is_err());
    // dpkg reads all members of gzip, and the first stream of others: what comes behind would be seen by others only
    assert!(read("data.tar.gz", &[gzip(&good[..600]), gzip(&good[600..])].concat()).is_ok());
    for (name, packed) in [("data.tar.xz", xz(&good)), ("data.tar.zst", zstd(&good)), ("data.tar.bz2", bzip2(&good))] {
        for behind in [packed.clone(), b"x".to_vec()] {
            let refusal = read(name, &[packed.clone(), behind].concat()).expect_err(name);
            assert!(refusal.reason.contains("where dpkg does not look"), "{name}: {}", refusal.reason);
        }
    }
    // dpkg's reader of tar knows no other kinds
    for kind in [b'x', b'g', b'S', b'V', b'7', b'Z'] {
        let mut header = tar::Header::new_gnu();
        header.set_path("odd").unwrap();
        header.set_size(0);
        header.as_mut_bytes()[156] = kind;
        header.set_cksum();
        let odd = [header.as_bytes().as_slice(), &good].concat();
        assert!(read("data.tar", &odd).is_err(), "{}", char::from(kind));
    }
}

/// A checksum is no content: the unpacker alone does not see what is gone.
#[test]
fn zstandard_that_is_cut_between_its_parts_is_refused() {
    let data = tar(&[("./a", &[7; 3000]), ("./b", b"2")]);
    // in a header, behind it, in a body, at the end of one, in the second header
    for cut in [100, 512, 1000, 512 + 3072, 512 + 3072 + 5] {
        let is_whole = cut == 512 + 3072;
        match read("data.tar.zst", &zstd(&data[..cut])) {
            // dpkg asks for no end of the archive either
            Ok(inspected) if is_whole => assert_eq!(lines(&inspected), ["a\thello"]),
            Err(refusal) if !is_whole => assert_eq!(refusal.reason, "its data.tar.zst is damaged: it is cut", "{cut}"),
            other => panic!("{cut}: {other:?}"),
        }
    }
    let refusal = read("data.tar.zst", &zstd(b"")).expect_err("refused");
    assert_eq!(refusal.reason, "its data.tar.zst is damaged: it is cut");

    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&data).unwrap();
    // all of the archive is in a block of its own; the end of the frame comes behind it
    encoder.flush().unwrap();
    let blocks = encoder.get_ref().len();
    let whole = encoder.finish().unwrap();
    assert!(blocks < whole.len());
    assert!(read("data.tar.zst", &whole).is_ok());
    for end in blocks..whole.len() {
        let refusal = read("data.tar.zst", &whole[..end]).expect_err("refused");
        assert!(refusal.reason.starts_with("its data.tar.zst is damaged: "), "{end}: {}", refusal.reason);
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 1 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..1200 {
        encoder.write_all(&zeros).unwrap();
    }
    let refusal = read("data.tar.zst", &encoder.finish().unwrap()).expect_err("refused");
    assert!(refusal.reason.contains("unpacks to more than 200 times its size"), "{}", refusal.reason);

    // many names: each of 64 kB, in an archive that packs well
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let long = "n".repeat(60_000);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, &long, &b""[..]).unwrap();
    let mut one = builder.into_inner().unwrap();
    one.truncate(one.len() - 1024);
    for _ in 0..1200 {
        encoder.write_all(&one).unwrap();
    }
    let refusal = read("data.tar.zst", &encoder.finish().unwrap()).expect_err("refused");
    assert!(refusal.reason.contains("the list of its files is larger than"), "{}", refusal.reason);
}
