//! The parts of a stream that have parts of their own.

use std::collections::BTreeMap;

use super::events::{Event, Events};
use super::scalar;

type Checked = Result<(), String>;

/// `license`, and whether it has one of the module.
pub fn license(events: &mut Events<'_>) -> Result<bool, String> {
    let mut has_one = false;
    events.mapping("`license`", |events, key| match key {
        "module" => events.scalars("`license.module`", |_| {
            has_one = true;
            Ok(())
        }),
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
    let mut negative: BTreeMap<String, bool> = BTreeMap::new();
    events.mapping(&format!("`{what}`"), |events, name| {
        events.scalars(&format!("`{what}.{name}`"), |stream| {
            let is_negative = stream.starts_with('-');
            if *negative.entry(name.to_owned()).or_insert(is_negative) == is_negative {
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

/// `buildopts`.
pub fn build_options(events: &mut Events<'_>) -> Checked {
    events.mapping("`buildopts`", |events, key| match key {
        "rpms" => events.mapping("`buildopts.rpms`", |events, key| match key {
            "macros" => events.scalar("`buildopts.rpms.macros`").map(drop),
            "whitelist" => events.scalars("`buildopts.rpms.whitelist`", |_| Ok(())),
            _ => events.skip(),
        }),
        "arches" => events.scalars("`buildopts.arches`", |_| Ok(())),
        _ => events.skip(),
    })
}

/// `components`.
pub fn components(events: &mut Events<'_>) -> Checked {
    events.mapping("`components`", |events, kind| match kind {
        "rpms" | "modules" => events.mapping(&format!("`components.{kind}`"), |events, _| {
            events.mapping("a component", |events, key| component_value(events, kind, key))
        }),
        _ => events.skip(),
    })
}

fn component_value(events: &mut Events<'_>, kind: &str, key: &str) -> Checked {
    let what = format!("`components.{kind}.{key}`");
    match key {
        "buildorder" => {
            let text = events.scalar(&what)?;
            let digits = text.strip_prefix('-').unwrap_or(&text);
            scalar::number(&what, digits).map(drop)
        }
        "rationale" | "name" | "ref" | "repository" | "cache" => events.scalar(&what).map(drop),
        "buildroot" | "srpm-buildroot" | "buildonly" if kind == "rpms" => {
            scalar::truth(&what, &events.scalar(&what)?).map(drop)
        }
        "arches" | "multilib" | "buildafter" => events.scalars(&what, |_| Ok(())),
        _ => events.skip(),
    }
}

/// `artifacts`.
pub fn artifacts(events: &mut Events<'_>) -> Checked {
    events.mapping("`artifacts`", |events, key| match key {
        "rpms" => events.scalars("`artifacts.rpms`", |text| scalar::nevra("`artifacts.rpms`", text)),
        "rpm-map" => events.mapping("`artifacts.rpm-map`", |events, _| {
            events.mapping("`artifacts.rpm-map`", |events, _| mapped_package(events))
        }),
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
    let (Some(name), Some(version), Some(release), Some(architecture), Some(nevra)) =
        (name, version, release, architecture, nevra)
    else {
        return Err("a package of `artifacts.rpm-map` lacks a part".to_owned());
    };
    let epoch = epoch.unwrap_or_else(|| "0".to_owned());
    if nevra == format!("{name}-{epoch}:{version}-{release}.{architecture}") {
        Ok(())
    } else {
        Err("`artifacts.rpm-map.nevra` is not what the parts say".to_owned())
    }
}
