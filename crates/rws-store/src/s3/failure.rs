//! What the store answers when it does not do what it was asked, in words that say what to do.

use std::io;

use rusty_s3::Method;

use crate::{Retry, StoreError};

/// A request that came to nothing, after all of its attempts.
#[derive(Debug)]
pub struct Failure {
    /// The status of the last answer; none where there was none.
    pub status: Option<u16>,
    /// The store's word for it: `NoSuchKey` …
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// Whether an attempt may have taken effect all the same.
    pub unsure: bool,
    /// Whether what answered is no S3.
    pub nonsense: bool,
    /// Whether the answer is about another object.
    pub other: bool,
    /// Whether nothing was asked, as there are no keys to sign with, and none will come.
    pub lacks_keys: bool,
}

impl Failure {
    /// No answer arrived.
    pub fn unanswered(message: impl Into<String>) -> Self {
        Self {
            status: None,
            code: String::new(),
            message: message.into(),
            unsure: true,
            nonsense: false,
            other: false,
            lacks_keys: false,
        }
    }

    /// Nothing was asked, as there are no keys to sign with; whether some may come.
    pub fn without_keys(message: &str, may_come: bool) -> Self {
        Self { unsure: false, lacks_keys: !may_come, ..Self::unanswered(message) }
    }

    /// An answer that is none of success.
    pub fn answered(status: u16, body: &str) -> Self {
        let code = element(body, "Code").unwrap_or_default();
        let message = element(body, "Message").filter(|text| !text.is_empty()).unwrap_or_default();
        let region = element(body, "Region").map(|region| format!(" (its region is {region})")).unwrap_or_default();
        Self {
            status: Some(status),
            code,
            message: message + &region,
            unsure: status >= 500 || status == 200,
            nonsense: false,
            other: false,
            lacks_keys: false,
        }
    }

    /// Something else than S3 answered.
    pub fn nonsense(what: impl std::fmt::Display) -> Self {
        let message =
            format!("something other than S3 answered at this address: {what}. If this persists, correct S3_URL");
        Self { nonsense: true, ..Self::unanswered(message) }
    }

    /// The answer is about another object.
    pub fn other_object() -> Self {
        Self { other: true, ..Self::nonsense("the answer is about another object") }
    }

    /// The store says of itself what cannot be.
    pub fn contradiction(what: impl Into<String>) -> Self {
        Self { nonsense: true, ..Self::unanswered(what) }
    }

    /// Whether the object does not exist. A bucket that does not exist is another matter.
    pub fn is_absent(&self) -> bool {
        self.status == Some(404) && self.code != "NoSuchBucket"
    }

    /// Whether a condition did not hold. For an object that does not exist some stores answer 404 to If-Match.
    pub fn is_conflict(&self) -> bool {
        self.status == Some(412) || self.is_absent()
    }

    /// Whether the same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        match self.status {
            // it will not know the request later either
            Some(501) => false,
            // 409: another conditional request is under way
            Some(408 | 409 | 429 | 500..=599) => true,
            // an error inside a successful answer
            Some(200) => true,
            Some(400) => self.code == "RequestTimeout",
            Some(_) => false,
            None => !self.lacks_keys,
        }
    }

    /// Whether the keys may have been refused because they have ended. An answer to HEAD has no reason.
    pub fn may_be_of_ended_keys(&self, method: Method) -> bool {
        match (self.status, self.code.as_str()) {
            (Some(_), "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "TokenRefreshRequired") => true,
            // keys in a profile file, which somebody has replaced
            (Some(_), "InvalidAccessKeyId") => true,
            (Some(400), "") => method == Method::Head,
            _ => false,
        }
    }

    /// Whether the signature may have been refused for its time. An answer to HEAD has no reason.
    pub fn is_skewed(&self) -> bool {
        self.status == Some(403)
            && (matches!(self.code.as_str(), "" | "RequestTimeTooSkewed")
                || (self.code == "AccessDenied" && self.message.contains("expire")))
    }

    /// The error of an operation on a key.
    pub fn error(self, operation: &'static str, key: &str) -> StoreError {
        let retry = if self.may_pass() { Retry::Later } else { Retry::Never };
        let kind = match self.status {
            _ if self.nonsense => io::ErrorKind::InvalidData,
            Some(501) => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        let source = io::Error::new(kind, self.sentence(operation));
        StoreError::Failed { operation, key: key.to_owned(), retry, source }
    }

    fn sentence(&self, operation: &'static str) -> String {
        let Some(status) = self.status else { return self.message.clone() };
        let Self { code, message, .. } = self;
        let said = [code.as_str(), message.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
        let said = if said.is_empty() { String::new() } else { format!(" {}", said.join(": ")) };
        format!("S3 answered {status}{said}{}", self.advice(operation))
    }

    /// What a person can do.
    fn advice(&self, operation: &'static str) -> &'static str {
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => ". The bucket does not exist: create it, or correct S3_BUCKET",
            (_, "InvalidAccessKeyId" | "InvalidSecurity") => ". The store does not know S3_ACCESS_KEY",
            (_, "ExpiredToken" | "InvalidToken") => ". The session token has ended, or belongs to other keys",
            (_, "SignatureDoesNotMatch") => {
                ". S3_SECRET_KEY does not belong to S3_ACCESS_KEY, or a proxy changes the requests"
            }
            (
                _,
                "AuthorizationHeaderMalformed"
                | "AuthorizationQueryParametersError"
                | "IllegalLocationConstraintException",
            ) => ". S3_REGION is not the region of the bucket",
            (Some(301 | 307 | 308), _) => ". The bucket is in another region: correct S3_REGION and S3_URL",
            (_, "AccessControlListNotSupported" | "InvalidBucketAclWithObjectOwnership") => {
                ". The bucket does not allow ACLs: allow them, or unset S3_PUBLIC_READ and use a bucket policy"
            }
            (_, "RequestTimeTooSkewed") => ". The clocks of this machine and of the store differ too much",
            (Some(401 | 403), _) => match operation {
                "list" => ". S3_ACCESS_KEY needs the right to list the bucket",
                "read" => ". S3_ACCESS_KEY needs the right to read objects",
                "delete" => ". S3_ACCESS_KEY needs the right to delete objects",
                _ => ". S3_ACCESS_KEY needs the right to write objects (and their ACL with S3_PUBLIC_READ)",
            },
            // a listing has no object that could be missing
            (Some(404), "") if operation == "list" => ". There is no S3 at this address: correct S3_URL",
            (Some(501), _) => ". The store does not support this request",
            _ => "",
        }
    }
}

/// Whether a body is an error as a whole; spaces may come first, which keep a connection alive.
pub fn is_error(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let after_declaration = body.strip_prefix(b"<?xml").and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'>')?;
        rest.get(end + 1..)
    });
    after_declaration.unwrap_or(body).trim_ascii_start().starts_with(b"<Error")
}

