//! Uploads of several files: what belongs together, what is missing, what contradicts.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use crate::support::{CONTROL, inspect, package};
use rws_deb::Deb;
use rws_model::{
    Assembled, Inspected, Listed, PackagePlace, Placement, RecordFile, Refusal, RepositorySettings, Target,
    UploadFormat,
};

const DIRECTORY: &str = "pool/focal/main/h/hello";

/// One upload: its files, what the pool has, its product.
struct Upload {
    files: Vec<Inspected>,
    pool: BTreeMap<String, RecordFile>,
    product: Option<&'static str>,
    listed: Listed,
}

impl Upload {
    fn of(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(name, bytes)| inspect(name, bytes).unwrap()).collect();
        Self { files, pool: BTreeMap::new(), product: Some("hello"), listed: Listed::InUpload }
    }

    fn pooled(mut self, name: &str, bytes: &[u8]) -> Self {
        self.pool.insert(format!("{DIRECTORY}/{name}"), inspect(name, bytes).unwrap().file);
        self
    }

    fn assemble(&self) -> Result<Vec<Assembled>, Refusal> {
        let target = Target {
            kind: "live".to_owned(),
            series: "1.10".to_owned(),
            distribution: "ubuntu".to_owned(),
            version: "focal".to_owned(),
        };
        let architectures = ["amd64".to_owned()];
        let pool = |path: &str| self.pool.get(path).cloned();
        Deb.assemble(
            &self.files,
            &Placement {
                target: &target,
                place: &PackagePlace { product: self.product.map(str::to_owned), component: None },
                architectures: &architectures,
                settings: &RepositorySettings::default(),
                pool: &pool,
                listed: self.listed,
                strict_names: false,
                is_present: false,
            },
        )
    }

    fn refusal(&self) -> Refusal {
        self.assemble().expect_err("refused")
    }

    /// Identity and file names of each record.
    fn records(&self) -> Vec<(String, Vec<String>)> {
        let assembled = self.assemble().unwrap();
        assembled
            .iter()
            .map(|Assembled { record, repositories }| {
                assert_eq!(record.directory, DIRECTORY);
                assert_eq!(repositories.len(), 1);
                assert_eq!(repositories[0].as_str(), "live/1.10/ubuntu/focal");
                let files = record.files.iter().map(|file| file.name.to_string()).collect();
                (record.identity.0.clone(), files)
            })
            .collect()
    }
}

/// A list of files: `Files`, and SHA-1 and SHA-256 where asked for.
fn lists(files: &[(&str, &[u8])], extra: &str, checksums: bool) -> String {
    let (mut md5, mut sha1, mut sha256) = (String::new(), String::new(), String::new());
    for (name, bytes) in files {
        let mut digester = rws_model::Digester::new();
        digester.update(bytes);
        let (size, digests) = digester.finish();
        md5.push_str(&format!("\n {} {size} {extra}{name}", digests.md5.as_deref().unwrap()));
        sha1.push_str(&format!("\n {} {size} {name}", digests.sha1.as_deref().unwrap()));
        sha256.push_str(&format!("\n {} {size} {name}", digests.sha256));
    }
    let more = if checksums { format!("Checksums-Sha1:{sha1}\nChecksums-Sha256:{sha256}\n") } else { String::new() };
    format!("{more}Files:{md5}\n")
}

fn dsc(files: &[(&str, &[u8])]) -> String {
    format!("Format: 3.0 (quilt)\nSource: hello\nVersion: 1.0-1\nArchitecture: any\n{}", lists(files, "", true))
}

fn changes(files: &[(&str, &[u8])]) -> String {
    format!("Format: 1.8\nSource: hello\n{}", lists(files, "utils optional ", true))
}

const ORIG: (&str, &[u8]) = ("hello_1.0.orig.tar.gz", b"orig");
const ASC: (&str, &[u8]) = ("hello_1.0.orig.tar.gz.asc", b"signature");
const DEBIAN: (&str, &[u8]) = ("hello_1.0-1.debian.tar.xz", b"debian");

#[test]
fn a_binary_is_a_record_of_one_file() {
    let deb = package(CONTROL);
    let upload = Upload::of(&[("hello_1.0-1_amd64.deb", &deb)]);
    assert_eq!(upload.records(), [("deb hello 1.0-1 amd64".to_owned(), vec!["hello_1.0-1_amd64.deb".to_owned()])]);
    let all = package(&CONTROL.replace("amd64", "all"));
    let assembled = Upload::of(&[("hello.deb", &all)]).assemble().unwrap();
    assert_eq!(assembled[0].record.entries[0].partition, "binary-all");
    assert!(Upload::of(&[]).assemble().unwrap().is_empty());
}

#[test]
fn an_architecture_that_is_not_configured_is_refused() {
    let refusal = Upload::of(&[("hello.deb", &package(&CONTROL.replace("amd64", "riscv64")))]).refusal();
    assert_eq!(refusal.file, "hello.deb");
    assert_eq!(refusal.reason, "the architecture riscv64 is not configured for this repository");
}

