//! Answers that are not, or no longer, those of the server to this request.

use bytes::Bytes;

use super::head::Head;

/// An answer that stands in for the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// of HTTP
    pub status: u16,
    /// all but the length of the body
    pub headers: Vec<(String, String)>,
    /// what follows; not for HEAD, which gets its length only
    pub body: Bytes,
}

/// What a maintenance page looks like.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n";

impl Forged {
    /// A web page with status 200, as a portal, a proxy or a maintenance page answers.
    pub fn page() -> Self {
        let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self { status: 200, headers, body: Bytes::from_static(PAGE.as_bytes()) }
    }

    /// The same with an ETag and a time, as a server of files answers.
    pub fn page_with_tag() -> Self {
        Self::page()
            .with("ETag", "\"65f1c2a3-6b\"")
            .with("Last-Modified", "Thu, 26 Nov 2026 09:00:00 GMT")
            .with("Accept-Ranges", "bytes")
    }

    /// Status 200 and nothing else.
    pub fn empty() -> Self {
        Self { status: 200, headers: Vec::new(), body: Bytes::new() }
    }

    /// An error of S3, whatever the status says.
    pub fn error(status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>Made by a test.</Message><RequestId>rws-lab</RequestId></Error>"
        );
        let headers = vec![("Content-Type".to_owned(), "application/xml".to_owned())];
        Self { status, headers, body: body.into() }.numbered()
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a number of its own, as S3 gives one to each answer: in all that can be seen, it is S3's.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        let is_number = |name: &str| NUMBERS.iter().any(|number| name.eq_ignore_ascii_case(number));
        self.headers.retain(|(name, _)| !is_number(name));
        let number = uuid::Uuid::new_v4().simple().to_string();
        NUMBERS.iter().fold(self, |answer, name| answer.with(name, &number))
    }

    /// What the server answered.
    pub(super) fn of_server(head: &Head, body: Vec<u8>) -> Self {
        let about_body = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        let is_own = |name: &str| !about_body.iter().any(|other| name.eq_ignore_ascii_case(other));
        let headers = head.headers().into_iter().filter(|(name, _)| is_own(name)).collect();
        Self { status: head.status(), headers, body: body.into() }
    }

    /// The answer with only the first bytes of its body, and the length of these.
    #[must_use]
    pub(super) fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// The answer with another text in its body.
    #[must_use]
    pub(super) fn replaced(self, from: &str, to: &str) -> Self {
        let body = String::from_utf8_lossy(&self.body).replace(from, to);
        Self { body: body.into(), ..self }
    }

    /// As it is sent. An answer to HEAD may say the length of a body that does not come.
    pub(super) fn raw(&self, method: &str, length_of_head: Option<&str>, last: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Forged\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has_body = self.status != 204 && self.status != 304;
        match length_of_head {
            Some(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
            None if has_body => head.push_str(&format!("Content-Length: {}\r\n", self.body.len())),
            None => {}
        }
        head.push_str(if last { "Connection: close\r\n\r\n" } else { "\r\n" });
        let mut raw = head.into_bytes();
        if method != "HEAD" && has_body {
            raw.extend_from_slice(&self.body);
        }
        raw
    }
}

/// The headers with the number of an answer: that of S3, and moto's.
const NUMBERS: [&str; 2] = ["x-amz-request-id", "x-amzn-requestid"];
