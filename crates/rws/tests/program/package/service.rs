//! The service of the package under a real systemd: a newcomer's way from the installation to an upgrade under load.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread::JoinHandle;

use rws_lab::{BootedSystem, PrivateSystem};

use super::{DEB_TARGET, build, publish_deb};
use crate::hand_over::load::{Load, Replaced, Served, limits};
use crate::support::curl;
use crate::support::program::Program;
use crate::support::raw::fetch;
use crate::support::server::{Credentials, Server};
use crate::support::{read_file, temporary_directory, wait};

/// The service in a booted system.
struct Service<'a> {
    system: &'a BootedSystem,
    host: String,
    password: String,
    /// The versions that apt is to install, one after the other.
    versions: Vec<&'static str>,
    upgrade: Option<JoinHandle<Output>>,
}

impl Service<'_> {
    fn property(&self, name: &str) -> String {
        let said = self.system.succeed(&["systemctl", "show", "--value", "--property", name, "rws.service"]);
        said.trim_end().to_owned()
    }
}

impl Replaced for Service<'_> {
    fn server(&self) -> Served {
        Served {
            host: self.host.clone(),
            credentials: Credentials { user: "rws".to_owned(), password: self.password.clone() },
        }
    }

    /// apt upgrades (or downgrades) the package, which tells systemd to start the service again.
    fn stop(&mut self, _turn: usize) {
        let package = format!("rws={}", self.versions.remove(0));
        let before = self.property("MainPID");
        let mut command = self.system.command(&["apt-get", "install", "-y", "--allow-downgrades", &package]);
        self.upgrade = Some(std::thread::spawn(move || command.output().unwrap()));
        wait::until("the old process to stop", wait::BOUND * 4, || {
            let is_stopping = self.property("StatusText") == "waiting for running requests";
            let has_failed = self.upgrade.as_ref().is_some_and(JoinHandle::is_finished);
            (is_stopping || has_failed || self.property("MainPID") != before).then_some(())
        });
    }

    fn follow(&mut self) {
        let output = self.upgrade.take().unwrap().join().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(self.property("SubState"), "running", "{said}");
    }
}

/// A system in which apt knows a repository, and that the packages that RWS needs are there.
fn system(server: &Server) -> PrivateSystem {
    let system = PrivateSystem::new();
    let asked = ["-W", "-f", "${Package} ${Version} ${Architecture}\\n", "libc6", "init-system-helpers", "systemd"];
    let installed = Program::new("dpkg-query", &system.path("etc")).args(asked).succeed().output();
    let stanza = |line: &str| {
        let [name, version, architecture] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: test\nArchitecture: {architecture}\n\
             Version: {version}\nDescription: a program of this machine\n\n"
        )
    };
    system.write("var/lib/dpkg/status", installed.lines().map(stanza).collect::<String>());
    for directory in
        ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"]
    {
        system.write(&format!("{directory}/.made"), "");
        std::fs::remove_file(system.path(&format!("{directory}/.made"))).unwrap();
    }
    for file in ["etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/debian_version", "etc/ld.so.cache"] {
        system.write(file, read_file(&Path::new("/").join(file)));
    }
    // programs such as awk are links to there
    let links = Program::new("cp", &system.path("etc")).args(["--archive", "/etc/alternatives"]);
    links.arg(system.path("etc/alternatives")).succeed();
    system.write(
        "etc/apt/apt.conf.d/test",
        "APT::Sandbox::User \"root\"; APT::Update::Error-Mode \"any\"; APT::Install-Recommends \"0\";",
    );
    let setup = curl::get(&server.url(&format!("/-/setup{DEB_TARGET}.sources"))).expect_status(200).body;
    system.write("etc/apt/sources.list.d/rws.sources", setup);
    system
}

#[test]
fn systemd_runs_it_and_upgrades_under_load_lose_no_request() {
    let (server, directory) = (Server::start(), temporary_directory());
    let [first, _] = build(directory.path(), "7.1.0");
    let [second, _] = build(directory.path(), "7.2.0");
    publish_deb(&server, &first);
    let system = BootedSystem::boot(system(&server));
    // port 5000 of this machine may be taken
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let socket = format!("[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n");
    system.system().write("etc/systemd/system/rws.socket.d/override.conf", socket);

    // containers forbid to start services there
    system.succeed(&["rm", "-f", "/usr/sbin/policy-rc.d"]);
    system.succeed(&["apt-get", "update"]);
    let said = system.succeed(&["apt-get", "install", "-y", "rws"]);
    let journal = || system.succeed(&["journalctl", "--unit", "rws.service", "--output", "cat", "--no-pager"]);
    let state = system.run(&["systemctl", "status", "--no-pager", "rws.service", "rws.socket"]).1;
    let mut service = Service {
        system: &system,
        host: format!("127.0.0.1:{port}"),
        password: String::new(),
        versions: Vec::new(),
        upgrade: None,
    };
    assert_eq!(service.property("SubState"), "running", "{said}\n{state}\n{}\n{}", journal(), system.log());
    assert_eq!(service.property("StatusText"), format!("listening on 127.0.0.1:{port}"));
    assert_eq!(service.property("User"), "rws");
    assert!(service.property("WatchdogTimestampMonotonic") != "0", "no watchdog");
    let journal =
        wait::until("the journal", wait::BOUND, || Some(journal()).filter(|text| text.contains("password: ")));
    let password = journal.lines().find_map(|line| line.trim().strip_prefix("password: ")).unwrap();
    password.clone_into(&mut service.password);
    assert!(fetch("GET", &format!("{}/-/metrics", service.host)).text().contains("rws_build_info{version="));

    // a change of the configuration, and an address of one's own
    let configuration = system.system().path("etc/rws/config.json");
    let mut value: serde_json::Value = serde_json::from_slice(&read_file(&configuration)).unwrap();
    value["server"] = limits();
    std::fs::write(&configuration, value.to_string()).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let socket = format!("[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n");
    system.system().write("etc/systemd/system/rws.socket.d/override.conf", socket);
    system.succeed(&["systemctl", "daemon-reload"]);
    system.succeed(&["systemctl", "restart", "rws.socket", "rws.service"]);
    service.host = format!("127.0.0.1:{port}");
    assert_eq!(fetch("GET", &format!("{}/-/health", service.host)).status, 200);

    publish_deb(&server, &second);
    system.succeed(&["apt-get", "update"]);
    service.versions = vec!["7.2.0-1", "7.1.0-1", "7.2.0-1"];
    Load { clients: 1000, replacements: service.versions.len() }.run_on(&mut service);
    assert_eq!(system.succeed(&["dpkg-query", "-W", "rws"]), "rws\t7.2.0-1\n");
    let kept: serde_json::Value = serde_json::from_slice(&read_file(&configuration)).unwrap();
    assert_eq!(kept, value, "the upgrade changed the configuration");

    // systemd starts another process when one dies
    let process = service.property("MainPID");
    system.succeed(&["kill", "-KILL", &process]);
    wait::until("another process", wait::BOUND, || {
        (service.property("SubState") == "running" && service.property("MainPID") != process).then_some(())
    });
    assert_eq!(fetch("GET", &format!("{}/-/health", service.host)).status, 200);

    system.succeed(&["apt-get", "purge", "-y", "rws"]);
    assert!(system.system().path("var/lib/rws/rws-data/live").is_dir());
    assert_eq!(system.system().names("etc/rws"), [""; 0]);
    assert!(!system.run(&["systemctl", "is-active", "rws.socket", "rws.service"]).0);
}
