//! Whether an answer is S3's: the one place that decides it. What is not is treated like no answer at all.
//!
//! A proxy, a portal or a maintenance page may answer in place of the store, and with any status. What S3 answers to each
//! kind of request has a form of its own: an object has an ETag and says when it was written, a document has a known root
//! and an end, an error is a document too. Beside the form, services number their answers. Where a service is known to
//! do so, an answer without a number, or with one that was there before, is somebody else's or an old one.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use http::response::Parts;
use http::{HeaderMap, StatusCode};
use rusty_s3::Method;

use super::Request;
use super::failure::{Failure, element, is_error};
use super::headers;
use super::origin::ObjectName;
use crate::Version;

/// How much of a foreign answer a message shows.
const SHOWN_CHARACTERS: usize = 80;

/// The ETag of an empty object.
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// How many numbers of answers are remembered.
const REMEMBERED: usize = 4096;

/// So many answers with different numbers show that a service numbers them.
const ENOUGH: usize = 8;

/// What S3 answers to a request that succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An object: HEAD and GET. An object that RWS wrote says which one it is.
    Object(Option<ObjectName>),
    /// No body; the ETag of what was written, where the service says it.
    Written,
    /// No body.
    Nothing,
    /// A document with this root.
    Document(&'static str),
    /// Whatever comes: the status and the date of the answer are all that is wanted.
    Anything,
}

impl Expected {
    /// Whether this can be the head of the answer. A service whose ETags are digests has no others.
    ///
    /// # Errors
    ///
    /// A failure that is marked as nonsense.
    pub fn check_head(&self, head: &Parts, tags_are_md5: bool) -> Result<(), Failure> {
        let not_s3 = |what: &str| Failure::nonsense(format!("{}: {what}", shown(head.status, &head.headers, b"")));
        match self {
            Self::Object(name) => {
                let stat = headers::stat(&head.headers)?;
                if tags_are_md5 && !has_form_of_md5(&stat.version) {
                    return Err(not_s3("the ETag does not have the form of this service's ETags"));
                }
                let tag = stat.version.0.as_str();
                let is_cut = stat.size_bytes == 0 && !tag.contains('-') && !tag.eq_ignore_ascii_case(MD5_OF_NOTHING);
                if tags_are_md5 && is_cut && !headers::is_encrypted_with_keys(&head.headers) {
                    return Err(not_s3(
                        "the answer says that the object is empty, but its ETag is not that of an empty object",
                    ));
                }
                match (name, ObjectName::of(&head.headers)) {
                    (Some(wanted), Some(found)) if *wanted != found => Err(Failure::other_object()),
                    _ => Ok(()),
                }
            }
            Self::Nothing if head.status == StatusCode::NO_CONTENT || number(&head.headers).is_some() => Ok(()),
            Self::Nothing => Err(not_s3("S3 answers 204")),
            Self::Written | Self::Document(_) if head.status != StatusCode::OK => Err(not_s3("S3 answers 200")),
            Self::Written | Self::Document(_) | Self::Anything => Ok(()),
        }
    }

    /// Whether this can be the body of the answer.
    ///
    /// # Errors
    ///
    /// A failure that is marked as nonsense.
    pub fn check_body(&self, head: &Parts, body: &[u8]) -> Result<(), Failure> {
        let not_s3 = |what: &str| Failure::nonsense(format!("{}: {what}", shown(head.status, &head.headers, body)));
        match self {
            Self::Document(root) if is_document(body, root) => Ok(()),
            Self::Document(root) => Err(not_s3(&format!("S3 answers one document <{root}>"))),
            Self::Written | Self::Nothing if !body.trim_ascii().is_empty() => Err(not_s3("S3 answers no body")),
            Self::Written | Self::Nothing | Self::Object(_) | Self::Anything => Ok(()),
        }
    }
}

