//! A setting that may stand in a variable or in the file: the variable wins.

use std::ops::RangeInclusive;

use super::environment::{Environment, Variable};
use super::mistake::Mistake;
use super::node::Node;

/// A setting that is given, and where.
#[derive(Clone, Debug)]
pub enum Setting<'a> {
    /// The text of a variable.
    Variable(Variable, &'a str),
    /// A value in the file.
    Key(Node<'a>),
}

impl<'a> Setting<'a> {
    /// The variable where it is set, else what the file has.
    pub fn find(
        environment: &'a Environment,
        variable: Variable,
        key: Option<Node<'a>>,
    ) -> Result<Option<Self>, Mistake> {
        let text = environment.text(variable)?;
        Ok(text.map(|text| Self::Variable(variable, text)).or_else(|| key.map(Self::Key)))
    }

    /// A text.
    pub fn text(&self, allowed: &str) -> Result<&'a str, Mistake> {
        match self {
            Self::Variable(_, text) => Ok(text),
            Self::Key(node) => node.text(allowed),
        }
    }

    /// A whole number within bounds; `unit` says of what, after a blank, or is empty.
    pub fn whole_number(&self, bounds: RangeInclusive<u32>, unit: &str) -> Result<u32, Mistake> {
        let number = match self {
            // parse alone would take +5
            Self::Variable(_, text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Variable(..) => None,
            Self::Key(node) => node.whole_number(),
        };
        let allowed = || format!("is a whole number{unit} from {} to {}", bounds.start(), bounds.end());
        number.filter(|number| bounds.contains(number)).ok_or_else(|| self.mistake(allowed()))
    }

    /// The mistake that this value is; `allowed` begins with its verb.
    pub fn mistake(&self, allowed: impl Into<String>) -> Mistake {
        match self {
            Self::Variable(variable, text) => variable.mistake(text, allowed),
            Self::Key(node) => node.mistake(allowed),
        }
    }

    /// The same with words on what is wrong with the value: `which does not exist`.
    pub fn mistake_which(&self, reason: &str, allowed: impl Into<String>) -> Mistake {
        let mistake = self.mistake(allowed);
        Mistake { problem: format!("{}, which {reason}", mistake.problem), ..mistake }
    }
}
