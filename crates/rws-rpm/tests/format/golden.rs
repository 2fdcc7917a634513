//! Compares what RWS says of each real package with what createrepo_c 1.2.5 said, byte by byte.
//!
//! Two things are made equal first: the path of the package file, which is the caller's, and the file's time, for
//! which RWS writes the time of the build.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{inspect_whole, packages, testdata};
use rws_model::fill_slot;

const PARTS: [&str; 3] = ["primary", "filelists", "other"];

/// Packages of format 6: createrepo_c does not read the tag of the uncompressed payload's size (5113), and writes 0.
const ARCHIVE_SIZE_OF_FORMAT_6: &[&str] = &[
    "rpm-rs+rpm/rpm-basic-2.3.4-5.el9.noarch.dup2.rpm",
    "rpm-rs+rpm/rpm-basic-2.3.4-5.el9.noarch.dup3.rpm",
    "rpm-rs+rpm/rpm-basic-2.3.4-5.el9.noarch.dup4.rpm",
    "rpm-rs+rpm/rpm-basic-2.3.4-5.el9.noarch.dup5.rpm",
    "rpm-rs+rpm/rpm-basic-2.3.4-5.el9.src.dup2.rpm",
    "rpm-rs+rpm/rpm-basic-multiple-signatures-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.dup2.rpm",
    "rpm-rs+rpm/rpm-basic-with-mldsa65-ed25519-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-rsa4k-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-empty-0-0.src.dup2.rpm",
    "rpm-rs+rpm/rpm-empty-0-0.x86_64.dup2.rpm",
    "rpm-rs+rpm/rpm-file-attrs-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-file-attrs-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-file-types-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-file-types-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-hardlinks-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-hardlinks-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-i18n-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-i18n-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-rich-deps-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-rich-deps-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-scriptlets-1.0-1.noarch.rpm",
    "rpm-rs+rpm/rpm-scriptlets-1.0-1.src.rpm",
    "rpm-rs+rpm/rpm-with-patch-1.0-0.noarch.rpm",
    "rpm-rs+rpm/rpm-with-patch-1.0-0.src.rpm",
    "rpm-software-management+rpm/hlinktest-1.0-1.noarch-v3sig.rpm",
];

/// Packages that createrepo_c refuses for control characters, which RWS leaves out.
const CONTROL_CHARACTERS: &[&str] = &[
    "rpm-software-management+rpmlint/SpecCheck4-0.0.1-0.x86_64.rpm",
    "rpm-software-management+rpmlint/ruby2.6-rubygem-fast_gettext-2.0.1-1.1.x86_64.rpm",
    "rpm-software-management+rpmlint/xtables-addons-kmp-default-2.14_k4.12.14_lp151.16-lp151.3.10.x86_64.rpm",
];

/// Packages that their test suites gave the name of another package. RWS refuses such uploads; here they are read under
/// the name that the refusal asks for.
const NAMES_OF_OTHERS: &[&str] = &[
    "rpm-rs+rpm/rpm-basic-multiple-signatures-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-ecdsa-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-ima-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-mldsa65-ed25519-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-rsa4096-2.3.4-5.el9.noarch.rpm",
    "rpm-rs+rpm/rpm-basic-with-rsa4k-2.3.4-5.el9.noarch.rpm",
    "rpm-software-management+createrepo_c/empty-signed-eddsa-0-0.x86_64.rpm",
    "rpm-software-management+createrepo_c/empty-signed-rsa-0-0.x86_64.rpm",
    "rpm-software-management+createrepo_c/empty-signed-v6-multiple-0-0.x86_64.rpm",
    "rpm-software-management+rpm/imatest-1.0-1.fc34.noarch.rpm",
    "rpm-software-management+rpm/luafork-1.0-1-deprecated.noarch.rpm",
    "rpm-software-management+rpm/obsolete-foo-1.0-1.noarch.rpm",
    "rpm-software-management+rpmlint/libtool-wrapper-0-0.x86_64.rpm",
    "rpm-software-management+rpmlint/no-spec-file-0-0.src.rpm",
];