/// Whether an answer that is none of success is one of S3: it has no body, or a document that says what is wrong. A GET is
/// told more than a status, or has the number of an answer of S3; and only who asks for an object hears that there is none.
pub fn is_refusal(request: &Request, head: &Parts, body: &[u8]) -> bool {
    let code = element(&String::from_utf8_lossy(body), "Code");
    let says_why = match body.trim_ascii().is_empty() {
        true => request.method != Method::Get || number(&head.headers).is_some(),
        false => is_error(body) && code.is_some(),
    };
    let is_of_object = head.status != StatusCode::NOT_FOUND || code.is_some_and(|code| code != "NoSuchKey");
    says_why && (is_of_object || request.needs_object())
}

/// An answer in a few words: its status, its type, and how it begins.
pub fn shown(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("no type");
    let body = String::from_utf8_lossy(body);
    let text: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARACTERS).collect();
    let text = if text.is_empty() { String::new() } else { format!(", {text:?}") };
    format!("something in place of S3 answered {} ({kind}{text})", status.as_u16())
}

/// Whether an ETag is a digest, or that of an object in parts, which has their number behind it.
pub fn has_form_of_md5(version: &Version) -> bool {
    let (digest, parts) = version.0.split_once('-').unwrap_or((&version.0, "1"));
    let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest && !parts.is_empty() && parts.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a body is one document with this root, from its beginning to its end.
fn is_document(body: &[u8], root: &str) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let mut text = text.trim_start_matches('\u{feff}').trim();
    if let Some(rest) = text.strip_prefix("<?xml") {
        let Some((_, rest)) = rest.split_once("?>") else { return false };
        text = rest.trim_start();
    }
    let Some(rest) = text.strip_prefix('<').and_then(|text| text.strip_prefix(root)) else { return false };
    let Some((attributes, content)) = rest.split_once('>') else { return false };
    if !attributes.is_empty() && !attributes.starts_with([' ', '/', '\t', '\r', '\n']) {
        return false;
    }
    match attributes.ends_with('/') {
        true => content.is_empty(),
        // no document of S3 has an element of its root's name inside
        false => content.find(&format!("</{root}>")).is_some_and(|end| end + root.len() + 3 == content.len()),
    }
}

/// The number of an answer.
fn number(headers: &HeaderMap) -> Option<&[u8]> {
    ["x-amz-request-id", "x-amzn-requestid"].iter().find_map(|name| headers.get(*name)).map(|value| value.as_bytes())
}

