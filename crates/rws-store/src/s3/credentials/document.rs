//! The keys as the agent of a container and the metadata service of a machine answer them: JSON.

use jiff::Timestamp;
use rws_http::Answer;
use serde::Deserialize;

use super::session::SourceError;
use super::{AccessKeys, SessionKeys};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    /// Of the metadata service: `Success`, or why not.
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads an answer.
pub fn keys(answer: &Answer) -> Result<SessionKeys, SourceError> {
    let status = answer.status.as_u16();
    if status != 200 {
        return Err(SourceError::Failed { message: format!("its status is {status}"), may_pass: status >= 429 });
    }
    let unusable = || SourceError::down("its answer has no AccessKeyId and SecretAccessKey in JSON");
    let document: Document = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        return Err(SourceError::down(format!("it answers {code:?}")));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (Some(access_key), Some(secret_key)) = (given(document.access_key_id), given(document.secret_access_key))
    else {
        return Err(unusable());
    };
    let keys = AccessKeys { access_key, secret_key, session_token: given(document.token) };
    Ok(SessionKeys::new(keys, document.expiration.as_deref().map(time).transpose()?))
}

/// A time (RFC 3339) in milliseconds since 1970.
pub fn time(text: &str) -> Result<i64, SourceError> {
    let time: Result<Timestamp, _> = text.parse();
    time.map(Timestamp::as_millisecond).map_err(|_| SourceError::down("it says no time when the keys end"))
}
