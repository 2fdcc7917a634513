use super::check;

const STREAM: &str = "document: modulemd
version: 2
data:
  name: tool
  stream: \"1\"
  version: 20240101000000
  context: c0ffee
  arch: x86_64
  summary: s
  description: >-
    d
  license:
    module: [MIT]
    content: [MIT]
  dependencies:
  - buildrequires: {platform: [el9]}
    requires: {platform: [-el8, -el7], other: \"1\"}
  references: {community: a, documentation: b, tracker: c}
  profiles:
    common: {description: p, rpms: [tool]}
  api: {rpms: [tool]}
  filter: {rpms: [tool-tests]}
  servicelevels: {rawhide: {eol: 2030-02-28}, other: {}}
  static_context: false
  buildopts: {rpms: {macros: \"%x 1\"}}
  components: {rpms: {tool: {rationale: r, buildorder: 3}}}
  artifacts:
    rpms: [tool-0:1.0-1.x86_64, 'a-b-3:1-2.noarch']
  xmd: {a: &b [{d: [e]}]}
  unknown: {a: [b]}
";

const DEFAULTS: &str = "document: modulemd-defaults
version: 1
data:
  module: tool
  stream: \"1\"
  modified: 202401010000
  profiles: {\"1\": [common], \"2\": []}
";

const OBSOLETES: &str = "document: modulemd-obsoletes
version: 1
data:
  modified: 2024-01-01T00:00Z
  reset: false
  module: tool
  stream: \"1\"
  message: m
  eol_date: 2030-01-01T00:00Z
  obsoleted_by: {module: tool, stream: \"2\"}
";

const TRANSLATIONS: &str = "document: modulemd-translations
version: 1
data:
  module: tool
  stream: \"1\"
  modified: 202401010000
  translations: {de: {summary: s, description: d, profiles: {common: p}}}
";

const OLD_STREAM: &str = "document: modulemd
version: 1
data: {name: old, stream: a, summary: s, description: d, license: {module: MIT}, eol: 2024-02-29,
  dependencies: {requires: {platform: el7}}}
";

/// `text` with `from` replaced, which it must have.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn is_fine(text: &str) {
    assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
}

#[track_caller]
fn is_refused(text: &str, reason: &str) {
    let found = check(text.as_bytes()).expect_err(text);
    assert!(found.contains(reason) && !found.contains('\n'), "{text}: {found}");
}

#[test]
fn each_kind_of_document_is_taken() {
    for text in [STREAM, DEFAULTS, OBSOLETES, TRANSLATIONS, OLD_STREAM] {
        is_fine(text);
        is_fine(&format!("%YAML 1.2\n---\n{text}...\n# end\n"));
        is_fine(&format!("\u{feff}---\n{text}"));
    }
    is_fine(&[STREAM, DEFAULTS, OBSOLETES, TRANSLATIONS, OLD_STREAM].map(|text| format!("---\n{text}")).concat());
    is_fine("{\"data\":{\"module\":\"a\"},\"version\":1,\"document\":\"modulemd-defaults\"}\n");
    is_fine(&with(STREAM, "document: modulemd\n", "document: !!str 'modulemd-stream'\n"));
    for version in ["02", "\"2\"", "+2", "!!int 2", "2 # c"] {
        is_fine(&with(STREAM, "version: 2\n", &format!("version: {version}\n")));
    }
}

#[test]
fn what_libyaml_refuses_is_refused() {
    let summary = |value: &str| with(STREAM, "summary: s", &format!("summary: {value}"));
    for text in [
        format!("%YAML 2.0\n---\n{STREAM}"),
        format!("%YAML 1.1\n%YAML 1.1\n---\n{STREAM}"),
        format!("%FOO bar\n---\n{STREAM}"),
        format!("%TAG !e! tag:x\n%TAG !e! tag:y\n---\n{STREAM}"),
        format!("{STREAM}# \u{7f}\n"),
        format!("---\n{STREAM}...\n\u{feff}\u{feff}---\n{DEFAULTS}"),
        format!("\u{feff}\u{feff}{STREAM}"),
        format!("---\n{STREAM}...\nx: y\n---\n{DEFAULTS}"),
        with(STREAM, "  summary", "\tsummary"),
        with(STREAM, "  summary", &format!("  {}", "k".repeat(1025))),
        "a: [1".to_owned(),
    ] {
        assert!(check(text.as_bytes()).is_err(), "{text}");
    }
    for value in [
        "\u{7f}",
        "\u{80}",
        "\u{1b}",
        "\u{9f}",
        "\u{fffe}",
        "\u{ffff}",
        "a\u{85}b",
        "a\u{2028}b",
        "@a",
        "`a`",
        "%a",
        "\"a",
        "'a",
        "{",
        "[a",
        "\"\\q\"",
        "\"\\ud800\"",
        "\"\\U00110000\"",
        "a: b",
        "!e!a b",
        "\"a\n---\nb\"",
        "|\n   a\n  b",
    ] {
        is_refused(&summary(value), "");
    }
    for value in
        ["\u{a0}", "😀", "\"a\u{85}b\"", "\"\\e\"", "a#b", "a]", "?a", "~", "", "|+", "\"\\x41\"", "!<a> b", "&a b"]
    {
        is_fine(&summary(value));
    }
    is_refused(&with(STREAM, "rpms: [tool]}\n  api", "rpms: [tool, !a,]}\n  api"), "can be read here");
    let end = |value: &str| format!("{}data: {{}}\nx: {value}", with(DEFAULTS, "data:\n", "other:\n"));
    for value in ["|\n  d", "|+\n  d\n  e", ">\n  d\n\n   e", "|\n  d ", "|\n  d\n  ", "|", "|\n", "\"d\n  e\"", "d #c"]
    {
        is_fine(&end(value));
    }
    for value in ["\"d", "\"d\\", "\"d\\\n", "'d\n"] {
        is_refused(&end(value), "no YAML 1.1");
    }
    is_refused("a: \0", "NUL");
    assert!(check(&[b"a: \xff".as_slice(), STREAM.as_bytes()].concat()).unwrap_err().contains("no UTF-8"));
    let utf16: Vec<u8> = STREAM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(check(&utf16).is_err() && check(&[&[0xff, 0xfe], utf16.as_slice()].concat()).is_err());
}

#[test]
fn aliases_and_depth_are_refused() {
    is_refused(&with(STREAM, "unknown: {a: [b]}", "xmd: {a: *b}"), "alias, *b");
    is_refused(&with(STREAM, "summary: s", "summary: &x s\n  tracker: *x"), "line 10");
    is_refused(&with(STREAM, "summary: s", &format!("xmd: {}", "[".repeat(101))), "deeper");
    is_refused(&"[".repeat(200_000), "not a mapping");
    is_refused(&format!("data: {}", "[".repeat(200_000)), "deeper");
}

#[test]
fn documents_must_say_what_they_are() {
    for (text, reason) in [
        ("", "no document"),
        ("# x\n", "no document"),
        ("---\n", "not a mapping"),
        ("~", "not a mapping"),
        ("- a\n", "is a list, not a mapping"),
        ("{}", "`document`"),
        ("document: x\nversion: 1\ndata: {}", "no client knows"),
        ("document: MODULEMD\nversion: 1\ndata: {}", "no client knows"),
        ("document: |\n  modulemd\nversion: 1\ndata: {}", "no client knows"),
        ("document: [modulemd]\nversion: 1\ndata: {}", "not a text"),
        ("document: {a: b}\nversion: 1\ndata: {}", "not a text"),
        ("document: modulemd\ndocument: modulemd\nversion: 1\ndata: {}", "`document` is there twice"),
        ("document: modulemd-packager\nversion: 3\ndata: {}", "for builds"),
        ("document: modulemd-defaults\nversion: 1\nversion: 1\ndata: {}", "`version` is there twice"),
        ("document: modulemd-defaults\nversion: x\ndata: {}", "`version` is \"x\""),
        ("document: modulemd-defaults\nversion: 1.0\ndata: {}", "`version` is \"1.0\""),
        ("document: modulemd-defaults\nversion: -1\ndata: {}", "`version`"),
        ("document: modulemd-defaults\nversion: 99999999999999999999\ndata: {}", "`version`"),
        ("document: modulemd-defaults\nversion: [1]\ndata: {}", "`version`"),
        ("document: modulemd-defaults\nversion: 0\ndata: {}", "no `version`"),
        ("document: modulemd-defaults\ndata: {}", "no `version`"),
        ("document: modulemd-defaults\nversion: 2\ndata: {}", "up to 1"),
        ("document: modulemd\nversion: 3\ndata: {}", "up to 2"),
        ("document: modulemd-defaults\nversion: 1", "no `data`"),
        ("document: modulemd-defaults\nversion: 1\ndata: x", "not a mapping"),
    ] {
        is_refused(text, reason);
    }
    // a key with a line break, which fuzzing found
    let key = STREAM.replacen("profiles:", "profiles: {\"1\\na\": x}\n  unknown:", 1);
    is_refused(&key, "profiles.1\\na");
    is_refused(&format!("---\n{STREAM}---\nfoo\n"), "its document 2 cannot be read by clients, at line 33");
}

#[test]
fn streams_have_what_clients_need() {
    for (from, to, reason) in [
        ("  name: tool\n", "", "no `name`"),
        ("  stream: \"1\"\n", "", "no `stream`"),
        ("  summary: s\n", "", "no `summary`"),
        ("  description: >-\n    d\n", "", "no `description`"),
        ("    module: [MIT]\n", "", "`license.module`"),
        ("module: [MIT]", "module:", "`license.module`"),
        ("platform: [-el8, -el7]", "other: [], platform: []", "\"other\" twice"),
        ("xmd: {a: &b [{d: [e]}]}", "xmd: []", "`xmd` is a list"),
        ("xmd: {a: &b [{d: [e]}]}", "xmd: {a: [{[b]: c}]}", "`xmd` has a list for a key"),
        ("xmd: {a: &b [{d: [e]}]}", "xmd: {a: [b, {c: d}]}", "different forms"),
        ("xmd: {a: &b [{d: [e]}]}", "xmd: {a: [[b], {c: d}]}", "different forms"),
        ("description: p", "default: maybe", "neither true nor false"),
        ("buildorder: 3", "buildorder: 1, buildafter: [tool]", "both"),
        ("buildorder: 3", "buildafter: [tools]", "buildafter only"),
        ("buildorder: 3", "buildorder: 9223372036854775808", "63 bits"),
        ("module: [MIT]", "module: []", "`license.module`"),
        ("module: [MIT]", "module: {a: b}", "neither a text nor a list"),
        ("name: tool", "name: [a]", "`name` is a list"),
        ("arch: x86_64", "arch: {a: b}", "`arch` is a mapping"),
        ("version: 20240101000000", "version: 18446744073709551616", "`data.version`"),
        ("version: 20240101000000", "version: 0x10", "`data.version`"),
        ("[-el8, -el7]", "[el9, -el8]", "with and without"),
        ("  - buildrequires: {platform: [el9]}\n    requires:", "    requires:", "not a list"),
        ("{platform: [el9]}", "[platform]", "not a mapping"),
        ("{platform: [el9]}", "{platform: [[a]]}", "a list in its list"),
        ("common: {description: p, rpms: [tool]}", "common: x", "`profiles.common`"),
        ("description: p", "description: [a]", "`profiles.common.description`"),
        ("rpms: [tool]}\n  api", "rpms: [[tool]]}\n  api", "`profiles.common.rpms`"),
        ("api: {rpms: [tool]}", "api: x", "`api`"),
        ("eol: 2030-02-28", "eol: x", "YYYY-MM-DD"),
        ("static_context: false", "static_context: maybe", "neither true nor false"),
        ("buildorder: 3", "buildorder: x", "buildorder"),
        ("{rpms: {macros: \"%x 1\"}}", "x", "`buildopts`"),
        ("tool-0:1.0-1.x86_64", "tool-1.0-1.x86_64", "NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE"),
        ("tool-0:1.0-1.x86_64", "tool-x:1.0-1.x86_64", "NAME-EPOCH"),
        ("tool-0:1.0-1.x86_64", "tool-0:1-1", "NAME-EPOCH"),
    ] {
        is_refused(&with(STREAM, from, to), reason);
    }
    is_refused(&with(OLD_STREAM, "{requires: {platform: el7}}", "[{requires: {platform: el7}}]"), "`dependencies`");
    let is_static = with(STREAM, "static_context: false", "static_context: true");
    is_fine(&is_static);
    is_refused(&with(&is_static, "c0ffee", "a-b"), "1 to 13");
    is_fine(&with(STREAM, "c0ffee", "a-b"));
    is_refused(&with(OLD_STREAM, "2024-02-29", "2023-02-29"), "`eol`");
}

#[test]
fn the_map_of_packages_agrees_with_itself() {
    let map = |nevra: &str| {
        let package = format!("{{name: a, epoch: 1, version: 2, release: 3, arch: noarch, nevra: {nevra}}}");
        with(STREAM, "  artifacts:\n", &format!("  artifacts:\n    rpm-map: {{sha256: {{00ff: {package}}}}}\n"))
    };
    is_fine(&map("a-1:2-3.noarch"));
    is_refused(&map("a-0:2-3.noarch"), "is not what the parts say");
    is_refused(&map("a-1:2-3.noarch").replace("epoch: 1, ", ""), "lacks a part");
}

#[test]
fn one_stream_is_described_in_one_way() {
    let twice = |other: &str| format!("---\n{STREAM}---\n{other}");
    is_fine(&twice(STREAM));
    is_fine(&twice(&with(STREAM, "c0ffee", "cafe")));
    is_refused(&twice(&with(STREAM, "summary: s", "summary: t")), "in another way");
    is_refused(&twice(&with(STREAM, "tool-0:1.0", "tool-0:1.1")), "its document 2");
}

#[test]
fn defaults_obsoletes_and_translations_have_what_clients_need() {
    for (text, from, to, reason) in [
        (DEFAULTS, "  stream: \"1\"\n", "  stream: \"1\"\n  stream: \"1\"\n", "`stream` is there twice"),
        (DEFAULTS, "\"2\": []", "\"1\": []", "twice"),
        (DEFAULTS, "  module: tool\n", "  module: tool\n  module: tool\n", "`module` is there twice"),
        (DEFAULTS, "  module: tool\n", "  module: tool\n  intents: {a: {}, a: {}}\n", "`intents` has \"a\" twice"),
        (DEFAULTS, "{\"1\": [common], \"2\": []}", "[]", "`profiles`"),
        (DEFAULTS, "202401010000", "2024-01-01", "`modified`"),
        (OBSOLETES, "  modified: 2024-01-01T00:00Z\n", "", "no `modified`"),
        (OBSOLETES, "2024-01-01T00:00Z", "2024-01-01T00:00:00Z", "`modified`"),
        (OBSOLETES, "2024-01-01T00:00Z", "2024-13-01T00:00Z", "`modified`"),
        (OBSOLETES, "2030-01-01T00:00Z", "2030-01-01", "`eol_date`"),
        (OBSOLETES, "  message: m\n", "", "no `message`"),
        (OBSOLETES, "reset: false", "reset: true", "both"),
        (OBSOLETES, "message: m", "message: \"\"", "`message` is empty"),
        (OBSOLETES, "message: m", "message: m\n  message: m", "`message` is there twice"),
        (OBSOLETES, "{module: tool, stream: \"2\"}", "{module: a, module: a, stream: b}", "twice"),
        (TRANSLATIONS, "module: tool", "module:", "`module` is empty"),
        (OBSOLETES, "reset: false", "reset: 1", "neither true nor false"),
        (OBSOLETES, "{module: tool, stream: \"2\"}", "{module: tool}", "only one"),
        (OBSOLETES, "{module: tool, stream: \"2\"}", "x", "`obsoleted_by`"),
        (TRANSLATIONS, "  modified: 202401010000\n", "", "no `modified`"),
        (TRANSLATIONS, "  stream: \"1\"\n", "", "no `stream`"),
        (TRANSLATIONS, "202401010000", "x", "`modified`"),
        (TRANSLATIONS, "{de: {summary: s, description: d, profiles: {common: p}}}", "x", "`translations`"),
    ] {
        is_refused(&with(text, from, to), reason);
    }
    for text in [
        with(DEFAULTS, "  module: tool\n  stream: \"1\"\n", ""),
        with(
            &with(OBSOLETES, "reset: false", "reset: true"),
            "  eol_date: 2030-01-01T00:00Z\n  obsoleted_by: {module: tool, stream: \"2\"}\n",
            "",
        ),
        with(OBSOLETES, "  obsoleted_by: {module: tool, stream: \"2\"}\n", ""),
        with(TRANSLATIONS, "de: ", "\"\": "),
        format!("{DEFAULTS}data: of the second nobody reads anything\n"),
        format!("---\n{DEFAULTS}---\n{}", with(DEFAULTS, "stream: \"1\"", "stream: \"2\"")),
    ] {
        is_fine(&text);
    }
}
