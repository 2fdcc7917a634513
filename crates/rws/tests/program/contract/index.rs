//! What published indexes say, and whether the files agree.

use super::stage::get;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{temporary_directory, write_file};

/// The stanzas of `Packages` of an architecture: name of the file in the archive and its SHA-256.
#[track_caller]
pub fn packages(server: &Server, archive: &str, codename: &str, architecture: &str) -> Vec<(String, String)> {
    let path = format!("{archive}/dists/{codename}/main/binary-{architecture}/Packages.gz");
    let text = gunzip(&ok(server, &path));
    let field = |stanza: &str, name: &str| {
        let value = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_default().to_owned()
    };
    let stanzas = text.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
    stanzas.map(|stanza| (field(stanza, "Filename"), field(stanza, "SHA256"))).collect()
}

/// The packages of an rpm repository: location and SHA-256.
#[track_caller]
pub fn primary(server: &Server, repository: &str) -> Vec<(String, String)> {
    let repomd = String::from_utf8(ok(server, &format!("{repository}/repodata/repomd.xml"))).unwrap();
    let href = repomd.split('"').find(|href| href.ends_with("primary.xml.gz")).unwrap();
    let text = gunzip(&ok(server, &format!("{repository}/{href}")));
    let between = |text: &str, start: &str, end: &str| {
        text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(found, _)| found.to_owned())
    };
    let packages = text.split("<package ").skip(1);
    packages
        .map(|package| {
            let location = between(package, "<location href=\"", "\"").unwrap();
            (location, between(package, "pkgid=\"YES\">", "<").unwrap())
        })
        .collect()
}

/// Every listed file is there with its digest; its name is asked for as apt does it, with `%` encoded. Returns the file
/// names.
#[track_caller]
pub fn expect_files_agree(server: &Server, base: &str, listed: &[(String, String)]) -> Vec<String> {
    for (location, digest) in listed {
        let path = format!("{base}/{}", location.replace('%', "%25"));
        assert_eq!(sha256(&ok(server, &path)), *digest, "{path}");
    }
    listed.iter().map(|(location, _)| location.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[track_caller]
pub fn ok(server: &Server, path: &str) -> Vec<u8> {
    let answer = get(server, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.body
}

/// Hexadecimal digest by a program of coreutils: `sha256sum`, `md5sum`.
#[track_caller]
pub fn digest(program: &str, bytes: &[u8]) -> String {
    let directory = temporary_directory();
    let file = directory.path().join("bytes");
    write_file(&file, bytes);
    let output = Program::new(program, directory.path()).arg(&file).succeed().output();
    output.split_whitespace().next().unwrap_or_default().to_owned()
}

#[track_caller]
pub fn sha256(bytes: &[u8]) -> String {
    digest("sha256sum", bytes)
}

#[track_caller]
pub fn gunzip(bytes: &[u8]) -> String {
    let directory = temporary_directory();
    let file = directory.path().join("bytes.gz");
    write_file(&file, bytes);
    Program::new("gzip", directory.path()).args(["--decompress", "--stdout"]).arg(&file).succeed().output()
}
