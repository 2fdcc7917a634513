//! How to install from a target with apt.

use rws_model::{ClientKey, ClientSetup, InstallWay};

use crate::setup_files;

const SOURCES: &str = "/etc/apt/sources.list.d";
const KEYRINGS: &str = "/usr/share/keyrings";
const INSTALL: &str = "apt-get install -y";

/// apt with the keys in its source; apt with the keys in a file of their own.
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
    vec![
        InstallWay {
            id: "apt",
            client: "apt, from 2.3.10",
            systems: "Debian 12, Ubuntu 22.04 and later",
            setup_file: "sources",
            add: with_key,
            install: INSTALL,
        },
        InstallWay {
            id: "apt-older",
            client: "apt, older",
            systems: "Debian 9 to 11, Ubuntu 18.04 to 20.04",
            setup_file: "list",
            add: older,
            install: INSTALL,
        },
    ]
}
