//! Keys that are not in the process: a program, a gpg-agent. They go away in the middle of publishes, and no client ever sees
//! a root that is not signed, or signed by another key.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::stand::{APT, DNF, Stand, keys};
use crate::support::curl::{self, Upload};
use crate::support::gpgv::{SecretKey, Verifier};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::{project_root, read_file, temporary_directory, wait, write_file};

const IN_RELEASE: &str = "/live/2.11/debian/dists/bookworm/InRelease";

/// A program that signs with gpg; while the file `away` is there it fails, and while `slow` is there it hangs.
fn script(work: &Path, key: &SecretKey) -> PathBuf {
    let file = work.join("sign");
    let text = format!(
        "#!/bin/sh\n\
         [ ! -e '{work}/away' ] || {{ echo 'the token is not here' >&2; exit 3; }}\n\
         [ ! -e '{work}/slow' ] || sleep 60\n\
         env >'{work}/environment'\n\
         [ \"$RWS_SIGN_PURPOSE\" != cleartext ] || text=--textmode\n\
         exec gpg --homedir '{home}' --batch --quiet --digest-algo SHA512 --pinentry-mode loopback --passphrase '' \
         --detach-sign $text --output -\n",
        work = work.display(),
        home = key.home().display(),
    );
    write_file(&file, text);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    file
}

/// A stand whose key is signed with by the program.
fn with_command(key: &SecretKey, public: &SecretKey) -> Stand {
    let sources = |work: &Path| {
        write_file(&work.join("public.asc"), public.public_armored());
        let command = [script(work, key)];
        json!({ "hsm": { "command": command, "public": work.join("public.asc"), "timeout_seconds": 2 } })
    };
    Stand::start(sources, &json!({ "keys": keys("hsm", &[], &[]) }))
}

fn deb(stand: &Stand, version: &str, wait: u32) -> curl::Answer {
    let directory = temporary_directory();
    let deb = Deb::new("rws-thing", version, "all").build(directory.path());
    Upload::to(&format!("/{APT}?wait={wait}")).field("product", "thing").file(&deb).send(&stand.server)
}

fn status(stand: &Stand) -> Value {
    curl::get(&stand.server.url("/-/status")).expect_status(200).json()
}

/// Reads a root again and again, and judges each by the key.
struct Watch {
    ends: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start(stand: &Stand) -> Self {
        let (ends, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (url, ends_too, seen_too) = (stand.server.url(IN_RELEASE), Arc::clone(&ends), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let mut last = Vec::new();
            while !ends_too.load(Ordering::Relaxed) {
                let answer = curl::get(&url);
                if answer.status == 200 && answer.body != last {
                    last.clone_from(&answer.body);
                    seen_too.lock().expect("nobody panics").push(answer.body);
                }
            }
        });
        Self { ends, seen, thread }
    }

    /// How many different roots there were; all of them are good.
    #[track_caller]
    fn end(self, public: &[u8]) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends");
        let verifier = Verifier::new(public);
        let seen = self.seen.lock().expect("nobody panics");
        seen.iter().for_each(|root| _ = verifier.verify_inline(root));
        seen.len()
    }
}

#[test]
fn a_program_signs_and_publishing_waits_while_it_is_away() {
    let key = SecretKey::generate("rsa2048");
    let stand = with_command(&key, &key);
    stand.publish("1.0");
    let watch = Watch::start(&stand);
    let verifier = Verifier::new(&key.public_armored());
    let get = |path: &str| curl::get(&stand.server.url(path)).expect_status(200);
    verifier.verify_inline(&get(IN_RELEASE).body);
    let metadata = |name: &str| get(&format!("/{DNF}/x86_64/repodata/{name}")).body;
    verifier.verify_detached(&metadata("repomd.xml"), &metadata("repomd.xml.asc"));
    let environment = String::from_utf8(read_file(&stand.path("environment"))).expect("text");
    assert!(environment.contains("RWS_SIGN_PURPOSE=") && environment.contains("RWS_SIGN_SIZE="), "{environment}");
    assert!(!environment.contains("GPG_SIGN_KEY"), "{environment}");
    assert!(!get("/-/ready").text().contains("cannot sign"));

    for (file, word) in [("away", "the log of RWS says why"), ("slow", "did not answer within 2 s")] {
        write_file(&stand.path(file), "");
        // taken, and not published
        let version = if file == "away" { "2.0" } else { "3.0" };
        let answer = deb(&stand, version, 1);
        assert!(matches!(answer.status, 201 | 202), "{}", answer.text());
        let said = || {
            let key = status(&stand)["keys"]["hsm"]["problem"].as_str().unwrap_or_default().to_owned();
            key.contains(word).then_some(())
        };
        wait::until("the key is said to be away", wait::BOUND, said);
        assert!(get("/-/ready").text().contains("key hsm cannot sign"), "{}", get("/-/ready").text());
        assert!(get("/-/metrics").text().contains("rws_key_usable{key=\"hsm\"} 0"));
        stand.server.wait_for_log("the token is not here");
        assert!(!get("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz").text().contains(version));
        std::fs::remove_file(stand.path(file)).expect("it is there");
        stand.server.wait_for_body("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz", |text| {
            text.contains(version)
        });
        wait::until("the key is back", wait::BOUND, || {
            (status(&stand)["keys"]["hsm"]["problem"].is_null()).then_some(())
        });
    }
    assert!(watch.end(&key.public_armored()) >= 3);
}

