//! What the configuration says of single repositories: the list `repositories`, whose later entries win.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rws_model::{
    Algorithm, Compression, Format, Formats, NameRule, Readers, RepositorySettings, Target, TargetPattern,
};
use rws_repository::catalogue::{OnConflict, Policy, SignPackages};
use rws_repository::retention::Retention;
use serde_json::{Value, json};

use super::credentials::Users;
use super::keys::{self, Keys, TargetKeys};
use super::mistake::Mistake;
use super::model::{self, Model};
use super::node::{Node, Object};
use super::oidc::OidcIssuer;
use super::pattern;
use super::readers;

/// The keys of one entry.
pub const KEYS: [&str; 26] = [
    "match",
    "architectures",
    "compression",
    "on_conflict",
    "origin",
    "label",
    "suite",
    "version",
    "description",
    "digests",
    "valid_until_seconds",
    "create_empty",
    "contents",
    "components",
    "debug_packages",
    "changelogs",
    "translations",
    "keep",
    "file_names",
    "keys",
    "sign_packages",
    "package_keys",
    "release_package",
    "signed_by",
    "retain",
    "read",
];

/// The keys of `release_package`.
pub const RELEASE_PACKAGE_KEYS: [&str; 1] = ["name"];

/// The keys of `retain`.
pub const RETAIN_KEYS: [&str; 3] = ["newest", "days", "names"];

/// The keys of `keep`.
pub const KEEP_KEYS: [&str; 2] = ["generations", "hours"];

/// One entry: what it does not mention is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pattern: TargetPattern,
    architectures: Option<Vec<String>>,
    compression: Option<Vec<Compression>>,
    origin: Option<String>,
    label: Option<String>,
    suite: Option<String>,
    version: Option<String>,
    digests: Option<Vec<Algorithm>>,
    description: Option<String>,
    valid_until_seconds: Option<u64>,
    on_conflict: Option<OnConflict>,
    create_empty: Option<bool>,
    contents: Option<bool>,
    components: Option<Vec<String>>,
    debug_packages: Option<bool>,
    changelogs: Option<bool>,
    translations: Option<bool>,
    keep: Option<Keep>,
    strict_names: Option<bool>,
    keys: Option<TargetKeys>,
    sign_packages: Option<SignPackages>,
    package_keys: Option<Vec<PathBuf>>,
    release_package: Option<String>,
    signed_by: Option<bool>,
    retain: Option<Retention>,
    read: Option<Readers>,
}

/// Which earlier generations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Keep {
    generations: Option<u32>,
    hours: Option<u32>,
}

impl Rule {
    /// Which targets it is about.
    pub fn pattern(&self) -> &TargetPattern {
        &self.pattern
    }

    /// Who may read a target, where it says so.
    pub fn reads(&self, target: &Target) -> Option<&Readers> {
        self.read.as_ref().filter(|_| self.pattern.matches(target))
    }

    /// The entry as it stands in the file, without what it does not mention.
    pub fn show(&self) -> Value {
        let on_conflict = self.on_conflict.map(|on_conflict| match on_conflict {
            OnConflict::Replace => "replace",
            OnConflict::Refuse => "refuse",
        });
        let mut entry = json!({
            "match": self.pattern.to_string(),
            "architectures": self.architectures,
            "compression": self.compression,
            "origin": self.origin,
            "label": self.label,
            "suite": self.suite,
            "version": self.version,
            "digests": self.digests,
            "description": self.description,
            "valid_until_seconds": self.valid_until_seconds,
            "on_conflict": on_conflict,
            "create_empty": self.create_empty,
            "contents": self.contents,
            "components": self.components,
            "debug_packages": self.debug_packages.map(|publish| if publish { "publish" } else { "skip" }),
            "changelogs": self.changelogs,
            "translations": self.translations,
            "keep": self.keep.map(|keep| keep.show()),
            "keys": self.keys.as_ref().map(TargetKeys::show),
            "sign_packages": self.sign_packages.map(word),
            "package_keys": self.package_keys.as_ref().map(|files| {
                files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
            }),
            "release_package": self.release_package.as_ref().map(|name| json!({ "name": name })),
            "signed_by": self.signed_by,
            "retain": self.retain.as_ref().map(|Retention { newest, days, names }| {
                json!({ "newest": newest, "days": days, "names": names })
            }),
            "read": self.read.as_ref().map(readers::show),
            "file_names": self.strict_names.map(|strict| if strict { "strict" } else { "free" }),
        });
        if let Some(entry) = entry.as_object_mut() {
            entry.retain(|_, value| !value.is_null());
        }
        entry
    }
}

