//! `dput` and `dput-ng`, from the copies that `tests/setup` unpacks: the two exclude each other.

use super::program::{Program, Ran};
use super::server::{Credentials, Server};
use super::{file_name, temporary_directory, test_cache, write_file};
use serde_json::json;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Dput,
    DputNg,
}

/// A release engineer's home, with the configuration that docs/clients.md shows.
pub struct Uploader {
    home: TempDir,
    client: Client,
    /// `127.0.0.1:PORT`
    host: String,
    /// the path of the targets, such as `/live/1.10/debian/bookworm`
    path: String,
    user: Credentials,
    /// the home of gpg by which signatures are checked; none: they need not be there
    gnupg: Option<PathBuf>,
}

impl Uploader {
    /// To the targets of a path, as the server's own user.
    #[track_caller]
    pub fn new(client: Client, server: &Server, path: &str) -> Self {
        let host = server.base_url().trim_start_matches("http://").to_owned();
        let user = server.credentials().clone();
        Self { home: temporary_directory(), client, host, path: path.to_owned(), user, gnupg: None }
    }

    #[must_use]
    pub fn of(self, user: &Credentials) -> Self {
        Self { user: user.clone(), ..self }
    }

    /// One that sends only what is signed with a key of this home of gpg.
    #[must_use]
    pub fn checking(self, gnupg: &Path) -> Self {
        Self { gnupg: Some(gnupg.to_owned()), ..self }
    }

    /// Writes the configuration; what names the host on the command line.
    fn configure(&self, product: &str) -> String {
        let Self { host, path, user: Credentials { user, password }, .. } = self;
        let is_unsigned = self.gnupg.is_none();
        match self.client {
            Client::Dput => {
                let text = format!(
                    "[rws]\nfqdn = {host}\nmethod = http\nincoming = /-/incoming{path}/{product}\nlogin = {user}\n\
                     allow_unsigned_uploads = {}\n",
                    u8::from(is_unsigned),
                );
                write_file(&self.path(".dput.cf"), text);
                "rws".to_owned()
            }
            Client::DputNg => {
                let profile = json!({
                    "fqdn": format!("http://{user}:{password}@{host}"),
                    "method": "http",
                    "incoming": format!("/-/incoming{path}/%(rws)s"),
                    "allow_unsigned_uploads": is_unsigned,
                });
                write_file(&self.path(".dput.d/profiles/rws.json"), profile.to_string());
                self.place_as_installed();
                format!("rws:{product}")
            }
        }
    }

    /// Where a package would have put them: its own files are looked for in the present directory too.
    fn place_as_installed(&self) {
        let root = root("dput-ng");
        let links = [
            ("usr/share/dput-ng", "skel"),
            ("etc/dput.d/metas", ".dput.d/metas"),
            ("etc/dput.d/profiles/DEFAULT.json", ".dput.d/profiles/DEFAULT.json"),
        ];
        for (file, link) in links {
            let link = self.path(link);
            if !link.exists() {
                symlink(root.join(file), link).expect("a link can be made");
            }
        }
    }

    /// Uploads what a `.changes` lists, and then that.
    #[track_caller]
    pub fn upload(&self, product: &str, changes: &Path) -> Ran {
        let password = self.path("password");
        write_file(&password, format!("{}\n", self.user.password));
        let to = self.configure(product);
        let program = match self.client {
            Client::Dput => root("dput").join("usr/share/dput/execute-dput"),
            Client::DputNg => root("dput-ng").join("usr/bin/dput"),
        };
        assert!(program.exists(), "{} is not on this machine: run tests/setup", program.display());
        // dput asks for the password at its terminal, and reads standard input where it has none
        let mut run = Program::new("setsid", self.home.path())
            .args(["--wait", "sh", "-c", "exec \"$@\" < \"$0\""])
            .arg(&password)
            .arg(&program)
            .current_dir(self.home.path())
            .env("PYTHONPATH", root("dput-ng").join("usr/lib/python3/dist-packages"));
        if self.client == Client::Dput {
            run = run.env_remove("PYTHONPATH");
        }
        if let Some(gnupg) = &self.gnupg {
            run = run.env("GNUPGHOME", gnupg);
        }
        let ran = run.args(["--force", &to]).arg(changes).run();
        assert!(!ran.everything().contains("Traceback"), "{}: {}", file_name(changes), ran.transcript());
        ran
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }
}

fn root(name: &str) -> PathBuf {
    test_cache().join(name).join("root")
}
