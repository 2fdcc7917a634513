//! What judges pages: a validator of HTML, axe-core in a real browser, and people who look at the pictures.

use std::path::Path;

use serde_json::{Value, json};

use super::stage::{DEB_TARGET, PRIVATE_TARGET, RELEASED_TARGET, RPM_TARGET, published, visit, walk};
use super::{hostile, stage};
use crate::contract::stage::user;
use crate::support::browser::{Browser, Scripts};
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{project_root, read_file, temporary_directory, test_cache, write_file};

/// A file of a judge that `tests/setup` has installed.
#[track_caller]
fn judge(path: &str) -> std::path::PathBuf {
    let file = test_cache().join("pages/node_modules").join(path);
    assert!(file.exists(), "{} is missing: run tests/setup", file.display());
    file
}

/// One page of each kind, by names for their pictures.
fn kinds() -> Vec<(&'static str, String)> {
    let target = |target: &str| format!("/-/browse/{target}");
    vec![
        ("root", "/".to_owned()),
        ("target-deb", target(DEB_TARGET)),
        ("target-rpm", target(RPM_TARGET)),
        ("target-empty", target("live/1.10/el/7")),
        ("package-deb", target(&format!("{DEB_TARGET}/example-tool"))),
        ("package-rpm", target(&format!("{RELEASED_TARGET}/example-demo"))),
        ("package-source", target(&format!("{DEB_TARGET}/rws-src"))),
        ("search", "/-/browse/search?q=example".to_owned()),
        ("search-nothing", "/-/browse/search?q=nothing-like-this".to_owned()),
        ("history", target(&format!("history/{DEB_TARGET}"))),
        ("keys", target("keys")),
        ("status", target("status")),
        ("api", target("api")),
        ("directory", format!("/{RPM_TARGET}/x86_64/Packages")),
        ("error-missing", "/-/browse/nothing".to_owned()),
        ("error-login", target(PRIVATE_TARGET)),
    ]
}

