//! Patterns over targets, as the configuration writes them.

use rws_model::TargetPattern;

use super::mistake::Mistake;
use super::node::Node;

/// What a pattern may be, for messages.
const ALLOWED: &str =
    "is one to four parts like live/*/el/*, each of letters, digits and . _ + ~ -, where * stands for any characters";

/// Reads a pattern.
pub fn read(node: &Node<'_>) -> Result<TargetPattern, Mistake> {
    TargetPattern::parse(node.text(ALLOWED)?).ok_or_else(|| node.mistake(ALLOWED))
}
