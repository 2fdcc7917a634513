//! Ready-made client files: `.sources` and `.list` for apt, `.repo` for dnf, yum and zypper.

use rws_repository::catalogue::ConfiguredTarget;

/// What a client file is made of.
pub struct Setup<'a> {
    /// The URL at which clients reach the service, without a slash at its end.
    pub base: &'a str,
    /// The target.
    pub target: &'a ConfiguredTarget,
    /// The architectures that its repository has, for apt; none: not known, so that apt asks for those of its machine.
    pub architectures: &'a [String],
    /// The public key that signs it, in ASCII armour, and where it is below `/-/keys/`.
    pub key: Option<(&'a str, &'a str)>,
}

/// Who reads a `.repo` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Dnf,
    Zypper,
    /// yum on EL 6 and 7.
    Yum,
}

/// What client files end in. Versions have dots too.
const EXTENSIONS: [&str; 5] = ["sources", "list", "zypper.repo", "yum.repo", "repo"];

/// The target and the extension in the name of a client file.
pub fn parts(path: &str) -> Option<(&str, &'static str)> {
    EXTENSIONS.into_iter().find_map(|extension| {
        let target = path.strip_suffix(extension)?.strip_suffix('.')?;
        Some((target, extension))
    })
}

/// Whether files with this extension say which architectures there are.
pub fn names_architectures(extension: &str) -> bool {
    matches!(extension, "sources" | "list")
}

impl Setup<'_> {
    /// The file with this extension; `None` where the target's format has none of this kind.
    pub fn file(&self, extension: &str) -> Option<String> {
        match (self.target.format.name(), extension) {
            ("deb", "sources") => Some(self.sources()),
            ("deb", "list") => Some(self.list()),
            ("rpm", "repo") => Some(self.repo(Client::Dnf)),
            ("rpm", "zypper.repo") => Some(self.repo(Client::Zypper)),
            ("rpm", "yum.repo") => Some(self.repo(Client::Yum)),
            _ => None,
        }
    }

    fn name(&self) -> String {
        let target = &self.target.target;
        format!("rws-{}-{}-{}-{}", target.kind, target.series, target.distribution, target.version)
    }

    fn archive(&self) -> String {
        let target = &self.target.target;
        format!("{}/{}/{}/{}/", self.base, target.kind, target.series, target.distribution)
    }

    /// deb822 form with the key inline (sources.list(5)).
    fn sources(&self) -> String {
        let version = &self.target.target.version;
        let mut file = format!(
            "# save as /etc/apt/sources.list.d/{}.sources\nTypes: deb deb-src\nURIs: {}\nSuites: {version}\nComponents: main\n",
            self.name(),
            self.archive(),
        );
        if !self.architectures.is_empty() {
            file.push_str(&format!("Architectures: {}\n", self.architectures.join(" ")));
        }
        if let Some((key, _)) = self.key {
            file.push_str("Signed-By:\n");
            for line in key.trim_end().lines() {
                file.push_str(if line.trim().is_empty() { " ." } else { " " });
                file.push_str(line.trim_end());
                file.push('\n');
            }
        }
        file
    }

    /// The one-line form, for apt before 2.3.10, which knows no inline keys.
    fn list(&self) -> String {
        let (name, version, archive) = (self.name(), &self.target.target.version, self.archive());
        let mut file = format!("# save as /etc/apt/sources.list.d/{name}.list\n");
        let mut options = Vec::new();
        if !self.architectures.is_empty() {
            options.push(format!("arch={}", self.architectures.join(",")));
        }
        if let Some((_, key)) = self.key {
            file.push_str(&format!("# the key: curl -o /usr/share/keyrings/{name}.asc {}/-/keys/{key}\n", self.base));
            options.push(format!("signed-by=/usr/share/keyrings/{name}.asc"));
        }
        let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(" ")) };
        for kind in ["deb", "deb-src"] {
            file.push_str(&format!("{kind}{options} {archive} {version} main\n"));
        }
        file
    }

    /// A mirror list makes dnf read one immutable generation; zypper and old yum keep a mirror list too long and use
    /// the plain address.
    fn repo(&self, client: Client) -> String {
        let (name, target, base) = (self.name(), &self.target.target, self.base);
        let directory = if client == Client::Zypper { "/etc/zypp/repos.d" } else { "/etc/yum.repos.d" };
        let mut file = format!("# save as {directory}/{name}.repo\n");
        if client == Client::Dnf {
            let setup = format!("{base}/-/setup/{target}");
            file.push_str(&format!("# zypper: {setup}.zypper.repo; yum on EL 6 and 7: {setup}.yum.repo\n"));
        }
        for (suffix, title, architecture, enabled) in [("", "", "$basearch", 1), ("-source", ", sources", "SRPMS", 0)] {
            let plain = format!("baseurl={base}/{target}/{architecture}/");
            let address = match client {
                Client::Dnf => format!("mirrorlist={base}/-/mirrorlist/{target}/{architecture}\n#{plain}"),
                Client::Zypper => format!("{plain}\ntype=rpm-md\nautorefresh=1"),
                Client::Yum => plain,
            };
            file.push_str(&format!(
                "[{name}{suffix}]\nname={target}{title}\n{address}\nenabled={enabled}\nmetadata_expire=300\ngpgcheck=0\n\
                 repo_gpgcheck={}\n",
                u8::from(self.key.is_some()),
            ));
            if let Some((_, key)) = self.key {
                file.push_str(&format!("gpgkey={base}/-/keys/{key}\n"));
            }
            file.push('\n');
        }
        file
    }
}
