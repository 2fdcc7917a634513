//! A key is replaced, step by step, while clients that know the old key, the new one or both go on.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::clients::{Client, Tried};
use super::stand::{DNF, Stand, keys};
use crate::support::apt::{Apt, Sources};
use crate::support::curl;
use crate::support::gpgv::{KeyOptions, SecretKey, Verifier};
use crate::support::program::Program;
use crate::support::{configuration_file, project_root, temporary_directory, write_file};

/// The steps: what `docs/keys.md` says.
const STEPS: [&str; 5] = [
    "1: active old",
    "2: active old, announced new",
    "3: active old, also new",
    "4: active new, also old",
    "5: active new",
];

fn step(number: usize) -> Value {
    let keys = match number {
        1 => keys("old", &[], &[]),
        2 => keys("old", &[], &["new"]),
        3 => keys("old", &["new"], &[]),
        4 => keys("new", &["old"], &[]),
        _ => keys("new", &[], &[]),
    };
    json!({ "keys": keys })
}

/// What a client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knows {
    Old,
    New,
    Both,
}

impl Knows {
    fn keys(self, [old, new]: [&SecretKey; 2]) -> Vec<&SecretKey> {
        match self {
            Self::Old => vec![old],
            Self::New => vec![new],
            Self::Both => vec![old, new],
        }
    }
}

/// The situations of the table: what a client knows, at which step.
const SITUATIONS: [(Knows, usize); 10] = [
    (Knows::Old, 1),
    (Knows::Old, 2),
    (Knows::Old, 3),
    (Knows::Old, 4),
    (Knows::Old, 5),
    (Knows::Both, 3),
    (Knows::Both, 4),
    (Knows::New, 3),
    (Knows::New, 4),
    (Knows::New, 5),
];

/// Goes through the steps; what each client did in each situation that is wanted.
fn tried(clients: &[Client], wanted: &dyn Fn(Knows, usize) -> bool) -> Vec<(Client, Knows, usize, Tried)> {
    let (old, new) = (SecretKey::generate("rsa2048"), SecretKey::generate("ed25519"));
    let mut stand = Stand::with_keys(&[("old", &old), ("new", &new)], &step(1));
    stand.publish("1.0");
    let mut all = Vec::new();
    for number in 1..=STEPS.len() {
        stand.change(&step(number));
        for (knows, at) in SITUATIONS {
            if at == number && wanted(knows, at) {
                for client in clients {
                    all.push((*client, knows, at, client.reads(&stand, &knows.keys([&old, &new]))));
                }
            }
        }
    }
    all
}

/// What has to work: a client that knows the first key that signs, or all that sign.
fn must_work(knows: Knows, step: usize) -> bool {
    match knows {
        Knows::Old => step <= 3,
        Knows::Both => true,
        Knows::New => step >= 4,
    }
}

#[test]
fn a_key_is_replaced_without_a_failure_of_who_knows_the_first_key_or_both() {
    let wanted = |knows, step| matches!((knows, step), (Knows::Old, 3 | 5) | (Knows::New, 4) | (Knows::Both, 3));
    for (client, knows, step, tried) in tried(&Client::HERE, &wanted) {
        assert_eq!(tried.works(), must_work(knows, step), "{client:?} {knows:?} {step}: {}", tried.said);
        assert!(!tried.warned || !tried.works(), "{client:?} {knows:?} {step}: {}", tried.said);
    }
}

/// The table of `docs/keys.md`: every client in every situation. `RWS_WRITE_KEYS=1` writes it.
#[test]
fn every_client_of_sid_and_of_this_machine_is_in_the_table() {
    let tried = tried(&Client::ALL, &|_, _| true);
    let mut table = String::from("| client |");
    let mut commands = Vec::new();
    for (knows, step) in SITUATIONS {
        write!(table, " {} {step} |", format!("{knows:?}").to_lowercase()).expect("it can be written");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(SITUATIONS.len()));
    for client in Client::ALL {
        let mine: Vec<&Tried> = tried.iter().filter(|row| row.0 == client).map(|row| &row.3).collect();
        assert_eq!(mine.len(), SITUATIONS.len());
        write!(table, "\n| {} |", client.name()).expect("it can be written");
        commands.push(format!("`{}`", mine[0].command));
        for (knows, step) in SITUATIONS {
            let row = tried.iter().find(|row| (row.0, row.1, row.2) == (client, knows, step)).expect("it was tried");
            write!(table, " {} |", row.3.cell()).expect("it can be written");
            if must_work(knows, step) {
                assert!(row.3.works(), "{client:?} {knows:?} {step}: {}", row.3.said);
            }
        }
    }
    for client in Client::UNTRIED {
        write!(table, "\n| {client} |{}", " untried |".repeat(SITUATIONS.len())).expect("it can be written");
    }
    commands.dedup();
    let untried = Client::UNTRIED.len() * SITUATIONS.len();
    let all = untried + Client::ALL.len() * SITUATIONS.len();
    let commands = commands.join(", ");
    write!(table, "\n\nThe commands are {commands}. {untried} of {all} cells are untried.\n")
        .expect("it can be written");
    let path = project_root().join("docs/keys.md");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let (start, end) = ("<!-- table of clients -->\n", "<!-- end of the table of clients -->");
    let (before, rest) = text.split_once(start).expect("the table has a beginning");
    let (present, after) = rest.split_once(end).expect("the table has an end");
    if std::env::var_os("RWS_WRITE_KEYS").is_some() {
        std::fs::write(&path, format!("{before}{start}{table}{end}{after}")).expect("it can be written");
    } else {
        // versions of sid change by themselves
        let cells = |table: &str| -> Vec<Vec<String>> {
            table.lines().map(|line| line.split('|').skip(2).map(|cell| cell.trim().to_owned()).collect()).collect()
        };
        assert_eq!(cells(present), cells(&table), "RWS_WRITE_KEYS=1 writes it:\n{table}");
    }
}

