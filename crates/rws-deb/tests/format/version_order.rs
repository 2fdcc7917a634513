//! The order of identities against `dpkg --compare-versions`, and that it is total for any text.

use std::cmp::Ordering;
use std::path::Path;

use crate::support::run;
use proptest::prelude::*;
use rws_deb::Deb;
use rws_model::{Identity, RepositoryFormat};

fn compare(left: &str, right: &str) -> Ordering {
    let identity = |version: &str| Identity(format!("deb hello {version} amd64"));
    Deb.compare(&identity(left), &identity(right))
}

const VERSIONS: &[&str] = &[
    "0",
    "0~",
    "1",
    "1.0",
    "1.0-0",
    "1.00",
    "1.0-1",
    "1.0-1~bpo12+1",
    "1.0-1+b1",
    "1.0-10",
    "1.0-2",
    "1.0~rc1-1",
    "1.0~~a",
    "1.0~",
    "1.0+dfsg-1",
    "1.0a",
    "1.0a0",
    "1.0a1",
    "1.0.",
    "1.0.1",
    "1:0.1",
    "0:1.0",
    "2:1:2-1",
    "1.2-3-4",
    "1.18446744073709551616",
    "1.18446744073709551617",
    "9",
    "10",
    "1.0A",
    "1.0z",
    "1.0+",
    "1.0-a~",
    "2021.01.01~git1",
];

#[test]
fn the_order_is_that_of_dpkg() {
    let is = |left: &str, relation: &str, right: &str| {
        let script = format!("dpkg --compare-versions '{left}' {relation} '{right}' && echo yes || echo no");
        run("sh", "dpkg", &["-c", &script], Path::new("/")) == b"yes\n"
    };
    assert!(is("2", "gt", "1"), "dpkg works: if not, install the Debian package dpkg");
    for (place, left) in VERSIONS.iter().enumerate() {
        for right in &VERSIONS[place + 1..] {
            let ours = compare(left, right);
            let dpkg_less = is(left, "lt", right);
            let dpkg_equal = !dpkg_less && is(left, "eq", right);
            let expected = match (dpkg_less, dpkg_equal) {
                (true, _) => Ordering::Less,
                (_, true) => Ordering::Equal,
                _ => Ordering::Greater,
            };
            assert_eq!(ours, expected, "{left} and {right}");
        }
    }
}

#[test]
fn kinds_names_and_architectures_stand_around_the_version() {
    let sorted = [
        "",
        "deb a 1 amd64",
        "deb a 1 arm64",
        "deb a 10 all",
        "deb a-b 1 all",
        "deb b 1 all",
        "file a.tar.gz",
        "source a 1",
        "source a 2",
        "source b 1",
    ];
    for (place, left) in sorted.iter().enumerate() {
        for (other, right) in sorted.iter().enumerate() {
            let order = Deb.compare(&Identity((*left).to_owned()), &Identity((*right).to_owned()));
            assert_eq!(order, place.cmp(&other), "{left} and {right}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_is_total(a in "[ab0-2~+.:-]{0,6}", b in "[ab0-2~+.:-]{0,6}", c in "[ab0-2~+.:-]{0,6}") {
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
            prop_assert_ne!(compare(&a, &c), Ordering::Greater);
        }
    }

    #[test]
    fn any_text_has_a_place(a in ".{0,30}", b in ".{0,30}") {
        let (a, b) = (Identity(a), Identity(b));
        prop_assert_eq!(Deb.compare(&a, &b), Deb.compare(&b, &a).reverse());
        prop_assert_eq!(Deb.compare(&a, &a), Ordering::Equal);
    }
}
