//! What the pages say, to whom.

use serde_json::json;

use super::stage::{
    DEB_TARGET, PRIVATE_TARGET, RELEASED_TARGET, RPM_TARGET, expect_page, page, published, published_with, text_of,
    unescaped, users, values, visit, walk,
};
use crate::contract::rows::Rows;
use crate::contract::stage::{expect_status, get, user, with_users};
use crate::support::raw::Request;
use crate::support::{temporary_directory, wait, write_file};

#[test]
fn every_link_leads_somewhere_and_nobody_sees_what_is_private() {
    let directory = temporary_directory();
    let server = published(directory.path());
    // what the one who may read it has seen is kept by nobody for others
    let (of_ann, _) = walk(&server, Some(&user("ann")));
    let private = format!("/-/browse/{PRIVATE_TARGET}");
    for path in [private.clone(), format!("{private}/secret-plan"), format!("/{PRIVATE_TARGET}")] {
        assert!(of_ann.contains_key(&path), "{path} is not among {:?}", of_ann.keys());
    }
    let (pages, others) = walk(&server, None);
    for (address, answer) in &pages {
        expect_page(answer);
        let text = answer.text();
        for secret in ["secret-plan", PRIVATE_TARGET, "el/9", "el 9"] {
            // the API has such a target as an example
            let is_there = text.contains(secret) && address != "/-/browse/api";
            assert!(!is_there, "{secret} is on {address}: {text}");
        }
    }
    let expected = [
        "/".to_owned(),
        "/-/browse/".to_owned(),
        "/-/browse/search".to_owned(),
        "/-/browse/keys".to_owned(),
        "/-/browse/status".to_owned(),
        "/-/browse/api".to_owned(),
        format!("/-/browse/{DEB_TARGET}"),
        format!("/-/browse/{RPM_TARGET}"),
        format!("/-/browse/{RELEASED_TARGET}"),
        format!("/-/browse/{DEB_TARGET}/example-tool"),
        format!("/-/browse/{DEB_TARGET}/rws-src"),
        format!("/-/browse/{RPM_TARGET}/example-demo"),
        format!("/-/browse/history/{DEB_TARGET}"),
        "/release/2.8/ubuntu/pool".to_owned(),
    ];
    for path in expected {
        assert!(pages.contains_key(&path), "{path} is not among {:?}", pages.keys());
    }
    for path in [format!("/-/browse/feed/{DEB_TARGET}"), format!("/-/packages/{DEB_TARGET}/example-tool")] {
        expect_status(&get(&server, &path), 200);
    }
    assert!(others.iter().any(|path| path.contains("/feed/")) && others.iter().any(|path| path.ends_with(".deb")));
    for path in [private.clone(), format!("{private}/secret-plan"), format!("/-/browse/feed/{PRIVATE_TARGET}")] {
        let answer = visit(&server, &path, None);
        expect_status(&answer, 401);
        assert!(answer.header("www-authenticate").is_some());
        expect_page(&answer);
        let root = visit(&server, &path, Some(&user("root")));
        expect_status(&root, 200);
    }
}

