//! Small binary packages, built by dpkg-deb.

use super::super::program::Program;
use super::super::{copy_files, temporary_directory, write_file};
use super::SOURCE_DATE_EPOCH;
use rws_lab::fixture;
use std::path::{Path, PathBuf};

/// How the members of the archive are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Xz,
    Gzip,
    Zstd,
    None,
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }
}

#[derive(Debug)]
pub struct Deb {
    name: String,
    version: String,
    architecture: String,
    fields: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
    compression: Compression,
    uniform: bool,
}

impl Deb {
    pub fn new(name: &str, version: &str, architecture: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            fields: Vec::new(),
            files: vec![(format!("usr/share/doc/{name}/README"), format!("{name} {version}\n").into_bytes())],
            compression: Compression::Xz,
            uniform: true,
        }
    }

    /// One more control field; continuation lines must start with a blank.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more file, its path without the leading slash.
    #[must_use]
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Whether control.tar is compressed as data.tar is (dpkg's default), or with gzip as of old.
    #[must_use]
    pub fn uniform_compression(mut self, uniform: bool) -> Self {
        self.uniform = uniform;
        self
    }

    /// `name_version_architecture.deb`, the version without its epoch.
    pub fn file_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest);
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// Builds it into a directory under its standard name.
    #[track_caller]
    pub fn build(&self, directory: &Path) -> PathBuf {
        self.build_as(directory, &self.file_name())
    }

    #[track_caller]
    pub fn build_as(&self, directory: &Path, file_name: &str) -> PathBuf {
        let recipe = format!("{}{file_name}{self:?}", include_str!("deb.rs"));
        copy_files(&fixture(&recipe, |kept| self.dpkg_deb(&kept.join(file_name))), directory);
        directory.join(file_name)
    }

    #[track_caller]
    fn dpkg_deb(&self, built: &Path) {
        let tree = temporary_directory();
        let root = tree.path().join("package");
        write_file(&root.join("DEBIAN/control"), self.control());
        for (path, content) in &self.files {
            write_file(&root.join(path), content);
        }
        let uniform = if self.uniform { "--uniform-compression" } else { "--no-uniform-compression" };
        Program::new("dpkg-deb", tree.path())
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .args(["--root-owner-group", uniform, &format!("-Z{}", self.compression.name()), "--build"])
            .arg(&root)
            .arg(built)
            .succeed();
    }

    fn control(&self) -> String {
        let mut control = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Nobody <nobody@example.invalid>\n",
            self.name, self.version, self.architecture
        );
        for (name, value) in &self.fields {
            control.push_str(&format!("{name}: {value}\n"));
        }
        if !self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Description")) {
            control.push_str(&format!("Description: fixture {}\n Second line.\n .\n  Indented line.\n", self.name));
        }
        control
    }
}

/// A package around a control file that dpkg-deb would not take: packed by tar and ar.
#[track_caller]
pub fn around(control: &str) -> Vec<u8> {
    let work = temporary_directory();
    write_file(&work.path().join("debian-binary"), "2.0\n");
    write_file(&work.path().join("control"), control);
    write_file(&work.path().join("usr/share/doc/odd"), "odd\n");
    let script = "tar -czf control.tar.gz --format=gnu ./control && tar -czf data.tar.gz --format=gnu ./usr \
                  && ar rc odd.deb debian-binary control.tar.gz data.tar.gz";
    Program::new("sh", work.path()).current_dir(work.path()).args(["-ec", script]).succeed();
    super::super::read_file(&work.path().join("odd.deb"))
}
