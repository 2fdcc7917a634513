//! The pages of docs/reference, in Markdown.

use clap::Command;
use rws_server::{METRICS, MetricKind};

use crate::configuration::environment::VARIABLES;
use crate::configuration::{KEYS, Secrecy};

/// No line of the project's Markdown is wider.
const WIDTH: usize = 120;

const MADE: &str = "<!-- made by `rws generate reference docs/reference`: change the program, not this file -->\n\n";

/// The pages with their names.
pub fn pages(command: &mut Command) -> [(&'static str, String); 4] {
    [
        ("command-line.md", command_line(command)),
        ("environment.md", variables()),
        ("configuration-keys.md", keys()),
        ("metrics.md", metrics()),
    ]
}

fn begin(title: &str, text: &str) -> String {
    format!("{MADE}# {title}\n\n{}\n", wrapped(text, WIDTH).join("\n"))
}

fn command_line(command: &mut Command) -> String {
    let mut page = begin(
        "Command line",
        "What `--help` says of each command; the package has it as manual pages (`man rws`). [Environment](environment.md) has the \
         variables.",
    );
    // the variables have a page of their own
    let root = command.clone().after_long_help("");
    section(&mut page, "rws", root);
    commands(&mut page, "rws", command);
    page
}

fn commands(page: &mut String, name: &str, command: &Command) {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{name} {}", command.get_name());
        section(page, &name, command.clone());
        commands(page, &name, command);
    }
}

fn section(page: &mut String, name: &str, mut command: Command) {
    let help = command.render_long_help().to_string();
    let help: Vec<String> = help.trim_end().lines().flat_map(|line| wrapped(line.trim_end(), WIDTH)).collect();
    page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n")));
}

fn variables() -> String {
    let own = VARIABLES.iter().map(|one| (one.name, one.secrecy == Secrecy::Secret, one.description));
    let of_client = rws_client::VARIABLES.iter().map(|one| (one.name, one.is_secret, one.description));
    let mut page = begin(
        "Environment variables",
        "[Configuration](../configuration.md#environment) explains them. An empty variable counts as unset. The values of secret ones \
         are never shown.",
    );
    page.push('\n');
    for (name, is_secret, description) in own.chain(of_client) {
        let secret = if is_secret { " (secret)" } else { "" };
        item(&mut page, &format!("`{name}`{secret}: {description}"));
    }
    page
}

fn keys() -> String {
    let mut page = begin(
        "Keys of the configuration file",
        "The keys of each object. [Configuration](../configuration.md#file) explains them. `rws config check` names a key that is \
         unknown.",
    );
    page.push('\n');
    for (object, keys) in KEYS {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        item(&mut page, &format!("{object}: {}", keys.join(", ")));
    }
    page
}

fn metrics() -> String {
    let mut page = begin(
        "Metrics",
        "What `/-/metrics` says, in the text form of Prometheus. A metric appears once there is something to count. A histogram has \
         `_bucket`, `_sum` and `_count`. [What to watch](../how-to/operate.md#what-to-watch) says which of them matter.",
    );
    page.push('\n');
    for metric in METRICS {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let unit = metric.unit.map(|unit| format!(", {}", unit.as_str())).unwrap_or_default();
        item(&mut page, &format!("`{}` ({kind}{unit}): {}", metric.name, metric.description));
    }
    page
}

fn item(page: &mut String, text: &str) {
    for (number, line) in wrapped(text, WIDTH - 2).into_iter().enumerate() {
        page.push_str(if number == 0 { "- " } else { "  " });
        page.push_str(&line);
        page.push('\n');
    }
}

/// A line in pieces, cut at blanks; the further ones are indented as the first one is.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut lines = vec![indent.to_owned()];
    for word in line.split_whitespace() {
        let last = lines.last_mut().map_or("", |last| last.as_str());
        let is_first = last.len() == indent.len();
        if !is_first && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{indent}{word}"));
        } else if let Some(last) = lines.last_mut() {
            if !is_first {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_blanks_and_keep_their_indent() {
        assert_eq!(wrapped("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(wrapped("a    b", 9), ["a    b"]);
        assert_eq!(wrapped("", 9), [""]);
        assert_eq!(wrapped("looooooooooong", 9), ["looooooooooong"]);
    }
}
