//! What headers say of an object.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};

use super::failure::Failure;
use crate::{Stat, Version};

/// A date of HTTP, in seconds since 1970.
pub fn seconds(value: &HeaderValue) -> Option<i64> {
    let time = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// An ETag as a version: without quotes, which some stores want in conditions and some do not.
pub fn version(tag: &str) -> Version {
    Version(tag.trim().trim_start_matches("W/").trim_matches('"').to_owned())
}

/// The version of an object that was written just now.
pub fn written_version(headers: &HeaderMap) -> Option<Version> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    Some(version(tag)).filter(|version| !version.0.is_empty())
}

/// When the answer was made, in milliseconds since 1970.
pub fn answered_milliseconds(headers: &HeaderMap) -> Option<i64> {
    headers.get(DATE).and_then(seconds).map(|seconds| seconds * 1000)
}

/// The ETag of an object without bytes.
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The object that an answer to GET or HEAD is about.
pub fn stat(headers: &HeaderMap) -> Result<Stat, Failure> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let whole = text(CONTENT_RANGE).and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
    let size = whole.or(text(CONTENT_LENGTH)).and_then(|size| size.parse().ok());
    let tag = written_version(headers);
    let is_md5 = |tag: &Version| tag.0.len() == 32 && tag.0.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_of_others = tag.as_ref().is_some_and(|tag| is_md5(tag) && !tag.0.eq_ignore_ascii_case(MD5_OF_NOTHING));
    if size == Some(0) && is_of_others && !is_encrypted_with_keys(headers) {
        return Err(Failure::nonsense("its length is 0, and its ETag that of other bytes"));
    }
    Ok(Stat {
        size_bytes: size.ok_or_else(|| Failure::nonsense("it has no length"))?,
        version: tag.ok_or_else(|| Failure::nonsense("it has no ETag"))?,
        modified_milliseconds: headers
            .get(LAST_MODIFIED)
            .and_then(seconds)
            .ok_or_else(|| Failure::nonsense("it has no Last-Modified"))?
            * 1000,
    })
}

/// Whether the ETag of an object that is encrypted may be no digest: with keys of a key service or of the client.
pub fn is_encrypted_with_keys(headers: &HeaderMap) -> bool {
    let by_service = headers.get("x-amz-server-side-encryption").is_some_and(|kind| kind != "AES256");
    by_service || headers.contains_key("x-amz-server-side-encryption-customer-algorithm")
}

/// The first and the last byte of a part.
pub fn range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (first, last) = range.split_once('/')?.0.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
