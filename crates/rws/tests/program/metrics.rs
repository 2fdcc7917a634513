//! The dashboard, the alerts and the documentation name metrics: each of them is one that a running service has, with the
//! labels and values that they name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::contract::rows::Rows;
use crate::contract::stage::{FIXTURES, RPM_TARGET, configuration, expect_created, expect_status, get, put};
use crate::support::bucket::Bucket;
use crate::support::form::Form;
use crate::support::gpgv::{KeyOptions, SecretKey};
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::Credentials;
use crate::support::{project_root, read_file, temporary_directory, test_cache, wait};
use crate::webhooks::receiver::Receiver;

const RULES: &str = "packaging/prometheus/rws.rules.yml";
const DASHBOARD: &str = "packaging/grafana/rws.json";

/// Labels that Prometheus itself adds.
const FOREIGN_LABELS: [&str; 3] = ["job", "instance", "le"];

/// There only once something was counted that no test brings about at will.
const SELDOM: [&str; 1] = ["rws_http_waited_seconds"];

/// Metrics with the values of each of their labels.
type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn text(path: &str) -> String {
    String::from_utf8_lossy(&read_file(&project_root().join(path))).into_owned()
}

/// What a service exports that has everything that can be configured.
fn exported() -> Exported {
    let receiver = Receiver::start();
    let directory = temporary_directory();
    let configuration = configuration(directory.path(), |file| {
        file["webhooks"] = json!([receiver.entry(directory.path(), "ci")]);
    });
    let key = SecretKey::generate_with("ed25519", &KeyOptions { expires: "1y", ..KeyOptions::default() });
    let bucket = Bucket::on_ceph().with(&configuration[0].0, &configuration[0].1);
    let server = bucket.with("GPG_SIGN_KEY_ARMORED", &key.secret_armored()).serve();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let nobody = Credentials { user: "nobody".to_owned(), password: "x".to_owned() };
    expect_status(&Request::new("PUT", RPM_TARGET).user(&nobody).body("").send(&server), 401);
    receiver.wait_for_kind("repository.published");
    // what was counted is put into buckets after a while, or when somebody asks
    let text = wait::until("a webhook that is idle", wait::BOUND, || {
        let text = get(&server, "/-/metrics").text();
        text.contains("rws_webhook_pending{webhook=\"ci\"} 0").then_some(text)
    });
    assert!(text.contains("\nrws_ready 1\n"), "{text}");
    let mut exported = Exported::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = line.rsplit_once(' ').unwrap_or((line, ""));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let of_metric = exported.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            of_metric.entry(label).or_default().insert(value);
        }
    }
    exported
}

/// `name="value"`, `name=~"value"` and the like, separated by commas.
fn matchers(text: &str) -> Vec<(String, String)> {
    let parts = text.split("\",").filter(|part| !part.trim().is_empty());
    let pair = |part: &str| {
        let (label, value) = part.split_once('"')?;
        Some((label.trim_matches(|c: char| " =~!".contains(c)).to_owned(), value.trim_end_matches('"').to_owned()))
    };
    parts.filter_map(pair).collect()
}

/// The names in an expression of Prometheus, each with what stands in braces behind it.
fn names(expression: &str) -> Vec<(String, String)> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|character| !is_word(character)).map_or(rest.len(), |at| start + at);
        let name = &rest[start..end];
        rest = &rest[end..];
        let labels = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((labels, after)) => {
                rest = after;
                labels
            }
            None => "",
        };
        if ["rws_", "process_"].iter().any(|prefix| name.starts_with(prefix)) || name == "up" {
            names.push((name.to_owned(), labels.to_owned()));
        }
    }
    names
}

/// The labels of `by (a, b)`.
fn grouped(expression: &str) -> Vec<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|list| list.split(',')).map(str::trim).collect()
}

#[track_caller]
fn check(exported: &Exported, expression: &str) {
    let names = names(expression);
    assert!(!names.is_empty(), "{expression} names no metric");
    for (name, labels) in names.iter().filter(|(name, _)| name != "up") {
        let known = exported.get(name).unwrap_or_else(|| panic!("{name} is no metric: {expression}"));
        for (label, value) in matchers(labels).iter().filter(|(label, _)| !FOREIGN_LABELS.contains(&label.as_str())) {
            let values = known.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
            let is_there = value.split('|').any(|one| values.contains(one));
            assert!(is_there, "{name} has no {label} {value} but {values:?}: {expression}");
        }
        for label in grouped(expression).into_iter().filter(|label| !FOREIGN_LABELS.contains(label)) {
            assert!(known.contains_key(label), "{name} has no label {label}: {expression}");
        }
    }
}

/// All texts with this key, however deep.
fn deep<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if name == key => found.push(text),
            _ => deep(value, key, found),
        }),
        Value::Array(list) => list.iter().for_each(|value| deep(value, key, found)),
        _ => {}
    }
}

#[test]
fn every_metric_that_is_named_exists_and_every_one_that_exists_is_documented() {
    let exported = exported();
    let rules = text(RULES);
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap_or_default();
    let mut shown = Vec::new();
    deep(&dashboard, "expr", &mut shown);
    let mut rows = Rows::default();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    let named = rules.lines().filter(|line| line.trim().starts_with("- alert: ")).count();
    assert!(alerts.len() == named && named > 10 && shown.len() > 20, "{named} {} {}", alerts.len(), shown.len());
    for expression in alerts.into_iter().chain(shown) {
        rows.row(expression, || check(&exported, expression));
    }
    let guide = text("docs/operating.md");
    rows.row("every metric is documented, and no other", || {
        let section = guide.split("\n## Metrics\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or("");
        let quoted = section.split('`').skip(1).step_by(2).filter(|text| !text.contains([' ', '/', '.']));
        let documented: BTreeSet<&str> =
            quoted.filter(|text| text.starts_with("rws_") || text.starts_with("process_")).collect();
        let base = |name: &str| {
            let ends = ["_bucket", "_sum", "_count"];
            ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
        };
        let seldom = SELDOM.into_iter().map(str::to_owned);
        let there: BTreeSet<String> = exported.keys().map(|name| base(name)).chain(seldom).collect();
        assert_eq!(documented, there.iter().map(String::as_str).collect());
    });
    rows.row("every alert is explained", || {
        for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            assert!(guide.contains(&format!("**{alert}**")) || guide.contains(&format!("{alert}**")), "{alert}");
        }
    });
    rows.end();
}

/// Wants promtool, which `tests/setup full` installs.
#[test]
fn promtool_takes_the_alerts() {
    let home = temporary_directory();
    let promtool = test_cache().join("prometheus/root/usr/bin/promtool");
    let ran = Program::new(promtool, home.path()).args(["check", "rules"]).arg(project_root().join(RULES)).succeed();
    assert!(ran.everything().contains("SUCCESS"), "{}", ran.transcript());
}
