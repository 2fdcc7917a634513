//! The end of a stream: version 1 of the kind `modulemd-obsoletes`.

use super::events::Events;
use super::scalar;

/// Reads `data`.
pub fn read(events: &mut Events<'_>) -> Result<(), String> {
    let [mut modified, mut module, mut stream, mut message] = [false; 4];
    let (mut is_reset, mut ends) = (false, false);
    events.mapping("`data`", |events, key| {
        match key {
            "modified" => {
                scalar::minute("`modified`", &events.scalar("`modified`")?)?;
                modified = true;
            }
            "eol_date" => {
                scalar::minute("`eol_date`", &events.scalar("`eol_date`")?)?;
                ends = true;
            }
            "reset" => is_reset = scalar::truth("`reset`", &events.scalar("`reset`")?)?,
            "module" => module = events.scalar("`module`").map(|_| true)?,
            "stream" => stream = events.scalar("`stream`").map(|_| true)?,
            "message" => message = events.scalar("`message`").map(|_| true)?,
            "context" => drop(events.scalar("`context`")?),
            "obsoleted_by" => successor(events)?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    for (is_there, what) in [(modified, "modified"), (module, "module"), (stream, "stream"), (message, "message")] {
        if !is_there {
            return Err(format!("it has no `{what}`"));
        }
    }
    if is_reset && ends { Err("it has both `eol_date` and `reset`".to_owned()) } else { Ok(()) }
}

/// The stream that follows.
fn successor(events: &mut Events<'_>) -> Result<(), String> {
    let (mut module, mut stream) = (false, false);
    events.mapping("`obsoleted_by`", |events, key| {
        match key {
            "module" => module = events.scalar("`obsoleted_by.module`").map(|_| true)?,
            "stream" => stream = events.scalar("`obsoleted_by.stream`").map(|_| true)?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    if module == stream { Ok(()) } else { Err("`obsoleted_by` has only one of module and stream".to_owned()) }
}
