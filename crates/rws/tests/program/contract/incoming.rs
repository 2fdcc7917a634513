//! `/-/incoming/…`: an upload file by file, as `dput` and `dput-ng` send it; the `.changes` is the commit.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::json;

use super::index::{expect_files_agree, packages};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, RPM_TARGET, call, configuration, expect_code, expect_created, expect_file_refused, expect_no_traces,
    expect_status, get, public_files, put, traces,
};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::upload::BuiltPackage;
use crate::support::program::Program;
use crate::support::raw::{Connection, Request};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{file_name, files_below, read_file, temporary_directory};

/// A real upload.
struct Upload {
    changes: File,
    /// `.dsc`, tarball, `.buildinfo`, `.deb`
    others: Vec<File>,
}

static UPLOAD: LazyLock<Upload> = LazyLock::new(|| Upload::of(&BuiltPackage::new("rws-built", "1.0~rc1+git1")));

impl Upload {
    fn of(package: &BuiltPackage<'_>) -> Self {
        let directory = temporary_directory();
        let read = |path: &PathBuf| File { name: file_name(path), bytes: read_file(path) };
        let files = package.build(directory.path());
        Self { changes: read(&files.changes), others: files.others.iter().map(read).collect() }
    }

    fn ending(&self, end: &str) -> &File {
        self.others.iter().find(|file| file.name.ends_with(end)).unwrap()
    }

    fn deb(&self) -> &File {
        self.ending(".deb")
    }

    /// What gets into the pool.
    fn published(&self) -> impl Iterator<Item = &File> {
        self.others.iter().filter(|file| !file.name.ends_with(".buildinfo"))
    }

    /// All but the `.changes`.
    #[track_caller]
    fn send_others(&self, server: &Server) {
        self.others.iter().for_each(|file| expect_created(&send(server, file)));
    }

    /// The `.changes`, answered when it is published.
    fn commit(&self, server: &Server) -> Answer {
        let path = format!("/-/incoming{DEB_TARGET}/{PRODUCT}/{}?wait=30", self.changes.name);
        Request::new("PUT", &path).user(server.credentials()).body(self.changes.bytes.clone()).send(server)
    }
}

const PRODUCT: &str = "product";

fn send_as(server: &Server, user: Option<&Credentials>, place: &str, file: &File) -> Answer {
    let request = Request::new("PUT", &format!("/-/incoming{place}/{}", file.name));
    let request = user.into_iter().fold(request, |request, user| request.user(user));
    request.body(file.bytes.clone()).send(server)
}

fn send(server: &Server, file: &File) -> Answer {
    send_as(server, Some(server.credentials()), &format!("{DEB_TARGET}/{PRODUCT}"), file)
}

#[track_caller]
fn send_others(server: &Server) {
    UPLOAD.send_others(server);
}

fn commit(server: &Server) -> Answer {
    UPLOAD.commit(server)
}

/// What waits aside.
fn aside(server: &Server) -> Vec<PathBuf> {
    files_below(&server.data_dir().join(".rws/aside"))
}

#[track_caller]
fn expect_published(server: &Server, archive: &str) {
    for file in UPLOAD.published() {
        let found = get(server, &format!("{archive}/pool/focal/main/p/{PRODUCT}/{}", file.name));
        expect_status(&found, 200);
        assert!(found.body == file.bytes, "{} has other bytes", file.name);
    }
    let listed = packages(server, archive, "focal", "amd64");
    assert_eq!(expect_files_agree(server, archive, &listed), std::slice::from_ref(&UPLOAD.deb().name));
    let sources = get(server, &format!("{archive}/dists/focal/main/source/Sources.gz")).text();
    assert!(sources.contains("Package: rws-built\n"), "{sources}");
}

/// Nothing for readers, whatever waits.
#[track_caller]
fn expect_nothing_published(server: &Server) {
    assert!(public_files(server).is_empty(), "{:?}", public_files(server));
}

