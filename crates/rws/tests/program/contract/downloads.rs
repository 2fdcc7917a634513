//! GET and HEAD of files: consistent, in parts, and only when they changed.

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::{Connection, Request};
use crate::support::server::Server;

#[track_caller]
fn published() -> Server {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    expect_created(&put(
        &server,
        &format!("{DEB_TARGET}?wait=30"),
        deb_form(FIXTURES.source().into_iter().chain([&FIXTURES.deb])),
    ));
    server
}

fn rpm() -> String {
    format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name)
}

const ROOT: &str = "/release/2.8/ubuntu/dists/focal/InRelease";

#[test]
fn headers_of_files() {
    let server = published();
    let mut rows = Rows::default();
    let pool = "/release/2.8/ubuntu/pool/focal/main/p/product";
    let package = |name: &str| format!("{pool}/{name}");
    for (path, content_types) in [
        (rpm(), &["application/x-rpm", "application/x-redhat-package-manager"][..]),
        (package(&FIXTURES.deb.name), &["application/vnd.debian.binary-package"]),
        (package(&FIXTURES.dsc.name), &["text/plain; charset=utf-8"]),
        (package(&FIXTURES.orig.name), &["application/gzip"]),
        (package(&FIXTURES.debian.name), &["application/x-xz"]),
        (ROOT.to_owned(), &["text/plain; charset=utf-8"]),
        ("/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz".to_owned(), &["application/gzip"]),
        ("/live/1.10/el/7/x86_64/repodata/repomd.xml".to_owned(), &["application/xml", "text/xml"]),
    ] {
        rows.row(&path, || {
            let answer = get(&server, &path);
            expect_status(&answer, 200);
            let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("no {name}"));
            assert!(content_types.contains(&header("content-type")), "{}", header("content-type"));
            assert_eq!(header("content-length"), answer.body.len().to_string());
            assert_eq!(header("accept-ranges"), "bytes");
            let tag = header("etag");
            assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
            assert!(header("last-modified").ends_with(" GMT"));
            let caching =
                if path.contains("/pool/") || path.contains("/Packages/") { "public, max-age=300" } else { "no-cache" };
            assert_eq!(header("cache-control"), caching);
            assert_eq!(answer.header("content-encoding"), None);
            assert!(header("date").ends_with(" GMT"));
            let head = Request::new("HEAD", &path).send(&server);
            expect_status(&head, 200);
            for name in ["content-type", "content-length", "accept-ranges", "etag", "last-modified"] {
                assert_eq!(head.header(name), answer.header(name), "{name}");
            }
        });
    }
    rows.row("HEAD has no body: the next answer on the connection is in place", || {
        let mut connection = Connection::open(&server);
        for method in ["HEAD", "GET", "HEAD", "GET"] {
            let request = Request::new(method, &rpm());
            connection.write(&request.head(&server));
            let answer = connection.answer(&request);
            expect_status(&answer, 200);
            assert_eq!(answer.body.len(), if method == "GET" { FIXTURES.rpm.bytes.len() } else { 0 });
        }
    });
    rows.row("Accept-Encoding changes nothing", || {
        let answer = Request::get(&rpm()).header("Accept-Encoding", "gzip, br, zstd").send(&server);
        assert!(answer.body == FIXTURES.rpm.bytes);
        assert_eq!(answer.header("content-encoding"), None);
    });
    rows.end();
}