#[test]
fn the_pages_say_what_a_visitor_came_for() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let said = |path: &str| text_of(&page(&server, path));
    let expect = |path: &str, wanted: &[&str]| {
        let text = said(path);
        for words in wanted {
            assert!(text.contains(words), "{words:?} is not on {path}: {text}");
        }
    };
    let mut rows = Rows::default();
    rows.row("the root", || {
        expect(
            "/",
            &["Packages of Example", "Builds of every day", "live", "1.10 el 8", "release", "2.8 ubuntu focal"],
        );
        expect("/", &["Signing keys"]);
        // nothing is published there
        assert!(!said("/").contains("bionic"));
    });
    rows.row("a deb target", || {
        let path = format!("/-/browse/{DEB_TARGET}");
        let base = server.base_url();
        let sources = format!("{base}/-/setup/{DEB_TARGET}.sources");
        expect(&path, &["Packages 5", "amd64 (3)", "arm64 (1)", "source (1)", "apt-get update", &sources]);
        expect(&path, &["apt-get install -y", "example-tool 1.10-1", "Says what time it is", "rws-src"]);
        expect(&path, &["signed-by=/usr/share/keyrings/rws-release-2.8-ubuntu-focal.asc] http"]);
    });
    rows.row("an rpm target", || {
        let path = format!("/-/browse/{RPM_TARGET}");
        expect(&path, &["dnf install -y", "yum install -y", "zypper --non-interactive", "noarch (2)", "x86_64 (1)"]);
    });
    rows.row("a deb", || {
        let path = format!("/-/browse/{DEB_TARGET}/example-tool");
        let wanted = [
            "example-tool 1.10-1",
            "apt-get install -y example-tool",
            "It asks the clock. clock --ask",
            "1.0-1 arm64",
            "rws-one >= 1.0",
            "libc6 or musl",
            "https://example.org/tool",
            "Section utils",
            "/usr/share/doc/example-tool/README",
            "SHA-256",
            "Here since",
        ];
        expect(&path, &wanted);
        let html = page(&server, &path);
        let links = values(&html, "href");
        // what it needs is here, or is not
        assert!(links.contains(&format!("/-/browse/{DEB_TARGET}/rws-one")), "{links:?}");
        assert!(!links.iter().any(|link| link.ends_with("/libc6")), "{links:?}");
        let older = format!("{path}?version=1.0-1&architecture=arm64");
        expect(&older, &["About 1.0-1 for arm64", "example-tool_1.0-1_arm64.deb", "install -y example-tool=1.0-1"]);
        expect_status(&visit(&server, &format!("{path}?version=9"), None), 404);
    });
    rows.row("an rpm", || {
        let path = format!("/-/browse/{RELEASED_TARGET}/example-demo");
        let changelog = ["Nobody <nobody@example.invalid> - 2.0-1", "- Fixture.", "Recommends", "rws-all >= 1.0"];
        expect(&path, &changelog);
        let wanted = ["A fixture with <awkward> & \"quoted\" text.", "Licence MIT", "/usr/bin/example-demo"];
        expect(&path, &wanted);
        expect(
            &path,
            &[
                &format!("Promoted from {RPM_TARGET}"),
                &format!("Repository Versions Architectures {RPM_TARGET} 2.0-1 noarch"),
            ],
        );
    });
    rows.row("a source", || {
        let path = format!("/-/browse/{DEB_TARGET}/rws-src");
        expect(&path, &["rws-src_1.0-1.dsc", "rws-src_1.0.orig.tar.gz", "Build-Depends"]);
        assert!(!said(&path).contains("apt-get install"), "a source is not installed");
    });
    rows.row("the history", || {
        let path = format!("/-/browse/history/{DEB_TARGET}");
        expect(&path, &["current", "1 added", "the first state", "upload"]);
        let text = said(&path);
        assert!(!text.contains("by root") && !text.contains("127.0.0.1"), "{text}");
        let of_root = visit(&server, &path, Some(&user("root"))).text();
        assert!(text_of(&of_root).contains("upload by root"), "{of_root}");
    });
    rows.row("the feed", || {
        let answer = get(&server, &format!("/-/browse/feed/{DEB_TARGET}"));
        expect_status(&answer, 200);
        assert_eq!(answer.header("content-type"), Some("application/atom+xml; charset=utf-8"));
        let text = answer.text();
        assert!(text.contains("<title>example-tool 1.10-1</title>"), "{text}");
        assert!(text.contains("added example-tool 1.10-1 amd64"), "{text}");
        let page = format!("{}/-/browse/{DEB_TARGET}/example-tool", server.base_url());
        assert!(text.contains(&format!("href=\"{page}\"")), "{text}");
        assert_eq!(text.matches("<entry>").count(), 3, "{text}");
    });
    rows.row("the keys", || {
        let key = get(&server, "/-/status").json()["keys"].clone();
        for (_, key) in key.as_object().unwrap() {
            let fingerprint = key["fingerprint"].as_str().unwrap().as_bytes();
            let groups: Vec<_> = fingerprint.chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
            for path in ["/", "/-/browse/keys", &format!("/-/browse/{DEB_TARGET}")] {
                expect(path, &[&groups.join(" ")]);
            }
        }
    });
    rows.row("the status", || {
        expect("/-/browse/status", &["Nothing needs attention.", env!("CARGO_PKG_VERSION"), "published"]);
    });
    rows.row("the API", || {
        let text = said("/-/browse/api");
        let document = get(&server, "/-/openapi.json").json();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                let heading = format!("{} {path}", method.to_uppercase());
                assert!(text.contains(&heading), "{heading} is not on the page");
            }
        }
    });
    rows.row("the search", || {
        expect("/-/browse/search?q=time", &["Packages for “time”", "example-tool", "1.10-1 and 1 more"]);
        expect("/-/browse/search?q=nothing-like-this", &["No package has these words"]);
        expect("/-/browse/search", &["All packages"]);
    });
    rows.row("a directory", || {
        let packages = format!("/{RPM_TARGET}/x86_64/Packages");
        expect(&packages, &["rws-one-1.0-1.x86_64.rpm", "This is a part of live/1.10/el/8"]);
        let html = page(&server, &packages);
        assert!(values(&html, "href").contains(&format!("{packages}/rws-one-1.0-1.x86_64.rpm")), "{html}");
    });
    rows.end();
}

