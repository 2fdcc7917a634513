//! How to install from a target with dnf, yum and zypper.

use rws_model::{ClientSetup, InstallWay, Target};

/// The ways, the one for the usual clients of the distribution first.
pub fn of(setup: &ClientSetup<'_>) -> Vec<InstallWay> {
    let (name, base, target) = (setup.name(), setup.base, setup.target);
    let file = |directory: &str, end: &str| {
        format!("curl -fsSL -o {directory}/{name}.repo \\\n  {base}/-/setup/{target}.{end}")
    };
    let dnf = InstallWay {
        id: "dnf",
        client: "dnf 4 and 5",
        systems: "Enterprise Linux 8 and later, Fedora, Amazon Linux 2023",
        setup_file: "repo",
        add: file("/etc/yum.repos.d", "repo"),
        install: "dnf install -y",
        version_mark: "-",
    };
    let yum = InstallWay {
        id: "yum",
        client: "yum",
        systems: "Enterprise Linux 6 and 7, Amazon Linux 2",
        setup_file: "yum.repo",
        add: file("/etc/yum.repos.d", "yum.repo"),
        install: "yum install -y",
        version_mark: "-",
    };
    let refresh = format!("zypper --non-interactive --gpg-auto-import-keys refresh {name}");
    let zypper = InstallWay {
        id: "zypper",
        client: "zypper",
        systems: "openSUSE, SUSE Linux Enterprise",
        setup_file: "zypper.repo",
        add: format!("{} &&\n{refresh}", file("/etc/zypp/repos.d", "zypper.repo")),
        install: "zypper --non-interactive install",
        version_mark: "=",
    };
    match usual(target) {
        Usual::Dnf => vec![dnf, yum, zypper],
        Usual::Yum => vec![yum, dnf, zypper],
        Usual::Zypper => vec![zypper, dnf, yum],
    }
}

/// The usual client of a distribution.
enum Usual {
    Dnf,
    Yum,
    Zypper,
}

/// By the name and version of the distribution: only the order depends on it.
fn usual(target: &Target) -> Usual {
    let Target { distribution, version, .. } = target;
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(u32::MAX);
    match distribution.as_str() {
        name if name.contains("suse") || name.starts_with("sle") => Usual::Zypper,
        "el" | "centos" | "rhel" if major <= 7 => Usual::Yum,
        _ => Usual::Dnf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_client_comes_first() {
        for (distribution, version, first) in
            [("el", "7", "yum"), ("el", "10", "dnf"), ("fedora", "30", "dnf"), ("opensuse-leap", "15.6", "zypper")]
        {
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
            assert_eq!((ways[0].id, ways.len()), (first, 3), "{target}");
            assert!(ways[0].with_package("a").ends_with(&format!("{} a", ways[0].install)));
        }
    }
}
