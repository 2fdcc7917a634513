//! GET of directories and of what is not there; nothing outside the tree, nothing private.

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{read_file, write_file};

/// One row of a listing, as crawlers take it apart.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    is_directory: bool,
    link: String,
    modified: String,
    size: String,
}

/// What the patterns `<tr>(.-)</tr>`, `<td>(.-)</td>`, `/directory.png`, `/file.png`, `/back.png` and `<a href="(.-)"`
/// find: the links to the parent, and the rows.
#[track_caller]
fn crawl(html: &str) -> (Vec<String>, Vec<Row>) {
    let (mut parents, mut rows) = (Vec::new(), Vec::new());
    for row in between(html, "<tr>", "</tr>") {
        let cells = between(row, "<td>", "</td>");
        if cells.is_empty() {
            assert!(row.contains("<th>"), "a row without cells: {row}");
            continue;
        }
        let [icon, name, modified, size] = cells[..] else { panic!("{} cells in {row}", cells.len()) };
        let link = between(name, "<a href=\"", "\"").first().map(|link| (*link).to_owned()).unwrap();
        match (icon.contains("/directory.png"), icon.contains("/file.png"), icon.contains("/back.png")) {
            (false, false, true) => parents.push(link),
            (is_directory, is_file, false) if is_directory != is_file => {
                rows.push(Row { is_directory, link, modified: modified.to_owned(), size: size.to_owned() });
            }
            _ => panic!("what is {icon}"),
        }
    }
    (parents, rows)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end)).map(|(found, _)| found).collect()
}

#[track_caller]
fn expect_page(answer: &Answer, status: u16) {
    expect_status(answer, status);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().contains("<html"), "{}", answer.text());
}

#[track_caller]
fn published() -> Server {
    let server = Server::start();
    let rpms = [&FIXTURES.rpm, &FIXTURES.noarch_rpm];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(rpms)));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    server
}

#[test]
fn missing_paths() {
    let server = published();
    let mut rows = Rows::default();
    for path in [
        "/nothing",
        "/live/nothing",
        "/live/1.1",
        "/release/2.8/ubu",
        "/live/1.10/el/7/x86_64/Packages/rws-one",
        "/live/1.10/el/7/x86_64/Packages/rws-one-1.0-1.x86_64.rpm.asc",
        "/live/1.10/el/7/x86_64/repodata/repomd",
        "/LIVE",
        "/live/1.10/el/8",
        "/tarantool-modules",
        "/live%2",
        "/live/%zz",
        "/%ff",
        "/live%00",
        "/@20200101T000000Z-00000000/live/1.10/el/7/x86_64/repodata/repomd.xml",
        "/@x/live",
        "/static/nothing.css",
        "/static",
    ] {
        rows.row(path, || {
            let answer = get(&server, path);
            expect_page(&answer, 404);
            let head = Request::new("HEAD", path).send(&server);
            expect_status(&head, 404);
            assert_eq!(head.header("content-length"), answer.header("content-length"));
        });
    }
    rows.row("an empty store has an empty top", || {
        let server = Server::start();
        let answer = get(&server, "/");
        expect_page(&answer, 200);
        assert_eq!(crawl(&answer.text()).1, []);
    });
    rows.end();
}

