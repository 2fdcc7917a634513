//! A system of its own for one test, in which packages can be installed: programs of this machine or of another Debian,
//! and otherwise nothing but what the test puts there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::server::cache;

/// Runs a program inside. The mounts are seen by this command only and go with it, and so do the processes that it
/// leaves. The root is a mount point, as some programs want.
const ENTER: &str = "set -e
place=$1 base=$2
shift 2
root=$place/root
mount --bind \"$root\" \"$root\"
mount -t overlay overlay -o \"lowerdir=$base/usr,upperdir=$place/upper,workdir=$place/work\" \"$root/usr\"
mount -t proc proc \"$root/proc\"
mount --rbind /dev \"$root/dev\"
exec setsid --wait chroot \"$root\" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/ \"$@\"";

/// A system whose `/usr` starts as that of another one, and whose other directories are empty.
///
/// What its programs write stays in a temporary directory. They have no terminal and no input.
#[derive(Debug)]
pub struct PrivateSystem {
    place: TempDir,
    base: PathBuf,
}

impl PrivateSystem {
    /// With the programs of this machine.
    pub fn new() -> Self {
        Self::of(Path::new("/"))
    }

    /// With the programs of Debian sid: see [`crate::Chroot::sid`].
    ///
    /// # Panics
    ///
    /// When `tests/setup full` has not installed it.
    pub fn of_sid() -> Self {
        let directory = cache().join("sid");
        assert!(directory.join("complete").is_file(), "{} is not there: run tests/setup full", directory.display());
        Self::of(&directory.join("root").canonicalize().expect("the chroot is a directory"))
    }

    fn of(base: &Path) -> Self {
        let place = TempDir::new().expect("there is a temporary directory");
        for directory in
            ["upper", "work", "root/usr", "root/proc", "root/dev", "root/tmp", "root/home", "root/etc", "root/var/tmp"]
        {
            std::fs::create_dir_all(place.path().join(directory)).expect("a directory is made");
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            // all systems of Debian since 12 have them below /usr
            if base.join("usr").join(name).exists() {
                let link = place.path().join("root").join(name);
                std::os::unix::fs::symlink(Path::new("usr").join(name), link).expect("a link is made");
            }
        }
        Self { place, base: base.to_owned() }
    }

    /// The directory that has all of it.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// Where a path of this system is on this machine. What is below `/usr` is not found there.
    pub fn path(&self, path: &str) -> PathBuf {
        self.place.path().join("root").join(path.trim_start_matches('/'))
    }

    /// Writes a file, and makes the directories above it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory is made");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The names of the files in a directory; none where there is no such directory.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(directory)) else { return Vec::new() };
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// What a program says (output and errors), and whether it ended well.
    pub fn run(&self, program: &[&str]) -> (bool, String) {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        // who is not root is it in a name space of his own
        if std::os::unix::fs::MetadataExt::uid(&Path::new("/proc/self").metadata().expect("there is a /proc")) != 0 {
            command.arg("--map-root-user");
        }
        command.args(["--", "sh", "-c", ENTER, "sh"]).arg(self.place.path()).arg(&self.base).args(program);
        let output = command.stdin(Stdio::null()).output().expect("unshare of util-linux runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// What a program says that has to end well.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn succeed(&self, program: &[&str]) -> String {
        let (success, said) = self.run(program);
        assert!(success, "{program:?} failed: {said}");
        said
    }
}

impl Default for PrivateSystem {
    fn default() -> Self {
        Self::new()
    }
}