/// An answer in the namespace that S3 documents: some services use another one, or none.
pub fn in_namespace(xml: &str) -> String {
    const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
    let body = xml.find("?>").map_or(0, |end| end + 2);
    let Some(end) = xml[body..].find('>').map(|end| body + end) else { return xml.to_owned() };
    let root = &xml[body..end];
    match root.find("xmlns=\"").map(|start| start + 7) {
        Some(start) => {
            let rest = root[start..].split_once('"').map_or("", |(_, rest)| rest);
            format!("{}{}{NAMESPACE}\"{rest}{}", &xml[..body], &root[..start], &xml[end..])
        }
        None => {
            let name = root.trim_end_matches('/').len();
            format!("{}{} xmlns=\"{NAMESPACE}\"{}{}", &xml[..body], &root[..name], &root[name..], &xml[end..])
        }
    }
}

/// The text of the first element of this name, references resolved.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let text = &xml[start..][..xml[start..].find(&format!("</{name}>"))?];
    let resolved = [("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(resolved.iter().fold(text.to_owned(), |text, (reference, character)| text.replace(reference, character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(status: u16, body: &str, operation: &'static str) -> String {
        Failure::answered(status, body).error(operation, "x").to_string()
    }

    #[test]
    fn every_namespace_is_the_documented_one() {
        let documented = "<?xml version=\"1.0\"?>\n<A xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><B/></A>";
        for other in [
            documented,
            "<?xml version=\"1.0\"?>\n<A xmlns=\"http://doc.s3.amazonaws.com/2006-03-01/\"><B/></A>",
            "<?xml version=\"1.0\"?>\n<A><B/></A>",
        ] {
            assert_eq!(in_namespace(other), documented);
        }
        assert_eq!(in_namespace("<A/>"), "<A xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
        assert_eq!(in_namespace("no xml"), "no xml");
    }

    #[test]
    fn an_error_in_an_answer_of_success_is_seen() {
        let late = format!("<?xml version=\"1.0\"?>\n{}<Error><Code>InternalError</Code></Error>", " ".repeat(5000));
        for error in [late.as_str(), " <Error xmlns=\"x\"><Code>A</Code></Error>", "<Error/>"] {
            assert!(is_error(error.as_bytes()), "{error}");
        }
        // what could not be deleted among what could be
        let partly = "<?xml version=\"1.0\"?><DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>";
        for other in [partly, "", "<?xml", "<?xml version=\"1.0\"?>", "<CopyObjectResult/>"] {
            assert!(!is_error(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn keys_that_may_have_ended_are_known_by_the_answer() {
        let is_ended = |status, code: &str, method| {
            Failure::answered(status, &format!("<Code>{code}</Code>")).may_be_of_ended_keys(method)
        };
        for code in ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"] {
            assert!(is_ended(400, code, Method::Put), "{code}");
        }
        assert!(is_ended(403, "InvalidAccessKeyId", Method::Get));
        assert!(is_ended(400, "", Method::Head));
        for (status, code, method) in
            [(400, "", Method::Put), (403, "", Method::Head), (403, "AccessDenied", Method::Get)]
        {
            assert!(!is_ended(status, code, method), "{status} {code}");
        }
        assert!(!Failure::unanswered("").may_be_of_ended_keys(Method::Head));
        let [later, never] = [true, false].map(|may_come| Failure::without_keys("none", may_come));
        assert!(later.may_pass() && !later.unsure && !never.may_pass());
    }

    #[test]
    fn messages_say_what_to_do() {
        let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>none &amp; gone</Message></Error>";
        assert_eq!(
            sentence(404, body, "read"),
            "the store could not read x: S3 answered 404 NoSuchBucket: none & gone. The bucket does not exist: create it, \
             or correct S3_BUCKET"
        );
        assert!(!Failure::answered(404, body).is_absent());
        assert!(Failure::answered(404, "").is_absent());
        assert!(sentence(403, "", "list").ends_with("needs the right to list the bucket"));
        let skewed = Failure::answered(403, "<Code>RequestTimeTooSkewed</Code>");
        assert!(skewed.is_skewed() && !skewed.may_pass());
        assert!(Failure::answered(503, "<Code>SlowDown</Code>").may_pass());
        assert!(Failure::answered(409, "<Code>ConditionalRequestConflict</Code>").may_pass());
        assert!(!Failure::answered(400, "<Code>InvalidRequest</Code>").may_pass());
        assert!(!Failure::answered(501, "").may_pass());
        assert!(Failure::answered(501, "").error("write", "x").is_unsupported());
        assert!(!Failure::answered(503, "").error("write", "x").is_unsupported());
    }
}
