//! How a stream was built: no client uses it, and libmodulemd checks it all the same.

use std::collections::BTreeSet;

use super::events::Events;
use super::scalar;

type Checked = Result<(), String>;

/// What has to fit together.
#[derive(Default)]
pub struct Build {
    /// The architectures that the stream is for; empty: all.
    architectures: BTreeSet<String>,
    /// The architectures that packages name.
    package_architectures: BTreeSet<String>,
    /// The packages.
    packages: BTreeSet<String>,
    /// The packages that others are built after.
    after: BTreeSet<String>,
    /// Packages are built in the order of numbers.
    is_ordered: bool,
}

impl Build {
    /// `buildopts`.
    pub fn options(&mut self, events: &mut Events<'_>) -> Checked {
        events.mapping("`buildopts`", |events, key| match key {
            "rpms" => events.mapping("`buildopts.rpms`", |events, key| match key {
                "macros" => events.scalar("`buildopts.rpms.macros`").map(drop),
                "whitelist" => events.scalars("`buildopts.rpms.whitelist`", |_| Ok(())),
                _ => events.skip(),
            }),
            "arches" => collect(events, "`buildopts.arches`", &mut self.architectures),
            _ => events.skip(),
        })
    }

    /// `components`.
    pub fn components(&mut self, events: &mut Events<'_>) -> Checked {
        events.mapping("`components`", |events, kind| match kind {
            "rpms" => events.mapping("`components.rpms`", |events, name| {
                self.packages.insert(name.to_owned());
                let component = component(events, kind)?;
                self.is_ordered |= component.order != 0;
                self.after.extend(component.after);
                self.package_architectures.extend(component.architectures);
                Ok(())
            }),
            "modules" => events.mapping("`components.modules`", |events, _| component(events, kind).map(drop)),
            _ => events.skip(),
        })
    }

    /// Whether all fits together, at the end of the stream.
    pub fn check(&self) -> Checked {
        if self.is_ordered && !self.after.is_empty() {
            return Err("`components` has both buildorder and buildafter".to_owned());
        }
        if let Some(name) = self.after.difference(&self.packages).next() {
            return Err(format!("`components.rpms` has {name:?} in a buildafter only"));
        }
        let unknown = self.package_architectures.difference(&self.architectures).next();
        match unknown.filter(|_| !self.architectures.is_empty()) {
            Some(name) => Err(format!("`components.rpms` has the architecture {name:?}, `buildopts.arches` has not")),
            None => Ok(()),
        }
    }
}

/// A package or module that is built.
#[derive(Default)]
struct Component {
    order: u64,
    after: BTreeSet<String>,
    architectures: BTreeSet<String>,
}

fn component(events: &mut Events<'_>, kind: &str) -> Result<Component, String> {
    let mut component = Component::default();
    events.mapping("a component", |events, key| {
        let what = format!("`components.{kind}.{key}`");
        match key {
            "buildorder" => component.order = order(&what, &events.scalar(&what)?)?,
            "buildafter" => collect(events, &what, &mut component.after)?,
            "rationale" | "name" | "ref" | "repository" | "cache" => drop(events.scalar(&what)?),
            "buildroot" | "srpm-buildroot" | "buildonly" if kind == "rpms" => {
                scalar::truth(&what, &events.scalar(&what)?)?;
            }
            "arches" if kind == "rpms" => collect(events, &what, &mut component.architectures)?,
            "multilib" if kind == "rpms" => events.scalars(&what, |_| Ok(()))?,
            _ => events.skip()?,
        }
        Ok(())
    })?;
    Ok(component)
}

/// A number of 64 bits with a sign, without it.
fn order(what: &str, text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let order = scalar::number(what, digits)?;
    if i64::try_from(order).is_ok() { Ok(order) } else { Err(format!("{what} is {text}, more than 63 bits")) }
}

fn collect(events: &mut Events<'_>, what: &str, texts: &mut BTreeSet<String>) -> Checked {
    events.scalars(what, |text| {
        texts.insert(text.to_owned());
        Ok(())
    })
}
