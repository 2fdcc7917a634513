//! Many changes are planned and rendered in parts: memory does not follow their number, and the next generation is the same.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use rws_deb::Deb;
use rws_model::{
    Change, Compression, Digests, Entry, FileName, Identity, Record, RecordFile, RepositoryId, RepositorySettings,
    sha256,
};
use rws_repository::plan::{
    ChangeWriter, Changes, Origin, PartSize, Plan, PlannedChange, Present, StoreObservations, plan,
};
use rws_repository::render::{PresentFiles, Rendered, Renderer};
use rws_repository::{Generation, GenerationId, Tables};
use uuid::Uuid;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

fn focal() -> RepositoryId {
    RepositoryId::parse("live/2.8/ubuntu/focal").unwrap()
}

fn settings() -> RepositorySettings {
    RepositorySettings {
        architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
        compression: vec![Compression::Zstd],
        ..RepositorySettings::default()
    }
}

/// A package that an architecture has, with an entry of so many bytes.
fn record(number: usize, architecture: &str, bytes: usize, content: u8) -> Record {
    let name = format!("name{number:06}_1_{architecture}.deb");
    let line = format!("Package: name{number:06}\nFilename: \0/{name}\nContent: {content}\n");
    let text = line.as_bytes().iter().copied().cycle().take(bytes.max(line.len())).chain(*b"\n").collect();
    let digests =
        Digests { md5: None, sha1: None, sha256: sha256(&[&[content], name.as_bytes()].concat()), sha512: None };
    Record {
        identity: Identity(format!("deb name{number:06} 1 {architecture}")),
        directory: format!("pool/focal/main/n/name{number:06}"),
        files: vec![RecordFile { name: FileName::parse(&name).unwrap(), size_bytes: 1, digests }],
        entries: vec![Entry { partition: format!("binary-{architecture}"), text }],
        renderer: 1,
        signature: None,
    }
}

fn present(record: Record) -> PlannedChange {
    let change = Change { repository: focal(), identity: record.identity.clone(), record: Some(record) };
    PlannedChange { change, origin: Origin::Tree(BTreeMap::new()) }
}

fn absent(record: &Record) -> PlannedChange {
    let change = Change { repository: focal(), identity: record.identity.clone(), record: None };
    PlannedChange { change, origin: Origin::Tree(BTreeMap::new()) }
}

fn changes(scratch: &Path, all: impl IntoIterator<Item = PlannedChange>) -> Changes {
    let mut writer = ChangeWriter::new(scratch);
    writer.extend(all).unwrap();
    writer.finish().unwrap()
}

struct Next {
    plan: Plan,
    tables: Tables,
    rendered: Rendered,
}

/// Plans and renders what comes after a generation.
fn next(scratch: &Path, before: Option<(&Generation, &PresentFiles)>, changes: &Changes, part: PartSize) -> Next {
    let (generation, settings) = (before.map(|(generation, _)| generation), settings());
    let taken = BTreeSet::new();
    let present = Present {
        format: &Deb,
        generation,
        former: None,
        retired: &[],
        taken: &taken,
        package_keys: None,
        scratch,
        part,
    };
    let plan = plan(&present, changes, &StoreObservations::default()).unwrap();
    let tables = plan.tables(&Deb, generation).unwrap();
    let repository = focal();
    let renderer = Renderer {
        format: &Deb,
        repository: &repository,
        settings: &settings,
        present: generation,
        plan: &plan,
        scratch,
        variant: 0,
    };
    let none = PresentFiles::new();
    let rendered = renderer.render(&tables.packages, before.map_or(&none, |(_, files)| files)).unwrap();
    Next { plan, tables, rendered }
}

/// The generation of all that is next.
fn generation(next: &Next) -> (Generation, PresentFiles) {
    let Next { plan, tables, rendered } = next;
    let generation = Generation {
        repository: focal(),
        id: GenerationId::new(1_795_000_000, Uuid::nil()),
        root: Vec::new(),
        partitions: plan.partitions.clone(),
        packages: tables.packages.clone(),
        files: tables.files.clone(),
        root_entries: plan.root_entries.clone(),
        indexes: rendered.indexes.clone(),
        uploads: Vec::new(),
        renderers: plan.renderers.clone(),
        signatures: plan.signatures.clone(),
    };
    let files = rendered.files.iter().map(|file| (file.name.clone(), file.content.clone())).collect();
    (generation, files)
}

