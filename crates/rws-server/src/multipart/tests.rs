mod client;
mod headers;
mod properties;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XyZ";

/// The events, adjacent data joined, and how it ended.
type Parsed = (Vec<Event>, Result<(), MultipartError>);

fn parse_chunks<'a>(content_type: &str, limits: Limits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut parser = MultipartParser::new(content_type, limits).unwrap();
    let mut events: Vec<Event> = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for chunk in chunks {
        let pushed = parser.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = parser.next_event() {
            if let Event::Data(bytes) = event {
                assert!(!bytes.is_empty());
                data.extend_from_slice(&bytes);
                continue;
            }
            if !data.is_empty() {
                events.push(Event::Data(std::mem::take(&mut data).into()));
            }
            events.push(event);
        }
        if pushed.is_err() {
            assert_eq!(parser.push(Bytes::from_static(b"more")), pushed);
            assert_eq!(parser.finish(), pushed);
        }
    }
    if !data.is_empty() {
        events.push(Event::Data(data.into()));
    }
    (events, parser.finish())
}

fn parse(body: &[u8]) -> Parsed {
    parse_chunks(TYPE, Limits::default(), [body])
}

fn begin(name: &str, file_name: Option<&str>) -> Event {
    Event::PartBegin { name: Some(name.to_owned()), file_name: file_name.map(str::to_owned) }
}

fn data(bytes: &'static [u8]) -> Event {
    Event::Data(Bytes::from_static(bytes))
}

/// Awkward on purpose: preamble, padding, pieces of the boundary in the data, an empty part, one without an empty line
/// of its own, an epilogue.
const BODY: &[u8] = b"preamble\r\n--Xy\r\n--XyZ \t\r\n\
    Content-Disposition: form-data; name=\"product\"\r\n\r\nhello\
    \r\n--XyZ\r\n\
    content-disposition:form-data;\r\n  name=f;filename=\"a b.rpm\"\r\nContent-Type: x\r\n\r\n\
    \r\n-\r\n--\r\n--X\r\r\n--Xy\r\n\r\n\n--XyZ\n\
    \r\n--XyZ\r\n\
    Content-Disposition: form-data; name=empty; filename=\"\"\r\n\r\n\
    \r\n--XyZ\r\n\
    Content-Disposition: form-data; name=none\r\n\r\n\
    --XyZ--\r\nepilogue\r\n--XyZ\r\n";

fn expected() -> Vec<Event> {
    vec![
        begin("product", None),
        data(b"hello"),
        Event::PartEnd,
        begin("f", Some("a b.rpm")),
        data(b"\r\n-\r\n--\r\n--X\r\r\n--Xy\r\n\r\n\n--XyZ\n"),
        Event::PartEnd,
        begin("empty", Some("")),
        Event::PartEnd,
        begin("none", None),
        Event::PartEnd,
        Event::End,
    ]
}

#[test]
fn an_awkward_body_is_understood() {
    assert_eq!(parse(BODY), (expected(), Ok(())));
}

#[test]
fn every_cut_in_two_or_three_and_every_chunk_length_gives_the_same_events() {
    for cut in 0..=BODY.len() {
        let (left, right) = BODY.split_at(cut);
        assert_eq!(parse_chunks(TYPE, Limits::default(), [left, right]), (expected(), Ok(())), "cut at {cut}");
        for second in 0..=right.len().min(8) {
            let (middle, last) = right.split_at(second);
            assert_eq!(parse_chunks(TYPE, Limits::default(), [left, middle, last]).0, expected(), "{cut} {second}");
        }
    }
    for length in 1..100 {
        assert_eq!(parse_chunks(TYPE, Limits::default(), BODY.chunks(length)), (expected(), Ok(())), "{length}");
    }
}

