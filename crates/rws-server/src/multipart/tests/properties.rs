use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Cuts `body` at the places given, whatever they are.
fn cut(body: &[u8], places: Vec<usize>) -> Vec<&[u8]> {
    let mut places: Vec<usize> = places.into_iter().map(|place| place % (body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect()
}

/// Data that often looks like a boundary but has none.
fn part_data() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 10] =
        [b"\r\n--Xy", b"\r\n--X", b"\r\n-", b"\r\n", b"\r", b"--XyZ", b"\n", b"Z", b"\0", b"data"];
    vec(proptest::sample::select(&PIECES[..]), 0..20)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("holds the boundary", |data| {
            memchr::memmem::find(&[b"\r\n", data.as_slice()].concat(), b"\r\n--XyZ").is_none()
        })
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for data in parts {
        body.extend_from_slice(b"--XyZ\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n");
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XyZ--\r\n");
    body
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_any_chunks(parts in vec(part_data(), 0..5), places in vec(any::<usize>(), 0..40)) {
        let body = form(&parts);
        let mut expected = Vec::new();
        for data in parts {
            expected.push(begin("a", Some("b")));
            if !data.is_empty() {
                expected.push(Event::Data(data.into()));
            }
            expected.push(Event::PartEnd);
        }
        expected.push(Event::End);
        prop_assert_eq!(parse_chunks(TYPE, Limits::default(), cut(&body, places)), (expected, Ok(())));
    }

    #[test]
    fn a_changed_body_gives_the_same_in_any_chunks(
        changes in vec((any::<usize>(), prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'-')], 0..3_u8), 1..6),
        places in vec(any::<usize>(), 0..40),
    ) {
        let mut body = BODY.to_vec();
        for (place, byte, kind) in changes {
            let place = place % body.len();
            match kind {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => drop(body.remove(place)),
            }
        }
        let limits = Limits { parts: 4, header_bytes: 90, outside_bytes: 30 };
        let whole = parse_chunks(TYPE, limits, [body.as_slice()]);
        prop_assert_eq!(parse_chunks(TYPE, limits, cut(&body, places)), whole.clone());
        prop_assert_eq!(parse_chunks(TYPE, limits, body.chunks(1)), whole);
    }

    #[test]
    fn any_content_type_is_taken_or_refused(text in "(multipart/form-data)?[ -~\\t\"\\\\;=ä]{0,30}") {
        if let Ok(mut parser) = MultipartParser::new(&text, Limits::default()) {
            prop_assert!(parser.push(Bytes::from_static(BODY)).is_ok() || parser.finish().is_err());
        }
    }

    #[test]
    fn any_disposition_is_taken_or_refused(text in vec(any::<u8>(), 0..60)) {
        let _ = disposition::Disposition::parse(&text);
        let _ = disposition::Disposition::parse(&[b"form-data;filename=\"", text.as_slice()].concat());
        let _ = disposition::Disposition::parse(&[b"form-data;filename*=utf-8''", text.as_slice()].concat());
    }

    #[test]
    fn little_is_kept_between_chunks(places in vec(any::<usize>(), 0..60)) {
        let mut parser = MultipartParser::new(TYPE, Limits::default()).unwrap();
        for chunk in cut(BODY, places) {
            let before = parser.events.len();
            parser.push(Bytes::copy_from_slice(chunk)).unwrap();
            while parser.next_event().is_some() {}
            prop_assert_eq!(before, 0);
            if let State::Header(header) = &parser.state {
                prop_assert!(header.kept_bytes() <= parser.limits.header_bytes);
            }
        }
    }
}