impl Keep {
    fn show(self) -> Value {
        let mut shown = serde_json::Map::new();
        for (key, number) in [("generations", self.generations), ("hours", self.hours)] {
            shown.extend(number.map(|number| (key.to_owned(), json!(number))));
        }
        Value::Object(shown)
    }
}

/// The settings of a target whose packages are of this format.
pub fn settings(rules: &[Rule], target: &Target, format: &dyn Format) -> RepositorySettings {
    let mut settings = RepositorySettings {
        architectures: format.default_architectures().iter().map(|&name| name.to_owned()).collect(),
        origin: "Tarantool".to_owned(),
        label: "tarantool.org".to_owned(),
        description: "Tarantool DBMS and Tarantool modules".to_owned(),
        ..RepositorySettings::default()
    };
    for rule in rules.iter().filter(|rule| rule.pattern.matches(target)) {
        replace(&mut settings.architectures, rule.architectures.as_ref());
        replace(&mut settings.compression, rule.compression.as_ref());
        replace(&mut settings.origin, rule.origin.as_ref());
        replace(&mut settings.label, rule.label.as_ref());
        replace(&mut settings.description, rule.description.as_ref());
        replace(&mut settings.contents, rule.contents.as_ref());
        replace(&mut settings.translations, rule.translations.as_ref());
        replace(&mut settings.components, rule.components.as_ref());
        replace(&mut settings.debug_packages, rule.debug_packages.as_ref());
        replace(&mut settings.digests, rule.digests.as_ref());
        settings.suite = rule.suite.clone().or(settings.suite);
        settings.version = rule.version.clone().or(settings.version);
        settings.valid_until_seconds = rule.valid_until_seconds.or(settings.valid_until_seconds);
    }
    settings
}

/// Whether clients of a target find changelogs.
pub fn has_changelogs(rules: &[Rule], target: &Target) -> bool {
    rules.iter().filter(|rule| rule.pattern.matches(target)).filter_map(|rule| rule.changelogs).next_back()
        == Some(true)
}

/// The policy of a target; `create_empty` holds for those of which nothing else is said.
pub fn policy(rules: &[Rule], create_empty: bool, target: &Target) -> Policy {
    let mut policy = Policy { create_empty, ..Policy::default() };
    for rule in rules.iter().filter(|rule| rule.pattern.matches(target)) {
        replace(&mut policy.on_conflict, rule.on_conflict.as_ref());
        replace(&mut policy.create_empty, rule.create_empty.as_ref());
        replace(&mut policy.strict_names, rule.strict_names.as_ref());
        replace(&mut policy.sign_packages, rule.sign_packages.as_ref());
        replace(&mut policy.signed_by, rule.signed_by.as_ref());
        let Some(keep) = rule.keep else { continue };
        policy.keep_generations = keep.generations.map(|number| number as usize);
        policy.keep_seconds = keep.hours.map(|hours| i64::from(hours) * 60 * 60);
    }
    policy
}

/// The keys of a target, where an entry names any.
pub fn keys<'a>(rules: &'a [Rule], target: &Target) -> Option<&'a TargetKeys> {
    rules.iter().filter(|rule| rule.pattern.matches(target)).filter_map(|rule| rule.keys.as_ref()).next_back()
}

/// The name that the release package of a target gets its name from.
pub fn release_package_name<'a>(rules: &'a [Rule], target: &Target) -> Option<&'a str> {
    let mut names =
        rules.iter().filter(|rule| rule.pattern.matches(target)).filter_map(|rule| rule.release_package.as_deref());
    names.next_back()
}

/// The files of keys whose signatures on packages of a target are taken.
pub fn package_keys<'a>(rules: &'a [Rule], target: &Target) -> &'a [PathBuf] {
    let mut files =
        rules.iter().filter(|rule| rule.pattern.matches(target)).filter_map(|rule| rule.package_keys.as_deref());
    files.next_back().unwrap_or_default()
}

/// Who may read which repositories; later ones win.
pub fn readers(rules: &[Rule]) -> Vec<(TargetPattern, Readers)> {
    rules.iter().filter_map(|rule| Some((rule.pattern.clone(), rule.read.clone()?))).collect()
}

