//! What a user may do with a target, and which rule says so.

use rws_model::{Grant, Readers, Target, TargetPattern, Verb};

use super::Configuration;
use super::repositories::Rule;

/// What the answer begins with for rules of CI jobs, as in `read`.
const OF_JOBS: &str = "oidc:";

/// Somebody whose rights are explained.
struct Person<'a> {
    name: &'a str,
    /// What the user may do; none: what a user without `allow` may.
    grants: Option<&'a [Grant]>,
    is_admin: bool,
    /// Where the rights stand: `users.ci`.
    place: String,
    groups: Vec<&'a str>,
}

impl Configuration {
    /// What a user, or a rule for CI jobs (`oidc:NAME`), may do with the targets of a pattern, one line each.
    ///
    /// # Errors
    ///
    /// When there is no such user or no such target: what there is.
    pub fn explain(&self, name: &str, targets: &str) -> Result<Vec<String>, String> {
        let person = self.person(name)?;
        let pattern = TargetPattern::parse(targets.trim_matches('/'));
        let found: Vec<Target> =
            self.model.targets().filter(|target| pattern.as_ref().is_some_and(|one| one.matches(target))).collect();
        if found.is_empty() {
            return Err(format!("{targets:?} is no target, and no pattern of targets like live/*"));
        }
        let mut lines = Vec::new();
        for target in found {
            lines.push(format!("{} and {target}:", person.name));
            lines.extend(
                Verb::ALL.iter().map(|verb| format!("  {}: {}", verb.word(), self.why(&person, *verb, &target))),
            );
        }
        Ok(lines)
    }

    fn person<'a>(&'a self, name: &'a str) -> Result<Person<'a>, String> {
        if let Some(rule) = name.strip_prefix(OF_JOBS) {
            let mut rules = self.oidc.iter().flat_map(|issuer| issuer.settings.rules.iter().zip(&issuer.grants));
            let (_, grants) = rules
                .find(|(known, _)| known.name == rule)
                .ok_or_else(|| format!("there is no rule {rule:?} in oidc"))?;
            let place = format!("rule {rule} of oidc");
            return Ok(Person { name, grants: Some(grants), is_admin: false, place, groups: Vec::new() });
        }
        let user = self.credentials.as_ref().and_then(|users| users.get(name));
        let user = user.ok_or_else(|| match &self.credentials {
            None => "the configuration has no users: RWS makes an administrator at its first start".to_owned(),
            Some(_) => format!("there is no user {name:?}"),
        })?;
        let groups = self.groups.iter().filter(|(_, members)| members.contains(name)).map(|(group, _)| group.as_str());
        let place = format!("user {name}");
        Ok(Person { name, grants: user.allow.as_deref(), is_admin: user.admin, place, groups: groups.collect() })
    }

    /// Whether somebody may do something, and why.
    fn why(&self, person: &Person<'_>, verb: Verb, target: &Target) -> String {
        if verb == Verb::Read
            && let Some(reason) = self.why_listed(person, target)
        {
            return format!("yes, {reason}");
        }
        if person.is_admin {
            return format!("yes, {} is an administrator", person.place);
        }
        let Some(grants) = person.grants else {
            return match Grant::USUAL_VERBS.contains(&verb) {
                true => format!("yes, {} has no allow", person.place),
                false => format!("no, {} has no allow, which means upload and delete", person.place),
            };
        };
        let fitting: Vec<&Grant> =
            grants.iter().filter(|grant| grant.verbs.contains(&verb) && grant.pattern.matches(target)).collect();
        let named = |grant: &&Grant| match &grant.packages {
            Some(packages) => format!("{} for {}", grant.pattern, packages.join(", ")),
            None => grant.pattern.to_string(),
        };
        match fitting.iter().find(|grant| grant.packages.is_none()) {
            Some(grant) => format!("yes, allow of {} has {}", person.place, grant.pattern),
            None if fitting.is_empty() => "no".to_owned(),
            None => {
                let named: Vec<String> = fitting.iter().map(named).collect();
                format!("some packages, allow of {} has {}", person.place, named.join("; "))
            }
        }
    }

    /// Why somebody is among the readers of a target, where that is so.
    fn why_listed(&self, person: &Person<'_>, target: &Target) -> Option<String> {
        let rule = self.rules.iter().rfind(|rule| rule.reads(target).is_some());
        let Some((rule, readers)) = rule.and_then(|rule: &Rule| Some((rule, rule.reads(target)?))) else {
            return Some("no entry of repositories says read, so that everybody may".to_owned());
        };
        let entry = format!("read of the entry {} of repositories", rule.pattern());
        match readers {
            Readers::Public => Some(format!("{entry} is public")),
            Readers::Users => Some(format!("{entry} is users")),
            Readers::Named(names) => {
                let own = [person.name.to_owned()].into_iter();
                let groups = person.groups.iter().map(|group| format!("@{group}"));
                own.chain(groups).find(|name| names.contains(name)).map(|name| format!("{entry} has {name}"))
            }
        }
    }
}
