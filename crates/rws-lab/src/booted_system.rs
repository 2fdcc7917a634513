//! A [`PrivateSystem`] in which systemd runs: units are started and stopped by the program that does it on machines.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::private_system::PrivateSystem;

/// Starts systemd as the first process of a process namespace, with a control group, devices and `/run` of its own, and what it could
/// change of this kernel read-only.
const BOOT: &str = "set -e
place=$1 group=$2 network=$3
mkdir \"$place/groups\"
mount -t cgroup2 cgroup2 \"$place/groups\"
mkdir \"$place/groups/$group\"
echo $$ >\"$place/groups/$group/cgroup.procs\"
exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc $network -- sh -c '
set -e
place=$1
root=$place/root
umount \"$place/groups\"
mount --bind \"$root\" \"$root\"
mount -t overlay overlay -o \"lowerdir=/usr,upperdir=$place/upper,workdir=$place/work\" \"$root/usr\"
mount -t proc proc \"$root/proc\"
mount --bind \"$root/proc/sys\" \"$root/proc/sys\"
mount -o remount,bind,ro \"$root/proc/sys\"
mkdir -p \"$root/sys\" \"$root/run\"
mount -t sysfs -o ro sysfs \"$root/sys\"
mountpoint -q \"$root/sys/fs/cgroup\" || mount -t tmpfs tmpfs \"$root/sys/fs/cgroup\"
mount -t cgroup2 cgroup2 \"$root/sys/fs/cgroup\"
mount -t tmpfs -o mode=755 tmpfs \"$root/run\"
mount -t tmpfs -o mode=755 tmpfs \"$root/dev\"
for device in null zero full random urandom tty; do
  touch \"$root/dev/$device\"
  mount --bind \"/dev/$device\" \"$root/dev/$device\"
done
mkdir \"$root/dev/pts\"
mount -t devpts -o newinstance,ptmxmode=666 devpts \"$root/dev/pts\"
ln -s pts/ptmx \"$root/dev/ptmx\"
ln -s /proc/self/fd \"$root/dev/fd\"
ip link set lo up
cd \"$root\"
mkdir -p old
# not chroot: there, units could have no user namespace of their own (PrivateUsers=)
pivot_root . old
umount -l old
exec /usr/bin/env -i container=rws-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target --log-target=console --log-level=warning --show-status=false
' sh \"$place\"";

/// How long systemd may take to start. It takes two seconds.
const BOUND: Duration = Duration::from_secs(60);

/// A system that runs, until this is dropped.
#[derive(Debug)]
pub struct BootedSystem {
    system: PrivateSystem,
    unshare: Child,
    /// The first process of the system, as this machine counts.
    init: String,
    group: String,
}

impl BootedSystem {
    /// Boots a system in the network of this machine.
    ///
    /// # Panics
    ///
    /// When systemd does not start: the test needs root, cgroup2, and the package systemd.
    pub fn boot(system: PrivateSystem) -> Self {
        Self::boot_in(system, "")
    }

    /// Boots a system that has all ports for itself, and reaches nobody.
    ///
    /// # Panics
    ///
    /// As [`Self::boot`].
    pub fn boot_alone(system: PrivateSystem) -> Self {
        Self::boot_in(system, "--net")
    }

    fn boot_in(system: PrivateSystem, network: &str) -> Self {
        let group = format!("rws-test-{}", uuid::Uuid::new_v4().simple());
        system.write("etc/machine-id", format!("{}\n", uuid::Uuid::new_v4().simple()));
        let log = std::fs::File::create(system.place().join("boot.log")).expect("a log is made");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", BOOT, "sh"]).arg(system.place()).args([&group, network]);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log is shared")).stderr(log);
        let unshare = command.spawn().expect("unshare of util-linux runs");
        let mut booted = Self { system, unshare, init: String::new(), group };
        let start = Instant::now();
        loop {
            if booted.init.is_empty() {
                booted.init = booted.first_process().unwrap_or_default();
            } else if booted.run(&["systemctl", "is-active", "--quiet", "basic.target"]).0 {
                return booted;
            }
            let is_late = start.elapsed() > BOUND || booted.unshare.try_wait().is_ok_and(|status| status.is_some());
            assert!(!is_late, "systemd does not start here: {}", booted.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The files of the system.
    pub fn system(&self) -> &PrivateSystem {
        &self.system
    }

    /// What systemd itself said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.system.place().join("boot.log")).unwrap_or_default()
    }

    /// What a program says that is run inside (output and errors), and whether it ended well.
    pub fn run(&self, program: &[&str]) -> (bool, String) {
        let output = self.command(program).output().expect("nsenter of util-linux runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// A program that is run inside.
    pub fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args([
            "--target", &self.init, "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd", "--",
        ]);
        command.args([
            "/usr/bin/env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
            "HOME=/root",
        ]);
        command.args(["DEBIAN_FRONTEND=noninteractive"]).args(program).stdin(Stdio::null());
        command
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

    /// The child of the inner `unshare` that has become systemd.
    fn first_process(&self) -> Option<String> {
        let mut process = self.unshare.id().to_string();
        loop {
            if std::fs::read_to_string(format!("/proc/{process}/comm")).ok()? == "systemd\n" {
                return Some(process);
            }
            let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
            process = children.split_whitespace().next()?.to_owned();
        }
    }
}

impl Drop for BootedSystem {
    fn drop(&mut self) {
        // the processes of the system end with its first one (--kill-child)
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let removal = "set -e; mkdir -p \"$1/groups\"; mount -t cgroup2 cgroup2 \"$1/groups\"; cd \"$1/groups\"; \
                       for _ in $(seq 100); do find \"$2\" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.1; done";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", removal, "sh"]).arg(self.system.place()).arg(&self.group);
        // a group that stays takes nothing but a name
        let _ = command.status();
    }
}
