//! One request, by running curl.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a server answered.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Itself, when the status is this one; a panic that shows the answer otherwise.
    #[track_caller]
    pub fn expect_status(self, status: u16, what: &str) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{what} was answered with status {}: {text}", self.status);
        self
    }
}

/// Sends a request. The body is sent with its length, of which some S3 servers will not do without.
#[track_caller]
pub(crate) fn request(method: &str, url: &str, body: Option<&[u8]>) -> Answer {
    let mut curl = Command::new("curl");
    // neither the user's settings nor a proxy of the environment; keys with dots and brackets as they are
    curl.args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--path-as-is", "--globoff"]);
    curl.args(["--max-time", "120", "--include"]);
    match method {
        "HEAD" => curl.arg("--head"),
        _ => curl.args(["--request", method]),
    };
    if body.is_some() {
        curl.args(["--header", "Content-Type: application/octet-stream", "--header", "Expect:", "--data-binary", "@-"]);
    }
    curl.args(["--url", url]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = curl.spawn().expect("curl starts; tests/setup installs it");
    // curl reads all of it before it says anything; whether it took all shows in its exit status
    let _ = running.stdin.take().expect("a piped input").write_all(body.unwrap_or_default());
    let output = running.wait_with_output().expect("curl ends");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{method} {}: curl failed: {complaint}", without_signature(url));
    parse(&output.stdout)
}

fn without_signature(url: &str) -> &str {
    url.split_once('?').map_or(url, |(address, _)| address)
}

fn parse(output: &[u8]) -> Answer {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&output[..end]);
    let body = &output[end + 4..];
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status: u16 = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("an answer has a status");
    if (100..200).contains(&status) {
        return parse(body);
    }
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
