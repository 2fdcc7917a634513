//! How to install from a target with apt.

use rws_model::{ClientKey, ClientSetup, InstallWay};

use crate::setup_files;

const SOURCES: &str = "/etc/apt/sources.list.d";
const KEYRINGS: &str = "/usr/share/keyrings";
const INSTALL: &str = "apt-get install -y";

/// Releases whose apt knows no keys in its source: it is older than 2.3.10.
const OLDER: [&str; 14] = [
    "jessie", "stretch", "buster", "bullseye", "trusty", "xenial", "bionic", "cosmic", "disco", "eoan", "focal",
    "groovy", "hirsute", "impish",
];

/// apt with the keys in its source; apt with the keys in a file of their own. The one for the usual apt of the target comes first.
pub(crate) fn of(setup: &ClientSetup<'_>) -> Vec<InstallWay> {
    let (name, base, target) = (setup.name(), setup.base, setup.target);
    let update = "apt-get update";
    let with_key = format!("curl -fsSL -o {SOURCES}/{name}.sources \\\n  {base}/-/setup/{target}.sources &&\n{update}");
    let source = setup_files::one_line(setup, &format!("{KEYRINGS}/{name}.asc"));
    let list = format!("echo '{source}' \\\n  > {SOURCES}/{name}.list &&\n{update}");
    let older = match setup.key {
        Some(ClientKey { url, .. }) => format!("curl -fsSL -o {KEYRINGS}/{name}.asc \\\n  {url} &&\n{list}"),
        None => list,
    };
    let mut ways = vec![
        InstallWay {
            id: "apt",
            client: "apt, from 2.3.10",
            systems: "Debian 12, Ubuntu 22.04 and later",
            setup_file: "sources",
            add: with_key,
            install: INSTALL,
            version_mark: "=",
        },
        InstallWay {
            id: "apt-older",
            client: "apt, older",
            systems: "Debian 9 to 11, Ubuntu 18.04 to 20.04",
            setup_file: "list",
            add: older,
            install: INSTALL,
            version_mark: "=",
        },
    ];
    if OLDER.contains(&target.version.as_str()) {
        ways.reverse();
    }
    ways
}

#[cfg(test)]
mod tests {
    use rws_model::Target;

    use super::*;

    #[test]
    fn the_usual_apt_comes_first() {
        for (distribution, version, first) in [
            ("debian", "bookworm", "apt"),
            ("debian", "bullseye", "apt-older"),
            ("ubuntu", "focal", "apt-older"),
            ("ubuntu", "jammy", "apt"),
            ("debian", "a-later-one", "apt"),
        ] {
            let [kind, series, distribution, version] = ["live", "1.10", distribution, version].map(str::to_owned);
            let target = Target { kind, series, distribution, version };
            let setup = ClientSetup {
                base: "https://rws.example.org",
                target: &target,
                architectures: &[],
                components: &[],
                debug_packages: false,
                packages_are_signed: false,
                key: None,
                at: None,
            };
            let ways = of(&setup);
            assert_eq!((ways[0].id, ways.len()), (first, 2), "{target}");
            assert!(ways[0].with_package("a").ends_with("apt-get update &&\napt-get install -y a"));
        }
    }
}
