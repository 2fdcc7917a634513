use rws_model::{
    Codec, Compression, DraftContent, DraftFile, IndexFile, RepositoryId, RepositorySettings, RootError, RootInput,
    SigningPurpose, sha256,
};

use super::{escape_directory, frame, indexes, root};

fn settings(compression: Vec<Compression>) -> RepositorySettings {
    RepositorySettings { architectures: vec!["x86_64".to_owned()], compression, ..RepositorySettings::default() }
}

#[test]
fn every_repository_has_the_three_indexes_in_one_form() {
    let codecs =
        |compression| indexes(&settings(compression)).into_iter().map(|index| index.codecs).collect::<Vec<_>>();
    assert_eq!(codecs(vec![]), vec![vec![Codec::Gzip]; 3]);
    assert_eq!(codecs(vec![Compression::Zstd, Compression::Gz]), vec![vec![Codec::Zstd]; 3]);
    assert_eq!(codecs(vec![Compression::Xz]), vec![vec![Codec::Xz]; 3]);
    let names: Vec<_> = indexes(&settings(vec![])).into_iter().map(|index| (index.name, index.takes)).collect();
    assert_eq!(names, ["primary", "filelists", "other"].map(|name| (name.to_owned(), vec![name.to_owned()])));
}

#[test]
fn frames_are_those_of_createrepo_c() {
    let primary = frame("primary", 3);
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
                    xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"3\">\n";
    assert_eq!(String::from_utf8(primary.head).unwrap(), expected);
    assert_eq!(primary.tail, b"</metadata>");
    let other = frame("other", 0);
    assert!(other.head.ends_with(b"<otherdata xmlns=\"http://linux.duke.edu/metadata/other\" packages=\"0\">\n"));
    assert_eq!(other.tail, b"</otherdata>");
}

#[test]
fn the_root_names_all_indexes_and_is_signed_behind_itself() {
    let settings = settings(vec![]);
    let indexes = indexes(&settings);
    let file = |index: &str| IndexFile {
        index: index.to_owned(),
        codec: Codec::Gzip,
        size_bytes: 10,
        sha256: sha256(b"packed"),
        open_size_bytes: 20,
        open_sha256: sha256(b"open"),
        digests: Vec::new(),
        stored_name: format!("repodata/x-{index}.xml.gz"),
        plain_name: None,
    };
    let files: Vec<_> = indexes.iter().map(|index| file(&index.name)).collect();
    let repository = RepositoryId::parse("live/1.10/el/7/x86_64").unwrap();
    let input = RootInput {
        signed_by: &[],
        repository: &repository,
        settings: &settings,
        indexes: &indexes,
        files: &files,
        entries: &[],
        published_at: 77,
        former: &[],
        read: &|file| Err(RootError::Unread(file.stored_name.clone())),
        public_key: None,
    };
    let signed = root(&RootInput { public_key: Some("the key"), ..input });
    let names: Vec<_> = signed.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/repomd.xml.key"]);
    let DraftContent::Bytes(repomd) = &signed[0].content else { panic!("{:?}", signed[0]) };
    let signature = DraftFile::signed("repodata/repomd.xml.asc", SigningPurpose::DetachedBlocks, repomd.as_slice());
    assert_eq!(signed[1], signature);
    assert_eq!(signed[2], DraftFile::new("repodata/repomd.xml.key", "the key"));
    assert_eq!(root(&input), signed[..1]);
    let repomd = std::str::from_utf8(repomd).unwrap();
    let expected = format!(
        "  <data type=\"primary\">\n    <checksum type=\"sha256\">{}</checksum>\n    \
         <open-checksum type=\"sha256\">{}</open-checksum>\n    <location href=\"repodata/x-primary.xml.gz\"/>\n    \
         <timestamp>77</timestamp>\n    <size>10</size>\n    <open-size>20</open-size>\n  </data>\n",
        sha256(b"packed"),
        sha256(b"open"),
    );
    assert!(repomd.contains(&expected), "{repomd}");
    let document = roxmltree::Document::parse(repomd).unwrap();
    let types = document.descendants().filter_map(|node| node.attribute("type")).filter(|name| *name != "sha256");
    assert_eq!(types.collect::<Vec<_>>(), ["primary", "filelists", "other"]);
    assert!(repomd.contains("<revision>77</revision>"));
}

#[test]
fn directories_are_escaped_as_values() {
    assert_eq!(escape_directory("Packages/a&\"b<é"), b"Packages/a&amp;&quot;b&lt;&#xE9;");
}
