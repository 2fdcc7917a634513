//! A JSON value that knows where it stands, so that each mistake names its key.

use serde_json::{Map, Value};

use super::mistake::{Mistake, quoted};

/// Whether messages may show a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// It is shown.
    Public,
    /// Only its kind is named.
    Secret,
}

/// One value of a file or of a variable that holds JSON.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    origin: &'a str,
    path: String,
    value: &'a Value,
    secrecy: Secrecy,
}

/// A value that is an object.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    node: Node<'a>,
    map: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    /// The whole value; `path` is empty for a file and the name for a variable.
    pub fn root(origin: &'a str, path: &str, value: &'a Value, secrecy: Secrecy) -> Self {
        Self { origin, path: path.to_owned(), value, secrecy }
    }

    /// The same value, to be hidden with all below it.
    pub fn secret(self) -> Self {
        Self { secrecy: Secrecy::Secret, ..self }
    }

    /// The same value, to be shown.
    pub fn public(self) -> Self {
        Self { secrecy: Secrecy::Public, ..self }
    }

    /// Where it stands: `common.credentials.bob`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The mistake that this value is; `allowed` begins with its verb.
    pub fn mistake(&self, allowed: impl Into<String>) -> Mistake {
        self.problem(format!("is {}", self.shown()), allowed)
    }

    /// A mistake here that the value alone does not tell.
    pub fn problem(&self, problem: impl Into<String>, allowed: impl Into<String>) -> Mistake {
        let key = if self.path.is_empty() { "the file" } else { &self.path };
        Mistake::new(self.origin, key, problem, allowed)
    }

    /// A line about something that is kept although it looks wrong.
    pub fn warning(&self, text: &str) -> String {
        format!("{}: {} {text}", self.origin, self.path)
    }

    /// The value as messages show it.
    pub fn shown(&self) -> String {
        match (self.value, self.secrecy) {
            (value, Secrecy::Secret) => format!("{} (not shown)", kind(value)),
            (Value::String(text), Secrecy::Public) => quoted(text),
            (value @ (Value::Array(_) | Value::Object(_)), Secrecy::Public) => kind(value).to_owned(),
            (value, Secrecy::Public) => value.to_string(),
        }
    }

    /// A text.
    pub fn text(&self, allowed: &str) -> Result<&'a str, Mistake> {
        self.value.as_str().ok_or_else(|| self.mistake(allowed))
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, Mistake> {
        self.value.as_bool().ok_or_else(|| self.mistake("is true or false"))
    }

    /// A whole number from 1.
    pub fn count(&self) -> Result<u64, Mistake> {
        let number = self.value.as_u64().filter(|number| *number > 0);
        number.ok_or_else(|| self.mistake("is a whole number from 1"))
    }

    /// A number without fraction or sign that is not too large.
    pub fn whole_number(&self) -> Option<u32> {
        self.value.as_u64().and_then(|number| number.try_into().ok())
    }

    /// The items of a list.
    pub fn list(&self, allowed: &str) -> Result<Vec<Node<'a>>, Mistake> {
        let items = self.value.as_array().ok_or_else(|| self.mistake(allowed))?;
        let node = |(index, value)| Node { path: format!("{}[{index}]", self.path), value, ..self.clone() };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// An object; `allowed` says of what.
    pub fn object(&self, allowed: &str) -> Result<Object<'a>, Mistake> {
        let map = self.value.as_object().ok_or_else(|| self.mistake(allowed))?;
        Ok(Object { node: self.clone(), map })
    }

    /// Whether it is a text without any character.
    pub fn is_empty_text(&self) -> bool {
        self.value.as_str().is_some_and(str::is_empty)
    }

    /// Whether it is a text, whatever it says.
    pub fn is_text(&self) -> bool {
        self.value.is_string()
    }
}

impl<'a> Object<'a> {
    /// The value of a key; none where it is absent or `null`.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let (key, value) = self.map.get_key_value(key)?;
        (!value.is_null()).then(|| self.child(key, value))
    }

    /// The value of a key that must be there.
    pub fn required(&self, key: &str, allowed: &str) -> Result<Node<'a>, Mistake> {
        self.get(key).ok_or_else(|| self.child(key, &Value::Null).problem("is missing", allowed))
    }

    /// All keys with their values, sorted by key.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.map.iter().map(|(key, value)| (key.as_str(), self.child(key, value)))
    }

    /// Refuses the first key that is not among the known ones.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), Mistake> {
        match self.unknown(known).next() {
            None => Ok(()),
            Some(node) if known.is_empty() => Err(node.problem("is unknown", "are no keys here")),
            Some(node) => Err(node.problem("is unknown", format!("are {}", known.join(", ")))),
        }
    }

    /// Warns of each key that is not among the known ones.
    pub fn warn_unknown(&self, known: &[&str], warnings: &mut Vec<String>) {
        let line = |node: Node<'_>| node.warning(&format!("is unknown and ignored; known are {}", known.join(", ")));
        warnings.extend(self.unknown(known).map(line));
    }

    fn unknown(&self, known: &[&str]) -> impl Iterator<Item = Node<'a>> {
        self.entries().filter(|(key, _)| !known.contains(key)).map(|(_, node)| node)
    }

    fn child<'b>(&self, key: &str, value: &'b Value) -> Node<'b>
    where
        'a: 'b,
    {
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) && !key.is_empty();
        let key = if plain { key.to_owned() } else { quoted(key) };
        let path = if self.node.path.is_empty() { key } else { format!("{}.{key}", self.node.path) };
        Node { origin: self.node.origin, path, value, secrecy: self.node.secrecy }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
