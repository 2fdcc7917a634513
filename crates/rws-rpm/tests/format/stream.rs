//! What is said of a package does not depend on the pieces it arrives in; and what is said of small made packages.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use crate::support::{inspect_bytes, inspect_whole, packages};
use rws_lab::rpm::{Package, Value, text, texts};
use rws_model::{Inspected, Role, fill_slot};

const NAME: &str = "hello-2.0-1.x86_64.rpm";

fn entry(inspected: &Inspected, partition: &str) -> String {
    let entry = inspected.entries.iter().find(|entry| entry.partition == partition).unwrap();
    let text = String::from_utf8(fill_slot(&entry.text, b"Packages")).unwrap();
    let declared = text.replacen("<package", "<package xmlns:rpm=\"rpm\"", 1);
    roxmltree::Document::parse(&declared).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    text
}

fn primary(package: &Package) -> String {
    entry(&inspect_whole("x.rpm", &package.build()).unwrap(), "primary")
}

#[test]
fn the_pieces_of_a_file_do_not_matter() {
    let bytes = Package::hello().build();
    let whole = inspect_whole(NAME, &bytes).unwrap();
    for piece in [1, 2, 3, 7, 16, 95, 96, 97, 100] {
        assert_eq!(inspect_bytes(NAME, &bytes, piece).unwrap(), whole, "pieces of {piece}");
    }
}

mod of_shared {
    use super::{inspect_bytes, inspect_whole, packages};

    #[test]
    fn the_pieces_of_a_real_file_do_not_matter() {
        for package in packages("rpm").iter().step_by(9) {
            let bytes = std::fs::read(package).unwrap();
            // single bytes of large packages would only take time
            let smallest = if bytes.len() < 20_000 { 1 } else { 1000 };
            let pieces = [smallest, 4096, 65_536].map(|piece| inspect_bytes("x.rpm", &bytes, piece));
            assert!(pieces.iter().all(|piece| *piece == inspect_whole("x.rpm", &bytes)), "{}", package.display());
        }
    }
}

#[test]
fn a_small_package_is_described_in_full() {
    let bytes = Package::hello().build();
    let inspected = inspect_whole(NAME, &bytes).unwrap();
    assert_eq!(inspected.identity.0, "rpm hello 0 2.0 1 x86_64");
    assert_eq!((inspected.role, inspected.architecture.as_str()), (Role::Binary, "x86_64"));
    let pkgid = inspected.file.digests.sha256.hex();
    let primary = entry(&inspected, "primary");
    for line in [
        "  <summary>Greets &lt;everybody&gt; &amp; \"you\"</summary>\n",
        "  <time file=\"1600000123\" build=\"1600000123\"/>\n",
        "  <location href=\"Packages/hello-2.0-1.x86_64.rpm\"/>\n",
        "    <rpm:sourcerpm>hello-2.0-1.src.rpm</rpm:sourcerpm>\n",
        "    <file>/usr/bin/hello</file>\n  </format>\n</package>\n",
        &format!("  <size package=\"{}\" installed=\"7\" archive=\"99\"/>\n", bytes.len()),
        &format!("  <checksum type=\"sha256\" pkgid=\"YES\">{pkgid}</checksum>\n"),
    ] {
        assert!(primary.contains(line), "{line}in\n{primary}");
    }
    let expected = format!(
        "<package pkgid=\"{pkgid}\" name=\"hello\" arch=\"x86_64\">\n  <version epoch=\"0\" ver=\"2.0\" rel=\"1\"/>\n  \
         <file>/usr/bin/hello</file>\n  <file type=\"dir\">/usr/share/hello</file>\n</package>\n"
    );
    assert_eq!(entry(&inspected, "filelists"), expected);
}

#[test]
fn requirements_are_shortened_by_the_rules_of_createrepo_c() {
    let requires: [(&str, u32, &str); 14] = [
        ("rpmlib(x)", 0, ""),
        ("/usr/bin/hello", 0, ""),
        ("/usr/share/hello", 0, ""),
        ("own", 8, "1"),
        ("own", 12, "1"),
        ("twice", 0, ""),
        ("twice", 0, ""),
        ("twice", 1 << 9, ""),
        ("bad", 8, "x:1"),
        ("weak", 1 << 19, ""),
        ("libc.so.6()(64bit)", 0, ""),
        ("libc.so.6(GLIBC_2.10)(64bit)", 0, ""),
        ("libc.so.6(GLIBC_2.9)(64bit)", 0, ""),
        ("last", 8, "3:1.0-2"),
    ];
    let package = Package::hello()
        .with(1047, texts(&["own"]))
        .with(1112, Value::Numbers(vec![8]))
        .with(1113, texts(&["1"]))
        .with(1048, Value::Numbers(requires.iter().map(|(_, flags, _)| *flags).collect()))
        .with(1049, texts(&requires.map(|(name, ..)| name)))
        .with(1050, texts(&requires.map(|(.., version)| version)));
    let expected = "    <rpm:provides>
      <rpm:entry name=\"own\" flags=\"EQ\" epoch=\"0\" ver=\"1\"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name=\"/usr/share/hello\"/>
      <rpm:entry name=\"own\" flags=\"GE\" epoch=\"0\" ver=\"1\"/>
      <rpm:entry name=\"twice\"/>
      <rpm:entry name=\"twice\" pre=\"1\"/>
      <rpm:entry name=\"last\" flags=\"EQ\" epoch=\"3\" ver=\"1.0\" rel=\"2\"/>
      <rpm:entry name=\"libc.so.6(GLIBC_2.10)(64bit)\"/>
    </rpm:requires>
    <rpm:recommends>
      <rpm:entry name=\"weak\"/>
    </rpm:recommends>
";
    let primary = primary(&package);
    assert!(primary.contains(expected), "{primary}");
}

