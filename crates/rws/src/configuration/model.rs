//! Which repositories there can be: `model.supported_repos` and `anchors`.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{Formats, Target};

use super::mistake::{Mistake, quoted};
use super::node::{Node, Object};

/// The series that stands for all enabled ones.
const ENABLED: &str = "enabled";

/// The keys of `model.supported_repos`.
pub const KEYS: [&str; 4] = ["repo_kind", "tarantool_series", "distrs", "enabled"];

/// The keys of a distribution.
pub const DISTRIBUTION_KEYS: [&str; 2] = ["base", "versions"];

const NAME: &str = "is a name of letters, digits and . _ + ~ -, not starting with a dot";
const NAMES: &str = "is a list of names, for example [\"1.10\", \"modules\"]";
const DISTRIBUTIONS: &str =
    "is an object of distributions: {\"el\": {\"base\": \"rpm\", \"versions\": [\"8\", \"9\"]}}";
const ANCHORS: &str = "is an object of lists of paths: {\"modules\": [\"live/1.10/\", \"release/1.10/\"]}";

/// One distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The name of a format, or one that RWS does not know: uploads there are refused.
    pub base: String,
    /// `focal`, `8` …
    pub versions: Vec<String>,
}

/// Everything that a path may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// `live`, `release` …
    pub kinds: Vec<String>,
    /// `1.10`, `modules` …; never `enabled`.
    pub series: Vec<String>,
    /// What the series `enabled` stands for.
    pub enabled: Vec<String>,
    /// Distributions by name.
    pub distributions: BTreeMap<String, Distribution>,
    /// Names that stand for several paths or parts of paths.
    pub anchors: BTreeMap<String, Vec<String>>,
}

impl Model {
    /// All targets that the names can make.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let ends = |name: &String, known: &Distribution| {
            known.versions.iter().map(|version| (name.clone(), version.clone())).collect::<Vec<_>>()
        };
        let ends: Vec<_> = self.distributions.iter().flat_map(|(name, known)| ends(name, known)).collect();
        let starts = self.kinds.iter().flat_map(|kind| self.series.iter().map(move |series| (kind, series)));
        starts.flat_map(move |(kind, series)| {
            let target = move |(distribution, version)| Target {
                kind: kind.clone(),
                series: series.clone(),
                distribution,
                version,
            };
            ends.clone().into_iter().map(target)
        })
    }

    /// Whether the text is a name of any sort.
    fn knows(&self, part: &str) -> bool {
        let is = |name: &String| name == part;
        part == ENABLED
            || self.kinds.iter().any(is)
            || self.series.iter().any(is)
            || self.distributions.contains_key(part)
            || self.distributions.values().any(|distribution| distribution.versions.iter().any(is))
    }
}

/// Reads `model.supported_repos`, and `anchors` at the top of the file.
pub fn read(
    file: &Object<'_>,
    model: &Object<'_>,
    formats: &Formats,
    warnings: &mut Vec<String>,
) -> Result<Model, Mistake> {
    let supported = "is an object with repo_kind, tarantool_series, distrs and enabled";
    let supported = model.required("supported_repos", supported)?.object(supported)?;
    supported.warn_unknown(&KEYS, warnings);
    let kinds = supported.required("repo_kind", NAMES)?;
    let series = supported.required("tarantool_series", NAMES)?;
    let mut read =
        Model { kinds: some_names(&kinds, warnings)?, series: some_names(&series, warnings)?, ..Model::default() };
    if read.kinds.iter().any(|kind| kind == "-") {
        return Err(kinds.problem("has \"-\"", "is any other name: addresses below /-/ are those of the service"));
    }
    let listed = read.series.iter().any(|name| name == ENABLED);
    read.series.retain(|name| name != ENABLED);
    match supported.get(ENABLED) {
        Some(node) => read.enabled = enabled(&node, &read.series, warnings)?,
        None if listed => warnings.push(
            series.warning("has enabled, which stands for nothing without the list model.supported_repos.enabled"),
        ),
        None => {}
    }
    let distributions = supported.required("distrs", DISTRIBUTIONS)?;
    for (name, node) in distributions.object(DISTRIBUTIONS)?.entries() {
        check_name(name, &node)?;
        read.distributions.insert(name.to_owned(), distribution(&node, formats, warnings)?);
    }
    if read.distributions.is_empty() {
        return Err(distributions.problem("is empty", DISTRIBUTIONS));
    }
    if let Some(node) = file.get("anchors") {
        read.anchors = anchors(&node, &read, warnings)?;
    }
    Ok(read)
}

