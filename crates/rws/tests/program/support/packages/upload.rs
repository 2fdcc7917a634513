//! Whole uploads as `dpkg-buildpackage` leaves them: source, binary, `.buildinfo` and the `.changes` that lists them.

use super::super::gpgv::SecretKey;
use super::super::program::Program;
use super::super::{file_name, files_in, write_file};
use super::SOURCE_DATE_EPOCH;
use super::source::{changelog, make_tar};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The files of an upload.
#[derive(Debug, Clone)]
pub struct UploadFiles {
    pub changes: PathBuf,
    /// all that it lists, sorted: `.dsc`, tarball, `.buildinfo`, `.deb`
    pub others: Vec<PathBuf>,
}

impl UploadFiles {
    /// Those whose names end so.
    pub fn ending(&self, ends: &[&str]) -> Vec<PathBuf> {
        let others = self.others.iter().filter(|path| ends.iter().any(|end| file_name(path).ends_with(end)));
        others.cloned().collect()
    }

    /// The `.dsc` and what it names.
    pub fn source(&self) -> Vec<PathBuf> {
        self.ending(&[".dsc", ".tar.xz"])
    }
}

/// A small package to build, source and binary: native, or with an upstream tarball.
pub struct BuiltPackage<'a> {
    name: &'a str,
    version: &'a str,
    upstream: Option<&'a str>,
    key: Option<&'a SecretKey>,
    padding_bytes: usize,
}

impl<'a> BuiltPackage<'a> {
    pub fn new(name: &'a str, version: &'a str) -> Self {
        Self { name, version, upstream: None, key: None, padding_bytes: 0 }
    }

    /// With an upstream tarball around this text (3.0 quilt), which the `.changes` lists whatever the revision.
    #[must_use]
    pub fn upstream(mut self, text: &'a str) -> Self {
        self.upstream = Some(text);
        self
    }

    /// With so many bytes more in its source, which no compression makes less.
    #[must_use]
    pub fn padded(mut self, bytes: usize) -> Self {
        self.padding_bytes = bytes;
        self
    }

    /// With signatures in `.dsc`, `.buildinfo` and `.changes`.
    #[must_use]
    pub fn signed_by(mut self, key: &'a SecretKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Builds it in a directory, which holds nothing else.
    #[track_caller]
    pub fn build(&self, directory: &Path) -> UploadFiles {
        let tree = directory.join("tree");
        if let Some(text) = self.upstream {
            write_file(&tree.join("README"), text);
            let upstream_version = self.version.split('-').next().unwrap_or_default();
            make_tar(directory, &format!("{}_{upstream_version}.orig.tar.xz", self.name), directory, "tree");
        }
        self.write_debian(&tree.join("debian"));
        if self.padding_bytes > 0 {
            write_file(&tree.join("padding"), noise(self.padding_bytes));
            write_file(&tree.join("debian/source/options"), "compression-level = 1\n");
        }
        let build = Program::new("dpkg-buildpackage", directory)
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .current_dir(&tree)
            .args(["--no-check-builddeps", "-sa"]);
        let build = match self.key {
            Some(key) => build.env("GNUPGHOME", key.home()).args(["--force-sign", "--sign-key=test@example.invalid"]),
            None => build.arg("--no-sign"),
        };
        build.succeed();
        let is_changes = |path: &PathBuf| file_name(path).ends_with(".changes");
        let (changes, others): (Vec<PathBuf>, Vec<PathBuf>) = files_in(directory).into_iter().partition(is_changes);
        match changes.as_slice() {
            [changes] => UploadFiles { changes: changes.clone(), others },
            _ => panic!("{} holds {} .changes files instead of one", directory.display(), changes.len()),
        }
    }

    fn write_debian(&self, debian: &Path) {
        let Self { name, version, .. } = self;
        let format = if self.upstream.is_some() { "3.0 (quilt)\n" } else { "3.0 (native)\n" };
        write_file(&debian.join("source/format"), format);
        let control = format!(
            "Source: {name}\nMaintainer: Nobody <nobody@example.invalid>\nSection: misc\nPriority: optional\n\
             Standards-Version: 4.6.2\nRules-Requires-Root: no\n\n\
             Package: {name}\nArchitecture: any\nDescription: fixture\n Text.\n"
        );
        write_file(&debian.join("control"), control);
        write_file(&debian.join("changelog"), changelog(name, version, "focal"));
        let rules = debian.join("rules");
        let text = "#!/usr/bin/make -f\nbuild clean:\n\trm -rf debian/tmp debian/files\nbinary:\n\
                    \tmkdir -p debian/tmp/DEBIAN\n\tcp debian/changelog debian/tmp/\n\tdpkg-gencontrol\n\
                    \tdpkg-deb --root-owner-group --build debian/tmp ..\n";
        write_file(&rules, text);
        std::fs::set_permissions(&rules, PermissionsExt::from_mode(0o755)).expect("rights can be set");
    }
}

/// Bytes that look like chance, always the same (xorshift).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}
