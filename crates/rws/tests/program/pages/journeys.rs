//! Journeys of visitors in a real browser; what they copy is run by the real clients, on a copy of this machine.

use rws_lab::Chroot;

use super::stage::{DEB_TARGET, RPM_TARGET, plain_rpm, published, upload};
use crate::support::browser::{Browser, CONTROL, ENTER, INSECURE_HOST, Scripts};
use crate::support::form::Form;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::temporary_directory;

const WIDTHS: [u32; 2] = [1280, 400];

/// Takes a command out of a page: with the button where scripts run, and by hand where they do not.
#[track_caller]
fn copy(browser: &Browser, server: &Server, scripts: Scripts, id: &str) -> String {
    match scripts {
        Scripts::On => browser.click(&format!("button[data-copy=\"{id}\"]")),
        Scripts::Off => {
            // there is no button that does nothing
            assert_eq!(
                browser.run("return [...document.querySelectorAll('button[data-copy]')].every(one => one.hidden)"),
                true
            );
            browser.click(&format!("#{id}"));
            browser.press(&[CONTROL], 'c');
        }
    }
    browser.clipboard(server.base_url())
}

/// Runs what was copied as root, on a copy of this machine that goes with it.
#[track_caller]
fn run_copied(before: &str, copied: &str, after: &str) -> String {
    let home = temporary_directory();
    let script = format!("set -e\nexec </dev/null 2>&1\n{before}\n{copied}\n{after}\n");
    let mut words = Chroot::here().copied("sh").into_iter();
    let ran = Program::new(words.next().unwrap(), home.path()).args(words).arg("-c").arg(&script).run();
    ran.expect_success().output()
}

fn run_apt(copied: &str, package: &str) {
    let before = "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*\n\
                  echo 'APT::Sandbox::User \"root\"; APT::Update::Error-Mode \"any\";' >/etc/apt/apt.conf.d/99test";
    let said = run_copied(before, copied, &format!("dpkg-query --show {package}"));
    assert!(said.contains(&format!("Setting up {package} (")), "{said}");
}

fn run_dnf(copied: &str, package: &str, version: &str) {
    let before = "rm -rf /var/lib/rpm /usr/lib/sysimage/rpm /root/.rpmdb /var/cache/dnf /etc/zypp\n\
                  mkdir -p /etc/yum.repos.d /etc/dnf /var/lib/rpm; rm -f /etc/yum.repos.d/*\n\
                  printf '[main]\\nreposdir=/etc/yum.repos.d\\nplugins=0\\n' >/etc/dnf/dnf.conf";
    let said = run_copied(before, copied, &format!("rpm -q {package}"));
    assert!(said.ends_with(&format!("{package}-{version}-1.noarch\n")), "{said}");
}

/// From the root to a copied line in at most three clicks: the target, the button; without scripts the target, the line.
#[test]
fn from_the_root_to_a_copied_line_that_installs() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let (browser, mut lines) = (Browser::start(), Vec::new());
    for width in WIDTHS {
        for scripts in [Scripts::On, Scripts::Off] {
            browser.prepare(width, scripts);
            browser.open(server.base_url());
            browser.click(&format!("a[href=\"/-/browse/{DEB_TARGET}\"]"));
            let line = copy(&browser, &server, scripts, "add-apt-older");
            assert!(
                line.starts_with("curl -fsSL -o /usr/share/keyrings/") && line.ends_with("apt-get update"),
                "{line}"
            );
            lines.push(line);
            assert_eq!(browser.complaints(), [""; 0]);
        }
    }
    lines.dedup();
    assert_eq!(lines.len(), 1, "{lines:?}");
    run_apt(&format!("{} &&\napt-get install -y example-tool", lines[0]), "example-tool");
}