#[test]
fn every_page_is_valid_html() {
    let directory = temporary_directory();
    let pages = directory.path().join("pages");
    let mut addresses = Vec::new();
    let mut keep = |html: String, address: String| {
        write_file(&pages.join(format!("{}.html", addresses.len())), html);
        addresses.push(address);
    };
    let (plain, odd) = (temporary_directory(), temporary_directory());
    let server = published(plain.path());
    for (address, answer) in walk(&server, Some(&user("ann"))).0 {
        keep(answer.text(), address);
    }
    for (_, address) in kinds() {
        keep(visit(&server, &address, None).text(), address);
    }
    let server = hostile::published(odd.path());
    for address in hostile::addresses() {
        keep(visit(&server, &address, Some(&hostile::hostile_user())).text(), address);
    }
    for (address, answer) in walk(&server, Some(&hostile::hostile_user())).0 {
        keep(answer.text(), format!("{address} with hostile texts"));
    }
    assert!(addresses.len() > 80, "{}", addresses.len());
    let rules = json!({
        "root": true,
        "extends": ["html-validate:standard", "html-validate:a11y"],
        "rules": {
            // how text is written, not whether it is valid
            "no-trailing-whitespace": "off",
            "long-title": "off",
            "void-style": "off",
            "attr-quotes": "off",
            // older browsers know no element of that name, and take it for a plain one: that is meant
            "prefer-native-element": "off",
        },
    });
    write_file(&directory.path().join(".htmlvalidate.json"), rules.to_string());
    let ran = Program::new("node", directory.path())
        .arg(judge("html-validate/bin/html-validate.mjs"))
        .args(["--config", ".htmlvalidate.json", "--formatter", "json=report.json", "pages/*.html"])
        .current_dir(directory.path())
        .run();
    let report = directory.path().join("report.json");
    assert!(report.exists(), "{}", ran.transcript());
    let said: Value = serde_json::from_slice(&read_file(&report)).unwrap();
    let mut complaints = Vec::new();
    for file in said.as_array().unwrap() {
        let number =
            file["filePath"].as_str().and_then(|path| path.rsplit('/').next()?.split('.').next()?.parse().ok());
        let address = number.and_then(|number: usize| addresses.get(number)).unwrap();
        for message in file["messages"].as_array().unwrap() {
            let [rule, text, line] = ["ruleId", "message", "line"].map(|key| message[key].to_string());
            complaints.push(format!("{address}, line {line}: {rule} {text}"));
        }
    }
    assert!(complaints.is_empty() && ran.succeeded(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// What axe-core finds on the page that is open.
#[track_caller]
fn judged(browser: &Browser) -> Vec<String> {
    let axe = String::from_utf8(read_file(&judge("axe-core/axe.min.js"))).unwrap();
    browser.run(&axe);
    let found = browser.run_to_end(
        "const found = await axe.run(document);\
         const said = one => one.nodes.map(node => `${one.id}: ${one.help}: ${node.target} ${node.failureSummary}`);\
         if (found.passes.length < 10) { throw new Error(`axe has looked at ${found.passes.length} things: ${found.passes.map(one => one.id)}`); }\
         return found.violations.flatMap(said);",
    );
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Opens a page and names what is wrong with it; `picture` is what is kept of it.
#[track_caller]
fn look(browser: &Browser, server: &Server, address: &str, picture: Option<&Path>) -> Vec<String> {
    browser.open(&server.url(address));
    if address.contains(PRIVATE_TARGET) {
        browser.open(&server.url("/-/browse/keys"));
        browser.show(&visit(server, address, None).text());
    }
    if let Some(file) = picture {
        browser.screenshot(file);
    }
    let mut wrong = judged(browser);
    let wide = browser.run("return [document.documentElement.scrollWidth, window.innerWidth].map(Number)");
    if wide[0].as_u64() > wide[1].as_u64() {
        wrong.push(format!("it is {} wide in a window of {}", wide[0], wide[1]));
    }
    // the browser notes an error of the page itself, too
    wrong.extend(browser.complaints().into_iter().filter(|one| !one.contains("Failed to load resource")));
    assert_eq!(
        browser.run("return [window.xss, document.querySelector('xss-tag, [xss-attribute]')]"),
        json!([null, null])
    );
    wrong
}

/// The pictures are in `target/nextest/pages`.
#[test]
fn axe_finds_nothing_on_any_page_in_light_and_dark_at_both_widths() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let pictures = project_root().join("target/nextest/pages");
    let mut wrong = Vec::new();
    for width in [1280, 400] {
        let browser = Browser::start();
        browser.prepare(width, Scripts::On);
        for scheme in ["light", "dark"] {
            browser.prefer(scheme);
            for (name, address) in kinds() {
                let picture = pictures.join(format!("{name}-{width}-{scheme}.png"));
                let found = look(&browser, &server, &address, Some(&picture));
                wrong.extend(found.into_iter().map(|one| format!("{name} at {width}, {scheme}: {one}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

/// One page of each kind with the same judge, and hostile texts: none of them makes an element, and none of them runs.
#[test]
fn hostile_texts_do_nothing_in_a_browser() {
    let directory = temporary_directory();
    let server = hostile::published(directory.path());
    let browser = Browser::start();
    browser.prepare(400, Scripts::On);
    browser.log_in(&hostile::hostile_user());
    browser.open(&server.url("/-/browse/login"));
    assert!(browser.text("footer").contains(&format!("logged in as {}", hostile::USER)), "{}", browser.text("footer"));
    let (deb, rpm) = (format!("/-/browse/{DEB_TARGET}"), format!("/-/browse/{RPM_TARGET}"));
    let mut addresses = hostile::addresses();
    addresses.extend(["/".to_owned(), format!("{deb}/hostile-deb"), format!("{rpm}/hostile-rpm"), deb, rpm]);
    let mut wrong = Vec::new();
    for address in addresses {
        wrong.extend(look(&browser, &server, &address, None).into_iter().map(|one| format!("{address}: {one}")));
    }
    // what is copied is what is shown
    browser.open(&server.url(&format!("/-/browse/{RPM_TARGET}/hostile-rpm")));
    browser.click("button[data-copy=\"only-dnf\"]");
    assert_eq!(browser.clipboard(server.base_url()), "dnf install -y hostile-rpm");
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
    stage::page(&server, "/");
}
