//! What the tests share.

pub mod builder;

use std::path::{Path, PathBuf};

use rws_model::{Digester, FileName, Format, Inspected, Refusal};
use rws_rpm::Rpm;

/// The collection of real packages beside the project, where there is one.
pub fn testdata() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    path.canonicalize().ok()
}

/// The packages of one collection, sorted; absent, with a line that says so, without the collection.
pub fn packages(collection: &str) -> Option<Vec<PathBuf>> {
    let Some(root) = testdata().map(|root| root.join(collection).join("packages")) else {
        println!("skipped: the collection of real packages (shared/testdata) is not beside the project");
        return None;
    };
    let mut packages = Vec::new();
    for directory in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
            packages.push(file.unwrap().path());
        }
    }
    packages.sort();
    assert!(!packages.is_empty());
    Some(packages)
}

/// Reads bytes in pieces of `piece` bytes.
pub fn inspect_bytes(name: &str, bytes: &[u8], piece: usize) -> Result<Inspected, Refusal> {
    let mut inspector = Rpm.inspector(&FileName::parse(name)?, false);
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
