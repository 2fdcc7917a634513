//! `NAME-archive-keyring`: the keyring of a repository and its source for apt, as a package.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rws_model::{BuiltPackage, ClientKey, FileName, ReleasePackage, UNCHANGED, literal, quoted};
use tar::{EntryType, Header};

use crate::setup_files;

/// What the package is called.
pub fn package_name(name: &str) -> String {
    format!("{name}-archive-keyring")
}

/// Builds the package. `None` where the repository is not signed, or the name can be none of a package.
///
/// The source is no conffile: a client may have one of that name already, and dpkg would ask. It is a copy of a file of the
/// package that its scripts put in place (Debian policy, section 10.7.3).
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
        ("postinst", installed(input, package), 0o755),
        ("postrm", removed(input, package), 0o755),
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
    archive.finish()
}

/// What both scripts know.
fn beginning(input: &ReleasePackage<'_>, package: &str) -> String {
    let setup = input.setup;
    let archive = setup_files::archive(setup);
    format!(
        "#!/bin/sh\nset -e\npackage={}\nnew={}\ndirectory=/etc/apt/sources.list.d\nfile=$directory/{}\naddress={}\nsuite={}\n{UNCHANGED}",
        quoted(package),
        quoted(&format!("/usr/share/{package}/{}.sources", setup.name())),
        quoted(&format!("{}.sources", setup.name())),
        quoted(&literal(archive.trim_end_matches('/'))),
        quoted(&literal(&setup.target.version)),
    )
}

/// Puts the source in place: at the first installation, and later where it is still there. Files that RWS wrote for the same
/// repository, under any name, give way to it. One that somebody has changed is left, named, and then nothing is added beside
/// it: apt refuses two sources of one repository whose keys are elsewhere.
fn installed(input: &ReleasePackage<'_>, package: &str) -> String {
    beginning(input, package)
        + r#"[ "$1" = configure ] || exit 0
mkdir -p "$directory"
wanted=no
[ -n "$2" ] || wanted=yes
others=
for other in "$directory"/*.sources "$directory"/*.list /etc/apt/sources.list; do
  [ -f "$other" ] && [ "$other" != "$file" ] || continue
  used=$(grep -v '^[[:space:]]*#' "$other" || true)
  printf '%s\n' "$used" | grep -Eq "(^|[[:space:]])$address/?([[:space:]]|\$)" || continue
  printf '%s\n' "$used" | grep -Eq "(^|[[:space:]])$suite([[:space:]]|\$)" || continue
  if unchanged "$other"; then
    wanted=yes
    rm -f "$other"
  else
    others="$others $other"
  fi
done
if [ -f "$file" ]; then
  if unchanged "$file"; then
    wanted=yes
  else
    others="$others $file"
  fi
fi
if [ -n "$others" ]; then
  echo "$package: these files were changed by hand and stay as they are:$others" >&2
  echo "$package: let their Signed-By name /usr/share/keyrings/$package.gpg, or put $new in their place" >&2
elif [ "$wanted" = yes ]; then
  cp "$new" "$file.rws-new"
  chmod 644 "$file.rws-new"
  mv -f "$file.rws-new" "$file"
fi
exit 0
"#
}

/// Takes the source away, unless somebody has changed it: without the keyring apt could not use it.
fn removed(input: &ReleasePackage<'_>, package: &str) -> String {
    beginning(input, package)
        + r#"case $1 in
  remove | purge) ;;
  *) exit 0 ;;
esac
if [ -f "$file" ]; then
  if unchanged "$file"; then
    rm -f "$file"
  else
    echo "$package: $file was changed by hand and stays; it uses keys that are gone with this package" >&2
  fi
fi
exit 0
"#
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