/// What createrepo_c wrote, with the time of the build for the time of the file.
fn expected(source: &str, name: &str, part: &str) -> String {
    let path = testdata().join("rpm/expected").join(source).join(format!("{name}.{part}.xml"));
    let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    let Some(build) = text.split_once(" build=\"").map(|(_, rest)| rest.split_once('"').unwrap().0.to_owned()) else {
        return text;
    };
    text.replacen("<time file=\"1600000000\"", &format!("<time file=\"{build}\""), 1)
}

fn without_archive_size(text: &str) -> String {
    let Some((before, after)) = text.split_once(" archive=\"") else { return text.to_owned() };
    format!("{before}{}", after.split_once('"').unwrap().1)
}

fn without_control_characters(text: &str) -> String {
    text.chars().filter(|character| *character >= ' ' || "\t\n\r".contains(*character)).collect()
}

/// The lines that only one of the two has.
fn differences(ours: &str, theirs: &str) -> Vec<String> {
    if ours == theirs {
        return Vec::new();
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    ours.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    theirs.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    counts.retain(|_, count| *count != 0);
    let who = |count: &i64| if *count > 0 { "ours:  " } else { "theirs:" };
    let mut found: Vec<String> = counts.iter().map(|(line, count)| format!("{} {line}", who(count))).collect();
    if found.is_empty() {
        found.push("the order of the lines".to_owned());
    }
    found
}

mod of_shared {
    use super::*;

    #[test]
    fn every_real_package_is_described_as_createrepo_c_does() {
        let packages = packages("rpm");
        let (mut identical, mut on_purpose, mut renamed, mut failures) = (0, 0, 0, Vec::new());
        for package in &packages {
            let source = package.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
            let name = package.file_name().unwrap().to_str().unwrap();
            let shown = format!("{source}/{name}");
            let inspected = match inspect_whole(name, &std::fs::read(package).unwrap()) {
                Ok(inspected) => inspected,
                Err(refusal) => {
                    failures.push(format!("{shown}: refused: {}", refusal.reason));
                    continue;
                }
            };
            renamed += usize::from(inspected.misnamed.is_some());
            if inspected.misnamed.is_some() != NAMES_OF_OTHERS.contains(&shown.as_str())
                || inspected.warnings.is_empty() == CONTROL_CHARACTERS.contains(&shown.as_str())
            {
                failures.push(format!("{shown}: the sender is told {:?} {:?}", inspected.misnamed, inspected.warnings));
            }
            let (mut found, mut excused) = (Vec::new(), Vec::new());
            for (part, entry) in PARTS.iter().zip(&inspected.entries) {
                assert_eq!(*part, entry.partition);
                let mut ours = String::from_utf8(fill_slot(&entry.text, source.as_bytes())).unwrap();
                let mut theirs = expected(source, name, part);
                let raw = differences(&ours, &theirs);
                if ARCHIVE_SIZE_OF_FORMAT_6.contains(&shown.as_str()) {
                    (ours, theirs) = (without_archive_size(&ours), without_archive_size(&theirs));
                }
                if CONTROL_CHARACTERS.contains(&shown.as_str()) {
                    theirs = without_control_characters(&theirs);
                }
                let rest = differences(&ours, &theirs);
                let target = if rest.is_empty() { &mut excused } else { &mut found };
                target.extend(raw.iter().map(|line| format!("    {part}: {}\n", line.escape_debug())));
            }
            match (found.is_empty(), excused.is_empty()) {
                (true, true) => identical += 1,
                (true, false) => {
                    on_purpose += 1;
                    println!("different on purpose: {shown}\n{}", excused.concat());
                }
                (false, _) => failures.push(format!("{shown}\n{}", found.concat())),
            }
        }
        println!(
            "{} packages: {identical} identical, {on_purpose} different on purpose, {} failed; {renamed} of them carry the \
             name of another package",
            packages.len(),
            failures.len()
        );
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert_eq!(on_purpose, ARCHIVE_SIZE_OF_FORMAT_6.len() + CONTROL_CHARACTERS.len());
    }
}
