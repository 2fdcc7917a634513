//! A key is replaced, step by step, while clients that know the old key, the new one or both go on.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::clients::{Client, Tried};
use super::stand::{DNF, Stand, keys};
use crate::support::curl;
use crate::support::gpgv::{SecretKey, Verifier};
use crate::support::project_root;

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
    let (old, new) = (SecretKey::generate("rsa3072"), SecretKey::generate("ed25519"));
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
    commands.dedup();
    write!(table, "\n\nThe commands are {}.\n", commands.join(", ")).expect("it can be written");
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
    let (old, new) = (SecretKey::generate("rsa3072"), SecretKey::generate("ed25519"));
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
