//! Texts that stand for something: numbers, dates, truth values, packages.

/// A number as GLib's `g_ascii_string_to_unsigned` and `strtoull` both read it.
pub fn number(what: &str, text: &str) -> Result<u64, String> {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| format!("{what} is {}, not a number of up to 64 bits", excerpt(text)))
}

/// `true` or `false`.
pub fn truth(what: &str, text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{what} is {}, neither true nor false", excerpt(text))),
    }
}

/// `YYYY-MM-DD`.
pub fn date(what: &str, text: &str) -> Result<(), String> {
    if is_date(text) { Ok(()) } else { Err(format!("{what} is {}, not YYYY-MM-DD", excerpt(text))) }
}

/// `YYYY-MM-DDTHH:MMZ`.
pub fn minute(what: &str, text: &str) -> Result<(), String> {
    let is_time = |time: &str| {
        let parts = time.strip_suffix('Z').and_then(|time| time.split_once(':'));
        parts.is_some_and(|(hour, minute)| is_in(hour, 2, 0, 23) && is_in(minute, 2, 0, 59))
    };
    match text.split_once('T') {
        Some((day, time)) if is_date(day) && is_time(time) => Ok(()),
        _ => Err(format!("{what} is {}, not YYYY-MM-DDTHH:MMZ", excerpt(text))),
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    is_in(year, 4, 1, 9999) && is_in(month, 2, 1, 12) && is_in(day, 2, 1, days(year, month))
}

fn days(year: &str, month: &str) -> u32 {
    let year: u32 = year.parse().unwrap_or(0);
    match month {
        "02" if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        "02" => 28,
        "04" | "06" | "09" | "11" => 30,
        _ => 31,
    }
}

fn is_in(digits: &str, length: usize, least: u32, most: u32) -> bool {
    digits.len() == length
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse().is_ok_and(|number: u32| (least..=most).contains(&number))
}

/// `NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE` (libmodulemd: `modulemd_validate_nevra`).
pub fn nevra(what: &str, text: &str) -> Result<(), String> {
    let epoch = text
        .rsplit_once('.')
        .and_then(|(rest, _)| rest.rsplit_once('-'))
        .and_then(|(rest, _)| rest.rsplit_once('-'))
        .and_then(|(_, rest)| rest.split_once(':'))
        .map(|(epoch, _)| epoch);
    match epoch {
        Some(epoch) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(format!("{what} has {}, which is not NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE", excerpt(text))),
    }
}

/// The start of a text, in one line.
fn excerpt(text: &str) -> String {
    let start: String = text.chars().take(100).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
}
