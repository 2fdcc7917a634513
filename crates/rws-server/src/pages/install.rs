//! The lines that people copy.

use rws_model::{InstallWay, Target};

/// A way to install, as pages show it.
pub struct Way {
    pub id: &'static str,
    pub client: &'static str,
    pub systems: &'static str,
    pub steps: Vec<InstallStep>,
    pub setup_file: String,
    pub setup_name: String,
}

/// Commands that are copied together.
pub struct InstallStep {
    pub id: String,
    pub title: String,
    pub commands: String,
}

/// What people want to install.
pub enum Wanted<'a> {
    /// A package; a version of it, where that is not the newest one.
    Package(&'a str, Option<&'a str>),
    /// Something of the repository; a package of it as an example, where it has one.
    Anything(Option<&'a str>),
}

impl Way {
    /// Ways of a target; `prefix` is what stands before addresses for a reader.
    pub fn all(ways: Vec<InstallWay>, prefix: &str, target: &Target, wanted: &Wanted<'_>) -> Vec<Self> {
        ways.into_iter().map(|way| Self::of(&way, prefix, target, wanted)).collect()
    }

    fn of(way: &InstallWay, prefix: &str, target: &Target, wanted: &Wanted<'_>) -> Self {
        let step = |name: &str, title: String, commands: String| InstallStep {
            id: format!("{name}-{}", way.id),
            title,
            commands,
        };
        let steps = match wanted {
            Wanted::Package(name, version) => {
                let name = &version.map_or_else(|| (*name).to_owned(), |version| way.of_version(name, version));
                vec![
                    step("both", "Add the repository and install".to_owned(), way.with_package(name)),
                    step("only", "If the repository is there already".to_owned(), way.of_package(name)),
                ]
            }
            Wanted::Anything(example) => {
                let add = step("add", "Add the repository".to_owned(), way.add.clone());
                let install = example
                    .map(|name| step("install", format!("Install a package, here {name}"), way.of_package(name)));
                [add].into_iter().chain(install).collect()
            }
        };
        let setup_name = format!("{}.{}", target.version, way.setup_file);
        Self {
            id: way.id,
            client: way.client,
            systems: way.systems,
            steps,
            setup_file: format!("{prefix}/-/setup/{target}.{}", way.setup_file),
            setup_name,
        }
    }
}
