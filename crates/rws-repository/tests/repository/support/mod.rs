//! A repository in memory, packages made by dpkg-deb, and a reader that trusts nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
pub use later::later_catalogue;
use rws_deb::Deb;
use rws_lab::fixture;
use rws_model::{
    FileName, Format, Identity, MetadataOffer, MetadataOrigin, Reading, Record, RepositoryId, RepositorySettings,
    Signer, sha256,
};
use rws_repository::actor::Actor;
use rws_repository::areas::Areas;
use rws_repository::catalogue::{Catalogue, Configured, ConfiguredTarget, Distribution, Model, OnConflict, Policy};
use rws_repository::inspection::Inspection;
use rws_repository::intake::{self, Accepted, Destination, FileLocation, ReceivedFile};
use rws_repository::limits::Requester;
use rws_repository::publish::{Malformed, Outcome, Publisher, Trigger, Triggers};
use rws_repository::read_rules::{PublicPaths, ReadRules};
use rws_repository::{IncomingFiles, IntakeError, RepositoryError, UploadBuilder, UploadId};
use rws_rpm::Rpm;
use rws_store::{
    Body, Condition, Key, LocalFile, MemoryStore, Moment, ObjectClass, ObservedStore, Observer, Operation, Span, Store,
    StoreError, Write, collect,
};
use tempfile::TempDir;

mod later;

const SERIES: [&str; 6] = ["1.10", "2.8", "2.9", "3.0", "3.1", "3.2"];

/// Who changes things in tests.
pub static ACTOR: Actor = Actor::itself("upload");

/// A catalogue of two deb targets (two kinds of `ubuntu/focal`), an rpm target, and an anchor over the debs.
pub fn catalogue() -> Arc<Catalogue> {
    catalogue_signed_by(None)
}

/// The same with a key.
pub fn catalogue_signed_by(signer: Option<Arc<dyn Signer>>) -> Arc<Catalogue> {
    catalogue_with(OnConflict::Replace, signer)
}

/// The same with a policy for other bytes.
pub fn catalogue_with(on_conflict: OnConflict, signer: Option<Arc<dyn Signer>>) -> Arc<Catalogue> {
    catalogue_of(settings, Policy { on_conflict, ..Policy::default() }, signer)
}

/// The same; `settings` are those of repositories with these architectures.
pub fn catalogue_of(
    settings: impl Fn(&[&str]) -> RepositorySettings,
    policy: Policy,
    signer: Option<Arc<dyn Signer>>,
) -> Arc<Catalogue> {
    catalogue_in([Arc::new(Deb), Arc::new(Rpm)], settings, policy, signer)
}

/// The same with these forms of the two formats.
pub fn catalogue_in(
    [deb, rpm]: [Arc<dyn Format>; 2],
    settings: impl Fn(&[&str]) -> RepositorySettings,
    policy: Policy,
    signer: Option<Arc<dyn Signer>>,
) -> Arc<Catalogue> {
    let mut distributions = BTreeMap::new();
    let one = |format: Arc<dyn Format>, version: &str| Distribution {
        format: Ok(format),
        versions: vec![version.to_owned()],
    };
    distributions.insert("ubuntu".to_owned(), one(deb, "focal"));
    distributions.insert("el".to_owned(), one(rpm, "7"));
    let model = Model {
        kinds: vec!["live".to_owned(), "release".to_owned()],
        series: SERIES.map(str::to_owned).to_vec(),
        enabled: vec!["1.10".to_owned(), "2.8".to_owned()],
        distributions,
        anchors: BTreeMap::from([
            ("both".to_owned(), vec!["live/2.8".to_owned(), "release/2.8".to_owned()]),
            ("all".to_owned(), SERIES.map(str::to_owned).to_vec()),
        ]),
    };
    Arc::new(Catalogue::new(model, |_, format| {
        let architectures: &[&str] = if format.name() == "deb" { &["amd64", "arm64"] } else { &["x86_64", "aarch64"] };
        Configured {
            settings: settings(architectures),
            policy,
            signer: signer.clone(),
            release_package: None,
            retention: None,
        }
    }))
}

/// What the configuration says of a repository.
pub fn settings(architectures: &[&str]) -> RepositorySettings {
    RepositorySettings {
        architectures: architectures.iter().map(|&name| name.to_owned()).collect(),
        origin: "Origin".to_owned(),
        label: "Label".to_owned(),
        description: "Description".to_owned(),
        ..RepositorySettings::default()
    }
}

pub fn id(text: &str) -> RepositoryId {
    RepositoryId::parse(text).unwrap()
}

