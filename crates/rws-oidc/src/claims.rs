//! What a token says (RFC 7519, section 4).

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::Denied;

/// How far the clocks of an issuer and of this machine may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;

/// The longest value of a claim that a rule may match and that is passed on, in bytes.
const MAX_VALUE_BYTES: usize = 1024;

/// The claims of a token.
#[derive(Debug)]
pub struct Claims(Map<String, Value>);

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl Claims {
    /// Who issued it; none where that is no text.
    pub fn issuer(&self) -> Option<&str> {
        self.0.get("iss").and_then(Value::as_str)
    }

    /// A claim as the text that rules are compared with: numbers and truth values as they stand in JSON. None where it is
    /// absent, a list, an object, or too long.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = match self.0.get(name)? {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            value @ (Value::Number(_) | Value::Bool(_)) => Cow::Owned(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (text.len() <= MAX_VALUE_BYTES).then_some(text)
    }

    /// Whether it is meant for this audience: `aud` is a text, or a list of texts (section 4.1.3).
    pub fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// Checks `exp`, `nbf` and `iat` (sections 4.1.4 to 4.1.6). Says when it expires, in seconds since 1970.
    pub fn check_times(&self, now: i64) -> Result<i64, Denied> {
        let expires = self.time("exp")?.ok_or(Denied::Malformed("it has no exp"))?;
        if now >= expires.saturating_add(LEEWAY_SECONDS) {
            return Err(Denied::Expired);
        }
        for start in [self.time("nbf")?, self.time("iat")?].into_iter().flatten() {
            if start > now.saturating_add(LEEWAY_SECONDS) {
                return Err(Denied::NotYetValid);
            }
        }
        Ok(expires)
    }

    /// A number of seconds since 1970, which may have a fraction (section 2, NumericDate).
    fn time(&self, name: &str) -> Result<Option<i64>, Denied> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let malformed = Denied::Malformed("exp, nbf or iat is no number");
        match value.as_i64() {
            Some(seconds) => Ok(Some(seconds)),
            // a cast of a float ends at the largest integer
            None => value.as_f64().map(|seconds| Some(seconds.floor() as i64)).ok_or(malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        let Value::Object(map) = value else { panic!("no object") };
        Claims(map)
    }

    #[test]
    fn claims_are_compared_as_text() {
        let long = "a".repeat(MAX_VALUE_BYTES + 1);
        let claims = claims(json!({
            "text": "a", "number": 1234, "large": u64::MAX, "yes": true, "no": false,
            "null": null, "list": ["a"], "object": { "a": "b" }, "long": long,
        }));
        for (name, expected) in [
            ("text", Some("a")),
            ("number", Some("1234")),
            ("large", Some("18446744073709551615")),
            ("yes", Some("true")),
            ("no", Some("false")),
            ("null", None),
            ("list", None),
            ("object", None),
            ("long", None),
            ("absent", None),
        ] {
            assert_eq!(claims.text(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn an_audience_is_one_text_of_several() {
        for (audience, expected) in [
            (json!("a"), true),
            (json!(["b", "a"]), true),
            (json!(["b"]), false),
            (json!([]), false),
            (json!([["a"]]), false),
            (json!("ab"), false),
            (json!(null), false),
            (json!({ "a": "a" }), false),
            (json!(1), false),
        ] {
            assert_eq!(claims(json!({ "aud": audience })).is_for("a"), expected, "{audience}");
        }
        assert!(!claims(json!({})).is_for("a"));
    }

    #[test]
    fn times_have_a_minute_of_leeway() {
        let malformed = |text| Err(Denied::Malformed(text));
        for (value, expected) in [
            (json!({ "exp": 1001 }), Ok(1001)),
            (json!({ "exp": 941 }), Ok(941)),
            (json!({ "exp": 940 }), Err(Denied::Expired)),
            (json!({ "exp": 941.9 }), Ok(941)),
            (json!({ "exp": i64::MAX }), Ok(i64::MAX)),
            (json!({ "exp": 1e300 }), Ok(i64::MAX)),
            (json!({ "exp": i64::MIN }), Err(Denied::Expired)),
            (json!({ "exp": -1e300 }), Err(Denied::Expired)),
            (json!({}), malformed("it has no exp")),
            (json!({ "exp": "2000" }), malformed("exp, nbf or iat is no number")),
            (json!({ "exp": null }), malformed("exp, nbf or iat is no number")),
            (json!({ "exp": 2000, "nbf": 1060, "iat": 1060 }), Ok(2000)),
            (json!({ "exp": 2000, "nbf": 1061 }), Err(Denied::NotYetValid)),
            (json!({ "exp": 2000, "iat": 1061 }), Err(Denied::NotYetValid)),
            (json!({ "exp": 2000, "nbf": "soon" }), malformed("exp, nbf or iat is no number")),
            (json!({ "exp": 2000, "iat": [] }), malformed("exp, nbf or iat is no number")),
        ] {
            assert_eq!(claims(value.clone()).check_times(1000), expected, "{value}");
        }
        assert_eq!(claims(json!({ "exp": i64::MAX })).check_times(i64::MAX), Err(Denied::Expired));
    }
}
