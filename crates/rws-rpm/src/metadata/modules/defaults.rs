//! The default stream and profiles of a module: version 1 of the kind `modulemd-defaults`.

use std::collections::BTreeSet;

use super::events::Events;
use super::scalar;

/// Reads `data`.
pub fn read(events: &mut Events<'_>) -> Result<(), String> {
    let mut has_stream = false;
    events.mapping("`data`", |events, key| match key {
        "module" => events.scalar("`module`").map(drop),
        "stream" if has_stream => Err("`stream` is there twice".to_owned()),
        "stream" => {
            has_stream = true;
            events.scalar("`stream`").map(drop)
        }
        "modified" => scalar::number("`modified`", &events.scalar("`modified`")?).map(drop),
        "profiles" => profiles(events),
        "intents" => events.mapping("`intents`", |events, _| {
            events.mapping("an intent", |events, key| match key {
                "stream" => events.scalar("`intents.stream`").map(drop),
                "profiles" => profiles(events),
                _ => events.skip(),
            })
        }),
        _ => events.skip(),
    })
}

/// The profiles of each stream.
fn profiles(events: &mut Events<'_>) -> Result<(), String> {
    let mut streams = BTreeSet::new();
    events.mapping("`profiles`", |events, stream| {
        if !streams.insert(stream.to_owned()) {
            return Err(format!("`profiles` has the stream {stream:?} twice"));
        }
        events.scalars(&format!("`profiles.{stream}`"), |_| Ok(()))
    })
}
