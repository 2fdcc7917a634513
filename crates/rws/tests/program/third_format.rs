//! A format that nobody else knows, handed to the program as one more: what a format has to say is behind its traits alone.
//!
//! A toy is a file whose first line is `toy NAME VERSION`. The root is no text and holds the index itself, as that of Alpine
//! does; its signature is sealed by a signer of the format's own.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use rws_model::{
    Assembled, ClientFormat, ClientSetup, Codec, Digests, DraftFile, Entry, FileName, Format, Identity, Index,
    Inspected, Inspector, Layout, ListedFile, ListedPackage, ListedRole, Partition, Placement, PlainDirectory, Reading,
    Record, RecordFile, Refusal, RepositoryFormat, RepositoryId, RepositorySettings, Role, RootError, RootFile,
    RootInput, Sha256, SignError, Signer, SigningPurpose, SigningRequest, Target, UploadFormat, sha256,
};
use rws_openpgp::{Keyring, SigningKey};

use crate::support::curl::{self, Upload};
use crate::support::gpgv::Verifier;
use crate::support::program::Program;
use crate::support::server::{Options, Server};
use crate::support::{configuration_file, read_file, temporary_directory, write_file};

/// What the root begins with; the time of publication follows, then the index.
const MAGIC: &[u8] = b"\xfftoys";
const SEAL: &str = "sealed\n";

struct Toy;

impl Format for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }
}

impl UploadFormat for Toy {
    fn accepts(&self, name: &FileName) -> bool {
        name.as_str().ends_with(".toy")
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".toy"]
    }

    fn inspector(&self, name: &FileName, _reading: Reading) -> Box<dyn Inspector> {
        Box::new(Reader(name.clone(), Vec::new()))
    }

    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
        let assembled = |Inspected { identity, entries, renderer, file, .. }: Inspected| Assembled {
            record: Record {
                identity,
                directory: "box".to_owned(),
                files: vec![file],
                entries,
                renderer,
                signature: None,
            },
            repositories: self.repositories(placement.target, placement.settings),
        };
        Ok(files.iter().cloned().map(assembled).collect())
    }
}

struct Reader(FileName, Vec<u8>);

impl Inspector for Reader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.1.extend(bytes.iter().take(200 - self.1.len()));
        Ok(())
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let Self(file_name, front) = *self;
        let front = String::from_utf8_lossy(&front);
        let words: Vec<&str> = front.lines().next().unwrap_or_default().split(' ').collect();
        let ["toy", name, version] = words[..] else { return Err(Refusal::new(file_name.as_str(), "it is no toy")) };
        let text = format!("{name} {version} \0/{file_name} {size_bytes} {}\n", digests.sha256);
        Ok(Inspected {
            identity: Identity(format!("toy {name} {version}")),
            role: Role::Binary,
            architecture: String::new(),
            entries: vec![Entry { partition: "all".to_owned(), text: text.into_bytes() }],
            names: Vec::new(),
            renderer: 1,
            warnings: Vec::new(),
            misnamed: None,
            unsaid: None,
            file: RecordFile { name: file_name, size_bytes, digests: digests.clone() },
        })
    }
}

impl RepositoryFormat for Toy {
    fn repositories(&self, target: &Target, _settings: &RepositorySettings) -> Vec<RepositoryId> {
        RepositoryId::parse(&target.to_string()).into_iter().collect()
    }

    fn layout(&self, repository: &RepositoryId) -> Layout {
        Layout { tree: repository.to_string(), metadata: "toys".to_owned(), packages: String::new() }
    }

    fn plain_directory(&self) -> PlainDirectory {
        PlainDirectory::Whole { root: "toys/root", package: ".toy", description: "any toy" }
    }

    fn compare(&self, left: &Identity, right: &Identity) -> Ordering {
        left.cmp(right)
    }

    fn indexes(&self, _: &BTreeSet<Partition>, _: &RepositorySettings, _: &[&Index]) -> Vec<Index> {
        let (name, takes) = ("all".to_owned(), vec!["all".to_owned()]);
        vec![Index { name, takes, codecs: vec![Codec::Gzip], digests: Vec::new() }]
    }

    fn stored_name(&self, _: &RepositoryId, _: &Index, _: Codec, content: &Sha256) -> String {
        format!("toys/{content}.toys")
    }

    fn keep_seconds(&self) -> i64 {
        60
    }

    fn root_names(&self, _repository: &RepositoryId) -> Vec<String> {
        ["toys/root", "toys/root.sig"].map(str::to_owned).to_vec()
    }

