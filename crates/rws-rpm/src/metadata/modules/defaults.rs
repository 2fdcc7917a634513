//! The default stream and profiles of a module: version 1 of the kind `modulemd-defaults`.

use std::collections::BTreeSet;

use super::events::Events;
use super::scalar;

/// Reads `data`.
pub fn read(events: &mut Events<'_>) -> Result<(), String> {
    let (mut has_module, mut has_stream, mut intents) = (false, false, BTreeSet::new());
    events.mapping("`data`", |events, key| match key {
        "module" => events.scalar_once("`module`", &mut has_module),
        "stream" => events.scalar_once("`stream`", &mut has_stream),
        "modified" => scalar::number("`modified`", &events.scalar("`modified`")?).map(drop),
        "profiles" => profiles(events),
        "intents" => events.mapping("`intents`", |events, name| {
            if intents.insert(name.to_owned()) { intent(events) } else { Err(format!("`intents` has {name:?} twice")) }
        }),
        _ => events.skip(),
    })
}

/// Defaults for one purpose.
fn intent(events: &mut Events<'_>) -> Result<(), String> {
    let mut has_stream = false;
    events.mapping("an intent", |events, key| match key {
        "stream" => events.scalar_once("`intents.stream`", &mut has_stream),
        "profiles" => profiles(events),
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
