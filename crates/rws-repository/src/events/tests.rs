use rws_model::sha256;

use super::*;

#[test]
fn names_of_events_are_parts_of_keys_and_come_back() {
    let upload = UploadId::parse("20261122T133000Z-3e7aaaaaaaaaaaaa").unwrap();
    let digest = sha256(b"https://hooks.example.org/").to_string();
    for kind in EventKind::ALL {
        let id = EventId::parse(&format!("{upload}-{}", kind.word().replace('.', "-"))).unwrap();
        let key = private::event(&digest, &id);
        assert_eq!(private::event_id(&key), Some(id.clone()));
        assert!(!private::is_said(&key) && private::is_said(&private::said(&digest, &id)));
    }
    for bad in ["", "a.b", "a/b", "ü", &"a".repeat(201)] {
        assert_eq!(EventId::parse(bad), None, "{bad}");
    }
}