/// What is said of readers that nobody is.
pub fn unknown_readers(
    rules: &[Rule],
    users: Option<&Users>,
    groups: &BTreeMap<String, BTreeSet<String>>,
    issuers: &[OidcIssuer],
) -> Vec<String> {
    let has_rule = |name: &str| issuers.iter().flat_map(|issuer| &issuer.settings.rules).any(|rule| rule.name == name);
    let is_known = |name: &str| match (name.strip_prefix('@'), name.strip_prefix("oidc:")) {
        (Some(group), _) => groups.contains_key(group),
        (_, Some(rule)) => has_rule(rule),
        _ => users.is_none_or(|users| users.contains_key(name)),
    };
    let mut warnings = Vec::new();
    for rule in rules {
        let Some(Readers::Named(names)) = &rule.read else { continue };
        let unknown = names.iter().filter(|name| !is_known(name));
        warnings.extend(
            unknown.map(|name| format!("repositories: read of {} has {name:?}, which is nobody", rule.pattern)),
        );
    }
    warnings
}

/// A word of the file.
fn word(sign_packages: SignPackages) -> &'static str {
    match sign_packages {
        SignPackages::Off => "off",
        SignPackages::Unsigned => "unsigned",
        SignPackages::Always => "always",
    }
}

fn replace<Setting: Clone>(old: &mut Setting, new: Option<&Setting>) {
    if let Some(new) = new {
        old.clone_from(new);
    }
}

/// What the rest of the configuration says.
pub struct Known<'a> {
    /// Which repositories there can be.
    pub model: &'a Model,
    /// The formats that there are.
    pub formats: &'a Formats,
    /// The keys that there are.
    pub keys: &'a Keys,
    /// Whether `server.public_url` is set.
    pub has_public_url: bool,
}

/// Reads the list `repositories`.
pub fn read(file: &Object<'_>, known: &Known<'_>, warnings: &mut Vec<String>) -> Result<Vec<Rule>, Mistake> {
    let allowed = "is a list of objects, each with match and settings";
    let Some(node) = file.get("repositories") else { return Ok(Vec::new()) };
    let entries = node.list(allowed)?;
    entries.iter().map(|entry| rule(&entry.object("is an object with match and settings")?, known, warnings)).collect()
}

fn rule(entry: &Object<'_>, known: &Known<'_>, warnings: &mut Vec<String>) -> Result<Rule, Mistake> {
    entry.refuse_unknown(&KEYS)?;
    let node = entry.required("match", "is a pattern like live/*/el/*")?;
    let pattern = pattern::read(&node)?;
    if !known.model.targets().any(|target| pattern.matches(&target)) {
        warnings.push(node.warning(&format!("is {}, which matches no repository", node.shown())));
    }
    Ok(Rule {
        pattern,
        architectures: entry
            .get("architectures")
            .map(|node| architectures(&node, known.formats, warnings))
            .transpose()?,
        compression: entry.get("compression").map(|node| compression(&node)).transpose()?,
        origin: line(entry, "origin")?,
        label: line(entry, "label")?,
        suite: line(entry, "suite")?,
        version: line(entry, "version")?,
        digests: entry.get("digests").map(|node| digests(&node)).transpose()?,
        description: line(entry, "description")?,
        valid_until_seconds: entry.get("valid_until_seconds").map(|node| node.count()).transpose()?,
        on_conflict: entry.get("on_conflict").map(|node| on_conflict(&node)).transpose()?,
        create_empty: entry.get("create_empty").map(|node| node.boolean()).transpose()?,
        contents: entry.get("contents").map(|node| node.boolean()).transpose()?,
        components: entry.get("components").map(|node| components(&node, known.formats)).transpose()?,
        debug_packages: entry.get("debug_packages").map(|node| debug_packages(&node)).transpose()?,
        changelogs: entry.get("changelogs").map(|node| changelogs(&node, known)).transpose()?,
        translations: entry.get("translations").map(|node| node.boolean()).transpose()?,
        keep: entry.get("keep").map(|node| keep(&node)).transpose()?,
        strict_names: entry.get("file_names").map(|node| file_names(&node)).transpose()?,
        keys: entry.get("keys").map(|node| keys::of_target(&node, known.keys)).transpose()?,
        sign_packages: entry.get("sign_packages").map(|node| sign_packages(&node)).transpose()?,
        package_keys: entry.get("package_keys").map(|node| files(&node)).transpose()?,
        signed_by: entry.get("signed_by").map(|node| node.boolean()).transpose()?,
        release_package: entry.get("release_package").map(|node| release_package(&node, known)).transpose()?,
        retain: entry.get("retain").map(|node| retain(&node)).transpose()?,
        read: entry.get("read").map(|node| readers::read(&node)).transpose()?,
    })
}