#[test]
fn a_program_that_signs_with_another_key_publishes_nothing() {
    let (right, wrong) = (SecretKey::generate("ed25519"), SecretKey::generate("ed25519"));
    let stand = with_command(&right, &right);
    stand.publish("1.0");
    let watch = Watch::start(&stand);
    script(&stand.path(""), &wrong);
    deb(&stand, "2.0", 1);
    let said = || {
        let status = status(&stand);
        let problem = status["keys"]["hsm"]["problem"].as_str().unwrap_or_default().to_owned();
        problem.contains("does not verify with the configured public key").then_some(status)
    };
    let status = wait::until("it is said", wait::BOUND, said);
    assert!(status["failing"][APT].as_str().unwrap_or_default().contains("does not verify"), "{status}");
    script(&stand.path(""), &right);
    stand
        .server
        .wait_for_body("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz", |text| text.contains("2.0"));
    watch.end(&right.public_armored());
}

/// What is no signature.
#[test]
fn a_program_that_answers_nonsense_publishes_nothing() {
    let key = SecretKey::generate("ed25519");
    let stand = with_command(&key, &key);
    stand.publish("1.0");
    let watch = Watch::start(&stand);
    // as a gpg.conf of old times has it
    let weak = std::fs::read_to_string(stand.path("sign")).expect("it was written").replace("SHA512", "SHA1");
    for (number, (body, word)) in [
        ("exit 0", "did not answer with one binary OpenPGP signature"),
        ("echo garbage", "did not answer with one binary OpenPGP signature"),
        ("head -c 100000 /dev/zero", "wrote more than 65536 bytes"),
        ("kill -9 $$", "ended with signal: 9"),
        (&weak, "which apt and rpm refuse"),
    ]
    .into_iter()
    .enumerate()
    {
        write_file(&stand.path("sign"), format!("#!/bin/sh\n{body}\n"));
        deb(&stand, &format!("2.{number}"), 1);
        // the reason is for operators, not for everybody who asks
        wait::until(word, wait::BOUND, || stand.server.log().contains(word).then_some(()));
        let problem = status(&stand)["keys"]["hsm"]["problem"].as_str().unwrap_or_default().to_owned();
        let own = ["the log of RWS says why", "its signature is of no use"];
        assert!(problem.is_empty() || own.iter().any(|words| problem.contains(words)), "{problem}");
    }
    script(&stand.path(""), &key);
    stand
        .server
        .wait_for_body("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz", |text| text.contains("2.3"));
    watch.end(&key.public_armored());
}

/// A program gets no secret of RWS, and nothing of it stays when it takes too long; what it says is in the log alone.
#[test]
fn a_program_is_told_nothing_and_leaves_nothing() {
    let key = SecretKey::generate("ed25519");
    let mut stand = with_command(&key, &key);
    stand.publish("1.0");
    let environment = stand.path("environment");
    let seen = environment.display();
    let body = format!("env > {seen}\nsleep 7654321 >/dev/null 2>&1 &\necho 'no card SECRETWORD' >&2\nexit 3\n");
    write_file(&stand.path("sign"), format!("#!/bin/sh\n{body}"));
    deb(&stand, "2.0", 1);
    wait::until("it is said", wait::BOUND, || stand.server.log().contains("SECRETWORD").then_some(()));
    for path in ["/-/ready", "/-/status", "/-/repositories"] {
        let answer = curl::get(&stand.server.url(path));
        assert!(!answer.text().contains("SECRETWORD"), "{path}: {}", answer.text());
    }
    let names: Vec<String> = String::from_utf8(read_file(&environment))
        .expect("text")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in &names {
        let is_plain = [
            "PATH",
            "HOME",
            "PWD",
            "SHLVL",
            "_",
            "LANG",
            "TMPDIR",
            "USER",
            "LOGNAME",
            "SHELL",
            "TZ",
            "LC_ALL",
            "SSL_CERT_FILE",
        ]
        .contains(&name.as_str());
        assert!(is_plain || name.starts_with("RWS_SIGN_"), "{name}");
    }
    let is_there = || {
        let running = Program::new("pgrep", &stand.path("")).args(["-f", "sleep 7654321"]).run();
        !running.output().trim().is_empty()
    };
    script(&stand.path(""), &key);
    wait::until("what it started has ended", wait::BOUND, || (!is_there()).then_some(()));
    stand.server.terminate();
}

