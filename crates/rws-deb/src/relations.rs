//! Relation fields (Debian Policy 7.1, deb-control(5)), as dpkg and apt read them.
//!
//! apt stops at the first relation that it cannot read, in whichever package of whichever source, and does nothing more. dpkg
//! reads the fields of a package that it installs, and refuses what it cannot read; apt takes less in two cases only, see
//! [`check`].

use crate::fault::printable;
use crate::field_syntax::is_version;
use crate::stanza::is_space;

/// apt stores a name or a version with its length in 16 bits, and ends when one does not fit.
pub(crate) const TOKEN_LIMIT_BYTES: usize = 65_534;

/// apt 2.6 finds no relation in fewer bytes than these behind the last parenthesis of a field; 3.3 needs three.
const LEAST_BYTES_BEHIND_PARENTHESIS: usize = 4;

/// What the relations of a field may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Alternatives: `Depends`, `Recommends` and their like.
    Alternatives,
    /// No alternatives: `Breaks`, `Conflicts`, `Replaces`.
    Plain,
    /// No alternatives, and of the operators only `=`.
    Provides,
    /// Alternatives, architectures and build profiles; empty places between commas, as dpkg-source and apt take them.
    Build,
}

/// The relation fields of binary packages. The last two are old names, which dpkg reads still.
pub(crate) const BINARY: [(&str, Form); 11] = [
    ("Depends", Form::Alternatives),
    ("Pre-Depends", Form::Alternatives),
    ("Recommends", Form::Alternatives),
    ("Suggests", Form::Alternatives),
    ("Enhances", Form::Alternatives),
    ("Breaks", Form::Plain),
    ("Conflicts", Form::Plain),
    ("Replaces", Form::Plain),
    ("Provides", Form::Provides),
    ("Recommended", Form::Alternatives),
    ("Optional", Form::Alternatives),
];

/// The relation fields of source packages (Debian Policy 7.7).
pub(crate) const SOURCE: [&str; 6] = [
    "Build-Depends",
    "Build-Depends-Indep",
    "Build-Depends-Arch",
    "Build-Conflicts",
    "Build-Conflicts-Indep",
    "Build-Conflicts-Arch",
];

/// Checks the value of a relation field, without white space at its ends. An empty one has no relations.
///
/// What dpkg takes and apt 2.6 does not, and what is refused therefore: a last version of one or two bytes without a blank
/// (`foo (=1)`), and names and versions of 64 KiB.
pub(crate) fn check(value: &[u8], form: Form) -> Result<(), String> {
    let mut text = Text { rest: value };
    while !text.rest.is_empty() {
        if form == Form::Build && text.take(b",") {
            text.skip_space();
            continue;
        }
        loop {
            text.relation(form)?;
            if !text.take(b"|") {
                break;
            }
            if !matches!(form, Form::Alternatives | Form::Build) {
                return Err("alternatives (|) are not allowed here".to_owned());
            }
            text.skip_space();
        }
        if text.rest.is_empty() {
            break;
        }
        if !text.take(b",") {
            return Err(format!("there is no comma before {}", printable(text.rest)));
        }
        text.skip_space();
        if text.rest.is_empty() && form != Form::Build {
            return Err("it ends with a comma".to_owned());
        }
    }
    check_end(value)
}

fn check_end(value: &[u8]) -> Result<(), String> {
    let Some(at) = value.iter().rposition(|byte| *byte == b'(') else { return Ok(()) };
    let mut behind = Text { rest: value.get(at + 1..).unwrap_or_default() };
    behind.skip_space();
    if behind.rest.len() < LEAST_BYTES_BEHIND_PARENTHESIS {
        let last = printable(value.get(at..).unwrap_or_default());
        return Err(format!("apt cannot read {last} at the end of a field; with blanks, as in \"(= 1)\", it can"));
    }
    Ok(())
}

