//! `/-/openapi.json`, for people: made of the same document.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use askama::Template;
use serde_json::Value;

use super::Visit;
use super::answer::{page_of_address, render};
use super::frame::{Frame, Part};
use crate::answer::{Answer, Problem};
use crate::openapi::document;

/// What is read of the document; it is the same for as long as the process runs.
static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::of(&document()));

#[derive(Template)]
#[template(path = "pages/api.html")]
struct Api<'d> {
    frame: Frame,
    description: &'d str,
    upload: String,
    groups: &'d [Group],
    schemas: &'d [Schema],
}

#[derive(Default)]
struct Document {
    description: String,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: String,
    needs_login: bool,
    text: Vec<String>,
    parameters: Vec<Parameter>,
    body: Option<String>,
    answers: Vec<(String, String)>,
}

struct Parameter {
    name: String,
    place: String,
    is_required: bool,
    text: String,
}

struct Schema {
    name: String,
    text: String,
    members: Vec<Parameter>,
}

/// The page.
///
/// # Errors
///
/// None that is known.
pub fn get(visit: &Visit<'_>) -> Result<Answer, Problem> {
    let base = (visit.base)().unwrap_or_default();
    let template = Api {
        frame: Frame::new(visit, "API", Some(Part::Api)),
        description: &DOCUMENT.description,
        upload: format!(
            "curl --user NAME --form 'file=@PACKAGE' --request PUT {base}/KIND/SERIES/DISTRIBUTION/VERSION"
        ),
        groups: &DOCUMENT.groups,
        schemas: &DOCUMENT.schemas,
    };
    Ok(page_of_address(&visit.parts.headers, render(&template)?))
}

impl Document {
    fn of(json: &str) -> Self {
        let document: Value = serde_json::from_str(json).unwrap_or_default();
        let mut groups: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                let tag = text(&operation["tags"][0]);
                groups.entry(tag).or_default().push(Operation::of(method, path, operation));
            }
        }
        let schemas = members(&document["components"]["schemas"]);
        let schema = |(name, schema): (&String, &Value)| Schema {
            name: name.clone(),
            text: marked(&schema["description"]),
            members: members(&schema["properties"])
                .map(|(name, member)| Parameter::of_member(name, member, &schema["required"]))
                .collect(),
        };
        Self {
            description: text(&document["info"]["description"]),
            groups: groups.into_iter().map(|(name, operations)| Group { name, operations }).collect(),
            schemas: schemas.map(schema).collect(),
        }
    }
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let said = [marked(&operation["summary"]), marked(&operation["description"])];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let content = members(&operation["requestBody"]["content"]).next();
        let answers = members(&operation["responses"]);
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            needs_login: operation["security"].is_array(),
            text: said.into_iter().filter(|text| !text.is_empty()).collect(),
            parameters: parameters.map(Parameter::of).collect(),
            body: content.map(|(kind, content)| format!("{kind}: {}", kind_of(&content["schema"]))),
            answers: answers.map(|(status, answer)| (status.clone(), marked(&answer["description"]))).collect(),
        }
    }
}

impl Parameter {
    fn of(parameter: &Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: format!("in the {}", text(&parameter["in"])),
            is_required: parameter["required"].as_bool().unwrap_or_default(),
            text: marked(&parameter["description"]),
        }
    }

    fn of_member(name: &str, member: &Value, required: &Value) -> Self {
        let is_required = required.as_array().into_iter().flatten().any(|one| one == name);
        Self { name: name.to_owned(), place: kind_of(member), is_required, text: marked(&member["description"]) }
    }
}

/// What a schema is, in a word or two.
fn kind_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind_of).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind if kind == "array" => format!("list of {}", kind_of(&schema["items"])),
        kind => text(kind),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A text of the document as HTML: what stands between backquotes is code.
fn marked(value: &Value) -> String {
    let mut html = String::new();
    for (position, piece) in text(value).split('`').enumerate() {
        html.push_str(match (position % 2, position) {
            (1, _) => "<code>",
            (_, 0) => "",
            _ => "</code>",
        });
        for character in piece.chars() {
            match character {
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '&' => html.push_str("&amp;"),
                '"' => html.push_str("&quot;"),
                _ => html.push(character),
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_texts() {
        for (text, html) in
            [("", ""), ("a <b> & `c<d>`, `e`", "a &lt;b&gt; &amp; <code>c&lt;d&gt;</code>, <code>e</code>")]
        {
            assert_eq!(marked(&Value::from(text)), html);
        }
        // each one that begins ends
        assert!(document().matches('`').count().is_multiple_of(2));
    }

    #[test]
    fn all_operations_are_there_with_what_they_say() {
        let document = Document::of(&document());
        let operations: Vec<&Operation> = document.groups.iter().flat_map(|group| &group.operations).collect();
        assert!(operations.len() > 25, "{}", operations.len());
        assert!(operations.iter().all(|one| !one.text.is_empty() && !one.answers.is_empty()));
        let search = operations.iter().find(|one| one.path == "/-/search").unwrap();
        assert_eq!(
            search.parameters.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["q", "kind", "limit", "after"]
        );
        assert!(document.schemas.iter().any(|schema| schema.name == "FoundPackages" && schema.members.len() == 3));
    }
}
