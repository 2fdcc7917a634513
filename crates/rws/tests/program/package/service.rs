//! The service of the package under a real systemd: a newcomer's way from the installation to an upgrade under load.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread::JoinHandle;

use rws_lab::{BootedSystem, PrivateSystem};

use super::{DEB_TARGET, build, publish_deb};
use crate::hand_over::load::{Load, Replaced, Served, limits};
use crate::support::curl;
use crate::support::debian_system::debian_system;
use crate::support::documents::{Guide, blocks_of, document};
use crate::support::program::Program;
use crate::support::raw::fetch;
use crate::support::server::{Credentials, Server};
use crate::support::{file_name, project_root, read_file, temporary_directory, wait};

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

/// A system whose apt knows the server.
fn system_with_source(server: &Server) -> PrivateSystem {
    let system = debian_system(&["libc6", "init-system-helpers", "systemd"]);
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
    let system = BootedSystem::boot(system_with_source(&server));
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

    // and when one hangs
    system.system().write("etc/systemd/system/rws.service.d/watchdog.conf", "[Service]\nWatchdogSec=2\n");
    system.succeed(&["systemctl", "daemon-reload"]);
    system.succeed(&["systemctl", "restart", "rws.service"]);
    let process = service.property("MainPID");
    system.succeed(&["systemctl", "kill", "--signal=STOP", "rws.service"]);
    wait::until("another process than the one that hangs", wait::BOUND * 2, || {
        (service.property("SubState") == "running" && service.property("MainPID") != process).then_some(())
    });
    assert_eq!(fetch("GET", &format!("{}/-/health", service.host)).status, 200);

    system.succeed(&["apt-get", "purge", "-y", "rws"]);
    assert!(system.system().path("var/lib/rws/rws-data/live").is_dir());
    assert_eq!(system.system().names("etc/rws"), [""; 0]);
    assert!(!system.run(&["systemctl", "is-active", "rws.socket", "rws.service"]).0);
}

/// docs/how-to/install.md and nginx.md on a machine of its own: the way of a newcomer.
#[test]
pub fn the_guides_of_the_service() {
    let directory = temporary_directory();
    let mut guide = Guide::open("docs/how-to/install.md");
    guide.expect("cargo install --locked cargo-deb cargo-generate-rpm\npackaging/build packages");
    let [first, _] = build(directory.path(), "7.1.0");
    let [second, _] = build(directory.path(), "7.2.0");
    let system = debian_system(&["libc6", "init-system-helpers", "systemd"]);
    for file in ["etc/ssl", "etc/nginx"] {
        let copy = Program::new("cp", directory.path()).args(["--archive", "--dereference"]);
        copy.arg(Path::new("/").join(file)).arg(system.path("etc")).succeed();
    }
    let system = BootedSystem::boot_alone(system);
    system.succeed(&["rm", "-f", "/usr/sbin/policy-rc.d"]);
    let run = |commands: &str| {
        let said = system.succeed(&["bash", "-eu", "-o", "pipefail", "-c", &format!("cd /root\n{commands}")]);
        println!("{}\n{said}", commands.lines().map(|line| format!("# {line}\n")).collect::<String>());
        said
    };
    let place = |deb: &Path| {
        run("rm -rf packages");
        system.system().write(&format!("root/packages/{}", file_name(deb)), read_file(deb));
    };
    let install = ("apt-get install", "apt-get install --yes --quiet");
    // install
    place(&first);
    run(&guide.next(&[install]));
    // the other test runs what is for rpm
    guide.expect(super::FOR_RPM);
    let status = run(&guide.next(&[]));
    assert!(status.contains("active (running)") && status.ends_with("ok\n"), "{status}");
    let login = wait::until_or(wait::BOUND, || {
        system.run(&["bash", "-c", "journalctl -u rws.service | grep password:"]).0.then_some(())
    });
    assert!(login.is_some());
    let login = run(&guide.next(&[]));
    assert!(login.contains("user: rws\npassword: "), "{login}");
    // the address
    assert!(run(&guide.next(&[])).ends_with("ok\n"));
    // a user
    let hash = run(&format!("echo secret | {}", guide.next(&[])));
    let text = document("docs/how-to/install.md");
    let users = blocks_of("json", &text).remove(0).replace("$argon2id$…", hash.trim_end());
    let users: serde_json::Value = serde_json::from_str(&format!("{{{users}}}")).unwrap();
    let configuration = system.system().path("etc/rws/config.json");
    let mut value: serde_json::Value = serde_json::from_slice(&read_file(&configuration)).unwrap();
    value["users"] = users["users"].clone();
    std::fs::write(&configuration, value.to_string()).unwrap();
    assert!(run(&guide.next(&[])).contains("ok: "));
    let ask =
        "curl --silent --output /dev/null --write-out '%{http_code}' -u root:secret http://127.0.0.1:8080/-/audit";
    let service_answers = || system.run(&["sh", "-c", ask]).1;
    let is_taken = || (service_answers() == "200").then_some(());
    wait::until("the user to be taken", wait::BOUND, is_taken);
    // metrics
    assert!(run(&guide.next(&[])).contains("rws_repositories_failing 0\n"));
    // another directory
    run(&guide.next(&[]));
    assert!(system.system().path("srv/rws/.rws/secrets").is_dir());
    assert_eq!(service_answers(), "200");
    // an upgrade, and a restart
    let process = || system.succeed(&["systemctl", "show", "--value", "--property", "MainPID", "rws.service"]);
    let before = process();
    place(&second);
    run(&guide.next(&[install]));
    let upgraded = process();
    assert_ne!(upgraded, before);
    assert_eq!(system.succeed(&["dpkg-query", "-W", "rws"]), "rws\t7.2.0-1\n");
    run(&guide.next(&[]));
    assert_ne!(process(), upgraded);
    assert_eq!(service_answers(), "200", "the upgrade lost the user");
    // a command beside the service
    assert!(run(&guide.next(&[])).contains("ok: /etc/rws/config.json"));

    behind_nginx(&system, &run);

    run(&guide.next(&[]));
    assert!(!system.run(&["systemctl", "is-active", "rws.socket"]).0);
    assert!(!system.run(&["systemctl", "is-active", "rws.service"]).0);

    // without the package, in a checkout
    run("apt-get purge --yes --quiet rws; rm -r /etc/systemd/system/rws.socket.d; mkdir -p target/release packaging");
    for file in [
        "packaging/rws.service",
        "packaging/rws.socket",
        "packaging/sysusers.conf",
        "packaging/environment",
        "config.default",
    ] {
        std::fs::copy(project_root().join(file), system.system().path("root").join(file)).unwrap();
    }
    std::fs::copy(env!("CARGO_BIN_EXE_rws"), system.system().path("root/target/release/rws")).unwrap();
    run(&guide.next(&[]));
    assert!(run("cd /; rws --version").starts_with("rws "));
    run(&guide.next(&[]));
    assert!(run("rws health; systemctl is-active rws.service").contains("ok\nactive\n"));
}

