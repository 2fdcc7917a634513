//! Text, and the references in it.

use super::names::is_name;
use super::{Broken, Checked, Event, Reader, is_allowed};

impl<'a> Reader<'a> {
    /// The next `length` bytes, up to a tag.
    pub(super) fn character_data(&mut self, length: usize) -> Checked<Event<'a>> {
        let end = self.at + length;
        let mut is_blank = true;
        while self.at < end {
            let rest = self.text.get(self.at..end).unwrap_or_default();
            let plain = rest.split('&').next().unwrap_or_default();
            if let Some(place) = plain.find("]]>") {
                self.at += place;
                return Err(self.broken("text has ]]>"));
            }
            is_blank = is_blank && plain.trim_ascii().is_empty();
            self.at += plain.len();
            if self.take("&") {
                is_blank &= self.reference()?.is_ascii_whitespace();
            }
        }
        Ok(Event::Text { is_blank })
    }

    /// What follows `&`: the character that it stands for.
    pub(super) fn reference(&mut self) -> Checked<char> {
        let start = self.at;
        let broken = |reason| Broken { at: start - 1, reason };
        let name = self.rest().split(|character| !is_reference(character)).next().unwrap_or_default();
        self.at += name.len();
        if !self.take(";") {
            return Err(broken("a & stands alone".to_owned()));
        }
        let number = match name.strip_prefix('#') {
            Some(number) => match number.strip_prefix('x') {
                Some(digits) => number_of(digits, 16),
                None => number_of(number, 10),
            },
            None => predefined(name).map(u32::from),
        };
        let character = number.and_then(char::from_u32).filter(|character| is_allowed(*character));
        character.ok_or_else(|| broken(format!("&{name}; stands for no character that XML allows")))
    }
}

fn is_reference(character: char) -> bool {
    character == '#' || is_name(character)
}

/// Digits only, without a sign.
fn number_of(digits: &str, radix: u32) -> Option<u32> {
    let is_plain = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| is_plain)
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}