#[test]
fn a_package_of_format_3_provides_itself_and_has_whole_paths() {
    let mut package = Package::hello().without(1116).without(1117).without(1118).with(1003, Value::Numbers(vec![4]));
    package = package.with(1027, texts(&["/usr/bin/hello", "/usr/share/hello"])).with(1047, texts(&["greeting"]));
    package.region = None;
    let inspected = inspect_whole(NAME, &package.build()).unwrap();
    let primary = entry(&inspected, "primary");
    let expected = "    <rpm:provides>
      <rpm:entry name=\"greeting\"/>
      <rpm:entry name=\"hello\" flags=\"EQ\" epoch=\"4\" ver=\"2.0\" rel=\"1\"/>
    </rpm:provides>
    <file>/usr/bin/hello</file>
";
    assert!(primary.contains(expected), "{primary}");
    assert!(entry(&inspected, "filelists").contains("<file type=\"dir\">/usr/share/hello</file>"));
    assert_eq!(inspected.identity.0, "rpm hello 4 2.0 1 x86_64");
}

#[test]
fn a_source_package_is_one_by_its_tag_or_by_its_file_list() {
    let tagged = Package::hello().without(1044).with(1106, Value::Numbers(vec![1]));
    let old = Package::hello().without(1044).with(1118, texts(&[""])).with(1116, Value::Numbers(vec![0, 0]));
    for package in [tagged, old] {
        let inspected = inspect_whole("hello-2.0-1.src.rpm", &package.build()).unwrap();
        assert_eq!((inspected.role, inspected.architecture.as_str()), (Role::Source, "src"));
        let misnamed = inspect_whole(NAME, &package.build()).unwrap().misnamed.unwrap();
        assert_eq!(misnamed, "the file name says hello-2.0-1.x86_64, the package is hello-2.0-1.src");
    }
}

#[test]
fn changelogs_keep_the_ten_newest_with_times_of_their_own() {
    let authors: Vec<String> = (0..12).map(|number| format!("author {number} ")).collect();
    let authors: Vec<&str> = authors.iter().map(String::as_str).collect();
    let package = Package::hello()
        .with(1080, Value::Numbers(vec![90, 80, 80, 80, 81, 70, 60, 50, 40, 30, 20, 10]))
        .with(1081, texts(&authors))
        .with(1082, texts(&["- text\r"; 12]));
    let other = entry(&inspect_whole(NAME, &package.build()).unwrap(), "other");
    let times: Vec<&str> = other.split("date=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(times, ["30", "40", "50", "60", "70", "81", "80", "81", "82", "90"]);
    assert!(other.contains("author=\"author 9\" date=\"30\">- text&#13;</changelog>"), "{other}");
}

#[test]
fn names_that_identify_a_package_must_be_plain_text() {
    for (tag, value) in [(1000, ""), (1000, "a b"), (1001, "1\n"), (1002, "a/b"), (1022, "x\u{1}")] {
        let refusal = inspect_whole("x.rpm", &Package::hello().with(tag, text(value)).build()).unwrap_err();
        assert!(refusal.reason.contains(&format!("(tag {tag})")), "{refusal}");
    }
    for (tag, value, reason) in [
        (1000, "a:b", "zypper"),
        (1000, "gpg-pubkey", "keys"),
        (1000, "a\u{fffe}", "XML"),
        (1001, "1:2", "dnf aborts"),
        (1001, "1-2", "ends the version"),
        (1002, "1:2", "dnf aborts"),
        (1002, "1-2", "ends the version"),
        (1002, "1\u{ffff}", "XML"),
        (1022, "a\u{ffff}", "XML"),
    ] {
        let refusal = inspect_whole("x.rpm", &Package::hello().with(tag, text(value)).build()).unwrap_err();
        let expected = format!("(tag {tag}) is {value:?}: ");
        assert!(refusal.reason.contains(&expected) && refusal.reason.contains(reason), "{refusal}");
    }
    for (tag, value) in
        [(1000, "-a"), (1000, "(a"), (1000, "größe"), (1000, "a--1"), (1001, "~1^_.%+"), (1002, "1."), (1002, "1..é;*")]
    {
        let package = Package::hello().with(tag, text(value));
        assert!(inspect_whole("x.rpm", &package.build()).is_ok(), "{tag} {value}");
    }
    assert!(inspect_whole("x.rpm", &Package::hello().without(1000).build()).is_err());
}

#[test]
fn a_list_that_would_fill_the_memory_is_refused() {
    let count = 20_000;
    let long = "/".to_owned() + &"d".repeat(100_000);
    let package = Package::hello()
        .with(1028, Value::Numbers(vec![0; count]))
        .with(1030, Value::Shorts(vec![0; count]))
        .with(1035, texts(&vec![""; count]))
        .with(1037, Value::Numbers(vec![0; count]))
        .with(1039, texts(&vec!["root"; count]))
        .with(1040, texts(&vec!["root"; count]))
        .with(1116, Value::Numbers(vec![0; count]))
        .with(1117, texts(&vec!["f"; count]))
        .with(1118, texts(&[&long]));
    assert!(inspect_whole("x.rpm", &package.build()).unwrap_err().reason.contains("larger than"));
    let lost = Package::hello().with(1116, Value::Numbers(vec![0, 2]));
    assert!(inspect_whole("x.rpm", &lost.build()).unwrap_err().reason.contains("directory 2"));
}
