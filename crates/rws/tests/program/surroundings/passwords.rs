//! `rws hash-password`: hashes that RWS, and for two of the forms werkzeug and so the original, take.

use crate::support::curl;
use crate::support::program::{Program, Ran};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{temporary_directory, test_cache};
use serde_json::json;

const PASSWORD: &str = "Grüße, 你好: $a 'b' \"c\"";

/// Says whether the hash in the first argument is that of standard input.
const WERKZEUG: &str = "import sys; from werkzeug.security import check_password_hash; \
    print(check_password_hash(sys.argv[1], sys.stdin.buffer.read().decode()))";

/// Types lines into a terminal that a program runs on, each after a prompt, and prints what the terminal showed, the exit
/// code, and whether the terminal shows again what is typed.
const TYPIST: &str = r"
import os, pty, sys, termios
program, lines = sys.argv[1], sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    os.execv(program, [program, 'hash-password'])
shown, seen = b'', 0
for line in lines:
    while not shown[seen:].rstrip().endswith(b':'):
        shown += os.read(terminal, 1024)
    seen = len(shown)
    os.write(terminal, line.encode())
_, status = os.waitpid(process, 0)
echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
try:
    while part := os.read(terminal, 1024):
        shown += part
except OSError:
    pass  # the end of a terminal that nobody holds any more
print(shown.decode().replace('\r', ''), os.waitstatus_to_exitcode(status), echoes)
";

#[track_caller]
fn hash(arguments: &[&str], input: &str) -> Ran {
    let home = temporary_directory();
    Program::new(env!("CARGO_BIN_EXE_rws"), home.path()).arg("hash-password").args(arguments).input(input).run()
}

#[track_caller]
fn is_taken_by_werkzeug(hash: &str, password: &str) -> bool {
    let home = temporary_directory();
    let python = Program::new(test_cache().join("venv/bin/python3"), home.path()).args(["-c", WERKZEUG, hash]);
    python.input(password).succeed().output().trim() == "True"
}

#[test]
fn every_form_is_taken() {
    let input = format!("{PASSWORD}\n");
    let made = |arguments: &[&str]| hash(arguments, &input).expect_success().output().trim().to_owned();
    let (argon2id, scrypt, pbkdf2) = (made(&[]), made(&["--format", "scrypt"]), made(&["--format=pbkdf2"]));
    assert!(argon2id.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{argon2id}");
    for hash in [&scrypt, &pbkdf2] {
        assert!(is_taken_by_werkzeug(hash, PASSWORD), "{hash}");
        assert!(!is_taken_by_werkzeug(hash, "password"), "{hash}");
    }
    assert_ne!(made(&[]), argon2id, "the salt is not random");

    let users = json!({"argon2id": argon2id, "scrypt": scrypt, "pbkdf2": pbkdf2}).to_string();
    let credentials = |user: &str, password: &str| Credentials { user: user.to_owned(), password: password.to_owned() };
    let server = Server::start_with(Options {
        environment: vec![("RWS_CREDENTIALS".to_owned(), users)],
        credentials: Some(credentials("argon2id", PASSWORD)),
        ..Options::default()
    });
    let post = ["--request".to_owned(), "POST".to_owned()];
    for user in ["argon2id", "scrypt", "pbkdf2"] {
        // 404 is what follows after the password: there is no such repository yet
        for (password, status) in [(PASSWORD, 404), ("password", 401)] {
            let answer = curl::request(&server.url("/live/1.10/el/7"), Some(&credentials(user, password)), &post);
            assert_eq!(answer.status, status, "{user}: {}", answer.text());
        }
    }
}

#[test]
fn what_is_no_password() {
    for (input, expected) in [
        ("", "error: standard input has no password: write it there as one line\n"),
        ("\n", "error: standard input has no password: write it there as one line\n"),
    ] {
        let ran = hash(&[], input);
        assert_eq!((ran.code, ran.everything().as_str()), (Some(1), expected));
    }
    assert_eq!(hash(&["--format", "md5"], "a\n").code, Some(2));
}

#[test]
fn a_terminal_shows_nothing_of_what_is_typed() {
    let home = temporary_directory();
    let typed = |lines: &[&str]| {
        let python = Program::new(test_cache().join("venv/bin/python3"), home.path()).args(["-c", TYPIST]);
        python.arg(env!("CARGO_BIN_EXE_rws")).args(lines).succeed().output()
    };
    let shown = typed(&["hush-hush\n", "hush-hush\n"]);
    assert!(shown.starts_with("Password: \nRepeat the password: \n$argon2id$"), "{shown}");
    assert!(shown.ends_with(" 0 True\n") && !shown.contains("hush"), "{shown}");
    let hash = shown.lines().nth(2).unwrap_or_default();
    assert!(hash.len() > 80, "{shown}");
    let shown = typed(&["hush-hush\n", "hush\n"]);
    assert!(shown.ends_with("error: the two passwords differ; RWS made no hash\n 1 True\n"), "{shown}");
    let shown = typed(&["hush\u{3}"]);
    assert!(shown.ends_with("error: interrupted; RWS made no hash\n 1 True\n"), "{shown}");
}