/// A small real package.
pub fn deb(name: &str, version: &str, architecture: &str, text: &str) -> PathBuf {
    let stored_version = version.split_once(':').map_or(version, |(_, version)| version);
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: RWS <rws@example.org>\n\
         Description: {text}\n"
    );
    let file = format!("{name}_{stored_version}_{architecture}.deb");
    let build = |directory: &Path| {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("DEBIAN")).unwrap();
        std::fs::create_dir_all(root.path().join("usr/share/doc")).unwrap();
        std::fs::write(root.path().join("usr/share/doc").join(name), text).unwrap();
        std::fs::write(root.path().join("DEBIAN/control"), &control).unwrap();
        let mut dpkg_deb = Command::new("dpkg-deb");
        dpkg_deb.args(["--root-owner-group", "-Znone", "-b"]).arg(root.path()).arg(directory.join(&file));
        let made = dpkg_deb.output().expect("dpkg-deb cannot be run: run tests/setup");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    fixture(&format!("{}{control}", include_str!("mod.rs")), build).join(&file)
}

/// A small real package.
pub fn rpm(directory: &Path, name: &str) -> PathBuf {
    let spec = directory.join(format!("{name}.spec"));
    std::fs::write(
        &spec,
        format!("Name: {name}\nVersion: 1\nRelease: 1\nSummary: test\nLicense: none\n%description\ntest\n%files\n"),
    )
    .unwrap();
    let made = Command::new("rpmbuild")
        .args(["-bb", "--target", "x86_64-linux", "--define"])
        .arg(format!("_topdir {}", directory.display()))
        .arg(&spec)
        .output()
        .expect("rpmbuild cannot be run: run tests/setup");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    directory.join(format!("RPMS/x86_64/{name}-1-1.x86_64.rpm"))
}

/// How much the server reads of what comes from a client.
fn reading(target: &ConfiguredTarget) -> Reading {
    if target.settings.contents { Reading::Contents } else { Reading::Whole }
}

/// Files as the server receives them.
pub fn received(target: &ConfiguredTarget, files: &[PathBuf]) -> Vec<ReceivedFile> {
    received_as(target, files, reading(target))
}

/// The same with as little read of them as earlier versions of RWS did.
pub fn received_as(target: &ConfiguredTarget, files: &[PathBuf], reading: Reading) -> Vec<ReceivedFile> {
    let read = |path: &PathBuf| {
        let name = FileName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
        let mut inspection = Inspection::new(&*target.format, &name, reading);
        inspection.push(&std::fs::read(path).unwrap()).unwrap();
        let file = FileLocation::Disk(LocalFile::whole(path));
        ReceivedFile {
            file,
            inspected: inspection.finish().unwrap(),
            place: rws_model::PackagePlace::of_product("product"),
        }
    };
    files.iter().map(read).collect()
}

/// Takes files of the product `product`.
pub async fn accept(
    store: &Arc<dyn Store>,
    targets: &[Arc<ConfiguredTarget>],
    files: Vec<ReceivedFile>,
) -> Result<Accepted, IntakeError> {
    let reception = IncomingFiles::begin(Arc::clone(store)).await?;
    intake::accept(reception, Destination::all(targets, Requester::unlimited(&ACTOR)), files).await
}

