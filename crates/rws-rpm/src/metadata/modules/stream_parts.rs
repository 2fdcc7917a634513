//! The parts of a stream that have parts of their own.

use std::collections::BTreeSet;

use super::events::{Event, Events};
use super::scalar;

type Checked = Result<(), String>;

/// `license`, and whether its list of the module has one; nothing where it has no list.
pub fn license(events: &mut Events<'_>) -> Result<Option<bool>, String> {
    let mut has_one = None;
    events.mapping("`license`", |events, key| match key {
        "module" => {
            has_one = Some(false);
            events.scalars("`license.module`", |_| {
                has_one = Some(true);
                Ok(())
            })
        }
        "content" => events.scalars("`license.content`", |_| Ok(())),
        _ => events.skip(),
    })?;
    Ok(has_one)
}

/// `dependencies` of version 2: a list of alternatives.
pub fn dependencies(events: &mut Events<'_>) -> Checked {
    events.sequence("`dependencies`", |events, first| {
        if first != Event::MappingStart {
            return Err("`dependencies` has an element that is no mapping".to_owned());
        }
        events.mapping_rest("`dependencies`", |events, key| match key {
            "requires" | "buildrequires" => module_streams(events, key),
            _ => events.skip(),
        })
    })
}

/// Names of modules with their streams: those that are meant, or those that are not (`-el8`).
fn module_streams(events: &mut Events<'_>, what: &str) -> Checked {
    let mut names = BTreeSet::new();
    events.mapping(&format!("`{what}`"), |events, name| {
        if !names.insert(name.to_owned()) {
            return Err(format!("`{what}` has {name:?} twice"));
        }
        let mut is_negative = None;
        events.scalars(&format!("`{what}.{name}`"), |stream| {
            let is_this = stream.starts_with('-');
            if *is_negative.get_or_insert(is_this) == is_this {
                Ok(())
            } else {
                Err(format!("`{what}.{name}` has streams with and without a -"))
            }
        })
    })
}

/// `dependencies` of version 1: one stream of each module.
pub fn old_dependencies(events: &mut Events<'_>) -> Checked {
    events.mapping("`dependencies`", |events, key| match key {
        "requires" | "buildrequires" => texts(events, key),
        _ => events.skip(),
    })
}

/// A mapping of text to text.
fn texts(events: &mut Events<'_>, what: &str) -> Checked {
    events.mapping(&format!("`{what}`"), |events, key| events.scalar(&format!("`{what}.{key}`")).map(drop))
}

/// `servicelevels`.
pub fn service_levels(events: &mut Events<'_>) -> Checked {
    events.mapping("`servicelevels`", |events, _| {
        events.mapping("a service level", |events, key| match key {
            "eol" => scalar::date("`servicelevels.eol`", &events.scalar("`servicelevels.eol`")?),
            _ => events.skip(),
        })
    })
}

/// `references`.
pub fn references(events: &mut Events<'_>) -> Checked {
    events.mapping("`references`", |events, key| match key {
        "community" | "documentation" | "tracker" => events.scalar(&format!("`references.{key}`")).map(drop),
        _ => events.skip(),
    })
}

/// `profiles`.
pub fn profiles(events: &mut Events<'_>) -> Checked {
    events.mapping("`profiles`", |events, name| {
        events.mapping(&format!("`profiles.{name}`"), |events, key| match key {
            "description" => events.scalar(&format!("`profiles.{name}.description`")).map(drop),
            "rpms" => events.scalars(&format!("`profiles.{name}.rpms`"), |_| Ok(())),
            "default" => scalar::truth("`default` of a profile", &events.scalar("`default` of a profile")?).map(drop),
            _ => events.skip(),
        })
    })
}

/// `api`, `filter`, `demodularized`: a mapping with names of packages.
pub fn packages(events: &mut Events<'_>, what: &str) -> Checked {
    events.mapping(&format!("`{what}`"), |events, key| match key {
        "rpms" => events.scalars(&format!("`{what}.rpms`"), |_| Ok(())),
        _ => events.skip(),
    })
}

/// `artifacts`.
pub fn artifacts(events: &mut Events<'_>, version: u64) -> Checked {
    events.mapping("`artifacts`", |events, key| match key {
        "rpms" => events.scalars("`artifacts.rpms`", |text| scalar::nevra("`artifacts.rpms`", text)),
        "rpm-map" => events.mapping("`artifacts.rpm-map`", |events, _| {
            events.mapping("`artifacts.rpm-map`", |events, _| mapped_package(events))
        }),
        // libmodulemd drops the stream
        _ if version == 1 => Err(format!("`artifacts` has {key:?}, which version 1 does not know")),
        _ => events.skip(),
    })
}

/// A package of `rpm-map`, in parts and as a whole.
fn mapped_package(events: &mut Events<'_>) -> Checked {
    let [mut name, mut epoch, mut version, mut release, mut architecture, mut nevra] = [const { None }; 6];
    events.mapping("a package of `artifacts.rpm-map`", |events, key| {
        let what = format!("`artifacts.rpm-map.{key}`");
        let part = match key {
            "name" => &mut name,
            "epoch" => &mut epoch,
            "version" => &mut version,
            "release" => &mut release,
            "arch" => &mut architecture,
            "nevra" => &mut nevra,
            _ => return events.skip(),
        };
        let text = events.scalar(&what)?;
        *part = Some(if key == "epoch" { scalar::number(&what, &text)?.to_string() } else { text });
        Ok(())
    })?;
    let (Some(name), Some(epoch), Some(version), Some(release), Some(architecture), Some(nevra)) =
        (name, epoch, version, release, architecture, nevra)
    else {
        return Err("a package of `artifacts.rpm-map` lacks a part".to_owned());
    };
    if nevra == format!("{name}-{epoch}:{version}-{release}.{architecture}") {
        Ok(())
    } else {
        Err("`artifacts.rpm-map.nevra` is not what the parts say".to_owned())
    }
}