#[test]
fn who_is_logged_in_and_the_picture_of_the_service() {
    let directory = temporary_directory();
    let logo = directory.path().join("logo.svg");
    let picture = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><script>alert(1)</script></svg>";
    write_file(&logo, picture);
    let server = published_with(directory.path(), |file| {
        super::stage::configure(file);
        file["pages"]["logo"] = json!(logo.display().to_string());
    });
    let html = page(&server, "/");
    assert!(values(&html, "src").contains(&"/-/browse/logo".to_owned()), "{html}");
    assert!(values(&html, "href").contains(&"/-/browse/login".to_owned()), "{html}");
    let answer = get(&server, "/-/browse/logo");
    assert_eq!((answer.text().as_str(), answer.header("content-type")), (picture, Some("image/svg+xml")));
    // what is in it runs nowhere, also where it is opened alone
    assert!(answer.header("content-security-policy").unwrap().contains("sandbox"));
    expect_status(&visit(&server, "/-/browse/login", None), 401);
    let logged_in = visit(&server, "/-/browse/login", Some(&user("ann")));
    expect_status(&logged_in, 303);
    let of_ann = visit(&server, "/-/browse/", Some(&user("ann")));
    assert!(text_of(&of_ann.text()).contains("logged in as ann"), "{}", of_ann.text());
    let caching = of_ann.header("cache-control").unwrap();
    assert!(caching.contains("private"), "{caching}");
    assert!(of_ann.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("vary") && value == "Authorization"));
    let wrong = visit(&server, "/-/browse/", Some(&user("nobody")));
    expect_status(&wrong, 401);
}

#[test]
fn a_target_names_its_release_package_and_the_address_that_is_configured() {
    let directory = temporary_directory();
    let server = published_with(directory.path(), |file| {
        super::stage::configure(file);
        file["server"] = json!({ "public_url": "https://packages.example.org" });
        let entry = json!({ "match": DEB_TARGET, "release_package": { "name": "example" } });
        file["repositories"].as_array_mut().unwrap().push(entry);
    });
    let path = format!("/-/browse/{DEB_TARGET}");
    let named = || Some(page(&server, &path)).filter(|html| html.contains("brings the keys"));
    let html = wait::until("the release package", wait::BOUND, named);
    assert!(values(&html, "href").contains(&format!("{path}/example-archive-keyring")), "{html}");
    page(&server, &format!("{path}/example-archive-keyring"));
    let line = format!("https://packages.example.org/-/setup/{DEB_TARGET}.sources");
    assert!(text_of(&html).contains(&line), "{html}");
    assert!(!page(&server, &format!("/-/browse/{RPM_TARGET}")).contains("brings the keys"));
}

/// A token in the path stays in all addresses that lead on.
#[test]
fn pages_through_a_token_lead_through_it() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let body = json!({ "name": "kiosk", "allow": [{ "match": PRIVATE_TARGET, "verbs": ["read"] }], "path": true, "expires": "2030-01-01T00:00:00Z" });
    let made = Request::new("POST", "/-/tokens").user(&user("root")).body(body.to_string()).send(&server);
    expect_status(&made, 201);
    let prefix = format!("/-/t/{}", made.json()["token"].as_str().unwrap());
    for path in ["/", "/-/browse/", &format!("/-/browse/{PRIVATE_TARGET}"), &format!("/{PRIVATE_TARGET}")] {
        let answer = visit(&server, &format!("{prefix}{path}"), None);
        expect_status(&answer, 200);
        let text = answer.text();
        assert!(text_of(&text).contains("el 9") || text.contains("x86_64"), "{text}");
        for link in values(&text, "href").into_iter().chain(values(&text, "action")).chain(values(&text, "src")) {
            assert!(link.starts_with(&prefix) || link.starts_with('#'), "{link} on {path}");
        }
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    }
    let text = unescaped(&visit(&server, &format!("{prefix}/-/browse/{PRIVATE_TARGET}"), None).text());
    assert!(text.contains(&format!("{prefix}/-/setup/{PRIVATE_TARGET}.repo")), "{text}");
}

#[test]
fn a_service_without_packages_says_so() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), |_| {});
    let (pages, _) = walk(&server, None);
    pages.values().for_each(expect_page);
    assert!(text_of(&page(&server, "/")).contains("Nothing is published here yet"));
    // it can be, and an upload makes it appear
    let path = "/-/browse/live/1.10/el/8";
    assert!(text_of(&page(&server, path)).contains("There are no packages yet."));
    let one = &crate::contract::stage::FIXTURES.rpm;
    super::stage::upload(&server, RPM_TARGET, crate::support::form::Form::of([one]));
    let shown = wait::until_or(wait::BOUND, || text_of(&page(&server, path)).contains("rws-one").then_some(()));
    assert!(shown.is_some(), "{}", page(&server, path));
}