#[test]
fn whole_uploads() {
    const ARCHIVE: &str = "/release/2.8/ubuntu";
    let mut rows = Rows::default();
    rows.row("in this order and in the other one", || {
        for is_reversed in [false, true] {
            let server = Server::start();
            let mut files: Vec<&File> = UPLOAD.others.iter().collect();
            if is_reversed {
                files.reverse();
            }
            files.iter().for_each(|file| expect_created(&send(&server, file)));
            expect_nothing_published(&server);
            let answer = commit(&server);
            expect_created(&answer);
            assert!(answer.header("rws-status").is_some_and(|status| get(&server, status).status == 200));
            expect_published(&server, ARCHIVE);
            assert!(aside(&server).is_empty(), "what is taken is aside no more");
        }
    });
    rows.row("a file that is sent again replaces the one before", || {
        let server = Server::start();
        let tarball = UPLOAD.ending(".tar.xz");
        expect_created(&send(&server, &tarball.with(b"x")));
        send_others(&server);
        expect_created(&commit(&server));
        expect_published(&server, ARCHIVE);
    });
    rows.row("a restart before the .changes", || {
        let mut server = Server::start();
        send_others(&server);
        server.restart();
        expect_created(&commit(&server));
        expect_published(&server, ARCHIVE);
    });
    rows.row("a .ddeb is skipped, also one that the .changes does not list", || {
        let server = Server::start();
        send_others(&server);
        expect_created(&send(&server, &UPLOAD.deb().named("rws-built-dbgsym_1.0_amd64.ddeb")));
        expect_created(&commit(&server));
        expect_published(&server, ARCHIVE);
    });
    rows.row("into several repositories", || {
        let directory = temporary_directory();
        let change = |value: &mut serde_json::Value| value["anchors"] = json!({"both": ["live/2.8", "release/2.8"]});
        let server =
            Server::start_with(Options { environment: configuration(directory.path(), change), ..Options::default() });
        for file in UPLOAD.others.iter().chain([&UPLOAD.changes]) {
            let place = format!("/both/ubuntu/focal/{PRODUCT}");
            expect_created(&send_as(&server, Some(server.credentials()), &place, file));
        }
        for archive in ["/live/2.8/ubuntu", ARCHIVE] {
            server.wait_for_body(&format!("{archive}/dists/focal/InRelease"), |_| true);
            expect_published(&server, archive);
        }
    });
    rows.end();
}

#[test]
fn the_changes_again() {
    let mut rows = Rows::default();
    rows.row("after a success whose answer was lost: the .changes alone", || {
        let server = Server::start();
        send_others(&server);
        // not waited for: it may be pending or published when it comes again
        expect_created(&send(&server, &UPLOAD.changes));
        let answer = commit(&server);
        expect_created(&answer);
        expect_published(&server, "/release/2.8/ubuntu");
        expect_created(&commit(&server));
        let status = answer.header("rws-status").unwrap().to_owned();
        assert_eq!(get(&server, &status).json()["state"], "published");
    });
    rows.row("and all files again", || {
        let server = Server::start();
        for _ in 0..2 {
            send_others(&server);
            expect_created(&commit(&server));
        }
        assert!(aside(&server).is_empty());
        expect_published(&server, "/release/2.8/ubuntu");
    });
    rows.row("with some of its files: what is not in the repository either is named", || {
        let server = Server::start();
        send_others(&server);
        expect_created(&commit(&server));
        expect_created(&send(&server, UPLOAD.deb()));
        let answer = commit(&server);
        expect_file_refused(&answer, &UPLOAD.changes.name);
        assert!(answer.text().contains(".buildinfo") && !answer.text().contains(".dsc"), "{}", answer.text());
    });
    rows.row("in a form it needs its files", || {
        let server = Server::start();
        send_others(&server);
        expect_created(&commit(&server));
        let form = Form::of([&UPLOAD.changes]).field("product", PRODUCT);
        expect_file_refused(&put(&server, DEB_TARGET, form), &UPLOAD.changes.name);
    });
    rows.end();
}

/// As `dpkg-buildpackage -sa` makes them: each list has the tarball.
#[test]
fn one_upstream_tarball_of_two_uploads() {
    const POOL: &str = "/release/2.8/ubuntu/pool/focal/main/p/product";
    let of = |version, text| Upload::of(&BuiltPackage::new("rws-shared", version).upstream(text));
    let (first, second) = (of("1.0-1", "upstream"), of("1.0-2", "upstream"));
    let orig = first.ending(".orig.tar.xz");
    assert!(second.ending(".orig.tar.xz").bytes == orig.bytes);
    let expect_both = |server: &Server| {
        for file in first.published().chain(second.published()) {
            let found = get(server, &format!("{POOL}/{}", file.name));
            expect_status(&found, 200);
            assert!(found.body == file.bytes, "{} has other bytes", file.name);
        }
        let sources = get(server, "/release/2.8/ubuntu/dists/focal/main/source/Sources.gz").text();
        let listed: Vec<&str> = sources.lines().filter(|line| line.starts_with("Version: ")).collect();
        assert_eq!(listed, ["Version: 1.0-1", "Version: 1.0-2"]);
        assert_eq!(packages(server, "/release/2.8/ubuntu", "focal", "amd64").len(), 2);
        assert!(aside(server).is_empty());
    };
    let mut rows = Rows::default();
    rows.row("one upload after the other", || {
        let server = Server::start();
        for upload in [&first, &second] {
            upload.send_others(&server);
            expect_created(&upload.commit(&server));
        }
        expect_both(&server);
    });
    rows.row("both at the same time: the first .changes takes the tarball along", || {
        let server = Server::start();
        first.send_others(&server);
        second.send_others(&server);
        // not waited for: it may be pending or published when the other one comes
        expect_created(&send(&server, &first.changes));
        expect_created(&second.commit(&server));
        expect_both(&server);
    });
    rows.row("the second one without it", || {
        let server = Server::start();
        first.send_others(&server);
        expect_created(&first.commit(&server));
        second.others.iter().filter(|file| file.name != orig.name).for_each(|file| {
            expect_created(&send(&server, file));
        });
        expect_created(&second.commit(&server));
        expect_both(&server);
    });
    rows.row("the second one with another: 409, and what waits still waits", || {
        let server = Server::start();
        first.send_others(&server);
        expect_created(&first.commit(&server));
        let other = of("1.0-2", "another upstream");
        other.send_others(&server);
        let answer = other.commit(&server);
        expect_code(&answer, 409, "conflict");
        assert!(answer.text().contains(&orig.name), "{}", answer.text());
        assert_eq!(aside(&server).len(), other.others.len());
        second.send_others(&server);
        expect_created(&second.commit(&server));
        expect_both(&server);
    });
    rows.end();
}