/// With a name instead of an address the browser gives no clipboard: the button selects and copies in the old way.
#[test]
fn the_line_for_a_later_client_is_copied_on_a_page_without_tls() {
    let directory = temporary_directory();
    let server = published(directory.path());
    let port = server.base_url().rsplit(':').next().unwrap().to_owned();
    let browser = Browser::start();
    browser.prepare(400, Scripts::On);
    browser.open(&format!("http://{INSECURE_HOST}:{port}/-/browse/{DEB_TARGET}"));
    assert_eq!(browser.run("return [window.isSecureContext, !navigator.clipboard]"), serde_json::json!([false, true]));
    let shown = "return getComputedStyle(document.getElementById('of-apt')).display";
    assert_eq!(browser.run(shown), "none");
    browser.click("label[for=\"way-apt\"]");
    assert_eq!(browser.run(shown), "block");
    browser.click("button[data-copy=\"add-apt\"]");
    assert_eq!(browser.text("button[data-copy=\"add-apt\"]"), "Copied");
    let line = browser.clipboard(server.base_url());
    let base = format!("http://{INSECURE_HOST}:{port}");
    assert!(line.contains(&format!("{base}/-/setup/{DEB_TARGET}.sources")), "{line}");
    // no resolver knows the name
    run_apt(&format!("{} &&\napt-get install -y example-tool", line.replace(&base, server.base_url())), "example-tool");
}

#[test]
fn find_a_package_see_its_versions_and_copy_its_line() {
    let directory = temporary_directory();
    let server = published(directory.path());
    upload(&server, RPM_TARGET, Form::of(&[plain_rpm("example-data", "0.9"), plain_rpm("example-data", "1.0")]));
    let (browser, mut lines) = (Browser::start(), Vec::new());
    for width in WIDTHS {
        for scripts in [Scripts::On, Scripts::Off] {
            browser.prepare(width, scripts);
            browser.open(server.base_url());
            browser.type_into("#find", &format!("data{ENTER}"));
            browser.follow("example-data");
            assert!(browser.address().ends_with(&format!("/-/browse/{RPM_TARGET}/example-data")));
            let versions = browser.text("section[aria-labelledby=versions] tbody");
            assert!(versions.starts_with("1.0-1 noarch") && versions.contains("\n0.9-1 noarch"), "{versions}");
            lines.push(copy(&browser, &server, scripts, "both-dnf"));
            // the older one
            browser.follow("0.9-1");
            assert_eq!(browser.text("#about"), "About 0.9-1 for noarch");
            assert_eq!(browser.complaints(), [""; 0]);
        }
    }
    lines.dedup();
    assert_eq!(lines.len(), 1, "{lines:?}");
    run_dnf(&lines[0], "example-data", "1.0");
    // the command of an older version installs just that
    browser.prepare(1280, Scripts::On);
    browser.open(&server.url(&format!("/-/browse/{RPM_TARGET}/example-data")));
    browser.follow("0.9-1");
    run_dnf(&copy(&browser, &server, Scripts::On, "both-dnf"), "example-data", "0.9");
}

/// As somebody types, rows that do not fit go; the keyboard alone leads to the content and to a line.
#[test]
fn by_keyboard_and_with_the_filter() {
    let directory = temporary_directory();
    let server = published(directory.path());
    upload(&server, RPM_TARGET, Form::of(&[plain_rpm("example-data", "1.0")]));
    let many: Vec<_> = (0..8).map(|number| plain_rpm(&format!("filler-{number}"), "1.0")).collect();
    upload(&server, RPM_TARGET, Form::of(&many));
    let browser = Browser::start();
    browser.prepare(1280, Scripts::On);
    browser.open(&server.url(&format!("/-/browse/{RPM_TARGET}")));
    let shown = "return [...document.querySelectorAll('#names tbody tr')].filter(row => !row.hidden).length";
    assert_eq!(browser.run(shown), 12);
    browser.type_into("#filter", "FILLER 3");
    assert_eq!(browser.run(shown), 1);
    browser.open(&server.url(&format!("/-/browse/{RPM_TARGET}")));
    let focused = "return document.activeElement.textContent.trim()";
    browser.press(&[], crate::support::browser::TAB);
    assert_eq!(browser.run(focused), "Skip to the content");
    browser.press(&[], ENTER);
    assert_eq!(browser.run("return document.activeElement.id"), "main");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "Copy") {
        assert!(seen.len() < 20, "{seen:?}");
        browser.press(&[], crate::support::browser::TAB);
        seen.push(browser.run(focused).as_str().unwrap().to_owned());
        // what has the focus shows it
        let outline = "const style = getComputedStyle(document.activeElement); \
                       const label = document.activeElement.labels?.[0]; \
                       return (label ? getComputedStyle(label) : style).outlineStyle";
        assert_eq!(browser.run(outline), "solid", "{seen:?}");
    }
    browser.press(&[], ENTER);
    assert!(browser.clipboard(server.base_url()).starts_with("curl "));
}
