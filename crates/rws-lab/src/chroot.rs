//! Another Debian in a directory: clients that this machine cannot have beside its own.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::server::cache;

/// Runs a program inside. The mounts are seen by this command only and go with it.
const ENTER: &str = "set -e
root=$1 shared=$2
shift 2
mount --rbind /proc \"$root/proc\"
mount --rbind /dev \"$root/dev\"
mkdir -p \"$root$shared\"
mount --rbind \"$shared\" \"$root$shared\"
exec chroot \"$root\" \"$@\"";

/// The same on a copy that goes with the command: what it writes outside of the temporary directory is in memory only.
const ENTER_A_COPY: &str = "set -e
root=$1 shared=$2
shift 2
work=$(mktemp -d \"$shared/rws-copy-XXXXXX\")
trap 'rmdir \"$work\"' EXIT
mount -t tmpfs copy \"$work\"
mkdir \"$work/upper\" \"$work/work\" \"$work/root\"
mount -t overlay copy -o \"lowerdir=$root,upperdir=$work/upper,workdir=$work/work\" \"$work/root\"
mount --rbind /proc \"$work/root/proc\"
mount --rbind /dev \"$work/root/dev\"
mkdir -p \"$work/root$shared\"
mount --bind \"$shared\" \"$work/root$shared\"
status=0
chroot \"$work/root\" \"$@\" || status=$?
umount -l \"$work\"
exit $status";

/// A system of Debian packages in a directory of the test cache.
///
/// Its programs see its own files, and of this machine the temporary directory (under the same path, so that both
/// systems mean the same by a path in it), `/proc`, `/dev` and the network. Nobody changes the rest of it: a test gives
/// programs that keep something a directory of its own, as it does for the programs of this machine.
#[derive(Clone, Debug)]
pub struct Chroot {
    root: PathBuf,
}

impl Chroot {
    /// Debian sid, with apt, dnf5, rpm, zypper, libsolv's tools and `createrepo_c`.
    ///
    /// # Panics
    ///
    /// When `tests/setup full` has not installed it.
    pub fn sid() -> Self {
        let directory = cache().join("sid");
        assert!(directory.join("complete").is_file(), "{} is not there: run tests/setup full", directory.display());
        Self { root: directory.join("root").canonicalize().expect("the chroot is a directory") }
    }

    /// This machine, for [`Chroot::copied`].
    pub fn here() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// The first words of a command that runs `program` inside; the program's arguments follow them.
    pub fn command(&self, program: &str) -> Vec<OsString> {
        self.entered(ENTER, program)
    }

    /// The same in a copy of the system that nobody else sees and that goes with the command: packages can be installed.
    pub fn copied(&self, program: &str) -> Vec<OsString> {
        self.entered(ENTER_A_COPY, program)
    }

    fn entered(&self, script: &str, program: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["unshare".into(), "--mount".into()];
        // who is not root is it in a name space of his own
        if Path::new("/proc/self").metadata().expect("there is a /proc").uid() != 0 {
            words.push("--map-root-user".into());
        }
        words.extend(["--", "sh", "-c", script, "sh"].map(OsString::from));
        words.extend([self.root.clone().into_os_string(), std::env::temp_dir().into_os_string(), program.into()]);
        words
    }
}