/// What is left of a field.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    /// `name[:architecture] [(operator version)]`, and in sources `[architectures] <profiles>…`, with the space behind it.
    fn relation(&mut self, form: Form) -> Result<(), String> {
        let name = self.name(form)?;
        if self.take(b":") {
            let architecture = self.while_in(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !architecture.first().is_some_and(u8::is_ascii_alphanumeric) {
                return Err(format!("{} has no architecture behind its colon", printable(name)));
            }
        }
        self.skip_space();
        if self.take(b"(") {
            self.version(name, form)?;
        }
        if form == Form::Build {
            self.restrictions(name)?;
        }
        match self.rest.first() {
            None | Some(b',' | b'|') => Ok(()),
            Some(b'[') => Err(format!("{} has architectures, which only sources may have", printable(name))),
            Some(b'<') => Err(format!("{} has build profiles, which only sources may have", printable(name))),
            Some(_) => Err(format!("behind {} stands {}", printable(name), printable(self.rest))),
        }
    }

    fn name(&mut self, form: Form) -> Result<&'a [u8], String> {
        let all = self.rest;
        // dpkg reads an underscore, dpkg-source does not
        let others: &[u8] = if form == Form::Build { b"+-." } else { b"+-._" };
        let name = self.while_in(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte));
        if !name.first().is_some_and(u8::is_ascii_alphanumeric) {
            let what = match all.first() {
                None => "a package name is missing at the end".to_owned(),
                Some(b'$') => format!("{} is a substitution variable that was not expanded", printable(all)),
                Some(_) => format!("{} does not start with a package name", printable(all)),
            };
            return Err(what);
        }
        bounded(name)
    }

    /// What stands in parentheses, behind the first of them.
    fn version(&mut self, name: &[u8], form: Form) -> Result<(), String> {
        self.skip_space();
        let operator = self.while_in(|byte| b"<>=".contains(&byte));
        if !matches!(operator, b"" | b"<" | b"<<" | b"<=" | b"=" | b">=" | b">>" | b">") {
            return Err(format!("{} has the operator {}", printable(name), printable(operator)));
        }
        if form == Form::Provides && !matches!(operator, b"" | b"=") {
            return Err(format!("{} has the operator {}; only = may stand here", printable(name), printable(operator)));
        }
        self.skip_space();
        let version = bounded(self.while_in(|byte| !is_space(byte) && !b"()".contains(&byte)))?;
        self.skip_space();
        if !self.take(b")") {
            return Err(format!("the version of {} has no closing parenthesis", printable(name)));
        }
        self.skip_space();
        if !std::str::from_utf8(version).is_ok_and(is_version) {
            return Err(format!("{} has the illegal version {}", printable(name), printable(version)));
        }
        Ok(())
    }

    /// `[amd64 !i386]` and `<!nocheck> <cross>` (Debian Policy 7.1, 7.1.2).
    fn restrictions(&mut self, name: &[u8]) -> Result<(), String> {
        if self.take(b"[") {
            self.list(name, b"]")?;
        }
        while self.take(b"<") {
            self.list(name, b">")?;
        }
        Ok(())
    }

    /// Words up to a closing bracket, at least one.
    fn list(&mut self, name: &[u8], end: &[u8]) -> Result<(), String> {
        let mut words = 0;
        loop {
            self.skip_space();
            if self.take(end) {
                break;
            }
            let word = self.while_in(|byte| byte.is_ascii_alphanumeric() || b"!-.+".contains(&byte));
            if word.is_empty() {
                return Err(format!("the list behind {} has no end", printable(name)));
            }
            words += 1;
        }
        self.skip_space();
        if words == 0 { Err(format!("the list behind {} is empty", printable(name))) } else { Ok(()) }
    }

    fn take(&mut self, start: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.while_in(is_space);
    }

    fn while_in(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !is_in(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn bounded(token: &[u8]) -> Result<&[u8], String> {
    if token.len() > TOKEN_LIMIT_BYTES {
        return Err(format!("{} is longer than {TOKEN_LIMIT_BYTES} bytes", printable(token)));
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