/// The numbers of a service's answers.
#[derive(Debug, Default)]
pub struct RequestIds {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
    /// The kinds of answers that came with a number, and how many.
    numbered: std::collections::HashMap<(&'static str, u16), usize>,
    /// Whether a number came twice before it was known that none does.
    repeats: bool,
}

impl RequestIds {
    /// Whether an answer can be a new one of the service. What came with a number before has one ever after.
    ///
    /// # Errors
    ///
    /// A failure that is marked as nonsense.
    pub fn check(&self, method: Method, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        let kind = (method.to_str(), status.as_u16());
        let Some(number) = number(headers) else {
            return match seen.numbered.get(&kind) {
                Some(count) if *count >= ENOUGH => Err(Failure::nonsense(format!(
                    "{}: the answers of this service have a request id, and this one has none",
                    shown(status, headers, b"")
                ))),
                _ => Ok(()),
            };
        };
        if seen.known.contains(number) {
            if seen.known.len() < ENOUGH {
                seen.repeats = true;
            }
            let repeats = seen.repeats;
            return match repeats {
                true => Ok(()),
                false => Err(Failure::nonsense(format!(
                    "{}: an earlier answer had the same request id",
                    shown(status, headers, b"")
                ))),
            };
        }
        *seen.numbered.entry(kind).or_default() += 1;
        seen.known.insert(number.to_vec());
        seen.order.push_back(number.to_vec());
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.known.remove(&oldest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_one_from_its_beginning_to_its_end() {
        for whole in [
            "<A/>",
            "<A></A>",
            "<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><B>1</B></A>\n",
            "  <A><B/></A>",
            "<A xmlns='x' />",
        ] {
            assert!(is_document(whole.as_bytes(), "A"), "{whole}");
        }
        for other in [
            "",
            "<html></html>",
            "<AB></AB>",
            "<A><B>1</B>",
            "<A><B>1</B></A",
            "<A></A><A></A>",
            "<A/><A/>",
            "<?xml version=\"1.0\"?><Error></Error>",
            "<?xml",
            "text",
        ] {
            assert!(!is_document(other.as_bytes(), "A"), "{other}");
        }
        assert!(!is_document(b"<A>\xff</A>", "A"));
    }

    #[test]
    fn an_answer_without_its_number_is_somebody_elses() {
        let numbers = RequestIds::default();
        let head = |number: &str| {
            let mut headers = HeaderMap::new();
            if !number.is_empty() {
                headers.insert("x-amz-request-id", number.parse().unwrap());
            }
            headers
        };
        let check = |number: &str| numbers.check(Method::Get, StatusCode::OK, &head(number)).is_ok();
        assert!(check(""), "it is not known yet");
        (0..ENOUGH).for_each(|number| assert!(check(&format!("first{number}"))));
        assert!(!check(""));
        assert!(!check("first1"), "an old answer");
        assert!(check("second"));
        // another kind of answer may have none
        assert!(numbers.check(Method::Head, StatusCode::NOT_FOUND, &head("")).is_ok());
    }

    #[test]
    fn an_empty_object_has_the_tag_of_one() {
        let check = |size: &str, tag: &str, encryption: &str| {
            let answer = http::Response::builder().header("content-length", size).header("etag", format!("\"{tag}\""));
            let answer = answer.header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
            let answer = answer.header("x-amz-server-side-encryption", encryption);
            Expected::Object(None).check_head(&answer.body(()).unwrap().into_parts().0, true).is_ok()
        };
        let other = "0123456789abcdef0123456789abcdef";
        assert!(check("0", MD5_OF_NOTHING, "AES256") && check("1", other, "AES256"));
        assert!(!check("0", other, "AES256"));
        // these are no digests
        assert!(check("0", other, "aws:kms") && check("0", &format!("{other}-1"), "AES256"));
    }

    #[test]
    fn a_service_may_give_all_answers_one_number() {
        let numbers = RequestIds::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-request-id", "4442587FB7D0A2F9".parse().unwrap());
        assert!((0..20).all(|_| numbers.check(Method::Put, StatusCode::OK, &headers).is_ok()));
    }

    #[test]
    fn a_refusal_of_s3_says_why() {
        let of = |method| Request::object("test", method, "a".to_owned());
        let answer = |status: StatusCode| http::Response::builder().status(status).body(()).unwrap().into_parts().0;
        let absent = &answer(StatusCode::NOT_FOUND);
        let no_key = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>";
        assert!(is_refusal(&of(Method::Head), absent, b""));
        assert!(is_refusal(&of(Method::Get), absent, no_key));
        for other in ["", "<html>not found</html>", "<Error/>"] {
            assert!(!is_refusal(&of(Method::Get), absent, other.as_bytes()), "{other}");
        }
        assert!(!is_refusal(&of(Method::Put), &answer(StatusCode::FORBIDDEN), b"<html>forbidden</html>"));
        // a write needs no object to be there, but for a condition on it
        assert!(!is_refusal(&of(Method::Put), absent, no_key) && !is_refusal(&of(Method::Put), absent, b""));
        assert!(is_refusal(&of(Method::Put).header("if-match", "x"), absent, no_key));
        assert!(is_refusal(&of(Method::Put), absent, b"<Error><Code>NoSuchBucket</Code></Error>"));
        assert!(!is_refusal(&Request::bucket("list", Method::Get), absent, no_key));
    }
}
