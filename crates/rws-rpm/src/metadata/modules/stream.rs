//! A stream of a module: versions 1 and 2 of the kind `modulemd`.

use super::events::Events;
use super::stream_build::Build;
use super::{scalar, stream_parts};

/// What tells one stream from another: name, stream, version, context, architecture. Empty where it is missing.
pub type Nsvca = [String; 5];

/// Reads `data`.
pub fn read(events: &mut Events<'_>, version: u64) -> Result<Nsvca, String> {
    let mut nsvca = Nsvca::default();
    let (mut has_name, mut has_stream, mut has_summary, mut has_description, mut has_license) =
        (false, false, false, false, false);
    let (mut is_static, mut has_context, mut build) = (false, false, Build::default());
    events.mapping("`data`", |events, key| {
        let [name, stream, number, context, architecture] = &mut nsvca;
        match key {
            "name" => (has_name, *name) = (true, events.scalar("`name`")?),
            "stream" => (has_stream, *stream) = (true, events.scalar("`stream`")?),
            "version" => *number = scalar::number("`data.version`", &events.scalar("`data.version`")?)?.to_string(),
            "context" => (has_context, *context) = (true, events.scalar("`context`")?),
            "arch" => *architecture = events.scalar("`arch`")?,
            "summary" => has_summary = events.scalar("`summary`").map(|_| true)?,
            "description" => has_description = events.scalar("`description`").map(|_| true)?,
            "license" => has_license = stream_parts::license(events)?.unwrap_or(has_license),
            "eol" if version == 1 => scalar::date("`eol`", &events.scalar("`eol`")?)?,
            "static_context" if version > 1 => {
                is_static = scalar::truth("`static_context`", &events.scalar("`static_context`")?)?;
            }
            "dependencies" if version == 1 => stream_parts::old_dependencies(events)?,
            "dependencies" => stream_parts::dependencies(events)?,
            "servicelevels" => stream_parts::service_levels(events)?,
            "references" => stream_parts::references(events)?,
            "profiles" => stream_parts::profiles(events)?,
            "api" | "filter" => stream_parts::packages(events, key)?,
            "demodularized" if version > 1 => stream_parts::packages(events, key)?,
            "buildopts" => build.options(events)?,
            "components" => build.components(events)?,
            "artifacts" => stream_parts::artifacts(events, version)?,
            "xmd" => events.skip_plain("`xmd`")?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    for (is_there, what) in [
        (has_name, "name"),
        (has_stream, "stream"),
        (has_summary, "summary"),
        (has_description, "description"),
        (has_license, "license.module"),
    ] {
        if !is_there {
            return Err(format!("it has no `{what}`"));
        }
    }
    build.check()?;
    let [.., context, _] = &nsvca;
    let is_plain = context.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_static && has_context && !(is_plain && (1..=13).contains(&context.len())) {
        return Err("`context`, which `static_context` says is static, is not 1 to 13 of A-Z a-z 0-9 _".to_owned());
    }
    Ok(nsvca)
}