#[test]
fn no_path_leaves_the_tree() {
    let server = published();
    write_file(&server.data_dir().parent().unwrap().join("outside.txt"), "outside");
    let mut rows = Rows::default();
    for path in [
        "/..",
        "/../",
        "/../outside.txt",
        "/live/..",
        "/live/../live",
        "/live/../../outside.txt",
        "/live/1.10/../../../outside.txt",
        "/%2e%2e/outside.txt",
        "/%2E%2E/outside.txt",
        "/.%2e/outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e%2foutside.txt",
        "/%252e%252e/outside.txt",
        "/%252e%252e%252foutside.txt",
        "/%c0%ae%c0%ae/outside.txt",
        "/..%00/outside.txt",
        "/..;/outside.txt",
        "/..\\outside.txt",
        "/..%5coutside.txt",
        "//../outside.txt",
        "/./../outside.txt",
        "/static/../../outside.txt",
        "/static/%2e%2e/%2e%2e/outside.txt",
        "/-/../../outside.txt",
        "/@x/../../outside.txt",
        "/index/../../outside.txt",
        "/../../../../../../../../etc/passwd",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/..?type=directory",
        "/../outside.txt?type=file",
    ] {
        rows.row(path, || {
            let answer = get(&server, path);
            expect_status(&answer, 404);
            assert!(!answer.text().contains("outside") && !answer.text().contains("root:"), "{}", answer.text());
        });
    }
    rows.end();
}

#[test]
fn the_private_prefix_is_never_readable() {
    let server = published();
    let secrets = server.data_dir().join(".rws/secrets");
    let [key, hash] = ["signing-key.asc", "password-hash"].map(|name| read_file(&secrets.join(name)));
    let is_secret = |body: &[u8]| body == key || body == hash;
    let mut rows = Rows::default();
    let prefixes = [
        ".rws",
        "%2erws",
        "%2Erws",
        ".%72ws",
        "%2e%72%77%73",
        ".rw%73",
        "%252erws",
        "/.rws",
        "./.rws",
        "%2f.rws",
        "%2e/.rws",
        "live/../.rws",
        "live/%2e%2e/.rws",
        "live/..%2f.rws",
        "index/../.rws",
        "static/../.rws",
        "-/../.rws",
        "@x/.rws",
        "@20200101T000000Z-00000000/.rws",
        ".RWS",
        ".rws%00",
        ".rws/.",
        ".rws//",
        ".rws/secrets/..",
        "%c0%aerws",
        ".rws;",
        ".rws\\",
    ];
    for prefix in prefixes {
        for end in
            ["", "/", "/secrets", "/secrets/", "/secrets/signing-key.asc", "%2fsecrets%2fpassword-hash", "/heads"]
        {
            for query in ["", "?type=file", "?type=directory"] {
                let path = format!("/{prefix}{end}{query}");
                rows.row(&path, || {
                    let answer = get(&server, &path);
                    expect_status(&answer, 404);
                    assert!(!is_secret(&answer.body));
                    expect_status(&Request::new("HEAD", &path).send(&server), 404);
                });
            }
        }
    }
    rows.row("not in the listing of the top", || {
        for path in ["/", "/index", "/?type=directory", "//", "/."] {
            let answer = get(&server, path);
            expect_page(&answer, 200);
            assert!(!answer.text().contains(".rws") && !answer.text().contains("%2erws"), "{}", answer.text());
        }
    });
    rows.row("not in the addresses of the program", || {
        for path in ["/-/keys/main.asc", "/-/keys/modules.asc"] {
            assert!(!is_secret(&get(&server, path).body));
            assert!(!get(&server, path).text().contains("PRIVATE"));
        }
    });
    rows.end();
}