fn enabled(node: &Node<'_>, series: &[String], warnings: &mut Vec<String>) -> Result<Vec<String>, Mistake> {
    for item in node.list(NAMES)? {
        let known = series.iter().any(|known| Ok(known.as_str()) == item.text(NAME));
        if !known {
            return Err(
                item.mistake(format!("are the names in model.supported_repos.tarantool_series: {}", series.join(", ")))
            );
        }
    }
    names(node, warnings)
}

fn distribution(node: &Node<'_>, formats: &Formats, warnings: &mut Vec<String>) -> Result<Distribution, Mistake> {
    let bases: Vec<String> = formats.names().into_iter().map(quoted).collect();
    let allowed = format!("is {}", bases.join(" or "));
    let allowed = allowed.as_str();
    let object = node.object("is an object with base and versions")?;
    object.warn_unknown(&DISTRIBUTION_KEYS, warnings);
    let base_node = object.required("base", allowed)?;
    let base = base_node.text(allowed)?;
    if formats.named(base).is_none() {
        let shown = base_node.shown();
        warnings.push(base_node.warning(&format!("is {shown}; uploads there are refused; allowed {allowed}")));
    }
    let versions = names(&object.required("versions", NAMES)?, warnings)?;
    Ok(Distribution { base: base.to_owned(), versions })
}

fn anchors(
    node: &Node<'_>,
    model: &Model,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<String>>, Mistake> {
    let mut anchors = BTreeMap::new();
    for (name, node) in node.object(ANCHORS)?.entries() {
        check_name(name, &node)?;
        let mut values = Vec::new();
        for item in node.list(ANCHORS)? {
            let value = item.text("is a path, or a part of one, like live/1.10/")?;
            let good = !value.starts_with('/') && value.split('/').all(|part| part.is_empty() || model.knows(part));
            if !good {
                let shown = item.shown();
                let line =
                    format!("is {shown}, which names no repository; allowed are the names of model.supported_repos");
                warnings.push(item.warning(&line));
            }
            values.push(value.to_owned());
        }
        if values.is_empty() {
            warnings.push(node.warning("is empty: it stands for no repository"));
        }
        anchors.insert(name.to_owned(), values);
    }
    Ok(anchors)
}

fn some_names(node: &Node<'_>, warnings: &mut Vec<String>) -> Result<Vec<String>, Mistake> {
    let names = names(node, warnings)?;
    if names.is_empty() { Err(node.problem("is empty", NAMES)) } else { Ok(names) }
}

/// The names of a list, each once.
pub fn names(node: &Node<'_>, warnings: &mut Vec<String>) -> Result<Vec<String>, Mistake> {
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    for item in node.list(NAMES)? {
        let name = item.text(NAME)?;
        if !is_name(name) {
            return Err(item.mistake(NAME));
        }
        if seen.insert(name) {
            names.push(name.to_owned());
        } else {
            warnings.push(item.warning(&format!("is {} for the second time", item.shown())));
        }
    }
    Ok(names)
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), Mistake> {
    if is_name(name) { Ok(()) } else { Err(node.problem(format!("has the name {}", quoted(name)), NAME)) }
}

/// Whether it can be one part of a path: of a URL, of a file and of a repository's id.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}
