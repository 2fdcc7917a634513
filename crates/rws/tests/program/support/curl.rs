//! Uploads and downloads with the real curl, as users and CI jobs do them.

use super::program::Program;
use super::raw;
use super::server::{Credentials, Server};
use super::{file_name, read_file, temporary_directory};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// 0 when there was no answer at all
    pub status: u16,
    /// the header lines of the last answer, without the status line
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// what curl itself said
    pub transcript: String,
}

impl Answer {
    /// The body as text: that of a gzip file is its content.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        match self.body.starts_with(&[0x1f, 0x8b]) {
            true => _ = MultiGzDecoder::new(self.body.as_slice()).read_to_end(&mut text).expect("a whole gzip file"),
            false => text.extend_from_slice(&self.body),
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}), status {}: {}", self.status, self.text()))
    }

    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.transcript, self.text());
        self
    }

    /// `201 {"message":"OK"}`, and perhaps more keys.
    #[track_caller]
    pub fn expect_created(self) -> Self {
        let answer = self.expect_status(201);
        assert_eq!(answer.json()["message"], "OK", "{}", answer.text());
        answer
    }
}

/// A form that is put to a path.
pub struct Upload {
    path: String,
    arguments: Vec<String>,
}

impl Upload {
    /// To a path such as `/live/1.10/el/7`, with the query if there is one.
    pub fn to(path: &str) -> Self {
        Self { path: path.to_owned(), arguments: Vec::new() }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend(["--form-string".to_owned(), format!("{name}={value}")]);
        self
    }

    /// A file under its own name, the field being called as the file is.
    #[must_use]
    pub fn file(self, path: &Path) -> Self {
        let name = file_name(path);
        self.file_as(path, &name)
    }

    #[must_use]
    pub fn file_as(mut self, path: &Path, name: &str) -> Self {
        let source = quoted(&path.to_string_lossy());
        let field = name.replace('=', "_");
        self.arguments.extend(["--form".to_owned(), format!("{field}=@{source};filename={}", quoted(name))]);
        self
    }

    #[must_use]
    pub fn files<'a>(self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        paths.into_iter().fold(self, |upload, path| upload.file(path))
    }

    /// Sends it as the server's own user.
    #[track_caller]
    pub fn send(self, server: &Server) -> Answer {
        let credentials = server.credentials().clone();
        self.send_as(server, Some(&credentials))
    }

    #[track_caller]
    pub fn send_as(self, server: &Server, credentials: Option<&Credentials>) -> Answer {
        self.send_to(server.base_url(), credentials)
    }

    /// Sends it to the server at a base URL, which may have died.
    #[track_caller]
    pub fn send_to(mut self, base_url: &str, credentials: Option<&Credentials>) -> Answer {
        self.arguments.extend(["--request".to_owned(), "PUT".to_owned()]);
        request(&format!("{base_url}{}", self.path), credentials, &self.arguments)
    }
}

/// What tests ask for again and again, without a process for each request; https with curl.
#[track_caller]
pub fn get(url: &str) -> Answer {
    match url.strip_prefix("http://") {
        Some(rest) => raw::fetch("GET", rest),
        None => request(url, None, &[]),
    }
}

#[track_caller]
pub fn head(url: &str) -> Answer {
    match url.strip_prefix("http://") {
        Some(rest) => raw::fetch("HEAD", rest),
        None => request(url, None, &["--head".to_owned()]),
    }
}

/// Runs curl with more arguments.
#[track_caller]
pub fn request(url: &str, credentials: Option<&Credentials>, arguments: &[String]) -> Answer {
    let directory = temporary_directory();
    let (body, headers) = (directory.path().join("body"), directory.path().join("headers"));
    let mut curl = Program::new("curl", directory.path())
        .args(["--disable", "--silent", "--show-error", "--path-as-is", "--globoff", "--max-time", "120", "--output"])
        .arg(&body)
        .arg("--dump-header")
        .arg(&headers)
        .args(["--write-out", "%{http_code}"]);
    if let Some(credentials) = credentials {
        curl = curl.arg("--user").arg(format!("{}:{}", credentials.user, credentials.password));
    }
    let ran = curl.args(arguments).arg(url).run();
    // curl writes no file where there is no body.
    let body = if body.exists() { read_file(&body) } else { Vec::new() };
    let headers = if headers.exists() { read_file(&headers) } else { Vec::new() };
    Answer {
        status: ran.output().trim().parse().unwrap_or(0),
        headers: last_headers(&String::from_utf8_lossy(&headers)),
        body,
        transcript: ran.transcript(),
    }
}

/// The headers of the last answer: `100 Continue` and the like come before it.
fn last_headers(text: &str) -> Vec<(String, String)> {
    let blocks = text.replace("\r\n", "\n");
    let last = blocks.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let pairs = last.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// As curl's --form reads it: in quotes, with `"` and `\` escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