fn architectures(node: &Node<'_>, formats: &Formats, warnings: &mut Vec<String>) -> Result<Vec<String>, Mistake> {
    let allowed = "are architectures such as amd64 or x86_64; packages for all architectures need no entry";
    for item in node.list(allowed)? {
        let name = item.text(allowed)?;
        if formats.no_architectures().any(|word| word == name) {
            return Err(item.mistake(allowed));
        }
    }
    let names = model::names(node, warnings)?;
    if names.is_empty() { Err(node.problem("is empty", allowed)) } else { Ok(names) }
}

fn compression(node: &Node<'_>) -> Result<Vec<Compression>, Mistake> {
    let allowed = "is a list of \"none\", \"gz\", \"xz\", \"zstd\", each at most once";
    let mut forms = Vec::new();
    for item in node.list(allowed)? {
        let form = match item.text(allowed)? {
            "none" => Compression::None,
            "gz" => Compression::Gz,
            "xz" => Compression::Xz,
            "zstd" => Compression::Zstd,
            _ => return Err(item.mistake(allowed)),
        };
        if forms.contains(&form) {
            return Err(item.mistake(allowed));
        }
        forms.push(form);
    }
    Ok(forms)
}

/// The components of apt repositories.
fn components(node: &Node<'_>, formats: &Formats) -> Result<Vec<String>, Mistake> {
    let rules: Vec<NameRule> = formats.iter().filter_map(|format| format.component_rule()).collect();
    let allowed = "is a list of components, each once; packages that name none go to the first";
    let mut names: Vec<String> = Vec::new();
    for item in node.list(allowed)? {
        let name = item.text(allowed)?;
        if let Some(rule) = rules.iter().find(|rule| !(rule.check)(name)) {
            return Err(item.mistake(rule.rule));
        }
        if names.iter().any(|known| known == name) {
            return Err(item.mistake(allowed));
        }
        names.push(name.to_owned());
    }
    if names.is_empty() { Err(node.problem("is empty", allowed)) } else { Ok(names) }
}

/// Whether clients find changelogs.
fn changelogs(node: &Node<'_>, known: &Known<'_>) -> Result<bool, Mistake> {
    let wanted = node.boolean()?;
    if wanted && !known.has_public_url {
        return Err(
            node.problem("needs the address at which clients reach the service", "is false, or set server.public_url")
        );
    }
    Ok(wanted)
}

/// Whether packages of debug symbols are published.
fn debug_packages(node: &Node<'_>) -> Result<bool, Mistake> {
    let allowed = "is \"skip\" or \"publish\"";
    match node.text(allowed)? {
        "skip" => Ok(false),
        "publish" => Ok(true),
        _ => Err(node.mistake(allowed)),
    }
}

fn digests(node: &Node<'_>) -> Result<Vec<Algorithm>, Mistake> {
    let allowed = "is a list of \"md5\", \"sha1\", \"sha512\": the digests in addition to SHA-256";
    let mut algorithms = Vec::new();
    for item in node.list(allowed)? {
        algorithms.push(match item.text(allowed)? {
            "md5" => Algorithm::Md5,
            "sha1" => Algorithm::Sha1,
            "sha512" => Algorithm::Sha512,
            _ => return Err(item.mistake(allowed)),
        });
    }
    algorithms.sort();
    algorithms.dedup();
    Ok(algorithms)
}

fn on_conflict(node: &Node<'_>) -> Result<OnConflict, Mistake> {
    let allowed = "is \"replace\" or \"refuse\"";
    match node.text(allowed)? {
        "replace" => Ok(OnConflict::Replace),
        "refuse" => Ok(OnConflict::Refuse),
        _ => Err(node.mistake(allowed)),
    }
}

/// Whether file names have to fit their packages.
fn file_names(node: &Node<'_>) -> Result<bool, Mistake> {
    let allowed = "is \"free\" or \"strict\"";
    match node.text(allowed)? {
        "free" => Ok(false),
        "strict" => Ok(true),
        _ => Err(node.mistake(allowed)),
    }
}

/// What [`is_release_name`] asks for.
pub const RELEASE_NAME: &str =
    "is a name of small letters, digits and + . -, at least two, that starts with a letter or a digit";