#[test]
fn incomplete_and_different() {
    let mut rows = Rows::default();
    rows.row("nothing aside: every file is named", || {
        let server = Server::start();
        let before = traces(&server);
        let answer = commit(&server);
        expect_file_refused(&answer, &UPLOAD.changes.name);
        UPLOAD.others.iter().for_each(|file| assert!(answer.text().contains(&file.name), "{}", answer.text()));
        expect_no_traces(&server, &before);
    });
    rows.row("one is missing, one differs, one is of another size: each is named; what waits still waits", || {
        let server = Server::start();
        let (dsc, tarball, deb) = (UPLOAD.ending(".dsc"), UPLOAD.ending(".tar.xz"), UPLOAD.deb());
        expect_created(&send(&server, dsc));
        expect_created(&send(&server, &tarball.flipped(tarball.bytes.len() / 2)));
        expect_created(&send(&server, &UPLOAD.ending(".buildinfo").with(b"\n")));
        let answer = commit(&server);
        expect_status(&answer, 400);
        let text = answer.text();
        assert!(!text.contains(&dsc.name), "{text}");
        for file in [tarball, deb, UPLOAD.ending(".buildinfo")] {
            assert!(text.contains(&file.name), "{text}");
        }
        expect_nothing_published(&server);
        assert_eq!(aside(&server).len(), 3);
        send_others(&server);
        expect_created(&commit(&server));
        expect_published(&server, "/release/2.8/ubuntu");
    });
    rows.row("a damaged package is refused at once, and an earlier good one stays", || {
        let server = Server::start();
        let deb = UPLOAD.deb();
        send_others(&server);
        for damaged in [deb.cut(deb.bytes.len() / 2), deb.with(b"x"), deb.cut(0)] {
            expect_file_refused(&send(&server, &damaged), &deb.name);
        }
        expect_created(&commit(&server));
    });
    rows.row("a client that goes away in the middle of a file, small or large", || {
        let server = Server::start();
        let before = traces(&server);
        let large = File::new("large_1.0.orig.tar.xz", vec![7; 40 << 20]);
        for file in [UPLOAD.deb(), &large] {
            let path = format!("/-/incoming{DEB_TARGET}/{PRODUCT}/{}", file.name);
            let request = Request::new("PUT", &path).user(server.credentials()).body(file.bytes.clone());
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            connection.write(&file.bytes[..file.bytes.len() / 2]);
            connection.cut();
        }
        expect_no_traces(&server, &before);
    });
    rows.row("a damaged .changes", || {
        let server = Server::start();
        send_others(&server);
        expect_status(&send(&server, &UPLOAD.changes.cut(UPLOAD.changes.bytes.len() / 2)), 400);
        expect_nothing_published(&server);
    });
    rows.row("a day later", || {
        let mut server = Server::start();
        send_others(&server);
        let expired = UPLOAD.ending(".tar.xz");
        let home = temporary_directory();
        for path in aside(&server) {
            let hours = if read_file(&path) == expired.bytes { "25 hours ago" } else { "23 hours ago" };
            Program::new("touch", home.path()).args(["--date", hours]).arg(&path).succeed();
        }
        server.restart();
        let is_gone = || (aside(&server).len() == UPLOAD.others.len() - 1).then_some(());
        crate::support::wait::until("the old file to go", crate::support::wait::BOUND, is_gone);
        let answer = commit(&server);
        expect_file_refused(&answer, &UPLOAD.changes.name);
        assert!(answer.text().contains(&expired.name), "{}", answer.text());
        expect_created(&send(&server, expired));
        expect_created(&commit(&server));
    });
    rows.end();
}

