//! Ready-made `.repo` files for dnf, yum and zypper.

use rws_model::{ClientKey, ClientSetup, with_digest};

use crate::placement::DEBUG;

/// Who reads a `.repo` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Dnf,
    Zypper,
    /// yum on EL 6 and 7.
    Yum,
}

/// A mirror list makes dnf read one immutable generation; zypper and old yum keep a mirror list too long and use
/// the plain address.
pub fn repo(setup: &ClientSetup<'_>, client: Client) -> String {
    repo_with(setup, client, None)
}

/// The same with other places of the keys, where they are named.
pub fn repo_with(setup: &ClientSetup<'_>, client: Client, keys: Option<&str>) -> String {
    let (name, target, base, trees) = (setup.name(), setup.target, setup.base, setup.trees());
    let directory = if client == Client::Zypper { "/etc/zypp/repos.d" } else { "/etc/yum.repos.d" };
    let mut file = format!("# save as {directory}/{name}.repo\n");
    // a state does not change while a client reads it
    let has_mirror_list = client == Client::Dnf && setup.at.is_none();
    if has_mirror_list {
        let others = format!("{base}/-/setup/{target}");
        file.push_str(&format!("# zypper: {others}.zypper.repo; yum on EL 6 and 7: {others}.yum.repo\n"));
    }
    let debug = format!("$basearch{DEBUG}");
    let debug = setup.debug_packages.then_some((DEBUG, ", debug symbols", debug.as_str(), 0));
    let others = [("", "", "$basearch", 1), ("-source", ", sources", "SRPMS", 0)];
    for (suffix, title, architecture, enabled) in others.into_iter().chain(debug) {
        let plain = format!("baseurl={trees}/{target}/{architecture}/");
        let address = match client {
            Client::Dnf if has_mirror_list => {
                format!("mirrorlist={base}/-/mirrorlist/{target}/{architecture}\n#{plain}")
            }
            Client::Zypper => format!("{plain}\ntype=rpm-md\nautorefresh=1"),
            Client::Yum | Client::Dnf => plain,
        };
        file.push_str(&format!(
            "[{name}{suffix}]\nname={target}{title}\n{address}\nenabled={enabled}\nmetadata_expire=300\ngpgcheck={}\n\
             repo_gpgcheck={}\n",
            u8::from(setup.packages_are_signed && setup.key.is_some()),
            u8::from(setup.key.is_some()),
        ));
        if let Some(keys) = keys {
            file.push_str(&format!("gpgkey={keys}\n"));
        } else if let Some(ClientKey { url, package_keys, .. }) = setup.key {
            let others = package_keys.map(|keys| format!(" {}", keys.url)).unwrap_or_default();
            file.push_str(&format!("gpgkey={url}{others}\n"));
        }
        file.push('\n');
    }
    with_digest(&file)
}
