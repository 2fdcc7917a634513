//! Who gets a page, and who gets what was always there.

use serde_json::json;

use super::stage::{BROWSER, DEB_TARGET, RPM_TARGET, configure, expect_page, published, users, visit};
use crate::contract::rows::Rows;
use crate::contract::stage::{expect_status, user};
use crate::support::bucket::SIGNING_KEY;
use crate::support::raw::Request;
use crate::support::server::{Options, Server};
use crate::support::{configuration_file, temporary_directory};

/// Status, headers that say what it is, and body.
fn essence(server: &Server, path: &str, accept: Option<&str>) -> (u16, Vec<Option<String>>, String) {
    let request = Request::get(path).header("Connection", "close");
    let request = accept.iter().fold(request, |request, accept| request.header("Accept", accept));
    let answer = request.send(server);
    let names = ["content-type", "cache-control", "vary", "content-security-policy", "location"];
    let headers = names.map(|name| answer.header(name).map(str::to_owned)).to_vec();
    (answer.status, headers, answer.text())
}

#[test]
fn a_page_is_for_who_asks_for_html_and_the_listing_for_everybody_else() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let mut without = Server::start_with(Options {
        data_dir: Some(server.data_dir()),
        environment: vec![
            ("RWS_CFG".to_owned(), {
                let other = directory.path().join("without");
                std::fs::create_dir(&other).unwrap();
                configuration_file(&other, |file| {
                    configure(file);
                    file["pages"]["enabled"] = json!(false);
                })
            }),
            ("RWS_CREDENTIALS".to_owned(), users().to_string()),
            ("GPG_SIGN_KEY_ARMORED".to_owned(), SIGNING_KEY.clone()),
        ],
        credentials: Some(user("root")),
        ..Options::default()
    });
    let mut rows = Rows::default();
    let packages = format!("/{RPM_TARGET}/x86_64/Packages");
    let target = format!("/{RPM_TARGET}");
    for path in ["/", "/index", "/live", "/live/", "/live/1.10/", &target, &packages, "/release/2.8/ubuntu/dists"] {
        let listing = essence(&without, path, None);
        rows.row(&format!("{path}: everybody else"), || {
            assert!(listing.2.contains("<table"), "{}", listing.2);
            for accept in [None, Some("*/*"), Some("text/*"), Some("application/xhtml+xml"), Some("text/html;q=0, */*")]
            {
                assert_eq!(essence(&server, path, accept), listing, "{accept:?}");
            }
            let asked = format!("{path}?listing");
            assert_eq!(essence(&server, &asked, Some(BROWSER)), essence(&without, &asked, None));
        });
        rows.row(&format!("{path}: a page"), || {
            for accept in [BROWSER, "text/html", "application/json;q=0.5, Text/HTML"] {
                let answer = Request::get(path).header("Accept", accept).send(&server);
                expect_status(&answer, 200);
                expect_page(&answer);
                assert!(answer.header("vary").is_some_and(|vary| vary.contains("Accept")), "{}", answer.transcript);
            }
        });
        rows.row(&format!("{path}: no page where there are none"), || {
            assert_eq!(essence(&without, path, Some(BROWSER)), listing);
        });
    }
    rows.row("JSON and lists stay what they are", || {
        for query in ["format=json", "recursive=1", "type=directory"] {
            let path = format!("{target}?{query}");
            assert_eq!(essence(&server, &path, Some(BROWSER)), essence(&without, &path, Some(BROWSER)), "{query}");
        }
        let json = essence(&server, &target, Some("application/json"));
        assert_eq!(json, essence(&without, &target, Some("application/json")));
    });
    rows.row("files are files", || {
        let path = format!("{target}/x86_64/repodata/repomd.xml");
        assert_eq!(essence(&server, &path, Some(BROWSER)), essence(&without, &path, None));
    });
    rows.row("errors", || {
        for path in ["/nothing", "/-/nothing", "/-/search?limit=0", "/-/browse/nothing", "/-/browse/live/9.9/el/8"] {
            let (status, _, _) = essence(&server, path, None);
            let answer = visit(&server, path, None);
            expect_status(&answer, status);
            expect_page(&answer);
            assert!(answer.text().contains("What you can do"), "{}", answer.text());
            for accept in [None, Some("*/*"), Some("application/json")] {
                assert_eq!(essence(&server, path, accept), essence(&without, path, accept), "{path} {accept:?}");
            }
        }
    });
    rows.row("the address that is none for programs", || {
        for path in ["/-/", "/-/browse"] {
            let answer = visit(&server, path, None);
            expect_status(&answer, 303);
            assert_eq!(answer.header("location"), Some("/-/browse/"));
        }
        expect_status(&Request::get("/-/").send(&server), 404);
    });
    rows.row("no address of a page is there where there are none", || {
        let target = format!("/-/browse/{DEB_TARGET}");
        for path in ["/-/", "/-/browse", "/-/browse/", "/-/browse/keys", "/-/browse/assets/style.css", &target] {
            expect_status(&visit(&without, path, None), 404);
        }
    });
    rows.row("search leads to the versions where there are no pages", || {
        let found = Request::get("/-/search?q=example-tool").send(&without).json();
        let address = found["packages"][0]["url"].as_str().unwrap().to_owned();
        assert_eq!(address, format!("/-/packages/{DEB_TARGET}/example-tool"));
        expect_status(&Request::get(&address).send(&without), 200);
    });
    rows.row("HEAD says what GET does", || {
        let head = Request::new("HEAD", "/").header("Accept", BROWSER).send(&server);
        let get = visit(&server, "/", None);
        expect_status(&head, 200);
        for name in ["content-length", "content-type", "etag", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        assert!(head.body.is_empty());
    });
    rows.row("a page that did not change is not sent again", || {
        let target = format!("/-/browse/{DEB_TARGET}");
        for path in ["/", "/-/browse/keys", &target] {
            let tag = visit(&server, path, None).header("etag").unwrap().to_owned();
            let again = Request::get(path).header("Accept", BROWSER).header("If-None-Match", &tag).send(&server);
            expect_status(&again, 304);
            assert!(again.body.is_empty());
        }
    });
    rows.end();
    without.terminate();
}
