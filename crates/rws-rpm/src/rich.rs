//! Rich dependencies: `(a and b)`, as rpm's own parser reads them (`rpmrichParse`, `rpmrichParseCheck`).
//!
//! libsolv leaves out what it cannot read without a word. dnf then resolves, and rpm's check of the transaction fails for
//! everybody who would get the package. rpm is the stricter one, but for text behind the last parenthesis.

/// Deeper than any package: clients take 1,000 levels.
const MAX_DEPTH: usize = 100;

/// Where a dependency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Requires, recommends, suggests: `unless` is not for the whole of it.
    Requires,
    /// Conflicts, supplements, enhances: `if` is not for the whole of it.
    Conflicts,
    /// Provides and obsoletes have no rich ones.
    Plain,
}

/// Checks the name of a dependency; what does not start with a parenthesis is fine.
pub fn check(name: &[u8], list: List) -> Result<(), String> {
    let Some(rest) = name.strip_prefix(b"(") else { return Ok(()) };
    if list == List::Plain {
        return Err("no rich dependencies are allowed here".to_owned());
    }
    let mut parser = Parser { rest, depth: 1 };
    let operators = parser.rich()?.operators;
    if !parser.rest.is_empty() {
        return Err("text follows the last parenthesis".to_owned());
    }
    match (list, operators) {
        (List::Requires, Operators::Unless) => Err("`unless` stands where `or` is meant".to_owned()),
        (List::Conflicts, Operators::If) => Err("`if` stands where `and` is meant".to_owned()),
        _ => Ok(()),
    }
}

/// What joins the parts of one pair of parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operators {
    /// Nothing: there is one part.
    Single,
    And,
    Or,
    If,
    Unless,
    With,
    Without,
}

impl Operators {
    fn from_name(name: &[u8]) -> Result<Self, String> {
        Ok(match name {
            b"and" => Self::And,
            b"or" => Self::Or,
            b"if" => Self::If,
            b"unless" => Self::Unless,
            b"with" => Self::With,
            b"without" => Self::Without,
            _ => return Err(format!("{:?} is no operator", String::from_utf8_lossy(name))),
        })
    }

    /// Whether a part may stand in parentheses that are joined by `self`.
    fn takes(self, inner: Part) -> Result<(), String> {
        match (self, inner.operators) {
            (Self::With | Self::Without, _) if inner.is_conditional => {
                Err("`with` and `without` take only `or`, `with` and `without` inside".to_owned())
            }
            (Self::Or | Self::Unless, Self::If) => Err("`if` stands where `and` is meant".to_owned()),
            (Self::And | Self::If, Self::Unless) => Err("`unless` stands where `or` is meant".to_owned()),
            _ => Ok(()),
        }
    }
}

/// One part of a pair of parentheses.
#[derive(Clone, Copy)]
struct Part {
    operators: Operators,
    /// It has `and`, `if` or `unless`, at any depth.
    is_conditional: bool,
}

impl Part {
    const NAME: Self = Self { operators: Operators::Single, is_conditional: false };
}

struct Parser<'n> {
    rest: &'n [u8],
    depth: usize,
}

impl<'n> Parser<'n> {
    /// What follows an opening parenthesis, up to its closing one.
    fn rich(&mut self) -> Result<Part, String> {
        self.skip_blanks();
        if self.rest.starts_with(b")") {
            return Err("parentheses are empty".to_owned());
        }
        let mut parts = vec![self.part()?];
        let mut operators = Operators::Single;
        let mut has_else = false;
        loop {
            self.skip_blanks();
            if let Some(rest) = self.rest.strip_prefix(b")") {
                self.rest = rest;
                break;
            }
            match self.token() {
                b"" => return Err("parentheses are not closed".to_owned()),
                b"else" if matches!(operators, Operators::If | Operators::Unless) && !has_else => has_else = true,
                token => self.join(&mut operators, Operators::from_name(token)?, has_else)?,
            }
            self.skip_blanks();
            if self.rest.is_empty() || self.rest.starts_with(b")") {
                return Err("an operator has nothing behind it".to_owned());
            }
            parts.push(self.part()?);
        }
        for (place, inner) in parts.iter().enumerate() {
            // the condition itself may be anything
            if !(place == 1 && matches!(operators, Operators::If | Operators::Unless)) {
                operators.takes(*inner)?;
            }
        }
        // parentheses around one part change nothing
        if let (Operators::Single, [inner]) = (operators, parts.as_slice()) {
            return Ok(*inner);
        }
        let is_conditional = matches!(operators, Operators::And | Operators::If | Operators::Unless)
            || parts.iter().any(|part| part.is_conditional);
        Ok(Part { operators, is_conditional })
    }

    /// Only `and`, `or` and `with` can be chained, each with itself.
    fn join(&self, operators: &mut Operators, next: Operators, has_else: bool) -> Result<(), String> {
        match *operators {
            Operators::Single => *operators = next,
            present if present != next => return Err("different operators stand side by side".to_owned()),
            Operators::And | Operators::Or | Operators::With if !has_else => {}
            _ => return Err("only `and`, `or` and `with` can be repeated".to_owned()),
        }
        Ok(())
    }

    /// A name with or without a version, or another rich dependency.
    fn part(&mut self) -> Result<Part, String> {
        if let Some(rest) = self.rest.strip_prefix(b"(") {
            self.rest = rest;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(format!("it nests deeper than {MAX_DEPTH}"));
            }
            let part = self.rich()?;
            self.depth -= 1;
            return Ok(part);
        }
        let name = self.token();
        if !name.first().is_some_and(|first| first.is_ascii_alphanumeric() || b"_/".contains(first) || *first >= 0x80) {
            return Err("a name does not start with a letter, a digit, _ or /".to_owned());
        }
        if name.contains(&b'\t') {
            return Err("a tab stands where clients take only spaces".to_owned());
        }
        let after_name = self.rest;
        self.skip_blanks();
        if !matches!(self.token(), b"<" | b">" | b"=" | b"==" | b"<=" | b">=" | b"=<" | b"=>") {
            self.rest = after_name;
            return Ok(Part::NAME);
        }
        self.skip_blanks();
        check_version(self.token())?;
        Ok(Part::NAME)
    }

    /// The text up to a blank, a comma or a parenthesis that closes none of its own.
    fn token(&mut self) -> &'n [u8] {
        let mut open = 0_usize;
        let ends = |byte: &u8| match byte {
            b'(' => {
                open += 1;
                false
            }
            b')' => {
                let is_outer = open == 0;
                open = open.saturating_sub(1);
                is_outer
            }
            _ => matches!(byte, b' ' | b',' | b'\n' | b'\r'),
        };
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    /// libsolv takes spaces only; rpm takes tabs and commas, too, but then the parts differ.
    fn skip_blanks(&mut self) {
        let end = self.rest.iter().position(|byte| *byte != b' ').unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
    }
}

/// `EPOCH:VERSION-RELEASE`, as rpmbuild takes it.
fn check_version(version: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(version);
    let broken = |reason| Err(format!("the version {text:?} {reason}"));
    if version.is_empty() {
        return Err("a version is missing".to_owned());
    }
    if !version.iter().all(|byte| byte.is_ascii_alphanumeric() || b".+_%{}~^:-".contains(byte)) {
        return broken("has other characters than letters, digits and .+_%{}~^:-");
    }
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", &text));
    if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
        return broken("has an epoch that is no number");
    }
    let mut dashes = rest.bytes().filter(|byte| *byte == b'-');
    if dashes.next().is_some() && dashes.next().is_some() { broken("has more than one -") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