#[test]
fn everybody_has_files_of_his_own() {
    // "password" by argon2-cffi
    let hash = "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0";
    let user = |name: &str| Credentials { user: name.to_owned(), password: "password".to_owned() };
    let users = json!({ "one": hash, "two": hash, "live": {"hash": hash, "allow": ["live/*"]} });
    let server = Server::start_with(Options {
        environment: vec![("RWS_CREDENTIALS".to_owned(), users.to_string())],
        credentials: Some(user("one")),
        ..Options::default()
    });
    let place = |target: &str, product: &str| format!("{target}/{product}");
    let mut rows = Rows::default();
    send_others(&server);
    for (name, who, at) in [
        ("another user", "two", place(DEB_TARGET, PRODUCT)),
        ("another product", "one", place(DEB_TARGET, "other")),
        ("another target", "one", place("/live/2.8/ubuntu/focal", PRODUCT)),
    ] {
        rows.row(name, || {
            let answer = send_as(&server, Some(&user(who)), &at, &UPLOAD.changes);
            expect_file_refused(&answer, &UPLOAD.changes.name);
            UPLOAD.others.iter().for_each(|file| assert!(answer.text().contains(&file.name), "{}", answer.text()));
        });
    }
    rows.row("a user who may not write there", || {
        let before = traces(&server);
        for file in [UPLOAD.deb(), &UPLOAD.changes] {
            expect_status(&send_as(&server, Some(&user("live")), &place(DEB_TARGET, PRODUCT), file), 403);
        }
        expect_no_traces(&server, &before);
    });
    rows.row("nobody, and a wrong password", || {
        let before = traces(&server);
        let wrong = Credentials { password: "wrong".to_owned(), ..user("one") };
        for who in [None, Some(&wrong)] {
            for file in [UPLOAD.deb(), &UPLOAD.changes] {
                expect_status(&send_as(&server, who, &place(DEB_TARGET, PRODUCT), file), 401);
            }
        }
        expect_no_traces(&server, &before);
    });
    rows.row("a large file without a password is read to its end before the answer", || {
        let large = File::new("large.orig.tar.xz", vec![0; 48 << 20]);
        expect_status(&send_as(&server, None, &place(DEB_TARGET, PRODUCT), &large), 401);
    });
    rows.row("nothing that waits can be read", || {
        for path in aside(&server) {
            let path = path.strip_prefix(server.data_dir()).unwrap().display().to_string();
            expect_status(&get(&server, &format!("/{path}")), 404);
        }
        for path in ["/.rws/aside/", "/.rws/", "/"] {
            assert!(!get(&server, path).text().contains("aside"));
        }
    });
    rows.row("its own .changes", || expect_created(&commit(&server)));
    rows.end();
}

#[test]
fn bad_addresses() {
    let server = Server::start();
    let before = traces(&server);
    let (deb, user) = (UPLOAD.deb(), Some(server.credentials()));
    let mut rows = Rows::default();
    for place in [
        String::new(),
        format!("/{PRODUCT}"),
        DEB_TARGET.to_owned(),
        format!("/release/2.8/ubuntu/hardy/{PRODUCT}"),
        format!("/release/9.9/ubuntu/focal/{PRODUCT}"),
        format!("{RPM_TARGET}/{PRODUCT}"),
        format!("{DEB_TARGET}/"),
        format!("{DEB_TARGET}/.."),
        format!("{DEB_TARGET}/.hidden"),
        format!("{DEB_TARGET}/..%2f..%2fproduct"),
        format!("{DEB_TARGET}/a%00b"),
    ] {
        rows.row(&format!("PUT {place}"), || {
            expect_status(&send_as(&server, user, &place, deb), 400);
            expect_status(&send_as(&server, user, &place, &UPLOAD.changes), 400);
        });
    }
    for name in ["", "..", "%2e%2e", ".deb", "readme.txt", "rws-one.rpm", "a.commands", "a.dud", "a b.deb", "a%0ab.deb"]
    {
        rows.row(&format!("a file called {name:?}"), || expect_status(&send(&server, &deb.named(name)), 400));
    }
    rows.row("other methods", || {
        let path = format!("/-/incoming{DEB_TARGET}/{PRODUCT}/{}", deb.name);
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let answer = call(&server, method, &path);
            expect_status(&answer, 405);
            assert_eq!(answer.header("allow"), Some("OPTIONS, PUT"));
        }
        expect_status(&call(&server, "OPTIONS", &path), 200);
    });
    expect_no_traces(&server, &before);
    rows.end();
}