/// The agent of a key's own home.
fn agent(home: &Path, verb: &str) -> PathBuf {
    // of a token, where the key is on one
    let token = home.with_file_name("softhsm2.conf");
    let gpgconf = |arguments: &[&str]| {
        Program::new("gpgconf", home).env("SOFTHSM2_CONF", &token).arg("--homedir").arg(home).args(arguments).succeed()
    };
    gpgconf(&[verb, "gpg-agent"]);
    PathBuf::from(gpgconf(&["--list-dirs", "agent-socket"]).output().trim())
}

#[test]
fn an_agent_that_is_killed_in_the_middle_of_publishes_leaves_no_bad_root() {
    for (algorithm, kills) in [("rsa2048", 8), ("ed25519", 1), ("nistp256", 1)] {
        let key = SecretKey::generate(algorithm);
        kill_in_the_middle(key.home(), &key.public_armored(), kills);
    }
}

/// The same with a key that leaves its token never: `tests/run full`.
#[test]
fn no_bad_root_is_left_by_an_agent_with_the_key_on_a_token() {
    let work = temporary_directory();
    let script = project_root().join("crates/rws/tests/data/token.sh");
    Program::new("sh", work.path()).arg(script).arg(work.path()).succeed();
    kill_in_the_middle(&work.path().join("gnupg"), &read_file(&work.path().join("public.asc")), 4);
    agent(&work.path().join("gnupg"), "--kill");
}

/// Kills the agent of a home again and again while packages are uploaded.
fn kill_in_the_middle(home: &Path, public: &[u8], kills: u64) {
    let socket = agent(home, "--launch");
    let sources = |work: &Path| {
        write_file(&work.join("public.asc"), public);
        let public = work.join("public.asc");
        json!({ "agent": { "agent": { "socket": socket }, "public": public, "timeout_seconds": 5 } })
    };
    let stand = Stand::start(sources, &json!({ "keys": keys("agent", &[], &[]) }));
    stand.publish("1.0");
    let watch = Watch::start(&stand);
    for number in 0..kills {
        let upload = {
            let base = stand.server.base_url().to_owned();
            let credentials = stand.server.credentials().clone();
            std::thread::spawn(move || {
                let directory = temporary_directory();
                let deb = Deb::new("rws-thing", &format!("2.{number}"), "all").build(directory.path());
                let upload = Upload::to(&format!("/{APT}")).field("product", "thing").file(&deb);
                upload.send_to(&base, Some(&credentials)).expect_created();
            })
        };
        std::thread::sleep(Duration::from_millis(40 * number));
        agent(home, "--kill");
        upload.join().expect("it is taken");
        std::thread::sleep(Duration::from_millis(200));
        agent(home, "--launch");
    }
    let last = format!("2.{}", kills - 1);
    stand
        .server
        .wait_for_body("/live/2.11/debian/dists/bookworm/main/binary-amd64/Packages.gz", |text| text.contains(&last));
    watch.end(public);
}

#[test]
fn an_agent_that_does_not_have_the_key_is_named() {
    let (key, other) = (SecretKey::generate("ed25519"), SecretKey::generate("ed25519"));
    let socket = agent(other.home(), "--launch");
    let sources = |work: &Path| {
        write_file(&work.join("public.asc"), key.public_armored());
        json!({ "agent": { "agent": { "socket": socket }, "public": work.join("public.asc") } })
    };
    let stand = Stand::start(sources, &json!({ "keys": keys("agent", &[], &[]) }));
    deb(&stand, "1.0", 1);
    let said = || {
        let log = stand.server.log();
        (log.contains("does not have the key") && log.contains("1 others")).then_some(())
    };
    wait::until("it is said", wait::BOUND, said);
    assert!(!status(&stand)["keys"]["agent"]["problem"].is_null());
    assert_eq!(curl::get(&stand.server.url(IN_RELEASE)).status, 404);
}
