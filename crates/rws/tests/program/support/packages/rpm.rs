//! Small rpm packages, built by rpmbuild.

use super::super::program::Program;
use super::super::{copy_files, file_name, files_below, read_file, temporary_directory, write_file};
use super::SOURCE_DATE_EPOCH;
use rws_lab::fixture;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Rpm {
    name: String,
    version: String,
    release: String,
    epoch: Option<u32>,
    architecture: String,
    tags: Vec<(String, String)>,
    payload: String,
    url: String,
    padding: Vec<u8>,
}

impl Rpm {
    /// For x86_64 until `architecture` says otherwise.
    pub fn new(name: &str, version: &str, release: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            epoch: None,
            architecture: "x86_64".to_owned(),
            tags: Vec::new(),
            payload: "w6.gzdio".to_owned(),
            url: "https://example.invalid/?a=1&b=2".to_owned(),
            padding: Vec::new(),
        }
    }

    #[must_use]
    pub fn epoch(mut self, epoch: u32) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// `x86_64`, `aarch64`, `i686`, …, or `noarch`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        self.architecture = architecture.to_owned();
        self
    }

    /// One more line of the preamble, such as `Requires`, `Recommends`, `Provides`.
    #[must_use]
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another homepage than one with awkward characters.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self
    }

    /// One more file of these bytes, in the source package too.
    #[must_use]
    pub fn padding(mut self, bytes: &[u8]) -> Self {
        self.padding = bytes.to_owned();
        self
    }

    /// The payload's compression as rpmbuild names it: `w6.gzdio`, `w6.xzdio`, `w3.zstdio`; `w.ufdio` for none.
    #[must_use]
    pub fn payload(mut self, payload: &str) -> Self {
        self.payload = payload.to_owned();
        self
    }

    /// `name-epoch:version-release.architecture`, as dnf's repoquery prints it.
    pub fn nevra(&self) -> String {
        let Self { name, version, release, architecture, .. } = self;
        format!("{name}-{}:{version}-{release}.{architecture}", self.epoch.unwrap_or(0))
    }

    /// The binary package, copied into a directory.
    #[track_caller]
    pub fn build(&self, directory: &Path) -> PathBuf {
        self.built("-bb", directory)
    }

    /// The source package, copied into a directory.
    #[track_caller]
    pub fn build_source(&self, directory: &Path) -> PathBuf {
        self.built("-bs", directory)
    }

    #[track_caller]
    fn built(&self, stage: &str, directory: &Path) -> PathBuf {
        let recipe = format!("{}{stage}{self:?}", include_str!("rpm.rs"));
        match copy_files(&fixture(&recipe, |kept| self.rpmbuild(stage, kept)), directory).as_slice() {
            [package] => package.clone(),
            others => panic!("rpmbuild made {} packages instead of one", others.len()),
        }
    }

    #[track_caller]
    fn rpmbuild(&self, stage: &str, directory: &Path) {
        let work = temporary_directory();
        let spec = work.path().join(format!("{}.spec", self.name));
        write_file(&spec, self.spec());
        let top = work.path().join("top");
        if !self.padding.is_empty() {
            write_file(&top.join("SOURCES/padding"), &self.padding);
        }
        let mut rpmbuild = Program::new("rpmbuild", work.path())
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .arg(stage)
            .args(["--define", &format!("_topdir {}", top.display())])
            .args(["--define", &format!("_binary_payload {}", self.payload)])
            .args(["--define", "_buildhost build.example.invalid"])
            .args(["--define", "use_source_date_epoch_as_buildtime 1"])
            .args(["--define", "clamp_mtime_to_source_date_epoch 1"])
            // Nothing is compiled: no debug packages, and no strip that knows only this machine's binaries.
            .args(["--define", "debug_package %{nil}", "--define", "__os_install_post %{nil}"]);
        if self.architecture != "noarch" {
            rpmbuild = rpmbuild.args(["--target", &format!("{}-linux", self.architecture)]);
        }
        rpmbuild.arg(&spec).succeed();
        for package in files_below(&top).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rpm")) {
            write_file(&directory.join(file_name(&package)), read_file(&package));
        }
    }

    fn spec(&self) -> String {
        let Self { name, version, release, url, .. } = self;
        let mut preamble = format!(
            "Name: {name}\nVersion: {version}\nRelease: {release}\nSummary: Fixture {name}\nLicense: MIT\nGroup: Test\n\
             URL: {url}\n"
        );
        if let Some(epoch) = self.epoch {
            preamble.push_str(&format!("Epoch: {epoch}\n"));
        }
        if self.architecture == "noarch" {
            preamble.push_str("BuildArch: noarch\n");
        }
        for (tag, value) in &self.tags {
            preamble.push_str(&format!("{tag}: {value}\n"));
        }
        let mut padding = String::new();
        if !self.padding.is_empty() {
            preamble.push_str("Source0: padding\n");
            padding = format!("cp %{{SOURCE0}} %{{buildroot}}/usr/share/{name}/padding\n");
        }
        format!(
            "{preamble}\n%description\nA fixture with <awkward> & \"quoted\" text.\n\n\
             %install\nmkdir -p %{{buildroot}}/usr/share/{name} %{{buildroot}}/etc %{{buildroot}}/usr/bin\n\
             echo '{name} {version}' > %{{buildroot}}/usr/share/{name}/README\n\
             echo 'a=1' > %{{buildroot}}/etc/{name}.conf\n\
             echo '#!/bin/sh' > %{{buildroot}}/usr/bin/{name}\n{padding}\n\
             %files\n/usr/share/{name}\n%config(noreplace) /etc/{name}.conf\n%attr(755,root,root) /usr/bin/{name}\n\n\
             %changelog\n* Sun Sep 13 2020 Nobody <nobody@example.invalid> - {version}-{release}\n- Fixture.\n"
        )
    }
}
