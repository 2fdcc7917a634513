use proptest::prelude::*;

use super::*;
use crate::field_order::{self, PACKAGES};

fn parse(text: &[u8]) -> Result<Stanza<'_>, Fault> {
    Stanza::parse(text, "it")
}

#[test]
fn fields_keep_their_bytes() {
    let text = b"\n\nPackage: a\nDescription:  b \n c\n \t.\n\td  \nX:\nY :\te\n\n\n";
    let stanza = parse(text).unwrap();
    let fields: Vec<_> = stanza.fields().iter().map(|field| (field.name, field.raw)).collect();
    let expected: [(&str, &[u8]); 4] =
        [("Package", b" a"), ("Description", b"  b \n c\n \t.\n\td"), ("X", b""), ("Y", b"\te")];
    assert_eq!(fields, expected);
    assert_eq!(stanza.value("PACKAGE"), b"a");
    assert_eq!(stanza.value("description"), b"b \n c\n \t.\n\td");
    assert_eq!(stanza.value("none"), b"");
}

#[test]
fn faults_name_their_line() {
    let cases: [(&[u8], usize); 9] = [
        (b"A: 1\nB", 2),
        (b" A: 1", 1),
        (b"A: 1\nA: 2", 2),
        (b"A: 1\n a\na: 2", 3),
        (b"A: 1\n\nB: 1", 3),
        (b"A: 1\n  \t\nB: 1", 2),
        (b"A: 1\n: 2", 2),
        (b"A: 1\n#B: 2", 2),
        (b"A: 1\n\xc3\x84: 2", 2),
    ];
    for (text, wanted) in cases {
        match parse(text) {
            Err(Fault::Stanza { line, .. }) => assert_eq!(line, wanted, "{text:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn many_fields_cost_little() {
    let text: String = (0..50_000).map(|number| format!("X-{number}: v\n")).collect();
    let stanza = parse(text.as_bytes()).unwrap();
    assert_eq!(field_order::write(&stanza, PACKAGES, &[]).len(), text.len() + 1);
}

proptest! {
    #[test]
    fn any_bytes_are_a_stanza_or_a_fault(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text);
    }

    #[test]
    fn what_is_written_reads_back_the_same(text in "([A-Ca-c-]{1,3} ?:[ \t]{0,2}[a-z]{0,3}[ \t]?\n([ \t]{1,2}[a-z.]{1,3} ?\n){0,2}){0,5}") {
        if let Ok(stanza) = parse(text.as_bytes()) {
            let written = field_order::write(&stanza, PACKAGES, &[]);
            let again = parse(&written).unwrap();
            prop_assert_eq!(stanza.fields().len(), again.fields().len());
            for field in stanza.fields() {
                prop_assert_eq!(field.value(), again.value(field.name));
            }
            prop_assert_eq!(field_order::write(&again, PACKAGES, &[]), written);
        }
    }
}
