use super::{List, check};

/// What rpmbuild 4.18 and 6.1 take in any list, and libsolv keeps.
#[rustfmt::skip]
const FINE: &[&str] = &[
    "(a)", "(a and b)", "(a and b and c)", "(a or b or c)", "(a with b)", "(a without b)", "(a with b with c)",
    "((a and b) or c)", "(a >= 1.0 and b)", "(a >= 1.0)", "(a = 1:2-3 or b < 2)", "(a == 1 and b)",
    "(a => 1 and b)", "(a =< 1 and b)", "(a<1 and b)", "(a(b) and c)", "(a(b and c)", "(a(b)(c) and d)",
    "(/bin/sh and a)", "(  a   and   b  )", "(a and ä)", "(a with (b or c))", "((a or b) with c)",
    "(a without (b or c))", "(a with 1)", "(a and rpmlib(x))", "(and and and)", "((a))", "((a) and b)",
    "(a and (b))", "(a and (b if c))", "(a or (b unless c))", "(a or (b and (c or d)))", "(a%x and b)",
    "(a-b and c.d)", "(a and a)", "(a and b-(c))", "(a:b and c)", "(a and b;)", "(a and _b)", "(a and 1b)",
    "(a and b and b and b and b and b)",
];

/// Only in requires.
#[rustfmt::skip]
const IN_REQUIRES: &[&str] = &[
    "(a if b)", "(a if b else c)", "(a if (b if c))", "(a if (b and c))", "(a if (b or c) else d)",
    "(if if if)", "(a <= 1 if b)", "(a if a)",
];

/// Only in conflicts.
#[rustfmt::skip]
const IN_CONFLICTS: &[&str] = &[
    "(a unless b)", "(a unless b else c)", "(a unless (b or c))",
];

/// What rpmbuild refuses or libsolv drops.
#[rustfmt::skip]
const BROKEN: &[&str] = &[
    "(a and", "(a and b", "(a", "()", "( )", "(a b)", "(a and b or c)", "(a or b and c)", "(a if b else",
    "(a if b if c)", "(a if b else c else d)", "(a without b without c)", "(a and )", "( and a)", "(a foo b)",
    "(a AND b)", "((a and b)", "(a and b))", "(a and b) x", "(a >= and b)", "(a >< 1 and b)", "(a <> 1 and b)",
    "(a andb)", "(a,b)", "(a\tand\tb)", "(a and b) ", "(a and b)", "(a = x:1 and b)", "(a = 1 - 2 and b)",
    "(a with (b and c))", "((a and b) with c)", "(a without (b and c))", "(a with b and c)", "(a and b c)",
    "(a and b >= 1 2)", "(a = \"1\" and b)", "(a and (b unless c))", "(a or (b if c))", "(a and b",
    "(a and (b or c)", "(a and b)c", "(a =1 and b)", "(a= 1 and b)", "(a = 1and b)", "(!a and b)", "(a & b)",
    "(a | b)", "(\"a b\" and c)", "(a\\ b and c)", "(a = 1) ", "(a = 1 and b = )", "(= 1 and b)", "(a and -b)",
    "(a and .b)", "(a and /b c)", "(a or b)(x)", "(a or b) = 1",
];

fn takes(text: &str, list: List) -> bool {
    check(text.as_bytes(), list).is_ok()
}

#[test]
fn rich_dependencies_are_those_that_rpm_takes_and_libsolv_keeps() {
    for text in FINE {
        assert_eq!(check(text.as_bytes(), List::Requires), Ok(()), "{text}");
        assert!(takes(text, List::Conflicts) && !takes(text, List::Plain), "{text}");
    }
    for text in IN_REQUIRES {
        assert!(takes(text, List::Requires) && !takes(text, List::Conflicts), "{text}");
    }
    for text in IN_CONFLICTS {
        assert!(takes(text, List::Conflicts) && !takes(text, List::Requires), "{text}");
    }
    for text in BROKEN {
        assert!(!takes(text, List::Requires) && !takes(text, List::Conflicts), "{text}");
    }
    for text in ["", "a", "a b", "a and b)", " (a", "a(b", "rpmlib(x) ("] {
        assert!([List::Requires, List::Conflicts, List::Plain].iter().all(|list| takes(text, *list)), "{text}");
    }
}

#[test]
fn depth_is_bounded_and_length_is_not() {
    let deep = |levels| "(".repeat(levels) + "a" + &" and b)".repeat(levels);
    assert!(takes(&deep(100), List::Requires) && !takes(&deep(101), List::Requires));
    assert!(!takes(&"(".repeat(1_000_000), List::Requires));
    assert!(takes(&format!("(a{})", " and b".repeat(20_000)), List::Requires));
}
