//! `NAME-archive-keyring`: the keyring of a repository and its source for apt, as a package.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rws_model::{BuiltPackage, CLIENT_FILE_FUNCTIONS, ClientKey, FileName, ReleasePackage, quoted};
use tar::{EntryType, Header};

use crate::setup_files;

/// What the package is called.
pub fn package_name(name: &str) -> String {
    format!("{name}-archive-keyring")
}

/// Builds the package. `None` where the repository is not signed, or the name can be none of a package.
///
/// The source is no conffile: a client may have one of that name already, and dpkg would ask. It is a copy of a file of the
/// package that its scripts put in place (Debian policy, section 10.7.3). There is no `postrm`, so dpkg forgets the
/// package when it is removed (section 6.8): else the next installation would look like an update.
pub fn build(input: &ReleasePackage<'_>) -> Option<BuiltPackage> {
    let key = input.setup.key?;
    let package = package_name(input.name);
    let file = FileName::parse(&format!("{package}_{}_all.deb", input.version)).ok()?;
    let time = u64::try_from(input.built_at).unwrap_or_default();
    // writing into memory does not fail
    let control = control(input, &package, time).ok()?;
    let data = data(input, &package, &key, time).ok()?;
    let members = [("debian-binary", b"2.0\n".to_vec()), ("control.tar.gz", control), ("data.tar.gz", data)];
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len()).bytes());
        bytes.extend_from_slice(&content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    Some(BuiltPackage { file, bytes })
}

/// Where the keyring is.
fn keyring(package: &str) -> String {
    format!("/usr/share/keyrings/{package}.gpg")
}

fn control(input: &ReleasePackage<'_>, package: &str, time: u64) -> std::io::Result<Vec<u8>> {
    let ReleasePackage { version, maintainer, name, setup, .. } = input;
    let control = format!(
        "Package: {package}\nVersion: {version}\nArchitecture: all\nMulti-Arch: foreign\nMaintainer: {maintainer}\n\
         Section: misc\nPriority: optional\nDescription: keys and source of the {name} repository\n \
         It brings the keys that sign {} {} at\n {}, and its source for apt.\n",
        setup.target.kind, setup.target.series, setup.base,
    );
    let files = [
        ("control", control, 0o644),
        ("postinst", script(input, package, include_str!("release_package/postinst.sh")), 0o755),
        ("prerm", script(input, package, include_str!("release_package/prerm.sh")), 0o755),
    ];
    let mut archive = Archive::new(time);
    archive.directory(".")?;
    for (name, text, mode) in files {
        archive.file(&format!("./{name}"), text.as_bytes(), mode)?;
    }
    archive.finish()
}

fn data(input: &ReleasePackage<'_>, package: &str, key: &ClientKey<'_>, time: u64) -> std::io::Result<Vec<u8>> {
    let mut archive = Archive::new(time);
    for directory in [".", "./usr", "./usr/share", "./usr/share/keyrings", &format!("./usr/share/{package}")] {
        archive.directory(directory)?;
    }
    archive.file(&format!(".{}", keyring(package)), key.binary, 0o644)?;
    let source = setup_files::sources_with(input.setup, Some(&keyring(package)));
    archive.file(&format!("./usr/share/{package}/{}.sources", input.setup.name()), source.as_bytes(), 0o644)?;
    let list = setup_files::list_with(input.setup, Some(&keyring(package)));
    archive.file(&format!("./usr/share/{package}/{}.list", input.setup.name()), list.as_bytes(), 0o644)?;
    archive.finish()
}

/// A script of the package (Debian policy, chapter 6): what both know, and what one of them does.
///
/// `postinst` puts the source in place: at the first installation, and later where it is still there. apt before 1.1
/// (Debian 8, Ubuntu 14.04) gets the one-line form, and the keys in `trusted.gpg.d`. `prerm` takes the source away.
fn script(input: &ReleasePackage<'_>, package: &str, body: &str) -> String {
    let setup = input.setup;
    let archive = setup_files::archive(setup);
    let beginning = format!(
        "#!/bin/sh\nset -e\npackage={}\nkey={}\narchive={}\nsuite={}\nfile_name={}\nroot=${{DPKG_ROOT:-}}\n\
         trusted=$root/etc/apt/trusted.gpg.d/$package.gpg\nother=$root/etc/apt/sources.list\n\n",
        quoted(package),
        quoted(&keyring(package)),
        quoted(archive.trim_end_matches('/')),
        quoted(&setup.target.version),
        quoted(&setup.name()),
    );
    [&beginning, CLIENT_FILE_FUNCTIONS, "\n", include_str!("release_package/apt.sh"), "\n", body].concat()
}

/// A compressed archive. What it has is stored as it is: the same files make the same bytes, whatever compresses them.
struct Archive {
    tar: tar::Builder<GzEncoder<Vec<u8>>>,
    time: u64,
}

impl Archive {
    fn new(time: u64) -> Self {
        Self { tar: tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none())), time }
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> std::io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        Ok(header)
    }

    fn directory(&mut self, path: &str) -> std::io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0o755, 0)?;
        set_path(&mut header, &format!("{path}/"));
        header.set_cksum();
        self.tar.append(&header, std::io::empty())
    }

    fn file(&mut self, path: &str, content: &[u8], mode: u32) -> std::io::Result<()> {
        let mut header = self.header(EntryType::Regular, mode, content.len() as u64)?;
        set_path(&mut header, path);
        header.set_cksum();
        self.tar.append(&header, content)
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        let mut compressed = self.tar.into_inner()?;
        compressed.flush()?;
        compressed.finish()
    }
}

/// As dpkg-deb writes them, paths start with `./`, which the library takes away. They are short: names of packages are.
fn set_path(header: &mut Header, path: &str) {
    let field = &mut header.as_old_mut().name;
    let length = path.len().min(field.len());
    if let (Some(place), Some(bytes)) = (field.get_mut(..length), path.as_bytes().get(..length)) {
        place.copy_from_slice(bytes);
    }
}
