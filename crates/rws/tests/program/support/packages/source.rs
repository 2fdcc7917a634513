//! Small source packages, built by dpkg-source.

use super::super::gpgv::SecretKey;
use super::super::program::Program;
use super::super::{copy_files, file_name, files_in, read_file, temporary_directory, write_file};
use super::SOURCE_DATE_EPOCH;
use rws_lab::fixture;
use std::path::{Path, PathBuf};

/// The files of one source package.
#[derive(Debug, Clone)]
pub struct SourceFiles {
    pub dsc: PathBuf,
    /// all that the .dsc names, sorted
    pub others: Vec<PathBuf>,
}

impl SourceFiles {
    /// The files of a package in a directory: all whose names start with `NAME_`.
    #[track_caller]
    pub fn in_directory(directory: &Path, package: &str) -> Self {
        let start = format!("{package}_");
        let files = files_in(directory).into_iter().filter(|path| file_name(path).starts_with(&start));
        let is_dsc = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "dsc");
        let (dscs, others): (Vec<PathBuf>, Vec<PathBuf>) = files.partition(is_dsc);
        match dscs.as_slice() {
            [dsc] => Self { dsc: dsc.clone(), others },
            _ => panic!("{} holds {} .dsc files of {package} instead of one", directory.display(), dscs.len()),
        }
    }

    pub fn all(&self) -> Vec<PathBuf> {
        std::iter::once(&self.dsc).chain(&self.others).cloned().collect()
    }
}

/// A source package to build: native, or with an upstream tarball (3.0 quilt).
#[derive(Debug)]
pub struct SourcePackage {
    name: String,
    version: String,
    components: Vec<String>,
    upstream_signature: bool,
    /// `gz`, `xz`
    upstream_compression: &'static str,
    padding: Vec<u8>,
}

impl SourcePackage {
    /// A version without `-` makes a native package.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            components: Vec::new(),
            upstream_signature: false,
            upstream_compression: "gz",
            padding: Vec::new(),
        }
    }

    /// One more upstream tarball, `NAME_VERSION.orig-COMPONENT.tar.gz`.
    #[must_use]
    pub fn component(mut self, name: &str) -> Self {
        self.components.push(name.to_owned());
        self
    }

    /// With `.orig.tar.gz.asc` beside the tarball.
    #[must_use]
    pub fn upstream_signature(mut self) -> Self {
        self.upstream_signature = true;
        self
    }

    /// With upstream tarballs that are called `.tar.xz` instead of `.tar.gz`.
    #[must_use]
    pub fn upstream_xz(mut self) -> Self {
        self.upstream_compression = "xz";
        self
    }

    /// One more file of these bytes, in the upstream tarball where there is one.
    #[must_use]
    pub fn padding(mut self, bytes: &[u8]) -> Self {
        self.padding = bytes.to_owned();
        self
    }

    /// Builds it into a directory of its own below the given one.
    #[track_caller]
    pub fn build(&self, directory: &Path) -> SourceFiles {
        let target = directory.join(format!("{}_{}", self.name, self.version.replace(':', "%3a")));
        let recipe = format!("{}{self:?}", include_str!("source.rs"));
        copy_files(&fixture(&recipe, |kept| self.dpkg_source(kept)), &target);
        SourceFiles::in_directory(&target, &self.name)
    }

    #[track_caller]
    fn dpkg_source(&self, directory: &Path) {
        let work = temporary_directory();
        let tree_name = format!("{}-{}", self.name, self.upstream_version());
        let tree = work.path().join(&tree_name);
        write_file(&tree.join("README"), format!("{} {}\n", self.name, self.version));
        if !self.padding.is_empty() {
            write_file(&tree.join("padding"), &self.padding);
        }
        if !self.is_native() {
            self.make_tarballs(work.path(), &tree_name);
        }
        self.write_debian(&tree.join("debian"));
        Program::new("dpkg-source", work.path())
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .current_dir(work.path())
            .args(["--build", tree_name.as_str()])
            .succeed();
        for file in files_in(work.path()) {
            write_file(&directory.join(file_name(&file)), read_file(&file));
        }
    }

    fn version_without_epoch(&self) -> &str {
        self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest)
    }

    fn upstream_version(&self) -> &str {
        let version = self.version_without_epoch();
        version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
    }

    fn is_native(&self) -> bool {
        !self.version_without_epoch().contains('-')
    }

    #[track_caller]
    fn make_tarballs(&self, work: &Path, tree_name: &str) {
        let stem = format!("{}_{}", self.name, self.upstream_version());
        let end = self.upstream_compression;
        make_tar(work, &format!("{stem}.orig.tar.{end}"), work, tree_name);
        if self.upstream_signature {
            let tarball = work.join(format!("{stem}.orig.tar.{end}"));
            write_file(
                &work.join(format!("{stem}.orig.tar.{end}.asc")),
                SecretKey::generate("ed25519").sign_detached(&tarball),
            );
        }
        for component in &self.components {
            let tree = work.join(tree_name);
            write_file(&tree.join(component).join("part"), format!("{component}\n"));
            make_tar(work, &format!("{stem}.orig-{component}.tar.{end}"), &tree, component);
        }
    }

    fn write_debian(&self, debian: &Path) {
        let Self { name, version, .. } = self;
        let format = if self.is_native() { "3.0 (native)\n" } else { "3.0 (quilt)\n" };
        write_file(&debian.join("source/format"), format);
        let control = format!(
            "Source: {name}\nMaintainer: Nobody <nobody@example.invalid>\nSection: misc\nPriority: optional\n\
             Standards-Version: 4.6.2\nBuild-Depends: debhelper-compat (= 13)\n\n\
             Package: {name}\nArchitecture: any\nDescription: fixture\n Text.\n"
        );
        write_file(&debian.join("control"), control);
        write_file(&debian.join("changelog"), changelog(name, version, "unstable"));
        write_file(&debian.join("rules"), "#!/usr/bin/make -f\n%:\n\tdh $@\n");
    }
}

/// A tarball, compressed as its name says, whose bytes depend on nothing but the files in it.
#[track_caller]
pub fn make_tar(work: &Path, name: &str, directory: &Path, content: &str) {
    Program::new("tar", work)
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1600000000", "--auto-compress"])
        .arg("--create")
        .arg("--file")
        .arg(work.join(name))
        .arg("--directory")
        .arg(directory)
        .arg(content)
        .succeed();
}

/// `debian/changelog` of one entry.
pub fn changelog(name: &str, version: &str, distribution: &str) -> String {
    format!(
        "{name} ({version}) {distribution}; urgency=low\n\n  * Fixture.\n\n \
         -- Nobody <nobody@example.invalid>  Sun, 13 Sep 2020 12:26:40 +0000\n"
    )
}
