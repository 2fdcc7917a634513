use std::fmt::Write as _;

use super::*;

const COMPONENTS: &str = "---\nFile: DEP-11\nVersion: '0.14'\nOrigin: rws\n---\nType: desktop-application\nID: rws.desktop\n\
                          Package: rws-demo\nName:\n  C: RWS demo\nSummary:\n  C: shows it\n";
const TRANSLATED: &str =
    "Package: a\nDescription-md5: 33e1633f49893339a9eb932602dcf910\nDescription-de: kurz\n lang\n .\n mehr\n";

fn sent(kind: &str, content: &[u8]) -> Result<Metadata, Refusal> {
    read(&MetadataOffer { kind, name: kind, content, origin: MetadataOrigin::Sent })
}

#[test]
fn addresses_and_release_call_a_file_alike() {
    for (name, kind_of) in [
        ("Components-amd64.yml", "main/dep11/Components-amd64.yml"),
        ("main/Components-amd64.yml.gz", "main/dep11/Components-amd64.yml"),
        ("contrib/dep11/icons-64x64@2.tar", "contrib/dep11/icons-64x64@2.tar"),
        ("main/debug/i18n/Translation-pt_BR", "main/debug/i18n/Translation-pt_BR"),
        ("contrib/Translation-de.xz", "contrib/i18n/Translation-de"),
    ] {
        assert_eq!(kind(name), kind_of);
        assert_eq!(kind(kind_of), kind_of);
    }
    assert!(!is_metadata("main/i18n/Translation-en") && is_metadata("main/i18n/Translation-de"));
    assert!(is_metadata("main/dep11/Components-amd64.yml") && !is_metadata("main/binary-amd64/Packages"));
}

#[test]
fn good_files_are_listed_as_they_are_stored() {
    let repository = RepositoryId::parse("live/2.8/ubuntu/focal").unwrap();
    for (kind, content) in [
        ("main/Components-amd64.yml", COMPONENTS),
        ("main/CID-Index-amd64.json", "{\"rws.desktop\": \"r/w/s\"}"),
        ("main/Translation-de", TRANSLATED),
    ] {
        let packed = gzip(content.as_bytes()).unwrap();
        let metadata = sent(kind, content.as_bytes()).unwrap();
        assert_eq!(sent(kind, &packed).unwrap(), metadata, "{kind}: sent compressed");
        assert_eq!(unpack(&metadata.content, OPEN_BYTES).unwrap(), content.as_bytes());
        let record = Record { directory: directory(&repository, &metadata.record.directory), ..metadata.record };
        let entry = rws_model::fill_slot(&record.entries[0].text, record.directory.as_bytes());
        let listed = listed(&repository, &entry).unwrap();
        assert_eq!(listed.open_size_bytes, content.len() as u64);
        assert_eq!(listed.size_bytes, metadata.content.len() as u64);
        assert_eq!(listed.stored_name, format!("{}/{}", record.directory, record.files[0].name));
        assert_eq!(listed.plain_name, Some(format!("dists/focal/{}.gz", super::kind(kind))));
        assert_eq!(listed.digests.len(), 3);
    }
}

#[test]
fn broken_files_are_refused() {
    let header = "File: DEP-11\nVersion: '0.14'\n";
    let with = |component: &str| format!("---\n{header}---\n{component}");
    let (no_id, no_type) = (with("Type: font\n"), with("ID: a\n"));
    let (alias, list, deep) = (with("ID: &a b\nType: *a\n"), with("- a\n"), with(&"[".repeat(200_000)));
    let digest = TRANSLATED.replace("33e1", "xxxx");
    for (kind, content, reason) in [
        ("main/Components-amd64.yml", "", "no header"),
        ("main/Components-amd64.yml", "ID: a\nType: font\n", "no header of DEP-11"),
        ("main/Components-amd64.yml", "File: DEP-12\n", "no header of DEP-11"),
        ("main/Components-amd64.yml", "a: [1", "no YAML"),
        ("main/Components-amd64.yml", "a\0b", "NUL"),
        ("main/Components-amd64.yml", no_id.as_str(), "no ID"),
        ("main/Components-amd64.yml", no_type.as_str(), "no Type"),
        ("main/Components-amd64.yml", alias.as_str(), "alias"),
        ("main/Components-amd64.yml", list.as_str(), "no mapping"),
        ("main/Components-amd64.yml", deep.as_str(), "document 2"),
        ("main/CID-Index-amd64.json", "[]", "no JSON object"),
        ("main/CID-Index-amd64.json", "{\"a\": ", "no JSON object"),
        ("main/icons-64x64.tar", "text", "no tar archive"),
        ("main/Translation-de", "no field", "paragraph 1"),
        ("main/Translation-fr", TRANSLATED, "no Description-fr"),
        ("main/Translation-de", digest.as_str(), "no MD5"),
        ("main/Packages", TRANSLATED, "none of Components"),
        ("main/icons-1x1.tar", "", "none of Components"),
        ("main/Translation-de/x", TRANSLATED, "its name"),
        ("../Translation-de", TRANSLATED, "its name"),
        ("main/x/../Components-amd64.yml", COMPONENTS, "its name"),
    ] {
        let refusal = sent(kind, content.as_bytes()).unwrap_err();
        assert!(refusal.reason.contains(reason), "{kind} {content:.60?}: {}", refusal.reason);
    }
    assert!(sent("main/Translation-de", &gzip(TRANSLATED.as_bytes()).unwrap()[..20]).is_err());
    let bomb = gzip(&vec![b' '; (64 << 20) + 1]).unwrap();
    assert!(sent("main/Translation-de", &bomb).unwrap_err().reason.contains("more than"));
}

#[test]
fn icons_stay_inside() {
    let with = |path: &str, kind: tar::EntryType| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, std::io::empty()).unwrap();
        sent("main/icons-64x64.tar", &archive.into_inner().unwrap())
    };
    assert!(with("./a.png", tar::EntryType::Regular).is_ok());
    for (path, kind) in
        [("../a.png", tar::EntryType::Regular), ("/a.png", tar::EntryType::Regular), ("a", tar::EntryType::Symlink)]
    {
        assert!(with(path, kind).unwrap_err().reason.contains("no file or directory"), "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_sent_panics(bytes: Vec<u8>, cut in 0..200_usize, changed in 0..200_usize, by: u8) {
        let mut texts = vec![bytes];
        for good in [COMPONENTS, TRANSLATED] {
            let mut text = good.as_bytes().to_vec();
            text.truncate(cut.max(1).min(good.len()));
            let place = changed % text.len();
            text[place] = by;
            texts.push(text);
        }
        for text in texts {
            for kind in ["Components-a.yml", "CID-Index-a.json", "icons-48x48.tar", "Translation-de"] {
                if let Err(refusal) = sent(kind, &text) {
                    let mut message = String::new();
                    write!(message, "{}", refusal.reason).unwrap();
                    assert!(message.len() > 5);
                }
            }
        }
    }
}
