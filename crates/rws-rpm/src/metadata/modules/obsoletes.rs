//! The end of a stream: version 1 of the kind `modulemd-obsoletes`.

use super::events::Events;
use super::scalar;

/// Reads `data`.
pub fn read(events: &mut Events<'_>) -> Result<(), String> {
    let [mut modified, mut module, mut stream, mut context, mut message] = [false; 5];
    let (mut is_reset, mut ends, mut successor) = (false, false, Successor::default());
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
            "module" => events.full_scalar_once("`module`", &mut module)?,
            "stream" => events.full_scalar_once("`stream`", &mut stream)?,
            "message" => events.full_scalar_once("`message`", &mut message)?,
            "context" => events.scalar_once("`context`", &mut context)?,
            "obsoleted_by" => successor.read(events)?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    for (is_there, what) in [(modified, "modified"), (module, "module"), (stream, "stream"), (message, "message")] {
        if !is_there {
            return Err(format!("it has no `{what}`"));
        }
    }
    if is_reset && ends {
        return Err("it has both `eol_date` and `reset`".to_owned());
    }
    if is_reset && (successor.module || successor.stream) {
        return Err("it has both `obsoleted_by` and `reset`".to_owned());
    }
    if successor.module == successor.stream {
        Ok(())
    } else {
        Err("`obsoleted_by` has only one of module and stream".to_owned())
    }
}

/// Which parts the stream that follows has.
#[derive(Default)]
struct Successor {
    module: bool,
    stream: bool,
}

impl Successor {
    fn read(&mut self, events: &mut Events<'_>) -> Result<(), String> {
        events.mapping("`obsoleted_by`", |events, key| match key {
            "module" => events.scalar_once("`obsoleted_by.module`", &mut self.module),
            "stream" => events.scalar_once("`obsoleted_by.stream`", &mut self.stream),
            _ => events.scalar("what `obsoleted_by` has besides").map(drop),
        })
    }
}
