//! Texts of a stream in other languages: version 1 of the kind `modulemd-translations`.

use super::events::Events;
use super::scalar;

/// Reads `data`.
pub fn read(events: &mut Events<'_>) -> Result<(), String> {
    let [mut module, mut stream, mut modified] = [false; 3];
    events.mapping("`data`", |events, key| {
        match key {
            "module" => events.full_scalar_once("`module`", &mut module)?,
            "stream" => events.full_scalar_once("`stream`", &mut stream)?,
            // 0 is none
            "modified" => modified = scalar::number("`modified`", &events.scalar("`modified`")?)? != 0,
            "translations" => events.mapping("`translations`", |events, _| translation(events))?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    for (is_there, what) in [(module, "module"), (stream, "stream"), (modified, "modified")] {
        if !is_there {
            return Err(format!("it has no `{what}`"));
        }
    }
    Ok(())
}

/// The texts of one language.
fn translation(events: &mut Events<'_>) -> Result<(), String> {
    events.mapping("a translation", |events, key| match key {
        "summary" | "description" => events.scalar(&format!("`translations.{key}`")).map(drop),
        "profiles" => events.mapping("`translations.profiles`", |events, profile| {
            events.scalar(&format!("`translations.profiles.{profile}`")).map(drop)
        }),
        _ => events.skip(),
    })
}