/// One store with everything around it.
pub struct World {
    pub memory: Arc<MemoryStore>,
    pub catalogue: Arc<Catalogue>,
    clock: AtomicI64,
    directory: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(catalogue())
    }

    pub fn with(catalogue: Arc<Catalogue>) -> Self {
        let world = Self {
            memory: Arc::new(MemoryStore::new()),
            catalogue,
            clock: AtomicI64::new(1_795_000_000_000),
            directory: tempfile::tempdir().unwrap(),
        };
        world.tick();
        world
    }

    /// The same store with another configuration, a little later.
    pub fn configured_as(&self, catalogue: Arc<Catalogue>) -> Self {
        Self {
            memory: Arc::clone(&self.memory),
            catalogue,
            clock: AtomicI64::new(self.clock.fetch_add(100_000, Ordering::SeqCst) + 50_000),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Lets enough time pass for another publish.
    pub fn tick(&self) {
        self.memory.set_clock_milliseconds(self.clock.fetch_add(2000, Ordering::SeqCst) + 2000);
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.memory.set_clock_milliseconds(self.clock.fetch_add(seconds * 1000, Ordering::SeqCst) + seconds * 1000);
    }

    pub fn store(&self) -> Arc<dyn Store> {
        self.memory.clone()
    }

    /// For files that go with the world.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn deb(&self, name: &str, version: &str, architecture: &str, text: &str) -> PathBuf {
        deb(name, version, architecture, text)
    }

    pub async fn upload(&self, path: &str, files: &[PathBuf]) -> Result<Accepted, IntakeError> {
        self.tick();
        let targets = self.catalogue.resolve(path).unwrap();
        let files = received(&targets[0], files);
        accept(&self.store(), &targets, files).await
    }

    /// The same into a component.
    pub async fn upload_in(&self, path: &str, component: &str, files: &[PathBuf]) -> Result<Accepted, IntakeError> {
        self.tick();
        let targets = self.catalogue.resolve(path).unwrap();
        let mut files = received(&targets[0], files);
        files.iter_mut().for_each(|file| file.place.component = Some(component.to_owned()));
        accept(&self.store(), &targets, files).await
    }

    /// Sends a file of metadata.
    pub async fn describe(&self, path: &str, kind: &str, content: &str) -> Result<Accepted, IntakeError> {
        self.tick();
        let targets = self.catalogue.resolve(path).unwrap();
        let offer = MetadataOffer { kind, name: kind, content: content.as_bytes(), origin: MetadataOrigin::Sent };
        let metadata = targets[0].format.metadata(&offer).unwrap();
        let targets: Vec<_> = targets
            .into_iter()
            .flat_map(|one| one.repositories().into_iter().map(move |id| (one.clone(), id)))
            .collect();
        intake::describe(&*self.store(), metadata, &targets, &ACTOR).await
    }

    pub fn publisher(&self, store: Arc<dyn Store>) -> Publisher {
        Publisher::new(store, Arc::clone(&self.catalogue), Malformed::Stop)
    }

    pub async fn publish(&self, repository: &str) -> Result<Outcome, RepositoryError> {
        self.tick();
        self.publisher(self.store()).reconcile(&id(repository), Triggers::NONE).await
    }

    pub async fn synchronise(&self, repository: &str) -> Result<Outcome, RepositoryError> {
        self.tick();
        let triggers = Triggers::of(&[Trigger::Synchronise]);
        self.publisher(self.store()).reconcile(&id(repository), triggers).await
    }

    pub async fn put(&self, key: &str, bytes: Vec<u8>) {
        let write = Write { condition: Condition::Always, kind: ObjectClass::Mutable };
        self.memory.write(&Key::parse(key).unwrap(), Body::from(bytes), write).await.unwrap();
    }

    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        get(&*self.memory, key).await
    }

    /// An index by its plain name without the end that says how it is compressed.
    pub async fn index(&self, key: &str) -> String {
        index(&*self.store(), key).await
    }

    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        self.memory.list(prefix).await.unwrap().into_iter().map(|listed| listed.key.to_string()).collect()
    }

    /// Every object outside of the private prefix with its version.
    pub async fn memory_stats(&self) -> Vec<(String, String)> {
        let listed = self.memory.list("").await.unwrap();
        let public = listed.into_iter().filter(|listed| !listed.key.as_str().starts_with(".rws/"));
        public.map(|listed| (listed.key.to_string(), listed.stat.version.0)).collect()
    }

    /// What waits or is left over under the private prefix.
    pub async fn leftovers(&self) -> Vec<String> {
        let mut keys = self.keys(".rws/pending/").await;
        keys.extend(self.keys(".rws/incoming/").await);
        keys
    }

    /// The root that a reader of the store gets; `None` where there is none.
    pub async fn root(&self, tree: &str, codename: &str) -> Option<String> {
        let root = self.get(&format!("{tree}/dists/{codename}/Release")).await?;
        Some(String::from_utf8(root).unwrap())
    }

    /// Reads a deb repository from its root as apt does. The packages, as `name version architecture path`.
    pub async fn read_deb(&self, tree: &str, codename: &str, root: &str) -> Vec<String> {
        read_deb(&*self.memory, tree, codename, root).await
    }

    /// The plain-named files agree with the root.
    pub async fn check_plain(&self, tree: &str, codename: &str) {
        check_plain(&*self.memory, tree, codename).await;
    }
}

/// The bytes of an object.
pub async fn get(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    let content = store.read(&Key::parse(key).unwrap(), Span::Whole).await.unwrap()?;
    Some(collect(content.bytes).await.unwrap().to_vec())
}

