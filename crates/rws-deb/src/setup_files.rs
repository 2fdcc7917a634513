//! Ready-made files for apt (sources.list(5)).

use rws_model::{ClientKey, ClientSetup, with_digest};

use crate::component;

/// The address of the archive, with a slash at its end.
pub(crate) fn archive(setup: &ClientSetup<'_>) -> String {
    let target = setup.target;
    format!("{}/{}/{}/{}/", setup.trees(), target.kind, target.series, target.distribution)
}

/// The components that clients read.
fn components(setup: &ClientSetup<'_>) -> String {
    if setup.components.is_empty() { component::MAIN.to_owned() } else { setup.components.join(" ") }
}

/// `.sources`: deb822 form with the key inline.
pub(crate) fn sources(setup: &ClientSetup<'_>) -> String {
    sources_with(setup, None)
}

/// The same, with the keys in a file where one is named.
pub(crate) fn sources_with(setup: &ClientSetup<'_>, keyring: Option<&str>) -> String {
    let version = &setup.target.version;
    let mut file = format!(
        "# save as /etc/apt/sources.list.d/{}.sources\nTypes: deb deb-src\nURIs: {}\nSuites: {version}\nComponents: {}\n",
        setup.name(),
        archive(setup),
        components(setup),
    );
    if !setup.architectures.is_empty() {
        file.push_str(&format!("Architectures: {}\n", setup.architectures.join(" ")));
    }
    if setup.at.is_some() {
        file.push_str("Check-Valid-Until: no\n");
    }
    if let Some(keyring) = keyring {
        file.push_str(&format!("Signed-By: {keyring}\n"));
    } else if let Some(ClientKey { armored, .. }) = setup.key {
        file.push_str("Signed-By:\n");
        for line in armored.trim_end().lines() {
            file.push_str(if line.trim().is_empty() { " ." } else { " " });
            file.push_str(line.trim_end());
            file.push('\n');
        }
    }
    with_digest(&file)
}

/// `.list`: the one-line form, for apt before 2.3.10, which knows no inline keys.
pub(crate) fn list(setup: &ClientSetup<'_>) -> String {
    list_with(setup, None)
}

/// The line of binary packages, for people who write the file by hand; the keys are in a file of this name.
pub(crate) fn one_line(setup: &ClientSetup<'_>, keyring: &str) -> String {
    let keyring = setup.key.map(|_| keyring);
    let list = list_with(setup, keyring);
    list.lines().find(|line| line.starts_with("deb ")).unwrap_or_default().to_owned()
}

/// The same, with the keys in a file that is there where one is named.
pub(crate) fn list_with(setup: &ClientSetup<'_>, keyring: Option<&str>) -> String {
    let (name, version, archive) = (setup.name(), &setup.target.version, archive(setup));
    let mut file = format!("# save as /etc/apt/sources.list.d/{name}.list\n");
    let mut options = Vec::new();
    if !setup.architectures.is_empty() {
        options.push(format!("arch={}", setup.architectures.join(",")));
    }
    if setup.at.is_some() {
        options.push("check-valid-until=no".to_owned());
    }
    if let Some(keyring) = keyring {
        options.push(format!("signed-by={keyring}"));
    } else if let Some(ClientKey { url, .. }) = setup.key {
        file.push_str(&format!("# the key: curl -o /usr/share/keyrings/{name}.asc {url}\n"));
        options.push(format!("signed-by=/usr/share/keyrings/{name}.asc"));
    }
    let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(" ")) };
    let components = components(setup);
    for kind in ["deb", "deb-src"] {
        file.push_str(&format!("{kind}{options} {archive} {version} {components}\n"));
    }
    with_digest(&file)
}