#[test]
fn the_product_is_needed_and_plain() {
    let deb = package(CONTROL);
    for product in [None, Some(""), Some("a/b"), Some(".."), Some("a b")] {
        let upload = Upload { product, ..Upload::of(&[("hello.deb", &deb)]) };
        assert!(upload.refusal().reason.contains("product"), "{product:?}");
    }
    let upload = Upload { product: Some("über"), ..Upload::of(&[("hello.deb", &deb)]) };
    assert_eq!(upload.assemble().unwrap()[0].record.directory, "pool/focal/main/ü/über");
}

#[test]
fn a_source_takes_its_files_along() {
    let text = dsc(&[ORIG, ASC, DEBIAN]);
    let whole = Upload::of(&[DEBIAN, ("hello_1.0-1.dsc", text.as_bytes()), ORIG, ASC]);
    let names = ["hello_1.0-1.dsc", ORIG.0, ASC.0, DEBIAN.0].map(str::to_owned).to_vec();
    assert_eq!(whole.records(), [("source hello 1.0-1".to_owned(), names)]);
    let assembled = whole.assemble().unwrap();
    assert_eq!(assembled[0].record.entries[0].partition, "source");
    assert_eq!(assembled[0].record.entries[0].text, whole.files[1].entries[0].text);
    let pooled =
        Upload::of(&[("hello_1.0-1.dsc", text.as_bytes()), DEBIAN]).pooled(ORIG.0, ORIG.1).pooled(ASC.0, ASC.1);
    assert_eq!(pooled.assemble().unwrap(), assembled);
}

#[test]
fn missing_files_are_named_together() {
    let text = dsc(&[ORIG, ASC, DEBIAN]);
    let refusal = Upload::of(&[("hello_1.0-1.dsc", text.as_bytes()), ASC]).refusal();
    assert_eq!(refusal.file, "hello_1.0-1.dsc");
    assert!(refusal.reason.contains(ORIG.0) && refusal.reason.contains(DEBIAN.0) && !refusal.reason.contains(ASC.0));
    assert!(refusal.hint.unwrap().contains("in one request"));
}

#[test]
fn files_that_differ_from_what_the_dsc_states_are_named() {
    let text = dsc(&[ORIG, DEBIAN]);
    for other in [&b"orig!"[..], b"gric"] {
        let refusal = Upload::of(&[("hello_1.0-1.dsc", text.as_bytes()), (ORIG.0, other), DEBIAN]).refusal();
        assert_eq!(refusal.file, ORIG.0);
        let pooled = Upload::of(&[("hello_1.0-1.dsc", text.as_bytes()), DEBIAN]).pooled(ORIG.0, other);
        assert_eq!(pooled.refusal().file, ORIG.0);
    }
    // the digests do not belong together: each stated one is compared
    let upload = Upload::of(&[("hello_1.0-1.dsc", text.as_bytes()), ORIG, DEBIAN]);
    for digest in ["md5", "sha1", "sha256"] {
        let mut lying = Upload { files: upload.files.clone(), ..Upload::of(&[]) };
        let named = &mut lying.files[0].names[0];
        match digest {
            "md5" => named.md5 = Some("0".repeat(32)),
            "sha1" => named.sha1 = Some("0".repeat(40)),
            _ => named.sha256 = Some("0".repeat(64)),
        }
        assert_eq!(lying.refusal().file, ORIG.0, "{digest}");
    }
}

#[test]
fn a_dsc_cannot_name_packages() {
    let text = dsc(&[("hello.deb", b"x")]);
    assert!(inspect("hello_1.0-1.dsc", text.as_bytes()).is_err());
    let itself = dsc(&[("hello_1.0-1.dsc", b"x")]);
    assert!(inspect("hello_1.0-1.dsc", itself.as_bytes()).is_err());
}

#[test]
fn parts_without_a_dsc_wait_but_signatures_do_not() {
    assert_eq!(Upload::of(&[ORIG]).records(), [(format!("file {}", ORIG.0), vec![ORIG.0.to_owned()])]);
    assert!(Upload::of(&[ORIG]).assemble().unwrap()[0].record.entries.is_empty());
    let refusal = Upload::of(&[ORIG, ASC]).refusal();
    assert_eq!(refusal.file, ASC.0);
    assert!(refusal.reason.contains("only a .dsc"));
    assert_eq!(Upload::of(&[ASC]).pooled(ASC.0, ASC.1).records().len(), 1);
    assert_eq!(Upload::of(&[ASC]).pooled(ASC.0, b"other").refusal().file, ASC.0);
}

