//! The body of a form, whole and in pieces: no panic, and the same events and the same end, however it is cut.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rws_server::multipart::{Event, Limits, MultipartError, MultipartParser};

const CONTENT_TYPE: &str = "multipart/form-data; boundary=XyZ";
const LIMITS: Limits = Limits { parts: 20, header_bytes: 300, outside_bytes: 200 };

/// The events, with adjacent data joined, and how it ended.
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Result<(), MultipartError>) {
    let mut parser = MultipartParser::new(CONTENT_TYPE, LIMITS).expect("the type of the content is a good one");
    let mut events: Vec<Event> = Vec::new();
    let mut take = |parser: &mut MultipartParser| {
        while let Some(event) = parser.next_event() {
            match (events.last_mut(), event) {
                (Some(Event::Data(before)), Event::Data(data)) => *before = [&before[..], &data[..]].concat().into(),
                (_, event) => events.push(event),
            }
        }
    };
    for piece in pieces {
        let pushed = parser.push(Bytes::copy_from_slice(piece));
        take(&mut parser);
        if let Err(error) = pushed {
            return (events, Err(error));
        }
    }
    let ended = parser.finish();
    take(&mut parser);
    (events, ended)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(std::iter::once(bytes));
    for length in [1, 2 + bytes.len() % 7, 64] {
        assert_eq!(parse(bytes.chunks(length)), whole, "in pieces of {length}");
    }
    let begun = whole.0.iter().filter(|event| matches!(event, Event::PartBegin { .. })).count();
    assert!(begun <= LIMITS.parts);
});