/// An index by its plain name without the end that says how it is compressed.
pub async fn index(store: &dyn Store, key: &str) -> String {
    let bytes = get(store, &format!("{key}.gz")).await.unwrap_or_else(|| panic!("{key}.gz is missing"));
    String::from_utf8(gunzip(&bytes)).unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

/// Reads a deb repository from its root as apt does, by hash, and checks every byte that it lists. The packages, as
/// `name version architecture path`.
pub async fn read_deb(store: &dyn Store, tree: &str, codename: &str, root: &str) -> Vec<String> {
    read_deb_but(store, tree, codename, root, &[]).await
}

/// The same of a root that lists packages which somebody has removed or written over by other means: `but` has their
/// paths, whose bytes are not looked at.
pub async fn read_deb_but(store: &dyn Store, tree: &str, codename: &str, root: &str, but: &[&str]) -> Vec<String> {
    let mut packages = Vec::new();
    let list = root.split_once("SHA256:\n").expect("a list of SHA256").1;
    for line in list.lines().take_while(|line| line.starts_with(' ')) {
        let [digest, size, name] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let directory = name.rsplit_once('/').unwrap().0;
        let path = format!("{tree}/dists/{codename}/{directory}/by-hash/SHA256/{digest}");
        let bytes = match get(store, &path).await {
            Some(bytes) => bytes,
            // its compressed forms stand for it
            None => uncompressed(store, &format!("{tree}/dists/{codename}"), list, name).await,
        };
        assert_eq!((bytes.len().to_string().as_str(), sha256(&bytes).hex().as_str()), (size, digest), "{path}");
        if name.ends_with("/Packages") {
            let text = String::from_utf8(bytes).unwrap();
            for stanza in text.split("\n\n").filter(|stanza| !stanza.is_empty()) {
                let field = |name: &str| {
                    let found = stanza.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                    found.unwrap_or_else(|| panic!("no {name} in {stanza}")).to_owned()
                };
                let path = field("Filename");
                if !but.contains(&path.as_str()) {
                    let file = get(store, &format!("{tree}/{path}")).await;
                    let file = file.unwrap_or_else(|| panic!("{path} is missing"));
                    assert_eq!(sha256(&file).hex(), field("SHA256"), "{path}");
                    assert_eq!(file.len().to_string(), field("Size"), "{path}");
                }
                packages.push(format!("{} {} {} {path}", field("Package"), field("Version"), field("Architecture")));
            }
        }
    }
    packages.sort();
    packages.dedup();
    packages
}

/// An index that only stands in the root uncompressed, from its gzip form.
async fn uncompressed(store: &dyn Store, metadata: &str, list: &str, name: &str) -> Vec<u8> {
    let compressed = format!("{name}.gz");
    let found = list.lines().find_map(|line| line.trim_end().strip_suffix(&compressed)?.split_whitespace().next());
    let digest = found.unwrap_or_else(|| panic!("{name} is missing, and {compressed} is not listed"));
    let directory = name.rsplit_once('/').unwrap().0;
    gunzip(&get(store, &format!("{metadata}/{directory}/by-hash/SHA256/{digest}")).await.unwrap())
}

/// The plain-named files agree with the root.
pub async fn check_plain(store: &dyn Store, tree: &str, codename: &str) {
    let root = get(store, &format!("{tree}/dists/{codename}/Release")).await.unwrap();
    let root = String::from_utf8(root).unwrap();
    let list = root.split_once("SHA256:\n").unwrap().1;
    for line in list.lines().take_while(|line| line.starts_with(' ')) {
        let [digest, _, name] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let metadata = format!("{tree}/dists/{codename}");
        let bytes = match get(store, &format!("{metadata}/{name}")).await {
            Some(bytes) => bytes,
            None => uncompressed(store, &metadata, list, name).await,
        };
        assert_eq!(sha256(&bytes).hex(), digest, "{name}");
    }
}

/// Counts operations, and lets a process die at one of them: it and all later ones fail.
#[derive(Default)]
pub struct Crash {
    pub at: Option<(usize, Moment)>,
    pub seen: AtomicUsize,
    pub names: Mutex<Vec<Operation>>,
    dead: std::sync::atomic::AtomicBool,
}

impl Crash {
    pub fn at(number: usize, moment: Moment) -> Arc<Self> {
        Arc::new(Self { at: Some((number, moment)), ..Self::default() })
    }
}

fn died(key: &str) -> StoreError {
    StoreError::from_io("use", key, std::io::Error::other("the process died"))
}

#[async_trait]
impl Observer for Crash {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(died(&operation.key));
        }
        // operations may run side by side: each counts once, where the crash is to be
        let (number, watched) = self.at.unwrap_or((usize::MAX, Moment::Before));
        if moment == watched {
            self.names.lock().unwrap().push(operation.clone());
            if self.seen.fetch_add(1, Ordering::SeqCst) == number {
                self.dead.store(true, Ordering::SeqCst);
                return Err(died(&operation.key));
            }
        }
        Ok(())
    }
}