    fn signer(&self, configured: &[Arc<dyn Signer>]) -> Option<Arc<dyn Signer>> {
        configured.first().map(|key| Arc::new(Sealing(Arc::clone(key))) as Arc<dyn Signer>)
    }

    fn root(&self, input: &RootInput<'_>) -> Result<Vec<DraftFile>, RootError> {
        let root = [MAGIC, &input.published_at.to_be_bytes(), &(input.read)(&input.files[0])?].concat();
        let mut files = vec![DraftFile::new("toys/root", root.as_slice())];
        files.extend(input.public_key.map(|_| DraftFile::signed("toys/root.sig", SigningPurpose::Detached, root)));
        Ok(files)
    }

    fn read_root(&self, _: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
        let index = root.first().and_then(|file| file.content.strip_prefix(MAGIC)?.get(8..));
        let index = index.ok_or("it is no root of toys")?;
        let (sha256, size_bytes, codec, role) = (sha256(index), index.len() as u64, Codec::Gzip, ListedRole::Packages);
        let names = vec![format!("toys/{sha256}.toys")];
        Ok(vec![ListedFile { index: "all".to_owned(), codec, size_bytes, sha256, names, role }])
    }

    fn read_index(&self, _index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
        let package = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, _, path, size, digest] = words[..] else { return None };
            let (size_bytes, digests) = (size.parse().ok()?, Sha256::from_hex(digest)?.into());
            let (path, unreadable, source) = (path.to_owned(), None, None);
            Some(ListedPackage { path, size_bytes, digests, modified_seconds: None, unreadable, source })
        };
        let packages: Option<_> = String::from_utf8_lossy(text).lines().map(package).collect();
        packages.ok_or_else(|| "a line is no toy".to_owned())
    }

    fn check_signatures(&self, _: &RepositoryId, root: &[RootFile], signer: &dyn Signer) -> Result<(), String> {
        let signature = root.get(1).and_then(RootFile::text).ok_or("it is not signed")?;
        signer.verify_detached(&root[0].content, signature).then_some(()).ok_or_else(|| "it is not sealed".to_owned())
    }
}

struct Sealing(Arc<dyn Signer>);

#[async_trait]
impl Signer for Sealing {
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    fn public_key_armored(&self) -> &str {
        self.0.public_key_armored()
    }

    async fn sign(&self, request: SigningRequest<'_>) -> Result<Vec<u8>, SignError> {
        tokio::task::yield_now().await;
        Ok([SEAL.as_bytes(), &self.0.sign(request).await?].concat())
    }

    fn verify_clear(&self, _message: &str) -> Option<String> {
        None
    }

    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool {
        signature.strip_prefix(SEAL).is_some_and(|signature| self.0.verify_detached(bytes, signature))
    }
}

impl ClientFormat for Toy {
    fn content_types(&self) -> &'static [(&'static str, &'static str)] {
        &[(".toy", "application/x-toy"), ("root", "application/x-toys")]
    }

    fn is_package(&self, path: &str) -> bool {
        path.ends_with(".toy")
    }

    fn is_immutable(&self, path: &str) -> bool {
        path.ends_with(".toys")
    }

    fn setup_files(&self) -> &'static [&'static str] {
        &["toybox"]
    }

    fn setup_file(&self, _end: &str, setup: &ClientSetup<'_>) -> Option<String> {
        Some(format!("{} {}/{}\n", setup.name(), setup.base, setup.target))
    }
}

/// Says to a process of these tests that it is the program, and with which arguments.
const ARGUMENTS: &str = "RWS_TEST_THIRD_FORMAT";
const TARGET: &str = "live/1.10/toyos/1";

/// The program with one format more, where another test starts it.
#[test]
fn program() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let formats = rws_model::Formats::new(rws::formats().iter().cloned().chain([Arc::new(Toy) as Arc<dyn Format>]));
    let code = rws::run(formats, ["rws"].into_iter().chain(arguments.split('\n')).map(Into::into));
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

fn launcher() -> Vec<String> {
    let tests = std::env::current_exe().unwrap().display().to_string();
    let options = ["--exact", "third_format::program", "--nocapture", "--test-threads=2"];
    [tests].into_iter().chain(options.map(str::to_owned)).collect()
}

#[track_caller]
fn expect(environment: &[(String, String)], arguments: &[&str], code: i32, part: &str) {
    let (home, launcher) = (temporary_directory(), launcher());
    let program = Program::new(&launcher[0], home.path()).args(&launcher[1..]);
    let program = environment.iter().fold(program, |program, (name, value)| program.env(name, value));
    let ran = program.env(ARGUMENTS, arguments.join("\n")).run();
    assert!(ran.code == Some(code) && ran.everything().contains(part), "not {code}, {part}: {}", ran.transcript());
}

