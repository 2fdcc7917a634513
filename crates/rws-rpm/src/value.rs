//! The values that a header's tags have.

/// What a value is made of, whatever its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// Bytes.
    Binary,
}

/// The types of values (rpm: `rpmTagType`), with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Single bytes that are characters.
    Char = 1,
    /// Numbers of 8 bits.
    Int8 = 2,
    /// Numbers of 16 bits.
    Int16 = 3,
    /// Numbers of 32 bits.
    Int32 = 4,
    /// Numbers of 64 bits.
    Int64 = 5,
    /// One text that ends in NUL.
    String = 6,
    /// Bytes.
    Binary = 7,
    /// Texts, each of which ends in NUL.
    StringArray = 8,
    /// One text in several languages, each of which ends in NUL.
    Translations = 9,
}

impl ValueType {
    /// The type with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Char,
            2 => Self::Int8,
            3 => Self::Int16,
            4 => Self::Int32,
            5 => Self::Int64,
            6 => Self::String,
            7 => Self::Binary,
            8 => Self::StringArray,
            9 => Self::Translations,
            _ => return None,
        })
    }

    /// The size of one element and its alignment; 1 for texts.
    pub const fn width_bytes(self) -> usize {
        match self {
            Self::Int16 => 2,
            Self::Int32 => 4,
            Self::Int64 => 8,
            _ => 1,
        }
    }

    /// What it is made of.
    pub const fn class(self) -> Class {
        match self {
            Self::Char | Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64 => Class::Number,
            Self::String | Self::StringArray | Self::Translations => Class::Text,
            Self::Binary => Class::Binary,
        }
    }

    /// Whether it is made of texts.
    pub const fn is_text(self) -> bool {
        matches!(self.class(), Class::Text)
    }

    /// How many bytes `count` elements at the start of `bytes` take; absent when they run past its end.
    pub fn length(self, bytes: &[u8], count: usize) -> Option<usize> {
        if !self.is_text() {
            return count.checked_mul(self.width_bytes()).filter(|length| *length <= bytes.len());
        }
        let last = count.checked_sub(1)?;
        bytes.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(last).map(|(place, _)| place + 1)
    }
}

/// Texts of one tag, without their NUL.
#[derive(Clone, Debug)]
pub struct Strings<'h> {
    rest: &'h [u8],
    left: usize,
}

impl<'h> Strings<'h> {
    /// The first `count` texts in `bytes`.
    pub fn new(bytes: &'h [u8], count: usize) -> Self {
        Self { rest: bytes, left: count }
    }
}

impl<'h> Iterator for Strings<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        self.left = self.left.checked_sub(1)?;
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(text)
    }
}

/// Numbers of one tag, widened to 64 bits without sign, as librpm's `rpmtdGetNumber` does.
#[derive(Clone, Debug)]
pub struct Numbers<'h> {
    rest: &'h [u8],
    kind: ValueType,
}

impl<'h> Numbers<'h> {
    /// The numbers in `bytes`.
    pub fn new(bytes: &'h [u8], kind: ValueType) -> Self {
        Self { rest: bytes, kind }
    }
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.kind.class() != Class::Number {
            return None;
        }
        let (number, rest) = self.rest.split_at_checked(self.kind.width_bytes())?;
        self.rest = rest;
        Some(number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}
