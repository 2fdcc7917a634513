use super::{Form, check};

#[test]
fn what_dpkg_and_apt_take() {
    for value in [
        "",
        "foo",
        "a",
        "Foo",
        "0ad",
        "f_o",
        "foo, bar",
        "foo,bar | baz",
        "foo|bar",
        "foo:any, foo:amd64 (>= 1), foo:AMD64",
        "foo (= 1)",
        "foo(>=1.0-1)",
        "foo ( << 1:2~rc1+b1 )",
        "foo\n (>= 1)\n , bar",
        "foo (>=\n 1)",
        "foo (< 1.0), foo (> 1.0)",
        "foo (1.0)",
        "foo (=1), b",
        "foo (=12)",
        "foo (=1 )",
        "foo\t(= 1:1:1)",
    ] {
        assert_eq!(check(value.as_bytes(), Form::Alternatives), Ok(()), "{value:?}");
    }
    assert_eq!(check(format!("a{}", ", foo (>= 1)".repeat(10_000)).as_bytes(), Form::Plain), Ok(()));
}

#[test]
fn what_dpkg_or_apt_refuse() {
    for value in [
        ",",
        "foo,",
        ", foo",
        "a,,b",
        "a, ,b",
        "|",
        "foo |",
        "| foo",
        "a || b",
        "(= 1)",
        ":any",
        "foo bar",
        "foo (= 1)bar",
        "foo (= 1) (= 2)",
        "foo :any",
        "foo [amd64]",
        "foo (= 1) [amd64]",
        "foo <!nocheck>",
        "foo {",
        "foo;bar",
        "${misc:Depends}",
        "foo, ${shlibs:Depends}",
        "foo@",
        "foo>=1",
        "föö",
        ".foo",
        "-foo",
        "_foo",
        "foo:",
        "foo: any",
        "foo:any:any",
        "foo:a_b",
        "foo (= )",
        "foo ()",
        "foo (",
        "foo (= 1",
        "foo (= 1 2)",
        "foo ((= 1))",
        "foo (!= 1)",
        "foo (== 1)",
        "foo (=< 1)",
        "foo (=> 1)",
        "foo (~ 1)",
        "foo (<> 1)",
        "foo (= a)",
        "foo (= 1-)",
        "foo (= 1,2)",
        "foo (= ${binary:Version})",
        // dpkg takes these; apt 2.6 does not
        "foo (=1)",
        "foo (12)",
        "a, foo ( =1)",
    ] {
        assert!(check(value.as_bytes(), Form::Alternatives).is_err(), "{value:?}");
    }
    let long = "x".repeat(65_535);
    assert!(check(long.as_bytes(), Form::Plain).is_err());
    assert!(check(format!("foo (= 1{long})").as_bytes(), Form::Plain).is_err());
    assert_eq!(check(&long.as_bytes()[1..], Form::Plain), Ok(()));
}

#[test]
fn each_form_has_its_own() {
    for form in [Form::Plain, Form::Provides] {
        assert!(check(b"a | b", form).is_err());
        assert_eq!(check(b"a, b (= 1.0)", form), Ok(()));
    }
    for operator in ["<", "<<", "<=", ">=", ">>", ">"] {
        let value = format!("a ({operator} 1.0)");
        assert_eq!(check(value.as_bytes(), Form::Plain), Ok(()), "{value}");
        assert!(check(value.as_bytes(), Form::Provides).is_err(), "{value}");
    }
    for value in [
        "debhelper-compat (= 13), gcc:native, foo [amd64 !i386] <!nocheck> <cross !nodoc>, bar (>= 1) [linux-any] | baz",
        "a, ,b,",
        ", a",
    ] {
        assert_eq!(check(value.as_bytes(), Form::Build), Ok(()), "{value}");
    }
    for value in
        ["a []", "a <>", "a [amd64", "a <x> [amd64]", "a [amd64] (= 1.0)", "a b", "a_b", "a (= )", "${x}", "a |"]
    {
        assert!(check(value.as_bytes(), Form::Build).is_err(), "{value}");
    }
}
