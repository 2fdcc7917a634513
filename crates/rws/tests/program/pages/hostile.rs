//! What others wrote is shown as text, on every page.

use std::path::Path;

use serde_json::json;

use super::stage::{
    DEB_TARGET, RPM_TARGET, built, configure, expect_page, started, text_of, upload, users, visit, walk,
};
use crate::contract::stage::deb_file;
use crate::support::bucket::PASSWORD_HASH;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::server::{Credentials, Server};
use crate::support::temporary_directory;

/// An element, the end of an attribute, a template of another language.
pub const ELEMENT: &str = "<xss-tag onclick=a>";
pub const ATTRIBUTE: &str = "\"xss-attribute='b'>";
pub const USER: &str = "eve<xss-user>";

/// An rpm with such texts wherever rpm takes them.
fn rpm() -> File {
    let spec = format!(
        "Name: hostile-rpm\nVersion: 1.0\nRelease: 1\nSummary: {ELEMENT} & {ATTRIBUTE}\nLicense: {ELEMENT}\n\
         Group: {ATTRIBUTE}\nVendor: {ELEMENT}\nPackager: {ATTRIBUTE}\nURL: javascript:alert({ATTRIBUTE})\n\
         BuildArch: noarch\n\n%description\n{ELEMENT}\n\n  {ATTRIBUTE}\n</pre></main><script>xss()</script>\n\n\
         %install\nmkdir -p '%{{buildroot}}/usr/share/hostile'\ntouch '%{{buildroot}}/usr/share/hostile/{ELEMENT}'\n\n\
         %files\n/usr/share/hostile\n\n\
         %changelog\n* Sun Sep 13 2020 {ELEMENT} - 1.0-1\n- {ATTRIBUTE} </p><script>xss()</script>\n"
    );
    built("hostile", &spec)
}

fn deb() -> File {
    let deb = Deb::new("hostile-deb", "1.0", "all").field("Section", "utils");
    let deb = deb.field(
        "Description",
        &format!("{ELEMENT} & {ATTRIBUTE}\n {ELEMENT}\n .\n  {ATTRIBUTE} </pre><script>xss()</script>"),
    );
    let deb = deb.field("Homepage", &format!("javascript:alert(1)//{ATTRIBUTE}")).field("Uploaders", ELEMENT);
    deb_file(&deb.file(&format!("usr/share/{ATTRIBUTE}"), b"").file(&format!("usr/share/{ELEMENT}"), b""))
}

/// A server with such texts in packages, in the name and the description of the service, and as the name of a user.
#[track_caller]
pub fn published(directory: &Path) -> Server {
    let mut users = users();
    users[USER] = json!({ "hash": PASSWORD_HASH, "admin": true });
    let server = started(directory, &users, |file| {
        configure(file);
        file["pages"] = json!({ "name": ELEMENT, "description": ATTRIBUTE });
    });
    upload(&server, RPM_TARGET, Form::of(&[rpm()]));
    let eve = hostile_user();
    let form = Form::of(&[deb()]).field("product", "hostile");
    let request = crate::support::raw::Request::new("PUT", &format!("/{DEB_TARGET}?wait=30")).user(&eve).form(form);
    crate::contract::stage::expect_created(&request.send(&server));
    server
}

pub fn hostile_user() -> Credentials {
    Credentials { user: USER.to_owned(), password: "password".to_owned() }
}

/// Addresses that have such texts themselves.
pub fn addresses() -> Vec<String> {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let [element, attribute] = [ELEMENT, ATTRIBUTE].map(encoded);
    let mut addresses =
        vec![format!("/{element}/{attribute}"), format!("/-/{element}"), format!("/-/browse/{element}")];
    for text in [element, attribute] {
        addresses.push(format!("/-/browse/search?q={text}&kind={text}"));
        addresses.push(format!("/-/browse/search?q={text}&limit={text}"));
        addresses.push(format!("/-/browse/search?after={text}&q=x"));
        addresses.push(format!("/-/browse/{DEB_TARGET}?after={text}"));
        addresses.push(format!("/-/browse/{DEB_TARGET}/{text}"));
        addresses.push(format!("/-/browse/{DEB_TARGET}/hostile-deb?version={text}&architecture={text}"));
        addresses.push(format!("/-/browse/history/{DEB_TARGET}?before={text}"));
        addresses.push(format!("/-/browse/history/{text}"));
        addresses.push(format!("/{RPM_TARGET}?from={text}"));
        addresses.push(format!("/-/browse/?page={text}"));
    }
    addresses
}

#[test]
fn hostile_texts_are_text_on_every_page() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let eve = hostile_user();
    let (mut pages, others) = walk(&server, Some(&eve));
    for address in addresses() {
        let answer = visit(&server, &address, Some(&eve));
        assert!([200, 400, 404].contains(&answer.status), "{address}: {}", answer.status);
        pages.insert(address, answer);
    }
    for (address, answer) in &pages {
        let html = answer.text();
        expect_page(answer);
        for hostile in ["<xss", "\"xss", "<script>", "</pre></main>", "href=\"javascript"] {
            assert!(!html.contains(hostile), "{hostile} is on {address}: {html}");
        }
        // the service and the user are on each of them
        let text = text_of(&html);
        assert!(text.contains(ELEMENT), "{address}: {text}");
        // a directory that everybody may read does not depend on who reads
        assert!(
            !address.starts_with("/-/browse") || text.contains(&format!("logged in as {USER}")),
            "{address}: {text}"
        );
    }
    let shown = |path: &str, wanted: &[&str]| {
        let text = text_of(&pages[path].text());
        wanted.iter().for_each(|words| assert!(text.contains(words), "{words} is not on {path}: {text}"));
    };
    shown("/", &[ATTRIBUTE]);
    let [tool, rpm] = [(DEB_TARGET, "hostile-deb"), (RPM_TARGET, "hostile-rpm")]
        .map(|(target, name)| format!("/-/browse/{target}/{name}"));
    let summary = format!("{ELEMENT} & {ATTRIBUTE}");
    let file = format!("/usr/share/{ATTRIBUTE}");
    shown(&tool, &[&summary, "</pre><script>xss()</script>", "javascript:alert(1)//", &file]);
    let file = format!("/usr/share/hostile/{ELEMENT}");
    let changed = format!("- {ATTRIBUTE} </p><script>xss()</script>");
    shown(&rpm, &[&summary, "</pre></main><script>xss()</script>", "javascript:alert(", &file, &changed]);
    shown(&format!("/-/browse/history/{DEB_TARGET}"), &[&format!("upload by {USER}")]);
    let feed = others.iter().find(|path| path.contains("/feed/")).unwrap();
    let feed = visit(&server, feed, Some(&eve)).text();
    assert!(!feed.contains("<xss") && feed.contains("&#60;xss-tag"), "{feed}");
}
