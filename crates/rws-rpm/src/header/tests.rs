use super::{Header, INTRODUCTION_BYTES, length};
use crate::fault::{Fault, Section};
use rws_lab::rpm::{Value, header, text, texts};

fn parse(bytes: Vec<u8>) -> Result<Header, Fault> {
    Header::parse(Section::Main, bytes)
}

/// A header of one entry, as it is given, and data.
fn raw(entries: &[[u32; 4]], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
    bytes.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
    bytes.extend(entries.iter().flatten().flat_map(|number| number.to_be_bytes()));
    bytes.extend_from_slice(data);
    bytes
}

fn reason(entries: &[[u32; 4]], data: &[u8]) -> &'static str {
    match parse(raw(entries, data)) {
        Err(Fault::HeaderEntry { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_are_read_by_their_types() {
    let tags = [
        (1000, text("name")),
        (1030, Value::Shorts(vec![1, 0xffff])),
        (1037, Value::Numbers(vec![7, u32::MAX])),
        (1117, texts(&["a", "", "c"])),
        (1146, Value::Bytes(vec![1, 2, 0])),
        (5009, Value::Longs(vec![u64::MAX])),
    ];
    for region in [Some(63), None] {
        let header = parse(header(region, &tags)).unwrap();
        assert_eq!(header.text(1000), Some(&b"name"[..]));
        assert_eq!(header.numbers(1030).collect::<Vec<_>>(), [1, 0xffff]);
        assert_eq!(header.numbers(1037).collect::<Vec<_>>(), [7, 0xffff_ffff]);
        assert_eq!(header.strings(1117).collect::<Vec<_>>(), [&b"a"[..], b"", b"c"]);
        assert_eq!(header.binary(1146), Some(&[1, 2, 0][..]));
        assert_eq!(header.number(5009), Some(u64::MAX));
        assert_eq!((header.text(1117), header.text(1037), header.number(1000)), (None, None, None));
        assert_eq!((header.count(1117), header.count(1), header.has(63)), (3, 0, region.is_some()));
    }
}

#[test]
fn claims_are_bounded_before_anything_else_arrives() {
    let introduction = |entries: u32, data: u32| {
        let mut bytes = [0; INTRODUCTION_BYTES];
        bytes[..4].copy_from_slice(&[0x8e, 0xad, 0xe8, 0x01]);
        bytes[8..12].copy_from_slice(&entries.to_be_bytes());
        bytes[12..].copy_from_slice(&data.to_be_bytes());
        bytes
    };
    assert_eq!(length(Section::Main, introduction(2, 3)), Ok(16 + 32 + 3));
    assert_eq!(length(Section::Main, [0; 16]), Err(Fault::HeaderMagic(Section::Main)));
    for entries in [0, 65_536, u32::MAX] {
        assert_eq!(length(Section::Main, introduction(entries, 0)), Err(Fault::HeaderEntries(Section::Main, entries)));
    }
    let most = 64 * 1024 * 1024;
    assert!(length(Section::Signature, introduction(1, most)).is_ok());
    assert!(length(Section::Signature, introduction(1, most + 1)).is_err());
    assert!(length(Section::Main, introduction(1, most)).is_ok());
    assert!(length(Section::Main, introduction(1, most + 1)).is_err());
}

#[test]
fn entries_that_leave_the_header_are_refused() {
    assert!(reason(&[[1000, 6, 3, 1]], b"a\0").contains("outside"));
    assert!(reason(&[[1000, 6, u32::MAX, 1]], b"a\0").contains("outside"));
    assert!(reason(&[[1000, 6, 0, 1]], b"ab").contains("past the end"));
    assert!(reason(&[[1000, 8, 0, 3]], b"a\0b\0").contains("past the end"));
    assert!(reason(&[[2000, 7, 0, u32::MAX]], b"ab").contains("past the end"));
    assert!(reason(&[[2000, 5, 0, u32::MAX]], b"ab").contains("past the end"));
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    assert!(reason(&[[99, 6, 0, 1]], b"a\0").contains("not the number of a tag"));
    assert!(reason(&[[1000, 0, 0, 1]], b"a\0").contains("type"));
    assert!(reason(&[[1000, 10, 0, 1]], b"a\0").contains("type"));
    assert!(reason(&[[1000, 6, 0, 2]], b"a\0b\0").contains("count"));
    assert!(reason(&[[1000, 8, 0, 0]], b"a\0b\0").contains("count"));
    assert!(reason(&[[2000, 4, 2, 1]], b"\0\0\0\0\0\0").contains("aligned"));
    assert!(reason(&[[1000, 4, 0, 1]], b"\0\0\0\0").contains("wrong type"));
    assert!(reason(&[[269, 6, 0, 1]], b"a\0").contains("signature header"));
    assert!(reason(&[[1000, 8, 0, 2], [1001, 6, 2, 1]], b"a\0b\0").contains("overlaps"));
    assert!(reason(&[[0x8000_0000, 6, 0, 1]], b"a\0").contains("not the number of a tag"));
}

#[test]
fn a_region_must_cover_the_header() {
    let whole = header(Some(63), &[(1000, text("name"))]);
    assert!(parse(whole.clone()).is_ok());
    // one more entry than the region covers
    let mut longer = raw(&[[63, 7, 5, 16], [1000, 6, 0, 1], [1001, 6, 21, 1]], b"name\0................b\0");
    let trailer = whole.len() - 16;
    longer[16 + 48 + 5..16 + 48 + 21].copy_from_slice(&whole[trailer..]);
    assert!(matches!(parse(longer), Err(Fault::HeaderEntry { reason: "does not cover the header", .. })));
    for place in trailer..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x40;
        assert!(parse(changed).is_err(), "byte {place} of the trailer");
    }
}

#[test]
fn a_tag_that_comes_twice_has_one_value() {
    assert!(reason(&[[1000, 6, 0, 1], [1000, 6, 2, 1]], b"a\0b\0").contains("twice"));
    assert!(reason(&[[1000, 6, 0, 1], [1000, 8, 2, 1]], b"a\0a\0").contains("twice"));
    assert!(reason(&[[1000, 6, 0, 1], [1001, 6, 2, 1], [1000, 6, 4, 1]], b"a\0b\0b\0").contains("twice"));
    let header = parse(raw(&[[1044, 6, 0, 1], [1000, 6, 2, 1], [1044, 6, 4, 1]], b"a\0b\0a\0")).unwrap();
    assert_eq!(header.text(1044), Some(&b"a"[..]));
}

#[test]
fn values_have_the_types_that_librpm_expects() {
    for (tag, kind) in
        [(1003, 3), (1003, 5), (1006, 5), (1030, 4), (5009, 4), (1028, 5), (1047, 6), (1049, 6), (1118, 9)]
    {
        assert!(reason(&[[tag, kind, 0, 1]], &[0; 8]).contains("wrong type"), "{tag} {kind}");
    }
    for (tag, kind) in [(1050, 9), (1113, 6), (1117, 6), (5092, 6), (1146, 6), (1000, 7), (1035, 4), (1048, 3)] {
        assert!(reason(&[[tag, kind, 0, 1]], &[0; 8]).contains("wrong type"), "{tag} {kind}");
    }
    // one element of the type
    let value = |kind: u32| vec![0; [1, 1, 1, 2, 4, 8, 1, 1, 1, 1][kind as usize]];
    for (tag, kind) in [(1000, 8), (1000, 9), (1004, 6), (1003, 4), (5009, 5), (1030, 3), (4242, 1), (4242, 9)] {
        assert!(parse(raw(&[[tag, kind, 0, 1]], &value(kind))).is_ok(), "{tag} {kind}");
    }
    let signature = |tag, kind| Header::parse(Section::Signature, raw(&[[tag, kind, 0, 1]], &value(kind))).is_ok();
    assert!(signature(1000, 4) && signature(273, 6) && signature(4242, 1));
    assert!(!signature(1000, 5) && !signature(273, 8) && !signature(1004, 6) && !signature(62, 7));
}

#[test]
fn a_header_without_a_region_has_no_gaps_either() {
    assert!(parse(raw(&[[1010, 6, 0, 1], [1011, 6, 2, 1]], b"a\0b\0")).is_ok());
    assert!(reason(&[[1010, 6, 0, 1], [1011, 6, 3, 1]], b"a\0\0b\0").contains("does not follow"));
    assert!(reason(&[[1010, 6, 0, 1], [1011, 6, 2, 1]], b"a\0b\0\0").contains("bytes follow it"));
}

#[test]
fn a_header_with_a_region_has_no_gaps() {
    let parse = |section, region, entries: &[[u32; 4]], data: &[u8]| {
        let mut all = vec![region];
        all.extend_from_slice(entries);
        Header::parse(section, raw(&all, data)).map(drop)
    };
    let trailer = |tag: u32, entries: u32| {
        [tag, 7, (entries * 16).wrapping_neg(), 16].iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>()
    };
    for (section, tag) in [(Section::Main, 63), (Section::Signature, 62)] {
        let close = [b"a\0b\0".as_slice(), &trailer(tag, 3)].concat();
        assert_eq!(parse(section, [tag, 7, 4, 16], &[[1010, 6, 0, 1], [1011, 6, 2, 1]], &close), Ok(()));
        let gap = [b"a\0\0\0b\0".as_slice(), &trailer(tag, 3)].concat();
        assert!(parse(section, [tag, 7, 6, 16], &[[1010, 6, 0, 1], [1011, 6, 4, 1]], &gap).is_err());
        let longer = [&close, [0; 8].as_slice()].concat();
        assert!(parse(section, [tag, 7, 4, 16], &[[1010, 6, 0, 1], [1011, 6, 2, 1]], &longer).is_err());
    }
    // what a signature adds behind the region
    let more = [b"a\0".as_slice(), &trailer(62, 2), b"b\0"].concat();
    assert_eq!(parse(Section::Signature, [62, 7, 2, 16], &[[1010, 6, 0, 1], [1011, 6, 18, 1]], &more), Ok(()));
    let older = [b"a\0".as_slice(), &trailer(61, 2)].concat();
    assert_eq!(parse(Section::Signature, [62, 7, 2, 16], &[[1010, 6, 0, 1]], &older), Ok(()));
    assert!(parse(Section::Signature, [61, 7, 2, 16], &[[1010, 6, 0, 1]], &older).is_err());
}
