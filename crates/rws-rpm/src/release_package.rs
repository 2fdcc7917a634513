//! `NAME-release`: the keys of a repository and its `.repo` file, as a package.

mod archive;
mod header;

use rws_model::{BuiltPackage, CLIENT_FILE_FUNCTIONS, ClientSetup, FileName, ReleasePackage, quoted};

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
    let scripts = header::Scripts {
        after_installing: script(input, &package, include_str!("release_package/post.sh")),
        before_removing: script(input, &package, include_str!("release_package/preun.sh")),
    };
    let bytes = header::package(input, (&package, RELEASE), &files, &scripts)?;
    Some(BuiltPackage { file, bytes })
}

fn key_file(name: &str) -> String {
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}")
}

fn package_key_file(name: &str) -> String {
    // names of packages have no underscore: so it is the key of no other package
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}_packages")
}

/// The value of `gpgkey`.
fn key_urls(name: &str, setup: &ClientSetup<'_>) -> String {
    let has_others = setup.key.is_some_and(|key| key.package_keys.is_some());
    let others = if has_others { format!(" file://{}", package_key_file(name)) } else { String::new() };
    format!("file://{}{others}", key_file(name))
}

/// A script of the package: what both know, and what one of them does. `%post` puts a `.repo` file in place where dnf
/// and yum, and one where zypper looks for it: at the first installation, and later where it is still there. `%preun`
/// takes them away.
fn script(input: &ReleasePackage<'_>, package: &str, body: &str) -> String {
    let setup = input.setup;
    let beginning = format!(
        "set -e\npackage={}\nkey={}\nbase={}\ntarget={}\nfile_name={}\nother=''\n\n",
        quoted(package),
        quoted(&key_file(input.name)),
        quoted(setup.base),
        quoted(&setup.target.to_string()),
        quoted(&setup.name()),
    );
    [&beginning, CLIENT_FILE_FUNCTIONS, "\n", include_str!("release_package/repo.sh"), "\n", body].concat()
}