#[test]
fn every_body_that_is_cut_off_is_an_error() {
    let end = memchr::memmem::find(BODY, b"--XyZ--").unwrap() + b"--XyZ--".len();
    for length in 0..end {
        let (events, result) = parse(&BODY[..length]);
        assert!(result.is_err(), "{length}");
        assert!(!events.contains(&Event::End));
    }
    for length in end..=BODY.len() {
        assert_eq!(parse(&BODY[..length]), (expected(), Ok(())), "{length}");
    }
    assert_eq!(parse(b"").1, Err(MultipartError::NoBoundaryFound));
    assert_eq!(parse(b"raw bytes").1, Err(MultipartError::NoBoundaryFound));
    assert_eq!(parse(b"--XyZ\r\n").1, Err(MultipartError::CutOff));
}

#[test]
fn a_form_without_parts_is_a_form() {
    assert_eq!(parse(b"--XyZ--"), (vec![Event::End], Ok(())));
    assert_eq!(parse(b"\r\n--XyZ--\r\n"), (vec![Event::End], Ok(())));
}

#[test]
fn data_is_a_slice_of_the_chunk() {
    let body = [b"--XyZ\r\nContent-Disposition: form-data\r\n\r\n", &[7_u8; 1000][..], b"\r\n--XyZ--"].concat();
    let chunk = Bytes::from(body);
    let range = chunk.as_ptr_range();
    let mut parser = MultipartParser::new(TYPE, Limits::default()).unwrap();
    parser.push(chunk).unwrap();
    assert_eq!(parser.next_event(), Some(Event::PartBegin { name: None, file_name: None }));
    let Some(Event::Data(bytes)) = parser.next_event() else { panic!("no data") };
    assert_eq!(bytes.len(), 1000);
    assert!(range.contains(&bytes.as_ptr()));
}

#[test]
fn structure_with_bare_line_feeds_is_refused() {
    let bad: [&[u8]; 4] = [
        b"--XyZ\nContent-Disposition: form-data\n\nx\n--XyZ--\n",
        b"--XyZ  \nContent-Disposition: form-data\n\nx\n--XyZ--\n",
        b"--XyZ\r\nContent-Disposition: form-data\n\nx\r\n--XyZ--\r\n",
        b"--XyZ\r\n\nContent-Disposition: form-data\r\n\r\n",
    ];
    for body in bad {
        assert_eq!(parse(body).1, Err(MultipartError::BareLineFeed), "{}", body.escape_ascii());
    }
}

#[test]
fn a_boundary_that_goes_on_is_refused() {
    for line in ["--XyZa\r\n", "--XyZ-\r\n", "--XyZ -\r\n", "--XyZ\r\r\n", "--XyZ\rx"] {
        let body = format!("{line}Content-Disposition: form-data\r\n\r\n\r\n--XyZ--");
        assert_eq!(parse(body.as_bytes()).1, Err(MultipartError::BoundaryContinues), "{line:?}");
    }
    let padding = format!("--XyZ{}\r\n", " ".repeat(129));
    assert_eq!(parse(padding.as_bytes()).1, Err(MultipartError::BoundaryContinues));
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { parts: 2, header_bytes: 33, outside_bytes: 10 };
    let parse = |body: &[u8]| parse_chunks(TYPE, limits, [body]).1;
    let part = "--XyZ\r\nContent-Disposition:form-data\r\n\r\n\r\n";
    assert_eq!(parse(format!("{part}{part}--XyZ--").as_bytes()), Ok(()));
    let error = Err(MultipartError::TooManyParts { limit: 2 });
    assert_eq!(parse(format!("{part}{part}{part}--XyZ--").as_bytes()), error);
    let error = Err(MultipartError::HeaderTooLong { limit: 33 });
    assert_eq!(parse(b"--XyZ\r\nContent-Disposition: form-data\r\n\r\n\r\n--XyZ--"), error);
    let error = Err(MultipartError::TooMuchOutside { limit: 10 });
    assert_eq!(parse(b"0123456789\r\n--XyZ--0123456789"), Ok(()));
    assert_eq!(parse(b"01234567890\r\n--XyZ--"), error);
    assert_eq!(parse(b"--XyZ--01234567890"), error);
}