#[test]
fn files_of_a_target_have_all_its_keys() {
    let (old, new) = (SecretKey::generate("rsa2048"), SecretKey::generate("ed25519"));
    let mut stand = Stand::with_keys(&[("old", &old), ("new", &new)], &step(2));
    stand.publish("1.0");
    let base = stand.server.base_url().to_owned();
    let get = |path: &str| curl::get(&format!("{base}{path}")).expect_status(200).body;
    let blocks = |text: &[u8]| String::from_utf8_lossy(text).matches("BEGIN PGP PUBLIC KEY").count();
    // for rpm a block each, for apt all in one
    for path in
        [format!("/-/setup/{DNF}.asc"), format!("/{DNF}/x86_64/repodata/repomd.xml.key"), "/-/keys/main.asc".to_owned()]
    {
        assert_eq!(blocks(&get(&path)), 2, "{path}");
    }
    for path in ["/-/setup/live/2.11/debian/bookworm.asc", "/-/keys/old.asc", "/-/keys/new.asc"] {
        assert_eq!(blocks(&get(path)), 1, "{path}");
    }
    assert_eq!(curl::get(&stand.server.url("/-/keys/none.asc")).status, 404);
    let repo = String::from_utf8(get(&format!("/-/setup/{DNF}.repo"))).expect("text");
    assert!(repo.contains(&format!("gpgkey={base}/-/setup/{DNF}.asc")), "{repo}");
    // announced: it does not sign
    let in_release = get("/live/2.11/debian/dists/bookworm/InRelease");
    let signer = |key: &SecretKey| Verifier::new(&key.public_armored());
    signer(&old).verify_inline(&in_release);
    let before = String::from_utf8(in_release).expect("text");

    // the same packages, another signature; the date grows
    stand.change(&step(5));
    let in_release = get("/live/2.11/debian/dists/bookworm/InRelease");
    signer(&new).verify_inline(&in_release);
    let after = String::from_utf8(in_release).expect("text");
    let digests = |text: &str| text.lines().filter(|line| line.starts_with(' ')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(digests(&before), digests(&after));
    let date = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("Date: ")).expect("there is a date");
        seconds(line)
    };
    assert!(date(&before) < date(&after));
    // a restart with the same keys signs nothing
    stand.change(&step(5));
    assert_eq!(get("/live/2.11/debian/dists/bookworm/InRelease"), after.as_bytes());
}

/// Seconds since 1970 of a date as Release has it.
fn seconds(date: &str) -> i64 {
    let home = crate::support::temporary_directory();
    let ran = crate::support::program::Program::new("date", home.path()).args(["-d", date, "+%s"]).succeed();
    ran.output().trim().parse().expect("a number")
}

/// `Signed-By` of Release: once apt has it, another key is refused, and one that was announced there is taken.
#[test]
fn apt_holds_a_repository_to_the_keys_that_its_release_names() {
    let (old, new) = (SecretKey::generate("rsa2048"), SecretKey::generate("rsa2048"));
    let with = |entry: Value| {
        let mut entry = entry;
        entry["signed_by"] = json!(true);
        entry["valid_until_seconds"] = json!(86_400);
        entry
    };
    for announced in [true, false] {
        let mut stand = Stand::with_keys(&[("old", &old), ("new", &new)], &with(step(if announced { 2 } else { 1 })));
        stand.publish("1.0");
        let apt = Apt::new(&Sources::Deb822(""));
        // apt knows both keys, and nothing is said of them in its source
        for (name, key) in [("old", &old), ("new", &new)] {
            write_file(&apt.path(&format!("etc/apt/trusted.gpg.d/{name}.asc")), key.public_armored());
        }
        let url = stand.server.url("/live/2.11/debian/");
        let text = format!("deb {url} bookworm main\n");
        write_file(&apt.path("etc/apt/sources.list.d/rws.list"), text);
        std::fs::remove_file(apt.path("etc/apt/sources.list.d/rws.sources")).expect("it is there");
        apt.update().expect_clean();
        stand.change(&with(step(5)));
        let ran = apt.update();
        assert_eq!(ran.ran.succeeded() && ran.errors.is_empty(), announced, "{}", ran.ran.transcript());
    }
}

