//! A server whose keys change while it keeps its address.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::curl::{self, Upload};
use crate::support::gpgv::SecretKey;
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Options, Server};
use crate::support::{configuration_file, temporary_directory, wait, write_file};

/// The target of packages for apt.
pub const APT: &str = "live/2.11/debian/bookworm";
/// The target of packages for dnf and zypper.
pub const DNF: &str = "live/2.11/el/9";

/// A server with two repositories and several keys.
pub struct Stand {
    pub server: Server,
    work: TempDir,
    public_url: Option<String>,
}

/// Which keys sign, by the names of [`Stand::start`].
pub fn keys(active: &str, also: &[&str], announced: &[&str]) -> Value {
    json!({ "active": active, "also": also, "announced": announced })
}

/// The configuration: `sources` is the section `keys`, `entry` goes to the entry for all repositories.
fn configure(work: &Path, sources: &Value, entry: &Value, public_url: Option<&str>) -> String {
    configuration_file(work, |file| {
        let series = &mut file["model"]["supported_repos"]["tarantool_series"];
        series.as_array_mut().expect("it is a list").push(json!("2.11"));
        file["keys"] = sources.clone();
        if let Some(url) = public_url {
            file["server"] = json!({ "public_url": url });
        }
        let mut all = json!({ "match": "*" });
        all.as_object_mut().expect("it is an object").extend(entry.as_object().expect("it is one").clone());
        file["repositories"] = json!([all]);
    })
}

impl Stand {
    /// A server with a section `keys`, and what an entry of `repositories` says of all targets.
    #[track_caller]
    pub fn start(sources: impl FnOnce(&Path) -> Value, entry: &Value) -> Self {
        let work = temporary_directory();
        let sources = sources(work.path());
        write_file(&work.path().join("sources.json"), sources.to_string());
        let file = configure(work.path(), &sources, entry, None);
        let arguments = vec!["--config".to_owned(), file];
        let server = Server::start_with(Options { arguments, ..Options::default() });
        Self { server, work, public_url: None }
    }

    /// The same with files of secret keys by name.
    #[track_caller]
    pub fn with_keys(named: &[(&str, &SecretKey)], entry: &Value) -> Self {
        let sources = |work: &Path| {
            let mut sources = json!({});
            for (name, key) in named {
                let file = work.join(format!("{name}.asc"));
                write_file(&file, key.secret_armored());
                sources[*name] = json!({ "file": file });
            }
            sources
        };
        Self::start(sources, entry)
    }

    /// Another entry, at the same address; returns once everything is signed as it says.
    #[track_caller]
    pub fn change(&mut self, entry: &Value) {
        let text = std::fs::read_to_string(self.work.path().join("sources.json")).expect("it was written");
        let sources = serde_json::from_str(&text).expect("it is JSON");
        configure(self.work.path(), &sources, entry, self.public_url.as_deref());
        self.server.restart_in_place();
        self.settle();
    }

    /// From the next change on it knows at which address it is reached.
    pub fn know_own_address(&mut self) {
        self.public_url = Some(self.server.base_url().to_owned());
    }

    /// One more entry behind the present one, at the same address.
    #[track_caller]
    pub fn add_entry(&mut self, entry: &Value) {
        self.change_entries(|entries| entries.push(entry.clone()));
        self.settle();
    }

    /// The same for one that cannot be carried out.
    #[track_caller]
    pub fn add_waiting_entry(&mut self, entry: &Value) {
        self.change_entries(|entries| entries.push(entry.clone()));
    }

    #[track_caller]
    fn change_entries(&mut self, change: impl FnOnce(&mut Vec<Value>)) {
        let path = self.work.path().join("rws.json");
        let mut file: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("it was written")).expect("it is JSON");
        change(file["repositories"].as_array_mut().expect("it is a list"));
        write_file(&path, file.to_string());
        self.server.restart_in_place();
    }

    /// Waits until no repository is signed with other keys than the present ones.
    #[track_caller]
    pub fn settle(&self) {
        let status = self.server.url("/-/status");
        let settled = wait::until_or(wait::BOUND, || {
            let answer = curl::get(&status).expect_status(200).json();
            (answer["unchecked"] == 0 && answer["failing"] == json!({})).then_some(())
        });
        assert!(settled.is_some(), "{}\n{}", curl::get(&status).text(), self.server.log());
    }

    /// Publishes a package of a version in each of the two repositories.
    #[track_caller]
    pub fn publish(&self, version: &str) {
        let directory = temporary_directory();
        let deb = Deb::new("rws-thing", version, "all").build(directory.path());
        let path = format!("/{APT}?wait=60");
        Upload::to(&path).field("product", "thing").file(&deb).send(&self.server).expect_created();
        let rpm = self.rpm(version, directory.path());
        Upload::to(&format!("/{DNF}?wait=60")).file(&rpm).send(&self.server).expect_created();
    }

    /// An rpm that is not signed.
    #[track_caller]
    pub fn rpm(&self, version: &str, directory: &Path) -> PathBuf {
        Rpm::new("rws-thing", version, "1").architecture("noarch").build(directory)
    }

    /// The address of the repository for dnf.
    pub fn dnf_url(&self) -> String {
        self.server.url(&format!("/{DNF}/x86_64/"))
    }

    /// A file of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }
}