#[test]
fn listings() {
    let server = published();
    let mut rows = Rows::default();
    let links = |path: &str| {
        let answer = get(&server, path);
        expect_page(&answer, 200);
        let (parents, rows) = crawl(&answer.text());
        (parents, rows.into_iter().map(|row| (row.is_directory, row.link)).collect::<Vec<_>>())
    };
    let directory = |link: &str| (true, link.to_owned());
    rows.row("the top", || {
        assert_eq!(links("/"), (vec!["/".to_owned()], vec![directory("/live"), directory("/release")]));
    });
    rows.row("a directory, without a slash at the end of links", || {
        let found = links("/live/1.10");
        assert_eq!(found, (vec!["/live".to_owned()], vec![directory("/live/1.10/el")]));
    });
    rows.row("the parent of the first level is the top", || assert_eq!(links("/live").0, ["/"]));
    for same in
        ["/live/1.10/", "//live/1.10", "/live//1.10", "/live/./1.10", "/live/1.10/.", "/live/1%2e10", "/live%2f1.10"]
    {
        rows.row(&format!("{same} is /live/1.10, without a redirect"), || {
            assert_eq!(get(&server, same).text(), get(&server, "/live/1.10").text());
            expect_status(&get(&server, same), 200);
        });
    }
    for same in ["/index", "/index/", "//", "/?type=", "/?type=directory"] {
        rows.row(&format!("{same} is the top"), || assert_eq!(get(&server, same).text(), get(&server, "/").text()));
    }
    rows.row("directories first, then files, each in byte order", || {
        for name in ["Z.txt", "a.txt", "B.txt"] {
            write_file(&server.data_dir().join("live/1.10/el").join(name), "x");
        }
        write_file(&server.data_dir().join("live/1.10/el/zz/x"), "x");
        let found: Vec<String> = links("/live/1.10/el").1.into_iter().map(|(_, link)| link).collect();
        let names: Vec<&str> = found.iter().map(|link| link.trim_start_matches("/live/1.10/el/")).collect();
        assert_eq!(names, ["7", "zz", "B.txt", "Z.txt", "a.txt"]);
    });
    rows.row("time and size of files", || {
        let data = server.data_dir().join("live/1.10/sizes");
        write_file(&data.join("a"), vec![0; 820]);
        write_file(&data.join("b"), vec![0; 6861]);
        write_file(&data.join("c"), "");
        let found = crawl(&get(&server, "/live/1.10/sizes").text()).1;
        let sizes: Vec<&str> = found.iter().map(|row| row.size.as_str()).collect();
        assert_eq!(sizes, ["820.0 B", "6.7 KiB", "0.0 B"]);
        for row in found {
            let shape: String = row.modified.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(shape, "0000-00-00 00:00:00");
        }
    });
    rows.row("links to files with awkward names work, and HTML is escaped", || {
        let data = server.data_dir().join("live/1.10/awkward");
        let names =
            ["a b", "a+b~c^d:1", "<script>&\"'", "#a?b=c", "100%", "%41", "ä€", "[x]{y}|z", "a\\b", "'", "</td></tr>"];
        // a slash cannot stand in a name
        let names = names.map(|name| name.replace('/', "-"));
        for name in &names {
            write_file(&data.join(name), name);
        }
        let html = get(&server, "/live/1.10/awkward").text();
        assert!(!html.contains("<script>"), "{html}");
        let found = crawl(&html).1;
        let mut contents: Vec<String> = found.iter().map(|row| get(&server, &row.link).text()).collect();
        contents.sort();
        let mut names = names.to_vec();
        names.sort();
        assert_eq!(contents, names);
    });
    rows.row("the icons and the style are there", || {
        for name in ["icons/back.png", "icons/directory.png", "icons/file.png", "icons/blank.png"] {
            let answer = get(&server, &format!("/static/{name}"));
            expect_status(&answer, 200);
            assert_eq!(answer.header("content-type"), Some("image/png"));
        }
        expect_status(&get(&server, "/static/common/css/fileindex.css"), 200);
    });
    rows.end();
}

#[test]
fn the_type_of_what_is_asked_for() {
    let server = published();
    let file = format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name);
    let mut rows = Rows::default();
    for (path, status) in [
        (format!("{file}?type=file"), 200),
        (format!("{file}?type="), 200),
        (format!("{file}?other=x"), 200),
        (format!("{file}/"), 200),
        (format!("{file}?type=directory"), 404),
        (format!("{file}?type=other"), 404),
        ("/live?type=directory".to_owned(), 200),
        ("/live?type=".to_owned(), 200),
        ("/live?type=file".to_owned(), 404),
        ("/live?type=FILE".to_owned(), 404),
        ("/?type=file".to_owned(), 404),
        ("/?type=x".to_owned(), 404),
    ] {
        rows.row(&path, || expect_status(&get(&server, &path), status));
    }
    rows.end();
}
