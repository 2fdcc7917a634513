//! `conffiles` and `triggers` of a package (deb-conffiles(5), deb-triggers(5)), as dpkg reads them when it installs it.

use crate::fault::Fault;

/// dpkg keeps a line of `conffiles` in a buffer of so many bytes.
const CONFFILE_LIMIT_BYTES: usize = 1000;

/// The directives of deb-triggers(5).
const DIRECTIVES: [&[u8]; 6] =
    [b"interest", b"interest-await", b"interest-noawait", b"activate", b"activate-await", b"activate-noawait"];

/// Checks one of these files.
pub(crate) fn check(file: &'static str, content: &[u8]) -> Result<(), Fault> {
    let check_line = if file == "conffiles" { conffile } else { trigger };
    for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let fault = |what: &str| Fault::Stanza {
            file: if file == "conffiles" { "its conffiles" } else { "its triggers" },
            line: index + 1,
            what: what.to_owned(),
        };
        if line.iter().any(|byte| matches!(byte, 0 | 0x1a)) {
            return Err(fault("it has a NUL byte or the byte 0x1a, which dpkg takes for ends"));
        }
        check_line(line).map_err(fault)?;
    }
    Ok(())
}

/// An absolute path, with `remove-on-upgrade` before it or nothing. The root would make dpkg's records unreadable.
fn conffile(line: &[u8]) -> Result<(), &'static str> {
    let Some(line) = line.strip_suffix(b"\n") else { return Err("the line break at its end is missing") };
    let line = line.trim_ascii_end();
    if line.is_empty() {
        return Ok(());
    }
    if line.len() > CONFFILE_LIMIT_BYTES {
        return Err("the line is longer than 1,000 bytes");
    }
    let path = line.strip_prefix(b"remove-on-upgrade ").unwrap_or(line).trim_ascii();
    if line.first().is_some_and(u8::is_ascii_whitespace) || !path.starts_with(b"/") {
        return Err("the line is no absolute path");
    }
    let names_something = path.split(|byte| *byte == b'/').any(|part| !matches!(part, b"" | b"."));
    if names_something { Ok(()) } else { Err("the line names the root directory") }
}

fn trigger(line: &[u8]) -> Result<(), &'static str> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Ok(()),
        (Some(directive), Some(_), None) if DIRECTIVES.contains(&directive) => Ok(()),
        _ => Err("the line is no directive of deb-triggers(5) with one name"),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn conffiles() {
        for good in ["", "/etc/a\n", "/etc/a\n\n/etc/b\r\n", "remove-on-upgrade /etc/a\n", "/etc/a b\n"] {
            assert_eq!(check("conffiles", good.as_bytes()), Ok(()), "{good:?}");
        }
        let long = format!("/{}\n", "x".repeat(1000));
        for bad in
            ["/etc/a", "etc/a\n", " /etc/a\n", "/\n", "//\n", "/./\n", "remove-on-upgrade /\n", "/a\u{1a}\n", &long]
        {
            assert!(check("conffiles", bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn triggers() {
        for good in ["", "# a\n", "interest-noawait /usr/share/x\nactivate ldconfig # why\n", "interest x"] {
            assert_eq!(check("triggers", good.as_bytes()), Ok(()), "{good:?}");
        }
        for bad in ["intrest x\n", "interest\n", "interest a b\n"] {
            assert!(check("triggers", bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
