//! What the tests of this crate share: inspecting bytes, and archives made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use rws_deb::Deb;
use rws_model::{Digester, FileName, Inspected, Inspector, Reading, Refusal, UploadFormat};

/// Inspects a file whose bytes arrive in pieces of this length.
pub fn inspect_in_pieces(name: &str, bytes: &[u8], piece_bytes: usize) -> Result<Inspected, Refusal> {
    push_all(Deb.inspector(&FileName::parse(name).unwrap(), Reading::Whole), bytes, piece_bytes)
}

/// The same with the names of the files that a package installs.
pub fn inspect_with_contents(name: &str, bytes: &[u8], piece_bytes: usize) -> Result<Inspected, Refusal> {
    push_all(Deb.inspector(&FileName::parse(name).unwrap(), Reading::Contents), bytes, piece_bytes)
}

fn push_all(mut inspector: Box<dyn Inspector>, bytes: &[u8], piece_bytes: usize) -> Result<Inspected, Refusal> {
    let mut digester = Digester::new();
    for piece in bytes.chunks(piece_bytes) {
        digester.update(piece);
        inspector.push(piece)?;
    }
    let (size_bytes, digests) = digester.finish();
    inspector.finish(size_bytes, &digests)
}

/// Inspects a file whose bytes arrive at once.
pub fn inspect(name: &str, bytes: &[u8]) -> Result<Inspected, Refusal> {
    inspect_in_pieces(name, bytes, usize::MAX)
}

/// A member of an ar archive.
pub fn member(name: &str, content: &[u8]) -> Vec<u8> {
    member_with_size(name, &content.len().to_string(), content)
}

/// A member whose header states a size of its own.
pub fn member_with_size(name: &str, size: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644).into_bytes();
    bytes.extend_from_slice(content);
    if content.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

/// An ar archive of these members.
pub fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    bytes.extend(members.concat());
    bytes
}

/// A tar archive of regular files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // the name as it is: the builder would drop the "./"
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// `gzip` in memory.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `xz` in memory.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A control file with nothing special.
pub const CONTROL: &str = "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
    Description: says hello\n and says it again\n";

/// A package around this control file.
pub fn package(control: &str) -> Vec<u8> {
    package_of("control.tar.gz", &gzip(&tar(&[("./control", control.as_bytes())])))
}

/// A package around this control member.
pub fn package_of(control_name: &str, control: &[u8]) -> Vec<u8> {
    archive(&[member("debian-binary", b"2.0\n"), member(control_name, control), member("data.tar.gz", &data())])
}

/// A data archive of one small file.
pub fn data() -> Vec<u8> {
    gzip(&tar(&[("./usr/share/hello", b"hello")]))
}

/// Runs a real program; says which Debian package has it where it is missing.
pub fn run(program: &str, debian_package: &str, arguments: &[&str], directory: &Path) -> Vec<u8> {
    let output =
        Command::new(program).args(arguments).current_dir(directory).env("LC_ALL", "C.UTF-8").output().unwrap_or_else(
            |error| panic!("{program} cannot be run ({error}): install the Debian package {debian_package}"),
        );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {errors}");
    output.stdout
}
