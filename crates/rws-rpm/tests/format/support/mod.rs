//! What the tests share.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

use std::path::{Path, PathBuf};

use rws_model::{Digester, FileName, Inspected, Reading, Refusal, UploadFormat};
use rws_rpm::Rpm;

/// The real packages beside the project. Only tests in modules named `of_shared` ask for them: `tests/run` leaves those out,
/// and counts them, where there is no `../shared`.
pub fn testdata() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    path.canonicalize().expect("../shared/testdata is not beside the project: run the tests without `of_shared`")
}

/// The packages of one collection, sorted.
pub fn packages(collection: &str) -> Vec<PathBuf> {
    let mut packages = Vec::new();
    for directory in std::fs::read_dir(testdata().join(collection).join("packages")).unwrap() {
        for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
            packages.push(file.unwrap().path());
        }
    }
    packages.sort();
    assert!(!packages.is_empty());
    packages
}

/// Reads bytes in pieces of `piece` bytes.
pub fn inspect_bytes(name: &str, bytes: &[u8], piece: usize) -> Result<Inspected, Refusal> {
    let mut inspector = Rpm.inspector(&FileName::parse(name)?, Reading::Whole);
    let mut digester = Digester::new();
    for piece in bytes.chunks(piece) {
        digester.update(piece);
        inspector.push(piece)?;
    }
    let (size_bytes, digests) = digester.finish();
    inspector.finish(size_bytes, &digests)
}

/// Reads bytes in one piece.
pub fn inspect_whole(name: &str, bytes: &[u8]) -> Result<Inspected, Refusal> {
    inspect_bytes(name, bytes, bytes.len().max(1))
}

/// Reads a file.
pub fn inspect(path: &Path) -> Result<Inspected, Refusal> {
    let bytes = std::fs::read(path).unwrap();
    inspect_bytes(path.file_name().unwrap().to_str().unwrap(), &bytes, 65_536)
}