pub fn observed(world: &World, observer: Arc<dyn Observer>) -> Arc<dyn Store> {
    Arc::new(ObservedStore::new(world.store(), observer))
}

/// The record of a package file.
pub fn record(catalogue: &Catalogue, path: &str, file: &Path) -> Record {
    let targets = catalogue.resolve(path).unwrap();
    let target = &targets[0];
    let name = FileName::parse(file.file_name().unwrap().to_str().unwrap()).unwrap();
    let mut inspection = Inspection::new(&*target.format, &name, reading(target));
    inspection.push(&std::fs::read(file).unwrap()).unwrap();
    let placement = rws_model::Placement {
        target: &target.target,
        place: &rws_model::PackagePlace::of_product("product"),
        architectures: &target.settings.architectures,
        settings: &target.settings,
        pool: &|_| None,
        listed: rws_model::Listed::InUpload,
        strict_names: false,
        is_present: false,
    };
    target.format.assemble(&[inspection.finish().unwrap()], &placement).unwrap().remove(0).record
}

/// The same package under another name of the same length.
pub fn renamed(record: &Record, from: &str, to: &str) -> Record {
    let mut record = record.clone();
    let text = |text: &str| text.replace(from, to);
    record.identity = Identity(text(&record.identity.0));
    for file in &mut record.files {
        file.name = FileName::parse(&text(file.name.as_str())).unwrap();
    }
    for entry in &mut record.entries {
        // the slot for the directory is no text
        let mut bytes = entry.text.clone();
        let positions: Vec<usize> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, part)| *part == from.as_bytes())
            .map(|(position, _)| position)
            .collect();
        for position in positions {
            bytes[position..position + to.len()].copy_from_slice(to.as_bytes());
        }
        entry.text = bytes;
    }
    record
}

/// A repository of `count` packages like `record`, published in memory; all but its packages go to a bucket.
pub async fn seed(store: &dyn Store, catalogue: &Arc<Catalogue>, repository: &str, record: &Record, count: usize) {
    let memory = Arc::new(MemoryStore::new());
    let mut upload = UploadBuilder::new(UploadId::next(1_795_000_000_000), &ACTOR);
    for number in 0..count {
        upload.add(renamed(record, "name00000", &format!("name{number:05}")), &[id(repository)]);
    }
    let upload = upload.finish();
    let write = |kind| Write { condition: Condition::Always, kind };
    let put = async |name: String, bytes: Vec<u8>| {
        memory.write(&Key::parse(&name).unwrap(), bytes.into(), write(ObjectClass::Private)).await.unwrap();
    };
    for file in upload.records.iter().flat_map(|record| &record.files) {
        put(format!(".rws/incoming/{}/{}", upload.id, file.name), b"package".to_vec()).await;
    }
    put(format!(".rws/pending/{repository}/{}", upload.id), Vec::new()).await;
    put(format!(".rws/uploads/{}.json", upload.id), serde_json::to_vec(&upload).unwrap()).await;
    memory.set_clock_milliseconds(1_795_000_000_000);
    let publisher = Publisher::new(memory.clone(), Arc::clone(catalogue), Malformed::Stop);
    let outcome = publisher.reconcile(&id(repository), Triggers::NONE).await.unwrap();
    assert_eq!(outcome.applied.len(), 1);
    for listed in memory.list("").await.unwrap() {
        let is_package = listed.key.as_str().ends_with(".deb") || listed.key.as_str().ends_with(".rpm");
        if !is_package {
            let content = memory.read(&listed.key, Span::Whole).await.unwrap().unwrap();
            let bytes = collect(content.bytes).await.unwrap();
            store.write(&listed.key, Body::Bytes(bytes), write(ObjectClass::Private)).await.unwrap();
        }
    }
}

/// Has something happen again and again, with the death of the process right before and right after each operation of the store. `die`
/// answers the operation at which it died, `None` where there were no more; so many points there are at least.
pub async fn at_every_crash_point(least: usize, die: impl AsyncFn(usize, Moment) -> Option<Operation>) {
    let mut points = 0;
    for number in 0.. {
        for moment in [Moment::Before, Moment::After] {
            if die(number, moment).await.is_none() {
                assert!(points >= least, "only {points} crash points");
                println!("{points} crash points");
                return;
            }
            points += 1;
        }
    }
}

/// Everybody may read everything.
pub fn everybody(catalogue: &Arc<Catalogue>) -> PublicPaths {
    PublicPaths::new(Areas::new(Arc::clone(catalogue)), ReadRules::default())
}
