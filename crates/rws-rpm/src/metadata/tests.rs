use super::*;

const COMPS: &str = "<?xml version=\"1.0\"?>\n<!DOCTYPE comps PUBLIC \"-//Red Hat//DTD\" \"comps.dtd\">\n<comps><group><id>a</id></group></comps>";
const UPDATES: &str = "<updates><update type=\"security\"><id>RWS-1</id><title>a &amp; b</title></update></updates>";
const MODULES: &str = "---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, summary: c, description: d, license: {module: [e]}}\n---\nversion: 1\ndocument: modulemd-defaults\ndata: {module: a}\n";

fn offer<'a>(kind: &'a str, content: &'a [u8]) -> MetadataOffer<'a> {
    MetadataOffer { kind, name: kind, content, origin: MetadataOrigin::Sent }
}

fn text(metadata: &Metadata) -> String {
    String::from_utf8(metadata.record.entries[0].text.clone()).unwrap()
}

#[test]
fn good_files_of_each_kind_are_taken() {
    for (kind, content, name) in [
        ("comps", COMPS, "comps.xml"),
        ("group", COMPS, "comps.xml"),
        ("updateinfo", UPDATES, "updateinfo.xml.gz"),
        ("modules", MODULES, "modules.yaml.gz"),
        ("appstream", "<components version=\"0.8\"><component/></components>", "appstream.xml.gz"),
    ] {
        let packed = gzip(content.as_bytes()).unwrap();
        let plain = read(&offer(kind, content.as_bytes())).unwrap();
        assert_eq!(read(&offer(kind, &packed)).unwrap(), plain, "{kind}: sent compressed");
        let file = &plain.record.files[0];
        assert_eq!(file.name.as_str(), format!("{}-{name}", file.digests.sha256));
        let text = text(&plain);
        assert!(text.contains(&format!("<location href=\"\0/{}\"/>", file.name)), "{text}");
        assert_eq!(text.contains("open-checksum"), name.ends_with(".gz"), "{text}");
    }
}

#[test]
fn broken_files_are_refused() {
    for (kind, content, reason) in [
        ("comps", "", "no root element"),
        ("comps", "<updates/>", "not <comps>"),
        ("comps", "<comps><group></comps>", "well-formed"),
        ("comps", "<comps><group>", "not closed"),
        ("comps", "<comps/><comps/>", "second root"),
        ("comps", "<comps/>text", "outside"),
        ("comps", "<comps a=\"1\" a=\"2\"/>", "well-formed"),
        ("updateinfo", "<updates><update><title/></update></updates>", "without <id>"),
        ("updateinfo", "<updates><update/></updates>", "without <id>"),
        ("updateinfo", "<updates><update><id> </id></update></updates>", "without <id>"),
        ("modules", "a: [1", "no YAML"),
        ("modules", "- document\n", "not a mapping"),
        ("modules", "data: {document: x}\n", "key `document`"),
        ("modules", "value: document\n", "key `document`"),
        ("modules", "document: x\n", "no client knows"),
        ("modules", "", "no document"),
        ("appstream", "\u{1f}\u{8b}", "U+001F"),
        ("prestodelta", "<x/>", "none of comps"),
    ] {
        let refusal = read(&offer(kind, content.as_bytes())).unwrap_err();
        assert!(refusal.reason.contains(reason), "{kind} {content:?}: {}", refusal.reason);
    }
    let cut = &gzip(UPDATES.as_bytes()).unwrap()[..20];
    assert!(read(&offer("updateinfo", cut)).unwrap_err().reason.contains("decompressed"));
    let deep = "<comps>".to_owned() + &"<a>".repeat(200_000);
    assert!(read(&offer("comps", deep.as_bytes())).unwrap_err().reason.contains("deeper"));
    let deep = "[".repeat(200_000);
    assert!(read(&offer("modules", deep.as_bytes())).is_err());
}