#[test]
fn ranges_and_conditions() {
    let server = published();
    let bytes = &FIXTURES.rpm.bytes;
    let size = bytes.len();
    let whole = get(&server, &rpm());
    let tag = whole.header("etag").unwrap().to_owned();
    let modified = whole.header("last-modified").unwrap().to_owned();
    let ask = |headers: &[(&str, &str)]| -> Answer {
        headers.iter().fold(Request::get(&rpm()), |request, (name, value)| request.header(name, value)).send(&server)
    };
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    let far = "Fri, 31 Dec 9999 23:59:59 GMT";
    let mut rows = Rows::default();
    for (range, part) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=0-99".to_owned(), 0..100),
        ("bytes=100-199".to_owned(), 100..200),
        (format!("bytes={}-", size - 10), size - 10..size),
        ("bytes=-10".to_owned(), size - 10..size),
        (format!("bytes=-{}", size * 2), 0..size),
        (format!("bytes=5-{}", size * 2), 5..size),
        ("bytes=0-".to_owned(), 0..size),
    ] {
        rows.row(&format!("Range: {range}"), || {
            let answer = ask(&[("Range", &range)]);
            expect_status(&answer, 206);
            assert!(answer.body == bytes[part.clone()], "other bytes");
            let stated = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            assert_eq!(answer.header("content-range"), Some(stated.as_str()));
            assert_eq!(answer.header("content-length"), Some(part.len().to_string().as_str()));
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            let head = Request::new("HEAD", &rpm()).header("Range", &range).send(&server);
            // RFC 9110, section 14.2: Range is defined for GET only
            assert!(matches!(head.status, 200 | 206), "HEAD: {}", head.status);
        });
    }
    for range in [format!("bytes={size}-"), format!("bytes={}-{}", size * 2, size * 3), "bytes=-0".to_owned()] {
        rows.row(&format!("Range: {range} is unsatisfiable"), || {
            let answer = ask(&[("Range", &range)]);
            expect_status(&answer, 416);
            assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()));
        });
    }
    for range in
        ["bytes=0-1,3-4", "bytes=0-1, -5", "bytes=5-4", "lines=0-1", "bytes=a-b", "bytes", "bytes=", "0-10", "bytes=-"]
    {
        rows.row(&format!("Range: {range} is ignored"), || {
            let answer = ask(&[("Range", range)]);
            expect_status(&answer, 200);
            assert!(answer.body == *bytes);
        });
    }
    for (condition, status) in [(&*tag, 206), (&modified, 206), ("\"other\"", 200), (old, 200), ("W/\"x\"", 200)] {
        rows.row(&format!("If-Range: {condition}"), || {
            expect_status(&ask(&[("Range", "bytes=0-9"), ("If-Range", condition)]), status);
        });
    }
    let weak = format!("W/{tag}");
    let list = format!("\"a\", {tag}, \"b\"");
    for (name, value, status) in [
        ("If-None-Match", &*tag, 304),
        ("If-None-Match", &weak, 304),
        ("If-None-Match", &list, 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"other\"", 200),
        ("If-Modified-Since", &modified, 304),
        ("If-Modified-Since", far, 304),
        ("If-Modified-Since", old, 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Match", &*tag, 200),
        ("If-Match", "\"other\"", 412),
        ("If-Unmodified-Since", &modified, 200),
        ("If-Unmodified-Since", old, 412),
    ] {
        rows.row(&format!("{name}: {value}"), || {
            let answer = ask(&[(name, value)]);
            expect_status(&answer, status);
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(answer.body.len(), if status == 200 { size } else { 0 });
        });
    }
    rows.row("If-None-Match wins over If-Modified-Since", || {
        expect_status(&ask(&[("If-None-Match", "\"other\""), ("If-Modified-Since", far)]), 200);
        expect_status(&ask(&[("If-None-Match", &tag), ("If-Modified-Since", old)]), 304);
    });
    rows.row("304 before the range", || {
        expect_status(&ask(&[("If-None-Match", &tag), ("Range", "bytes=0-9")]), 304);
    });
    rows.row("ranges and conditions of a root", || {
        let whole = get(&server, ROOT);
        let answer = Request::get(ROOT).header("Range", "bytes=10-19").send(&server);
        expect_status(&answer, 206);
        assert!(answer.body == whole.body[10..20]);
        let tag = whole.header("etag").unwrap();
        expect_status(&Request::get(ROOT).header("If-None-Match", tag).send(&server), 304);
    });
    rows.row("a root has another tag and a later time once it changed", || {
        let before = get(&server, ROOT);
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.arm_deb])));
        let after = get(&server, ROOT);
        assert_ne!(before.header("etag"), after.header("etag"));
        let since = before.header("last-modified").unwrap();
        expect_status(&Request::get(ROOT).header("If-Modified-Since", since).send(&server), 200);
    });
    rows.row("a package has another tag once it was replaced", || {
        let path = format!("{RPM_TARGET}?wait=30");
        expect_created(&put(&server, &path, Form::of([&FIXTURES.other_rpm])));
        let answer = get(&server, &rpm());
        assert!(answer.header("etag") != Some(tag.as_str()) || answer.body == *bytes, "other bytes, the same tag");
    });
    rows.end();
}

#[test]
fn static_files() {
    let server = Server::start();
    let path = "/static/icons/file.png";
    let whole = get(&server, path);
    let mut rows = Rows::default();
    rows.row("a missing one is a real 404", || expect_status(&get(&server, "/static/icons/none.png"), 404));
    rows.row("Cache-Control", || assert_eq!(whole.header("cache-control"), Some("public, max-age=3600")));
    rows.row("no ETag", || assert_eq!(whole.header("etag"), None));
    rows.row("Expires an hour later, Content-Disposition", || {
        assert!(whole.header("expires").unwrap().ends_with(" GMT"));
        assert_ne!(whole.header("expires"), whole.header("date"));
        assert_eq!(whole.header("content-disposition"), Some("inline; filename=file.png"));
    });
    rows.row("If-Modified-Since", || {
        let modified = whole.header("last-modified").unwrap();
        expect_status(&Request::get(path).header("If-Modified-Since", modified).send(&server), 304);
    });
    rows.row("Range", || {
        let answer = Request::get(path).header("Range", "bytes=2-5").send(&server);
        expect_status(&answer, 206);
        assert!(answer.body == whole.body[2..6]);
    });
    rows.row("HEAD", || {
        let head = Request::new("HEAD", path).send(&server);
        expect_status(&head, 200);
        assert_eq!(head.header("content-length"), whole.header("content-length"));
    });
    rows.row("POST falls to the repository route", || {
        expect_status(&Request::new("POST", path).send(&server), 401);
    });
    rows.end();
}
