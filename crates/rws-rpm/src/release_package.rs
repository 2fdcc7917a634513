//! `NAME-release`: the keys of a repository and its `.repo` file, as a package.

mod archive;
mod header;

use rws_model::{BuiltPackage, ClientSetup, FileName, ReleasePackage, UNCHANGED, literal, quoted};

use self::archive::File;
use crate::setup_files::{self, Client};

/// The release of the package: its version says when it was made.
const RELEASE: &str = "1";

/// What the package is called.
pub fn package_name(name: &str) -> String {
    format!("{name}-release")
}

/// Builds the package. `None` where the repository is not signed, or the name can be none of a package.
///
/// A package of format 4 with digests that rpm 4.11 (EL 7) and 6.1 know. The `.repo` file is none of its files: a client may
/// have one of that name already. It is a copy of a file of the package that its scripts put in place, where dnf and yum or
/// where zypper looks for it.
pub fn build(input: &ReleasePackage<'_>) -> Option<BuiltPackage> {
    let key = input.setup.key?;
    let package = package_name(input.name);
    let file = FileName::parse(&format!("{package}-{}-{RELEASE}.noarch.rpm", input.version)).ok()?;
    let directory = format!("/usr/share/{package}");
    let keys = [
        Some((key_file(input.name), key.blocks)),
        key.package_keys.map(|keys| (package_key_file(input.name), keys.blocks)),
    ];
    let mut files: Vec<File> = keys.into_iter().flatten().map(|(path, text)| File::new(path, text)).collect();
    files.push(File::directory(directory.clone()));
    for (client, end) in [(Client::Dnf, "repo"), (Client::Yum, "yum.repo"), (Client::Zypper, "zypper.repo")] {
        let text = setup_files::repo_with(input.setup, client, Some(&key_urls(input.name, input.setup)));
        files.push(File::new(format!("{directory}/{}.{end}", input.setup.name()), &text));
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let scripts =
        header::Scripts { after_installing: installed(input, &package), after_removing: removed(input, &package) };
    let bytes = header::package(input, (&package, RELEASE), &files, &scripts)?;
    Some(BuiltPackage { file, bytes })
}

fn key_file(name: &str) -> String {
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}")
}

fn package_key_file(name: &str) -> String {
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}-packages")
}

/// The value of `gpgkey`.
fn key_urls(name: &str, setup: &ClientSetup<'_>) -> String {
    let has_others = setup.key.is_some_and(|key| key.package_keys.is_some());
    let others = if has_others { format!(" file://{}", package_key_file(name)) } else { String::new() };
    format!("file://{}{others}", key_file(name))
}

/// What both scripts know.
fn beginning(input: &ReleasePackage<'_>, package: &str) -> String {
    let setup = input.setup;
    format!(
        "set -e\npackage={}\nshare={}\nname={}\naddress={}\n{UNCHANGED}",
        quoted(package),
        quoted(&format!("/usr/share/{package}")),
        quoted(&setup.name()),
        quoted(&literal(&format!("{}/{}", setup.base, setup.target))),
    ) + r#"if [ -d /etc/zypp/repos.d ]; then
  directory=/etc/zypp/repos.d
  new=$share/$name.zypper.repo
elif [ -x /usr/bin/dnf ] || [ -x /usr/bin/dnf5 ] || [ -x /usr/bin/microdnf ]; then
  directory=/etc/yum.repos.d
  new=$share/$name.repo
else
  directory=/etc/yum.repos.d
  new=$share/$name.yum.repo
fi
file=$directory/$name.repo
"#
}

/// Puts the `.repo` file in place: at the first installation, and later where it is still there. Files that RWS wrote for the
/// same repository, under any name, give way to it. One that somebody has changed is left and named.
fn installed(input: &ReleasePackage<'_>, package: &str) -> String {
    beginning(input, package)
        + r#"mkdir -p "$directory"
wanted=no
[ "$1" -gt 1 ] || wanted=yes
others=
for other in "$directory"/*.repo; do
  [ -f "$other" ] && [ "$other" != "$file" ] || continue
  grep -v '^[[:space:]]*#' "$other" | grep -Eq "$address(/|[[:space:]]|\$)" ||
    grep -v '^[[:space:]]*#' "$other" | grep -Fq "[$name]" || continue
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
  echo "$package: put $new in their place, so that they name the keys of this package" >&2
elif [ "$wanted" = yes ]; then
  cp "$new" "$file.rws-new"
  chmod 644 "$file.rws-new"
  mv -f "$file.rws-new" "$file"
fi
exit 0
"#
}

/// Takes the `.repo` file away, unless somebody has changed it.
fn removed(input: &ReleasePackage<'_>, package: &str) -> String {
    beginning(input, package)
        + r#"[ "$1" = 0 ] || exit 0
if [ -f "$file" ]; then
  if unchanged "$file"; then
    rm -f "$file"
  else
    echo "$package: $file was changed by hand and stays; it may name keys that are gone with this package" >&2
  fi
fi
exit 0
"#
}
