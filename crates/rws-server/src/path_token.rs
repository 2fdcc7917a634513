//! Tokens in paths, `/-/t/TOKEN/…`, for clients that have no way to send credentials. They stand in no log, span, metric or answer.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use rws_repository::token::TokenText;

use crate::path::absolute;

/// What such paths begin with.
const PREFIX: &str = "/-/t/";

/// What stands for a token where it is not shown.
const MASKED: &str = "***";

/// What tokens begin with.
const TOKEN_PREFIX: &str = "rws_";

/// A token that stands in the path of a request.
#[derive(Clone)]
pub struct PathToken(String);

impl PathToken {
    /// Takes the token out of the path of a request, where it begins with one: from then on it is a request for what follows.
    pub fn take(request: &mut Request<Body>) -> Option<Self> {
        let uri = request.uri();
        let (token, rest) = absolute(uri.path()).strip_prefix(PREFIX)?.split_once('/')?;
        let path = match uri.query() {
            Some(query) => format!("/{rest}?{query}"),
            None => format!("/{rest}"),
        };
        let token = Self(token.to_owned());
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
        Some(token)
    }

    /// The token, where it can be one.
    pub fn text(&self) -> Option<TokenText> {
        TokenText::parse(&self.0)
    }

    /// What stands before a path that is read with the token.
    pub fn prefix(&self) -> String {
        format!("{PREFIX}{}", self.0).trim_end_matches('/').to_owned()
    }
}

/// A path as logs may have it: without what looks like a token.
pub fn masked(path: &str, token: Option<&PathToken>) -> String {
    let mut shown = if token.is_some() { format!("{PREFIX}{MASKED}") } else { String::new() };
    let mut rest = Cow::Borrowed(path);
    while let Some((before, after)) = rest.split_once(TOKEN_PREFIX) {
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        shown.push_str(before);
        shown.push_str(TOKEN_PREFIX);
        // what is shorter is a name of somebody
        shown.push_str(if digits >= 40 { MASKED } else { after.get(..digits).unwrap_or_default() });
        rest = Cow::Owned(after.get(digits..).unwrap_or_default().to_owned());
    }
    shown.push_str(&rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_path_is_what_is_asked_for() {
        let token = TokenText::of([1; 20]);
        for (path, rest) in [
            ("/-/t/TOKEN/live/1.0/x.deb?a=b", "/live/1.0/x.deb?a=b"),
            ("//-/t/TOKEN/", "/"),
            ("/-/t/TOKEN/-/setup/a.repo", "/-/setup/a.repo"),
            ("/-/t/TOKEN//-/t/x/y", "//-/t/x/y"),
        ] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = path.replace("TOKEN", token.expose()).parse().unwrap();
            let taken = PathToken::take(&mut request).unwrap();
            assert!(taken.text() == Some(token.clone()), "{path}");
            assert_eq!(request.uri().to_string(), rest);
        }
        for path in ["/-/t/x", "/-/tokens", "/live/-/t/x/y"] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = path.parse().unwrap();
            assert!(PathToken::take(&mut request).is_none(), "{path}");
        }
    }

    #[test]
    fn no_log_shows_a_token() {
        let token = TokenText::of([255; 20]);
        let whole = token.expose();
        let path_token = PathToken(whole.to_owned());
        assert_eq!(masked("/live/x", Some(&path_token)), "/-/t/***/live/x");
        assert_eq!(masked(&format!("/-/%74/{whole}/x/{whole}"), None), "/-/%74/rws_***/x/rws_***");
        for plain in ["/live/rws_one/x", "/rws_", "/rws_rws_12", ""] {
            assert_eq!(masked(plain, None), plain);
        }
    }
}