/// docs/how-to/nginx.md, on a machine that has RWS.
fn behind_nginx(system: &BootedSystem, run: &dyn Fn(&str) -> String) {
    let mut guide = Guide::open("docs/how-to/nginx.md");
    let text = document("docs/how-to/nginx.md");
    let server = blocks_of("nginx", &text).remove(0).replace("127.0.0.1:5000", "127.0.0.1:8080");
    system.system().write("etc/nginx/conf.d/rws.conf", server);
    // the site that the package of nginx brings
    run("rm -f /etc/nginx/sites-enabled/*; mkdir -p /var/log/nginx /var/lib/nginx");
    run("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rws.example.org \
         -addext subjectAltName=DNS:rws.example.org -addext basicConstraints=critical,CA:FALSE -keyout /etc/nginx/rws.key -out /etc/nginx/rws.pem 2>/dev/null");
    system.system().write("etc/hosts", "127.0.0.1 localhost rws.example.org\n");
    run("systemctl start nginx.service");
    let configuration = system.system().path("etc/rws/config.json");
    let mut value: serde_json::Value = serde_json::from_slice(&read_file(&configuration)).unwrap();
    let snippet = blocks_of("json", &text).remove(0);
    let snippet: serde_json::Value = serde_json::from_str(&format!("{{{snippet}}}")).unwrap();
    value["server"] = snippet["server"].clone();
    std::fs::write(&configuration, value.to_string()).unwrap();
    run(&guide.next(&[]));
    let ca = "export CURL_CA_BUNDLE=/etc/nginx/rws.pem\n";
    let said = run(&format!("{ca}{}", guide.next(&[])));
    assert!(said.contains("URIs: https://rws.example.org/live/1.10/debian"), "{said}");
    let push = "mkdir -p /root/p/DEBIAN; printf '%s\\n' 'Package: rws-demo' 'Version: 1.0' 'Architecture: all' \
                'Maintainer: me <me@localhost>' 'Description: demo' > /root/p/DEBIAN/control; \
                dpkg-deb --root-owner-group --build /root/p /root/rws-demo_1.0_all.deb; \
                SSL_CERT_FILE=/etc/nginx/rws.pem RWS_USER=ci RWS_PASSWORD=secret \
                rws push https://rws.example.org/live/1.10/debian/bookworm /root/rws-demo_1.0_all.deb";
    assert!(run(push).contains("apt-get install"));
}
