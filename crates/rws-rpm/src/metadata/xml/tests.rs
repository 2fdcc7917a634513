mod expat;

use super::{Event, Reader};

/// What is wrong with the document.
fn broken(document: &[u8]) -> Option<String> {
    let mut reader = match Reader::new(document) {
        Ok(reader) => reader,
        Err(broken) => return Some(broken.to_string()),
    };
    loop {
        match reader.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(broken) => return Some(broken.to_string()),
        }
    }
}

#[test]
fn what_clients_take_is_well_formed() {
    for document in [
        "<a/>",
        "\u{feff}<?xml version='1.0'?>\r\n<a/>",
        "<?xml version=\"1.1\" encoding=\"utf-8\" standalone=\"no\" ?><a/>",
        "<?xml version = \"1.0\" encoding = 'US-ASCII'?><a/>",
        "<!-- c --><?p?><!DOCTYPE a><a/>\n<!---->\n<?p x?>",
        "<!DOCTYPE a PUBLIC \"-//x//y\" 'z' ><a/>",
        "<!DOCTYPE a SYSTEM \"z\"><a></a >",
        "<a b = \"]]>\" c='>\"'>]] > &amp;&lt;&gt;&quot;&apos;&#127;&#x80;&#x10ffff;\u{7f}\u{85}\u{2028}<![CDATA[ ]] > <&]]></a>",
        "<x:y z:a=\"1\"><:a/><a:b:c xmlns:xml=\"u\"/></x:y>",
        "<ä-1·/>",
        "<a b=\"x\ny\"\n/>",
    ] {
        assert_eq!(broken(document.as_bytes()), None, "{document}");
    }
}

#[test]
fn what_expat_refuses_is_named_with_its_place() {
    for (document, reason) in [
        ("", "byte 0: there is no root element"),
        (" \n", "byte 2: there is no root element"),
        (" <?xml version=\"1.0\"?><a/>", "byte 6: an XML declaration stands elsewhere"),
        ("<?xml encoding=\"UTF-8\"?><a/>", "names no version"),
        ("<?xml version=\"2.0\"?><a/>", "another version"),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>", "only UTF-8"),
        ("<?xml version=\"1.0\" encoding=\"US-ASCII\"?><ä/>", "US-ASCII"),
        ("<?xml version=\"1.0\" standalone=\"maybe\"?><a/>", "neither yes nor no"),
        ("<?xml version=\"1.0\"encoding=\"UTF-8\"?><a/>", "belongs elsewhere"),
        ("<?xml version=\"1.0\" foo=\"x\"?><a/>", "belongs elsewhere"),
        ("<?xml version=1.0?><a/>", "quotes"),
        ("<?XML x?><a/>", "an XML declaration"),
        ("<? x?><a/>", "byte 2: a name is missing"),
        ("<?a<?><a/>", "no name"),
        ("<?a ?", "not closed"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "byte 12: the document type has declarations"),
        ("<!DOCTYPE a><!DOCTYPE a><a/>", "elsewhere than once"),
        ("<a/><!DOCTYPE a>", "elsewhere than once"),
        ("<!DOCTYPE a PUBLIC \"b\"><a/>", "lacks a blank"),
        ("<!DOCTYPE a PUBLIC \"{\" \"b\"><a/>", "other characters"),
        ("<!DOCTYPEa><a/>", "lacks a blank"),
        ("<!DOCTYPE a", "not closed"),
        ("<a>&nbsp;</a>", "byte 3: &nbsp; stands for no character"),
        ("<a>& </a>", "byte 3: a & stands alone"),
        ("<a>&#0;</a>", "&#0; stands for no character"),
        ("<a>&#xD800;</a>", "&#xD800;"),
        ("<a>&#xFFFE;</a>", "&#xFFFE;"),
        ("<a>&#X41;</a>", "&#X41;"),
        ("<a>&#+1;</a>", "a & stands alone"),
        ("<a>&#99999999999;</a>", "&#99999999999;"),
        ("<a>\u{1}</a>", "byte 3: U+0001"),
        ("<a><!-- \u{ffff} --></a>", "U+FFFF"),
        ("<a>]]></a>", "byte 3: text has ]]>"),
        ("<a><![CDATA[x</a>", "CDATA section is not closed"),
        ("<a><![cdata[x]]></a>", "a name is missing"),
        ("<a><!-- a--b --></a>", "-- inside"),
        ("<a><!-- a ---></a>", "-- inside"),
        ("<a><!---></a>", "not closed"),
        ("<a b/>", "has no value"),
        ("<a b=c/>", "no quotes"),
        ("<a b=\"1\"c=\"2\"/>", "lacks a blank"),
        ("<a b=\"1\" c=\"3\" b=\"2\"/>", "the attribute b twice"),
        ("<a b=\"<\"/>", "byte 6: the value of an attribute has a <"),
        ("<a b=\"&c;\"/>", "byte 6: &c;"),
        ("<a b=\"/>", "not closed"),
        ("<a/ >", "not closed, or lacks a blank"),
        ("<a></b>", "</b> closes <a>"),
        ("<a></ a>", "a name is missing"),
        ("<a></a b=\"c\">", "does not end in >"),
        ("<a", "not closed, or lacks"),
        ("<a><b>", "<b> is not closed"),
        ("<a>x", "<a> is not closed"),
        ("</a>", "a name is missing"),
        ("<a/><b/>", "second root"),
        ("<a/>x", "outside"),
        ("<a/>&amp;", "outside"),
        ("<a/>\u{feff}", "outside"),
        ("<1/>", "a name is missing"),
        ("<·a/>", "a name is missing"),
        ("<a×b/>", "lacks a blank"),
    ] {
        let found = broken(document.as_bytes()).unwrap_or_default();
        assert!(found.contains(reason), "{document}: {found}");
    }
    assert!(broken(b"<a>\xc0\x80</a>").unwrap().contains("byte 3: a byte is no UTF-8"));
    assert!(broken(b"<a/>\0").unwrap().contains("byte 4: U+0000"));
    let long = format!("<a b=\"{}\"/>", "x".repeat(1 << 21));
    assert!(broken(long.as_bytes()).unwrap().contains("more than"));
}

#[test]
fn elements_attributes_and_text_are_told() {
    let mut reader = Reader::new(b"<a c=\"1\" b=\"2\"> <b/>x&#32;<![CDATA[ ]]>&#x20;</a>").unwrap();
    let text = |is_blank| Event::Text { is_blank };
    assert_eq!(reader.next_event().unwrap(), Some(Event::Start("a")));
    assert!(reader.has_attribute("b") && reader.has_attribute("c") && !reader.has_attribute("d"));
    let expected =
        [text(true), Event::Start("b"), Event::End, text(false), text(true), text(true), Event::End].map(Some);
    assert_eq!(expected.map(|_| reader.next_event().unwrap()), expected);
    assert_eq!((reader.next_event().unwrap(), reader.position()), (None, 49));
}
