//! What pages say of packages, and of how clients are set up.

/// What an entry of a package in an index tells people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryTopic {
    /// What the package is, and what it needs.
    Description,
    /// All that its builder wrote of it, where that is apart.
    LongDescription,
    /// The files that it installs.
    Files,
    /// What changed from version to version.
    Changelog,
}

/// What the entries of a package say of it. All texts are those of who built it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageDescription {
    /// One line.
    pub summary: String,
    /// Paragraphs; lines that begin with a blank are shown as they are.
    pub text: String,
    /// Facts by their names, in the order in which people read them: the licence, who maintains it.
    pub facts: Vec<(&'static str, String)>,
    /// The address of its home page, as its builder wrote it: nothing says that it is a URL.
    pub homepage: Option<String>,
    /// When it was built, in seconds since 1970, where it says that.
    pub built_at: Option<i64>,
    /// What it says of other packages, by the kind of relation: `Depends`.
    pub relations: Vec<RelationList>,
    /// The paths that it installs; empty where no index has them.
    pub files: Vec<String>,
    /// What changed, newest first; empty where no index has it.
    pub changelog: Vec<ChangelogItem>,
}

/// Relations of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationList {
    /// The kind, as the format calls it.
    pub kind: &'static str,
    /// The relations, each a list of alternatives.
    pub relations: Vec<Vec<NamedRelation>>,
}

/// One package, or something that packages provide, which a relation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRelation {
    /// Its name.
    pub name: String,
    /// What is asked of it: `>= 1.0`; empty for nothing.
    pub condition: String,
}

/// One entry of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangelogItem {
    /// Who, and of which version.
    pub author: String,
    /// When, in seconds since 1970.
    pub time: i64,
    /// What.
    pub text: String,
}

/// A way to install from a target with one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallWay {
    /// A word that tells it from the others of the target: letters, digits and `-`.
    pub id: &'static str,
    /// The client and its age, for people who choose: `apt 2.4 and later`.
    pub client: &'static str,
    /// Which systems have it.
    pub systems: &'static str,
    /// The end of the name of its client file ([`super::ClientFormat::setup_files`]).
    pub setup_file: &'static str,
    /// Commands for a POSIX shell, run as root, that make the repository known to the client. The line behind may be `&&`-ed.
    pub add: String,
    /// What comes before the name of a package in the command that installs it.
    pub install: &'static str,
    /// What stands between the name and the version where the command is to install just this one.
    pub version_mark: &'static str,
}

impl InstallWay {
    /// The commands that make the repository known and install a package, as one list that stops at the first failure.
    pub fn with_package(&self, package: &str) -> String {
        format!("{} &&\n{}", self.add, self.of_package(package))
    }

    /// A package with its version, as these commands take them in place of the name of a package.
    pub fn of_version(&self, package: &str, version: &str) -> String {
        format!("{package}{}{version}", self.version_mark)
    }

    /// The command that installs a package.
    pub fn of_package(&self, package: &str) -> String {
        self.of_packages([package])
    }

    /// The command that installs several packages.
    pub fn of_packages<'a>(&self, packages: impl IntoIterator<Item = &'a str>) -> String {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-=:".contains(&byte);
        packages.into_iter().fold(self.install.to_owned(), |command, package| match package.bytes().all(is_plain) {
            true => format!("{command} {package}"),
            false => format!("{command} {}", super::quoted(package)),
        })
    }
}
