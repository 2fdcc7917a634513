use std::cmp::Ordering;

use super::{canonical, compare};

#[test]
fn versions_are_ordered_as_by_rpmvercmp() {
    // from rpm's own test suite (tests/rpmvercmp.at): the first is older
    for (older, newer) in [
        ("1.0", "2.0"),
        ("2.0", "2.0.1"),
        ("2.0.1", "2.0.1a"),
        ("5.5p1", "5.5p2"),
        ("5.5p1", "5.5p10"),
        ("10xyz", "10.1xyz"),
        ("xyz10", "xyz10.1"),
        ("xyz.4", "8"),
        ("xyz.4", "2"),
        ("5.5p2", "5.6p1"),
        ("5.6p1", "6.5p1"),
        ("6.0", "6.0.rc1"),
        ("10a2", "10b2"),
        ("1.0a", "1.0aa"),
        ("10.0001", "10.0039"),
        ("4.999.9", "5.0"),
        ("20101121", "20101122"),
        ("1.0~rc1", "1.0"),
        ("1.0~rc1", "1.0~rc2"),
        ("1.0~rc1~git123", "1.0~rc1"),
        ("1.0", "1.0^"),
        ("1.0", "1.0^git1"),
        ("1.0^git1", "1.0^git2"),
        ("1.0^git1", "1.01"),
        ("1.0^20160101", "1.0.1"),
        ("1.0~rc1", "1.0~rc1^git1"),
        ("1.0^git1~pre", "1.0^git1"),
        ("99999999999999999999", "100000000000000000000"),
    ] {
        assert_eq!(compare(older.as_bytes(), newer.as_bytes()), Ordering::Less, "{older} {newer}");
        assert_eq!(compare(newer.as_bytes(), older.as_bytes()), Ordering::Greater, "{newer} {older}");
    }
    for (one, other) in
        [("1.0", "1.0"), ("1.0", "1_0"), ("1.0", "1.00"), ("a+", "a_"), ("+_", "_+"), ("10.0001", "10.1")]
    {
        assert_eq!(compare(one.as_bytes(), other.as_bytes()), Ordering::Equal, "{one} {other}");
    }
}

#[test]
fn equal_versions_have_one_canonical_form() {
    for (version, form) in [
        ("1.0", "1.0"),
        ("1.00", "1.0"),
        ("1_0", "1.0"),
        ("1..0.", "1.0"),
        ("1.0~rc1", "1.0~rc.1"),
        ("1a", "1.a"),
        ("0", "0"),
    ] {
        assert_eq!(canonical(version), form, "{version}");
    }
    let mut texts = vec![String::new()];
    for length in 1..=3 {
        let longer: Vec<String> = texts.iter().filter(|text| text.len() == length - 1).cloned().collect();
        texts.extend(longer.iter().flat_map(|text| "01a.~^".chars().map(move |next| format!("{text}{next}"))));
    }
    for one in &texts {
        assert_eq!(compare(one.as_bytes(), canonical(one).as_bytes()), Ordering::Equal, "{one}");
        for other in &texts {
            let equal = compare(one.as_bytes(), other.as_bytes()).is_eq();
            assert_eq!(equal, canonical(one) == canonical(other), "{one} {other}");
        }
    }
}

/// An index is merged in this order, so it must be one: all texts of at most four characters of each class.
#[test]
fn the_order_is_transitive() {
    let mut texts = vec![String::new()];
    for length in 1..=4 {
        let longer: Vec<String> = texts.iter().filter(|text| text.len() == length - 1).cloned().collect();
        texts.extend(longer.iter().flat_map(|text| "01a.~^".chars().map(move |next| format!("{text}{next}"))));
    }
    texts.sort_by(|one, other| compare(one.as_bytes(), other.as_bytes()));
    let mut ranks = vec![0];
    for pair in texts.windows(2) {
        let step = usize::from(compare(pair[0].as_bytes(), pair[1].as_bytes()).is_ne());
        ranks.push(ranks.last().unwrap() + step);
    }
    for (one, rank) in texts.iter().zip(&ranks) {
        for (other, other_rank) in texts.iter().zip(&ranks) {
            assert_eq!(compare(one.as_bytes(), other.as_bytes()), rank.cmp(other_rank), "{one} {other}");
        }
    }
}