fn toy(directory: &Path, name: &str) -> std::path::PathBuf {
    let path = directory.join(format!("{name}.toy"));
    write_file(&path, format!("toy {name} 1\nwood"));
    path
}

#[test]
fn toys_are_taken_indexed_signed_served_synchronised_and_verified() {
    let (place, files) = (temporary_directory(), temporary_directory());
    let data = place.path().join("data");
    let configuration = configuration_file(place.path(), |value| {
        value["model"]["supported_repos"]["distrs"]["toyos"] = serde_json::json!({ "base": "toy", "versions": ["1"] });
    });
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut environment = vec![text("RWS_CFG", &configuration), text("RWS_DATA_DIR", data.to_str().unwrap())];
    environment.extend([text("RWS_LISTEN", "127.0.0.1:0"), text(ARGUMENTS, "serve")]);
    let options = Options { launcher: Some(launcher()), environment: environment.clone(), ..Options::default() };
    let server = Server::start_with(options);
    let upload = || Upload::to(&format!("/{TARGET}?wait=30"));
    upload().file(&toy(files.path(), "bear")).file(&toy(files.path(), "ball")).send(&server).expect_created();
    let refused = upload().file_as(&toy(files.path(), "bear"), "bear.exe").send(&server).expect_status(400);
    assert!(refused.text().contains("extensions: .rpm, .deb, .dsc, .xz, .gz, .toy\""), "{}", refused.text());

    let get = |path: &str| curl::get(&server.url(&format!("/{TARGET}/{path}"))).expect_status(200);
    let root = get("toys/root");
    assert_eq!(root.header("content-type"), Some("application/x-toys"));
    let index = root.body.strip_prefix(MAGIC).unwrap()[8..].to_vec();
    let served = get(&format!("toys/{}.toys", sha256(&index)));
    assert_eq!(served.body, index);
    assert!(served.header("cache-control").unwrap().contains("immutable"));
    let package = get("box/bear.toy");
    assert_eq!(package.header("content-type"), Some("application/x-toy"));
    assert_eq!(package.header("cache-control"), Some("public, max-age=300"));
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let signature = get("toys/root.sig").body;
    Verifier::new(&key).verify_detached(&root.body, signature.strip_prefix(SEAL.as_bytes()).unwrap());
    let setup = curl::get(&server.url(&format!("/-/setup/{TARGET}.toybox"))).expect_status(200).text();
    assert_eq!(setup, format!("rws-live-1.10-toyos-1 {}/{TARGET}\n", server.base_url()));

    toy(&data.join(TARGET).join("box"), "kite");
    expect(&environment, &["sync", TARGET], 0, "published");
    assert_ne!(get("toys/root").body, root.body);
    expect(&environment, &["verify", "--deep", TARGET], 0, "1 index files, 3 package files: consistent");
    write_file(&data.join(TARGET).join("box/kite.toy"), "toy kite 1\nW00D");
    expect(&environment, &["verify", "--deep", TARGET], 1, "box/kite.toy: its digest differs from the index");
    expect(&environment, &["verify", "--deep", "--repair", TARGET], 0, "consistent");
}

#[test]
fn a_plain_directory_of_toys_is_indexed() {
    let place = temporary_directory();
    let path = place.path().to_str().unwrap();
    expect(&[], &["index", path], 1, "neither pool/CODENAME/… with debs nor any rpm nor any toy");
    toy(&place.path().join("box"), "bear");
    let key = SigningKey::generate("toys <toys@example.org>", 1_700_000_000, &mut [7; 32]).unwrap();
    let environment = [("GPG_SIGN_KEY_ARMORED".to_owned(), key.export_secret_armored().unwrap().to_owned())];
    expect(&[], &["index", path], 0, &format!("{path}: published"));
    // the same index, which is read for another root
    expect(&environment, &["index", "--sign", path], 0, &format!("{path}: published"));
    let [root, signature] = ["root", "root.sig"].map(|name| read_file(&place.path().join("toys").join(name)));
    assert!(
        Sealing(Arc::new(Keyring::of(Arc::new(key)).unwrap()))
            .verify_detached(&root, std::str::from_utf8(&signature).unwrap())
    );
    expect(&environment, &["index", "--sign", path], 0, &format!("{path}: unchanged"));
}
