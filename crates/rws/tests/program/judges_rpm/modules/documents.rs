//! Files of modules: good documents, with a few things changed, in the many ways in which YAML writes the same.

use serde_json::{Value, json};

use super::super::generated::numbers::Numbers;

/// A value. Keys may be anything, and come more than once.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// Texts that mean something at some place, or nothing anywhere.
const TEXTS: [&str; 46] = [
    "",
    " ",
    "a",
    "tool",
    "1",
    "2",
    "3",
    "0",
    "-1",
    "+1",
    " 1",
    "1 ",
    "01",
    "1.0",
    "0x10",
    "1e3",
    "99999999999999999999",
    "9223372036854775808",
    "18446744073709551615",
    "true",
    "false",
    "True",
    "yes",
    "~",
    "null",
    "2024-01-01",
    "2024-02-30",
    "2024-01-01T00:00Z",
    "2024-01-01T00:00:00Z",
    "202401010000",
    "tool-0:1-1.noarch",
    "tool-1-1.noarch",
    "-el8",
    "el8",
    "a b",
    "a:b",
    "a: b",
    "#a",
    "a #b",
    "modulemd",
    "modulemd-stream",
    "modulemd-defaults",
    "modulemd-packager",
    "c0ffee",
    "c0ffee-c0ffee-c0ffee",
    "\u{e4}\u{20ac}\u{1f600}",
];

/// Keys of documents of all kinds, and some that nobody knows.
const KEYS: [&str; 60] = [
    "document",
    "version",
    "data",
    "name",
    "stream",
    "context",
    "arch",
    "summary",
    "description",
    "license",
    "module",
    "content",
    "dependencies",
    "buildrequires",
    "requires",
    "references",
    "community",
    "documentation",
    "tracker",
    "profiles",
    "rpms",
    "api",
    "filter",
    "demodularized",
    "servicelevels",
    "eol",
    "static_context",
    "buildopts",
    "macros",
    "whitelist",
    "arches",
    "components",
    "modules",
    "rationale",
    "buildorder",
    "buildafter",
    "buildonly",
    "repository",
    "cache",
    "ref",
    "multilib",
    "artifacts",
    "rpm-map",
    "sha256",
    "nevra",
    "epoch",
    "release",
    "xmd",
    "modified",
    "reset",
    "message",
    "eol_date",
    "obsoleted_by",
    "intents",
    "translations",
    "default",
    "unknown",
    "",
    "platform",
    "x-y",
];