/// Keys that are no good are one line each, and what is published stays.
#[test]
fn wrong_keys_are_one_line_and_harm_nothing() {
    let good = SecretKey::generate("ed25519");
    let stand = Stand::with_keys(&[("a", &good)], &json!({ "keys": keys("a", &[], &[]) }));
    stand.publish("1.0");
    let root = || curl::get(&stand.server.url("/live/2.11/debian/dists/bookworm/InRelease")).expect_status(200).body;
    let before = root();
    let locked = SecretKey::generate_with("rsa2048", &KeyOptions { passphrase: "locked", ..KeyOptions::default() });
    let expired = SecretKey::generate_with(
        "rsa2048",
        &KeyOptions { made_at: "20200101T000000", expires: "1d", ..KeyOptions::default() },
    );
    let public = String::from_utf8(good.public_armored()).expect("text");
    let rows = [
        (good.secret_armored(), ""),
        (public, "this is a public key, which cannot sign"),
        (locked.secret_armored(), "is locked with a passphrase"),
        (expired.secret_armored(), "expired on 2020-01-02"),
        ("garbage".to_owned(), "there is no armored OpenPGP key"),
        (String::new(), "there is no armored OpenPGP key"),
    ];
    let work = temporary_directory();
    let file = work.path().join("key.asc");
    let configuration = configuration_file(work.path(), |value| {
        value["keys"] = json!({ "2026": { "file": file } });
        value["repositories"] = json!([{ "match": "*", "keys": { "active": "2026" } }]);
    });
    for (text, word) in rows {
        write_file(&file, text);
        for command in [&["key", "check"][..], &["config", "check"]] {
            let ran = Program::new(env!("CARGO_BIN_EXE_rws"), work.path())
                .current_dir(work.path())
                .args(["--config", &configuration])
                .args(command)
                .run();
            assert_eq!(ran.succeeded(), word.is_empty(), "{}", ran.transcript());
            if !word.is_empty() {
                let said = String::from_utf8_lossy(&ran.stderr).into_owned();
                assert!(said.contains(word) && said.contains("keys.2026"), "{said}");
                assert_eq!(said.lines().count(), 1, "{said}");
            }
        }
    }
    assert_eq!(root(), before);
}

#[test]
fn a_key_is_made_with_all_that_belongs_to_it() {
    let work = temporary_directory();
    let file = work.path().join("2026.asc");
    let generate = || {
        Program::new(env!("CARGO_BIN_EXE_rws"), work.path())
            .args(["key", "generate", "--user-id", "Example <packages@example.org>", "--output"])
            .arg(&file)
            .run()
    };
    let said = generate().expect_success().output();
    for end in ["", ".revocation.asc", ".txt"] {
        let path = work.path().join(format!("2026.asc{end}"));
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("it is there").permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    assert!(said.contains("\"keys\": {\""), "{said}");
    // never over another one, and nothing is left behind then
    assert!(generate().expect_failure().everything().contains("exists: give another --output"));
    std::fs::remove_file(&file).expect("it is there");
    assert!(generate().expect_failure().everything().contains("2026.asc.revocation.asc exists"));
    assert!(!file.exists());
    for end in [".revocation.asc", ".txt"] {
        std::fs::remove_file(work.path().join(format!("2026.asc{end}"))).expect("it is there");
    }
    generate().expect_success();
    let configuration = configuration_file(work.path(), |value| {
        value["keys"] = json!({ "2026": { "file": file } });
        value["repositories"] = json!([{ "match": "*", "keys": { "active": "2026" } }]);
    });
    let run = |arguments: &[&str]| {
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), work.path()).args(["--config", &configuration]);
        program.current_dir(work.path()).args(arguments).run()
    };
    let checked = run(&["key", "check"]).expect_success().output();
    assert!(checked.starts_with("ok: 2026: ") && checked.contains("never expires"), "{checked}");
    let json = run(&["key", "check", "--json"]).expect_success().output();
    let value: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(value["keys"][0]["name"], "2026");
    let exported = run(&["key", "export", "2026"]).expect_success().output();
    assert!(exported.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"), "{exported}");
    assert!(run(&["key", "export", "2027"]).expect_failure().everything().contains("no key 2027; it has 2026"));
}