/// Whether release packages can get their names from this one.
pub fn is_release_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    // it is a part of names of directories, which are at most 100 bytes in an archive
    starts && (2..=30).contains(&text.len()) && text.bytes().all(plain)
}

/// Which packages of a target are kept, where not all are.
pub fn retention(rules: &[Rule], target: &Target) -> Option<Retention> {
    rules.iter().filter(|rule| rule.pattern.matches(target)).filter_map(|rule| rule.retain.clone()).next_back()
}

/// The name that release packages get their names from.
fn release_package(node: &Node<'_>, known: &Known<'_>) -> Result<String, Mistake> {
    let object = node.object("is an object with name: {\"name\": \"example\"}")?;
    object.refuse_unknown(&RELEASE_PACKAGE_KEYS)?;
    let name = object.required("name", RELEASE_NAME)?;
    let text = name.text(RELEASE_NAME)?;
    if !is_release_name(text) {
        return Err(name.mistake(RELEASE_NAME));
    }
    if !known.has_public_url {
        return Err(node.problem(
            "needs the address at which clients reach the service",
            "is nothing here, or set server.public_url",
        ));
    }
    Ok(text.to_owned())
}

/// Which packages are signed.
fn sign_packages(node: &Node<'_>) -> Result<SignPackages, Mistake> {
    let all = [SignPackages::Off, SignPackages::Unsigned, SignPackages::Always];
    let allowed = "is \"off\", \"unsigned\" or \"always\"";
    let text = node.text(allowed)?;
    all.into_iter().find(|one| word(*one) == text).ok_or_else(|| node.mistake(allowed))
}

/// Paths of files.
fn files(node: &Node<'_>) -> Result<Vec<PathBuf>, Mistake> {
    let allowed = "is a list of paths of files";
    let file = |node: &Node<'_>| match node.text(allowed)? {
        "" => Err(node.mistake(allowed)),
        text => Ok(PathBuf::from(text)),
    };
    node.list(allowed)?.iter().map(file).collect()
}

/// Which packages are kept.
fn retain(node: &Node<'_>) -> Result<Retention, Mistake> {
    let allowed = "is an object with newest, days and names: {\"newest\": 5, \"days\": 30}";
    let object = node.object(allowed)?;
    object.refuse_unknown(&RETAIN_KEYS)?;
    let count = |node: Node<'_>| {
        node.count().and_then(|count| u32::try_from(count).map_err(|_| node.mistake("is a whole number from 1")))
    };
    let newest = object.get("newest").map(count).transpose()?;
    let days = object.get("days").map(count).transpose()?;
    if newest.is_none() && days.is_none() {
        return Err(node.problem("has neither newest nor days, and would keep everything", allowed));
    }
    let allowed = "is a list of names of packages, with * and ?";
    let name = |node: &Node<'_>| match node.text(allowed)? {
        "" => Err(node.mistake(allowed)),
        text => Ok(text.to_owned()),
    };
    let names = match object.get("names") {
        Some(node) => node.list(allowed)?.iter().map(name).collect::<Result<Vec<_>, _>>()?,
        None => vec!["*".to_owned()],
    };
    // of each package the newest version stays
    Ok(Retention { newest: newest.unwrap_or(1) as usize, days, names })
}

fn keep(node: &Node<'_>) -> Result<Keep, Mistake> {
    let object = node.object("is an object with generations, hours or both")?;
    object.refuse_unknown(&KEEP_KEYS)?;
    let number = |key: &str, least: u32, most: u32| -> Result<Option<u32>, Mistake> {
        let Some(node) = object.get(key) else { return Ok(None) };
        let number = node.whole_number().filter(|number| (least..=most).contains(number));
        number.map(Some).ok_or_else(|| node.mistake(format!("is a whole number from {least} to {most}")))
    };
    Ok(Keep { generations: number("generations", 3, 1000)?, hours: number("hours", 1, 24 * 365)? })
}

/// The value of a Release field: a line break in it would make another field.
fn line(entry: &Object<'_>, key: &str) -> Result<Option<String>, Mistake> {
    let allowed = "is one line of text, without blanks at the beginning and at the end";
    let Some(node) = entry.get(key) else { return Ok(None) };
    let text = node.text(allowed)?;
    let good = !text.is_empty() && text.trim() == text && !text.contains(char::is_control);
    if good { Ok(Some(text.to_owned())) } else { Err(node.mistake(allowed)) }
}