/// Characters that YAML, or one of its readers, treats in a way of its own.
const CHARACTERS: [&str; 30] = [
    ":", "-", "?", "[", "]", "{", "}", ",", "#", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`", "\t", "\n", " ",
    "\r", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}", "\u{fffe}", "\\",
];

/// Good documents about the module `name`, one of each kind and version.
fn good(name: &str) -> [Value; 5] {
    [
        json!({"document": "modulemd", "version": "2", "data": {
            "name": name, "stream": "1", "version": "20240101000000", "context": "c0ffee", "arch": "x86_64", "summary": "s",
            "description": "d", "license": {"module": ["MIT"], "content": ["MIT"]},
            "dependencies": [{"buildrequires": {"platform": ["el9"]}, "requires": {"platform": ["-el8", "-el7"], "other": ["1"]}}],
            "references": {"community": "a", "documentation": "b", "tracker": "c"},
            "profiles": {"common": {"description": "p", "rpms": ["tool"], "default": "true"}, "more": {"rpms": []}},
            "api": {"rpms": ["tool"]}, "filter": {"rpms": ["tool-tests"]}, "demodularized": {"rpms": ["old"]},
            "servicelevels": {"rawhide": {"eol": "2030-02-28"}, "other": {}}, "static_context": "false",
            "buildopts": {"rpms": {"macros": "%x 1", "whitelist": ["a"]}, "arches": ["x86_64"]},
            "components": {
                "rpms": {"tool": {"rationale": "r", "buildorder": "3", "name": "tool", "repository": "r", "cache": "c", "ref": "f",
                    "arches": ["x86_64"], "multilib": ["x86_64"], "buildonly": "true"}},
                "modules": {"base": {"rationale": "r", "ref": "f", "repository": "r", "buildorder": "1"}}},
            "artifacts": {"rpms": ["tool-0:1.0-1.x86_64"], "rpm-map": {"sha256": {"00ff": {"name": "tool", "epoch": "0",
                "version": "1.0", "release": "1", "arch": "x86_64", "nevra": "tool-0:1.0-1.x86_64"}}}},
            "xmd": {"a": [{"d": ["e", "f"]}, {}]}}}),
        json!({"document": "modulemd", "version": "1", "data": {
            "name": name, "stream": "old", "version": "1", "context": "c0ffee", "arch": "x86_64", "summary": "s",
            "description": "d", "license": {"module": ["MIT"]}, "eol": "2024-02-29",
            "dependencies": {"requires": {"platform": "el7"}, "buildrequires": {"platform": "el7"}},
            "profiles": {"common": {"rpms": ["tool"]}}, "artifacts": {"rpms": ["tool-0:1.0-1.x86_64"]}}}),
        json!({"document": "modulemd-defaults", "version": "1", "data": {
            "module": name, "stream": "1", "modified": "202401010000", "profiles": {"1": ["common"], "2": []},
            "intents": {"server": {"stream": "1", "profiles": {"1": ["common"]}}}}}),
        json!({"document": "modulemd-obsoletes", "version": "1", "data": {
            "modified": "2024-01-01T00:00Z", "module": name, "stream": "1", "context": "c0ffee", "message": "m",
            "eol_date": "2030-01-01T00:00Z", "obsoleted_by": {"module": "tool", "stream": "2"}}}),
        json!({"document": "modulemd-translations", "version": "1", "data": {
            "module": name, "stream": "1", "modified": "202401010000",
            "translations": {"de": {"summary": "s", "description": "d", "profiles": {"common": "p"}}}}}),
    ]
}

impl Node {
    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Object(entries) => {
                Self::Mapping(entries.iter().map(|(key, value)| (Self::text(key), Self::of(value))).collect())
            }
            Value::Array(elements) => Self::List(elements.iter().map(Self::of).collect()),
            Value::String(text) => Self::text(text),
            other => Self::Text(other.to_string()),
        }
    }

    /// Something of any form.
    fn any(numbers: &mut Numbers) -> Self {
        match numbers.below(8) {
            0 => Self::List(numbers.several(2, Self::any)),
            1 => Self::Mapping(numbers.several(2, |numbers| (Self::text(numbers.choose(&KEYS)), Self::any(numbers)))),
            _ => Self::text(numbers.choose(&TEXTS)),
        }
    }

    /// Itself, or some value below it.
    fn somewhere(&mut self, numbers: &mut Numbers) -> &mut Self {
        let count = match self {
            Self::Text(_) => 0,
            Self::List(elements) => elements.len(),
            Self::Mapping(entries) => entries.len(),
        };
        if count == 0 || numbers.once_in(4) {
            return self;
        }
        let chosen = numbers.below(count);
        match self {
            Self::Text(_) => self,
            Self::List(elements) => elements[chosen].somewhere(numbers),
            Self::Mapping(entries) => entries[chosen].1.somewhere(numbers),
        }
    }

    fn change(&mut self, numbers: &mut Numbers) {
        match (self, numbers.below(6)) {
            (Self::Mapping(entries), 0) if !entries.is_empty() => _ = entries.remove(numbers.below(entries.len())),
            (Self::Mapping(entries), 1) if !entries.is_empty() => {
                let (key, value) = entries[numbers.below(entries.len())].clone();
                entries.push((key, if numbers.once_in(2) { value } else { Self::any(numbers) }));
            }
            (Self::Mapping(entries), 2) if !entries.is_empty() => {
                let chosen = numbers.below(entries.len());
                entries[chosen].0 =
                    if numbers.once_in(8) { Self::any(numbers) } else { Self::text(numbers.choose(&KEYS)) };
            }
            (Self::Mapping(entries), 3) => entries.push((Self::text(numbers.choose(&KEYS)), Self::any(numbers))),
            (Self::List(elements), 0) if !elements.is_empty() => _ = elements.remove(numbers.below(elements.len())),
            (Self::List(elements), 1 | 2) => elements.push(Self::any(numbers)),
            (Self::List(elements), 3) if !elements.is_empty() => elements.push(elements[0].clone()),
            (other, 4) => *other = Self::List(vec![other.clone()]),
            (other, _) => *other = Self::any(numbers),
        }
    }

    /// In one line.
    fn flow(&self, numbers: &mut Numbers) -> String {
        let join = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Text(text) => scalar(text, numbers),
            Self::List(elements) => format!("[{}]", join(elements.iter().map(|one| one.flow(numbers)).collect())),
            Self::Mapping(entries) => {
                let entry = |(key, value): &(Self, Self)| format!("{}: {}", key.flow(numbers), value.flow(numbers));
                format!("{{{}}}", join(entries.iter().map(entry).collect()))
            }
        }
    }

    /// Behind a key or a dash: in the same line, or in lines below that are indented.
    fn block(&self, indent: usize, numbers: &mut Numbers) -> String {
        let start = format!("\n{}", " ".repeat(indent));
        match self {
            Self::List(elements) if !elements.is_empty() && !numbers.once_in(3) => {
                elements.iter().map(|one| format!("{start}-{}", one.block(indent + 2, numbers))).collect()
            }
            Self::Mapping(entries) if !entries.is_empty() && !numbers.once_in(6) => {
                let entry = |(key, value): &(Self, Self)| {
                    format!("{start}{}:{}", key.flow(numbers), value.block(indent + 2, numbers))
                };
                entries.iter().map(entry).collect()
            }
            Self::Text(text) if numbers.once_in(12) && !text.trim().is_empty() => format!(" |-{start}{text}"),
            Self::Text(text) if numbers.once_in(24) => format!(" !!str {}", scalar(text, numbers)),
            other => format!(" {}", other.flow(numbers)),
        }
    }
}

/// A text in one of its forms.
fn scalar(text: &str, numbers: &mut Numbers) -> String {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./+".contains(&byte));
    match numbers.below(6) {
        0 => format!("'{}'", text.replace('\'', "''")),
        1 => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ if is_plain || numbers.once_in(8) => text.to_owned(),
        _ => format!("'{}'", text.replace('\'', "''")),
    }
}

/// One file about a module of this name.
pub fn file(name: &str, numbers: &mut Numbers) -> String {
    let count = if numbers.once_in(4) { 2 } else { 1 };
    let mut text = String::new();
    for _ in 0..count {
        let mut document = Node::of(&good(name)[numbers.below(5)]);
        for _ in 0..numbers.below(3) {
            document.somewhere(numbers).change(numbers);
        }
        if numbers.once_in(16) {
            text.push_str("%YAML 1.1\n");
        }
        if count > 1 || numbers.once_in(2) || text.ends_with("1.1\n") {
            text.push_str("---");
        }
        let body = document.block(0, numbers);
        let body = if text.is_empty() { body.trim_start() } else { body.as_str() };
        text.push_str(body);
        text.push('\n');
        if numbers.once_in(8) {
            text.push_str("...\n");
        }
    }
    if numbers.once_in(6) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = numbers.choose(&places);
        match numbers.below(3) {
            0 => _ = text.remove(place),
            _ => text.insert_str(place, numbers.choose(&CHARACTERS)),
        }
    }
    text
}
