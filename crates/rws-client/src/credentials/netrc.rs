//! `~/.netrc`, or the file that NETRC names (netrc(5), with the quotes that curl knows).

use std::io::ErrorKind;

use super::Credentials;
use crate::environment::Environment;
use crate::error::ClientError;

/// The login for a host; none where there is no file, or no entry for it.
///
/// # Errors
///
/// When the file cannot be read.
pub fn find(host: &str, environment: &Environment) -> Result<Option<Credentials>, ClientError> {
    let named = environment.path("NETRC");
    let is_named = named.is_some();
    let Some(path) = named.or_else(|| Some(environment.path("HOME")?.join(".netrc"))) else { return Ok(None) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => return Ok(None),
        Err(error) => return Err(ClientError::Usage(format!("{}: {error}", path.display()))),
    };
    let found = login(&text, host);
    Ok(found
        .map(|(user, password)| Credentials::password(&user, &password, format!("user {user} in {}", path.display()))))
}

/// The user and the password of a host, or those of `default`.
fn login(text: &str, host: &str) -> Option<(String, String)> {
    let words = words(text);
    let mut words = words.iter().map(String::as_str);
    let (mut is_meant, mut user, mut password) = (false, None, None);
    let complete = |user: &Option<&str>, password: &Option<&str>| {
        Some((user.as_ref()?.to_string(), password.as_ref()?.to_string()))
    };
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if let Some(found) = complete(&user, &password).filter(|_| is_meant) {
                    return Some(found);
                }
                is_meant = word == "default" || words.next().is_some_and(|name| name.eq_ignore_ascii_case(host));
                (user, password) = (None, None);
            }
            "login" => user = words.next(),
            "password" => password = words.next(),
            "account" => _ = words.next(),
            _ => {}
        }
    }
    complete(&user, &password).filter(|_| is_meant)
}

/// The words of a file: quotes hold blanks together, `\` takes the next character as it is, `#` at the beginning of a word comments
/// out the rest of its line. A macro (`macdef`) ends at an empty line.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_macro = false;
    for line in text.lines() {
        if is_macro {
            is_macro = !line.trim().is_empty();
            continue;
        }
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let (word, after) = word(rest);
            is_macro |= word == "macdef";
            words.push(word);
            rest = after.trim_start();
        }
        if is_macro {
            // its name is no word of an entry
            words.truncate(words.iter().rposition(|word| word == "macdef").unwrap_or(words.len()));
        }
    }
    words
}

/// The first word of a text, and what follows it.
fn word(text: &str) -> (String, &str) {
    let is_quoted = text.starts_with('"');
    let mut word = String::new();
    let mut characters = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if is_quoted => word.extend(characters.next().map(|(_, character)| character)),
            '"' if is_quoted => return (word, text.get(at + 1..).unwrap_or_default()),
            _ if !is_quoted && character.is_whitespace() => return (word, text.get(at..).unwrap_or_default()),
            _ => word.push(character),
        }
    }
    (word, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        let text = "# comment\nmachine a.example login u password p\nmachine b.example\n\tlogin \"u 2\" account x\n\tpassword \"p\\\"2\" # c\n\
                    macdef init\ncd /tmp\nmachine c.example login no password no\n\nmachine c.example login u3 password p3#4\n\
                    machine d.example login alone\ndefault login anybody password any\n";
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (host, found) in [
            ("a.example", pair("u", "p")),
            ("A.Example", pair("u", "p")),
            ("b.example", pair("u 2", "p\"2")),
            ("c.example", pair("u3", "p3#4")),
            ("other.example", pair("anybody", "any")),
        ] {
            assert_eq!(login(text, host), found, "{host}");
        }
        assert_eq!(login("machine a login u", "a"), None);
        assert_eq!(login("", "a"), None);
        assert_eq!(login("machine a password p login u", "a"), pair("u", "p"));
    }
}