#[test]
fn a_bomb_costs_little() {
    let bomb = gzip(&vec![b' '; 1 << 20]).unwrap();
    assert!(sent(&offer("updateinfo", &bomb), 1000).unwrap_err().reason.contains("more than 1000 bytes"));
}

#[test]
fn what_other_tools_wrote_is_taken_as_it_is() {
    let digest = "ab".repeat(32);
    let name = format!("{digest}-susedata.xml.gz");
    let content = gzip(b"whatever").unwrap();
    let offer = MetadataOffer {
        kind: "susedata",
        name: &name,
        content: &content,
        origin: MetadataOrigin::Carried { timestamp: 7 },
    };
    let metadata = read(&offer).unwrap();
    assert_eq!(metadata.content, content);
    assert!(metadata.record.files[0].name.as_str().ends_with("-susedata.xml.gz"));
    assert!(!metadata.record.files[0].name.as_str().contains(&digest));
    assert!(text(&metadata).contains("<open-size>8</open-size>"), "{}", text(&metadata));
    let unreadable = MetadataOffer { name: "x.gz", content: b"no gzip", ..offer };
    assert!(!text(&read(&unreadable).unwrap()).contains("open"));
}

#[test]
fn comps_have_what_dnf_needs() {
    let comps = |body: &str| {
        let text = format!("<comps><group><id>a</id></group>{body}</comps>");
        read(&offer("comps", text.as_bytes())).map(drop).map_err(|refusal| refusal.reason)
    };
    for (body, reason) in [
        ("<group><name>a</name></group>", "one <group> is without <id>"),
        ("<group/>", "without <id>"),
        ("<environment><name>a</name></environment>", "one <environment> is without <id>"),
        ("<group><id/></group>", "one <group> has an empty <id>"),
        ("<group><id> &#10;</id></group>", "empty <id>"),
        ("<group><id><b>a</b></id></group>", "empty <id>"),
        ("<environment><id></id></environment>", "one <environment> has an empty <id>"),
        ("<group><id>b</id><display_order/></group>", "empty <display_order>"),
        ("<environment><id>b</id><display_order></display_order></environment>", "empty <display_order>"),
        ("<category><display_order/></category>", "empty <display_order>"),
        ("<group><id>b</id><uservisible/></group>", "empty <uservisible>"),
        ("<group><id>b</id><display_order>1<a/></display_order></group>", "<display_order>, or one with elements"),
        (
            "<category><id>b</id><uservisible>true<a>1</a></uservisible></category>",
            "<uservisible>, or one with elements",
        ),
        ("<category><id>b</id><comps>c</comps></category>", "one <category> has a <comps>"),
        ("<foo><comps/></foo>", "one <foo> has a <comps>"),
        ("<langpacks><match/></langpacks>", "lacks name or install"),
        ("<langpacks><match name=\"a\"/></langpacks>", "lacks name or install"),
        ("<group><id>b</id><group></group></group>", "without <id>"),
    ] {
        let found = comps(body).expect_err(body);
        assert!(found.contains(reason) && found.contains("byte"), "{body}: {found}");
    }
    for body in [
        "<category><name>a</name></category><category/>",
        "<group><id>b</id><id>c</id><name/><default/><packagelist><packagereq/></packagelist></group>",
        "<group><id><![CDATA[b]]></id><display_order>x</display_order><uservisible>maybe</uservisible></group>",
        "<langpacks><match name=\"a\" install=\"a-%s\"/></langpacks>",
        "<foo><bar/></foo><environment><id>a b:/</id></environment>",
    ] {
        assert_eq!(comps(body), Ok(()), "{body}");
    }
    let deep = |levels| format!("<name>{}{}</name>", "<a>".repeat(levels), "</a>".repeat(levels));
    assert_eq!(comps(&deep(3000)), Ok(()));
    assert!(comps(&deep(5000)).is_err());
}