#[test]
fn a_changes_lists_exactly_what_is_sent() {
    let deb = package(CONTROL);
    let deb = ("hello_1.0-1_amd64.deb", &deb[..]);
    let info = ("hello_1.0-1_amd64.buildinfo", &b"anything"[..]);
    let text = changes(&[deb, info, ("hello-dbgsym_1.0-1_amd64.ddeb", b"skipped")]);
    let list = ("hello_1.0-1_amd64.changes", text.as_bytes());
    assert_eq!(Upload::of(&[list, deb, info]).records().len(), 1);
    assert_eq!(Upload::of(&[info, deb]).records().len(), 1);
    let missing = Upload::of(&[list, info]).refusal();
    assert_eq!(missing.file, list.0);
    assert!(missing.reason.contains(deb.0));
    assert_eq!(Upload::of(&[list, deb, info, ORIG]).refusal().file, ORIG.0);
    let other = package(&CONTROL.replace("says", "told"));
    assert_eq!(Upload::of(&[list, (deb.0, &other), info]).refusal().file, deb.0);
    let both = Upload::of(&[list, (deb.0, &other)]).refusal();
    assert_eq!(both.file, deb.0);
    assert!(both.reason.contains("SHA-") || both.reason.contains("MD5"), "{both}");
    assert!(both.reason.contains(info.0), "{both}");
    assert!(inspect("a.changes", b"Format: 1.8\n").is_err());
}

#[test]
fn a_changes_alone_is_taken_again_when_all_its_packages_are_there() {
    let deb = package(CONTROL);
    let deb = ("hello_1.0-1_amd64.deb", &deb[..]);
    let (info, skipped) = (("hello_1.0-1_amd64.buildinfo", &b"anything"[..]), ("hello_1.0-1_amd64.ddeb", &b"x"[..]));
    let text = changes(&[deb, info, ORIG, skipped]);
    let list = ("hello_1.0-1_amd64.changes", text.as_bytes());
    let again = |files: &[(&str, &[u8])]| Upload { listed: Listed::InUploadOrPool, ..Upload::of(files) };
    let pooled = |upload: Upload| upload.pooled(deb.0, deb.1).pooled(ORIG.0, ORIG.1);
    assert!(pooled(again(&[list])).records().is_empty());
    for refused in [
        pooled(Upload::of(&[list])),
        again(&[list]).pooled(deb.0, deb.1),
        pooled(again(&[list])).pooled(ORIG.0, b"other"),
    ] {
        let refusal = refused.refusal();
        assert_eq!(refusal.file, list.0);
        assert!(refusal.reason.contains(ORIG.0), "{refusal}");
    }
    // another upload brought a file of both, and took it along
    assert!(pooled(again(&[list, info])).records().is_empty());
    assert_eq!(pooled(again(&[list, info, deb])).records().len(), 1);
    let refusal = pooled(again(&[list, deb])).refusal();
    assert!(refusal.reason.contains(info.0), "{refusal}");
    let only_info = changes(&[info]);
    let refusal = again(&[(list.0, only_info.as_bytes())]).refusal();
    assert!(refusal.reason.contains(info.0), "{refusal}");
}

#[test]
fn one_identity_has_one_content() {
    let (one, other) = (package(CONTROL), package(&CONTROL.replace("says", "told")));
    let refusal = Upload::of(&[("hello.deb", &one), ("hallo.deb", &other)]).refusal();
    assert_eq!(refusal.file, "hallo.deb");
    assert_eq!(Upload::of(&[("hello.deb", &one), ("hallo.deb", &one)]).records().len(), 1);
}

#[test]
fn an_old_dsc_gets_the_checksums_that_it_lacks() {
    let head = "Format: 1.0\nSource: hello\nVersion: 1.0-1\nArchitecture: any\nX-Own: 1\n";
    let text = format!("{head}{}", lists(&[ORIG, DEBIAN], "", false));
    let dsc = ("hello_1.0-1.dsc", text.as_bytes());
    let assembled = Upload::of(&[dsc, ORIG, DEBIAN]).assemble().unwrap();
    let entry = String::from_utf8(assembled[0].record.entries[0].text.clone()).unwrap();
    let digests: Vec<_> = assembled[0].record.files.iter().map(|file| &file.digests).collect();
    let expected = format!(
        "Package: hello\nFormat: 1.0\nArchitecture: any\nVersion: 1.0-1\nDirectory: \0\n\
         Files:\n {} {} hello_1.0-1.dsc\n {} 4 {}\n {} 6 {}\n\
         Checksums-Sha1:\n {} {} hello_1.0-1.dsc\n {} 4 {}\n {} 6 {}\n\
         Checksums-Sha256:\n {} {} hello_1.0-1.dsc\n {} 4 {}\n {} 6 {}\nX-Own: 1\n\n",
        digests[0].md5.as_deref().unwrap(),
        text.len(),
        digests[1].md5.as_deref().unwrap(),
        ORIG.0,
        digests[2].md5.as_deref().unwrap(),
        DEBIAN.0,
        digests[0].sha1.as_deref().unwrap(),
        text.len(),
        digests[1].sha1.as_deref().unwrap(),
        ORIG.0,
        digests[2].sha1.as_deref().unwrap(),
        DEBIAN.0,
        digests[0].sha256,
        text.len(),
        digests[1].sha256,
        ORIG.0,
        digests[2].sha256,
        DEBIAN.0,
    );
    assert_eq!(entry, expected);
}