#[test]
fn memory_does_not_follow_the_entries_of_what_changes() {
    let scratch = tempfile::tempdir().unwrap();
    let mut peaks = Vec::new();
    for packages in [2_000, 6_000] {
        let all = (0..packages).map(|number| present(record(number, "amd64", 10_000, 1)));
        let changes = changes(scratch.path(), all);
        ALLOCATED.reset_peak_usage();
        let before_bytes = ALLOCATED.current_usage();
        let next = next(scratch.path(), None, &changes, PartSize::default());
        let first = ALLOCATED.peak_usage() - before_bytes;
        assert_eq!(next.tables.packages.len(), packages as u64);
        let (generation, mut files) = generation(&next);
        drop(next);
        files.retain(|name, _| {
            generation.indexes.iter().flat_map(|state| &state.files).any(|file| file.stored_name == *name)
        });
        // all of them once more, and one of them alone
        let again = (0..packages).map(|number| present(record(number, "amd64", 10_000, 2)));
        let again = self::changes(scratch.path(), again);
        let one = self::changes(scratch.path(), [present(record(7, "amd64", 10_000, 3))]);
        let mut of = vec![first];
        for changes in [&again, &one] {
            ALLOCATED.reset_peak_usage();
            let before_bytes = ALLOCATED.current_usage();
            drop(self::next(scratch.path(), Some((&generation, &files)), changes, PartSize::default()));
            of.push(ALLOCATED.peak_usage() - before_bytes);
        }
        println!("{packages} packages with {} bytes of entries: bytes in memory at most {of:?}", packages * 10_000);
        peaks.push(of);
    }
    for (few, many) in peaks[0].iter().zip(&peaks[1]) {
        assert!(*many < 64 << 20, "{peaks:?}");
        // 40 MB of entries more
        assert!(*many < few + (8 << 20), "{peaks:?}");
    }
}

/// Earlier builds of RWS took versions as they were written: two writings of one version are one package all the same.
#[test]
fn another_writing_of_a_version_replaces_the_package() {
    let scratch = tempfile::tempdir().unwrap();
    let written = |version: &str, content: u8| {
        let record = record(1, "amd64", 100, content);
        present(Record { identity: Identity(format!("deb name000001 {version} amd64")), ..record })
    };
    let others = || [0, 2].map(|number| present(record(number, "amd64", 100, 1)));
    let before = changes(scratch.path(), others().into_iter().chain([written("1.00", 1)]));
    let before = generation(&next(scratch.path(), None, &before, PartSize::default()));
    let change = changes(scratch.path(), [written("1.0", 2)]);
    let after = next(scratch.path(), Some((&before.0, &before.1)), &change, PartSize::default());
    assert_eq!(after.tables.packages.len(), 3);
    let identities: Vec<String> = after.plan.packages.iter().map(|edit| edit.identity.clone()).collect();
    assert_eq!(identities, ["deb name000001 1.00 amd64"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_next_generation_is_the_same_however_large_the_parts_are(
        rounds in proptest::collection::vec(
            proptest::collection::vec((0_usize..400, 0_usize..3, 0_u8..3, 0_usize..9_000), 0..120),
            1..4,
        ),
        part in (1_usize..40, 1_usize..40_000),
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let small = PartSize { changes: part.0, entries_bytes: part.1 };
        let mut before: Option<(Generation, PresentFiles)> = None;
        for round in rounds {
            let all: Vec<PlannedChange> = round
                .into_iter()
                .map(|(number, architecture, content, bytes)| {
                    let record = record(number, ["amd64", "arm64", "all"][architecture], bytes, content);
                    if content == 0 { absent(&record) } else { present(record) }
                })
                .collect();
            let changes = changes(scratch.path(), all);
            let before_parts = before.as_ref().map(|(generation, files)| (generation, files));
            let whole = next(scratch.path(), before_parts, &changes, PartSize::default());
            let parts = next(scratch.path(), before_parts, &changes, small);
            let (expected, files) = generation(&whole);
            prop_assert_eq!(generation(&parts).0.to_bytes().unwrap(), expected.to_bytes().unwrap());
            let mut all_files = before.map(|(_, files)| files).unwrap_or_default();
            all_files.extend(files);
            before = Some((expected, all_files));
        }
    }
}
