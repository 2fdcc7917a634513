use super::*;

/// What the headers of a part say, or why they are refused.
fn header(lines: impl AsRef<[u8]>) -> Result<(Option<String>, Option<String>), MultipartError> {
    let body = [b"--XyZ\r\n", lines.as_ref(), b"\r\n\r\nx\r\n--XyZ--"].concat();
    let (mut events, result) = parse(&body);
    result?;
    match events.remove(0) {
        Event::PartBegin { name, file_name } => Ok((name, file_name)),
        event => panic!("{event:?}"),
    }
}

fn file_name(parameter: impl AsRef<[u8]>) -> Result<String, MultipartError> {
    let line = [b"Content-Disposition: form-data; name=\"f\"; ", parameter.as_ref()].concat();
    header(line).map(|(_, file_name)| file_name.unwrap())
}

#[test]
fn the_content_type_must_be_a_form_with_a_boundary() {
    let error = |text: &str| MultipartParser::new(text, Limits::default()).unwrap_err();
    for text in ["", "text/plain", "multipart/mixed; boundary=a", "multipart/form-data2; boundary=a", "boundary=a"] {
        assert_eq!(error(text), MultipartError::NotMultipart, "{text}");
    }
    for text in ["multipart/form-data", "multipart/form-data;", "multipart/form-data; charset=utf-8"] {
        assert_eq!(error(text), MultipartError::NoBoundary, "{text}");
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    for text in [
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a ",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\"b",
        "multipart/form-data; boundary=ä",
        "multipart/form-data; boundary=a\r\nb",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary",
        &long,
    ] {
        assert_eq!(error(text), MultipartError::BadBoundary, "{text}");
    }
}

#[test]
fn boundaries_of_every_form_are_found() {
    let longest = "b".repeat(70);
    for (stated, boundary) in [
        ("----WebKitFormBoundary7MA4YWxkTrZu0gW", "----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ("\"a b\"", "a b"),
        ("=_?:/,.+'()", "=_?:/,.+'()"),
        ("\"x\\\"y\"", "x\"y"),
        ("-", "-"),
        (&longest, &longest),
    ] {
        for start in ["multipart/form-data; boundary=", "Multipart/Form-Data ;charset=x ;BOUNDARY= "] {
            let body = format!("--{boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{boundary}--\r\n");
            let parsed = parse_chunks(&format!("{start}{stated}"), Limits::default(), body.as_bytes().chunks(3));
            assert_eq!(parsed.1, Ok(()), "{start}{stated}");
            assert_eq!(parsed.0.len(), 4);
        }
    }
}

#[test]
fn file_names_of_browsers_and_curl() {
    for (parameter, expected) in [
        ("filename=plain.rpm", "plain.rpm"),
        ("filename=\"a;b=c.rpm\"", "a;b=c.rpm"),
        ("filename=\"a\\\"b.rpm\"", "a\"b.rpm"),
        ("filename=\"a\\\\b.rpm\"", "a\\b.rpm"),
        ("filename=\"C:\\dir\\b.rpm\"", "C:\\dir\\b.rpm"),
        ("filename=\"a%22b%0D%0a%41%.rpm\"", "a\"b\r\n%41%.rpm"),
        ("filename=\"ü+~^ 1:2.deb\";", "ü+~^ 1:2.deb"),
        ("FileName = \"a.rpm\" ; x = y", "a.rpm"),
        ("filename=\"\"", ""),
        ("filename=\"old.rpm\"; filename*=UTF-8''n%C3%BC%25.rpm", "nü%.rpm"),
        ("filename*=utf-8'de'new%2b.rpm; filename=\"old.rpm\"", "new+.rpm"),
        ("filename*=UTF-8''a'b%22%41.rpm", "a'b\"A.rpm"),
    ] {
        assert_eq!(file_name(parameter).as_deref(), Ok(expected), "{parameter}");
    }
    assert_eq!(header("Content-Disposition: form-data; name=\"a%22\"").unwrap().0.as_deref(), Some("a%22"));
}

#[test]
fn dispositions_with_two_meanings_or_none_are_refused() {
    for parameter in [
        "filename=\"a",
        "filename=\"a\\\"",
        "filename=\"a\"b",
        "filename=a\"b\"",
        "filename",
        "=a",
        "filename=a; filename=b",
        "filename*=UTF-8''a; filename*=UTF-8''b",
        "filename*=ISO-8859-1''a",
        "filename*=a",
        "filename*=UTF-8''%C3",
        "filename*=UTF-8''%4",
        "filename*=UTF-8''%zz",
        "name=g; filename=a",
    ] {
        let error = file_name(parameter).unwrap_err();
        assert!(matches!(error, MultipartError::BadDisposition(_)), "{parameter}: {error}");
    }
    assert_eq!(file_name(b"filename=\"\xfc.rpm\""), Err(MultipartError::BadDisposition("a name is not UTF-8")));
}

#[test]
fn headers_are_checked() {
    let disposition = "Content-Disposition: form-data; name=a";
    assert_eq!(header(format!("X: y\r\n z\r\n{disposition}")).unwrap().0.as_deref(), Some("a"));
    assert!(header(format!("{disposition}\r\nContent-Transfer-Encoding: Binary")).is_ok());
    let base64 = header(format!("{disposition}\r\nContent-Transfer-Encoding: base64"));
    assert_eq!(base64, Err(MultipartError::TransferEncoding));
    for lines in ["Content-Type: text/plain", "X: y\r\nZ: w", ""] {
        assert_eq!(header(lines), Err(MultipartError::NoDisposition), "{lines:?}");
    }
    for lines in ["no colon", ": y", "X y: z", "X\u{e4}: y", "X: a\rb", "X: a\0b", "X: y\r\r"] {
        let error = header(format!("{disposition}\r\n{lines}")).unwrap_err();
        assert!(matches!(error, MultipartError::BadHeader(_)), "{lines:?}: {error}");
    }
    let error = header(format!("{disposition}\r\n{disposition}")).unwrap_err();
    assert!(matches!(error, MultipartError::BadHeader(_)));
    let error = header("Content-Disposition: attachment; filename=a").unwrap_err();
    assert!(matches!(error, MultipartError::BadDisposition(_)));
}
