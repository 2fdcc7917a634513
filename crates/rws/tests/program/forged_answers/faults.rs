//! What comes in place of the store's answer, and to which requests.

use std::time::Duration;

use rws_lab::{Fault, Forged, S3Server, Seen};

use crate::support::bucket::Bucket;

/// Picks requests.
pub type Which = fn(&Seen) -> bool;

/// The kinds of requests that an upload and its publish consist of.
pub const KINDS: [(&str, Which); 10] = [
    ("head", |seen| seen.path.contains("/.rws/heads/")),
    ("pointer", |seen| seen.path.contains("/.rws/pending/") && seen.method != "DELETE"),
    ("upload object", |seen| seen.path.contains("/.rws/uploads/")),
    ("incoming", |seen| seen.path.contains("/.rws/incoming/") && seen.method != "DELETE"),
    ("copy", |seen| seen.header("x-amz-copy-source").is_some()),
    ("index", |seen| is_index(&seen.path) && seen.header("x-amz-copy-source").is_none()),
    ("root", |seen| {
        ["InRelease", "Release", "Release.gpg", "repomd.xml", "repomd.xml.asc"]
            .iter()
            .any(|name| seen.path.ends_with(&format!("/{name}")))
    }),
    ("manifest", |seen| seen.path.contains("/.rws/generations/")),
    ("listing", |seen| seen.query.contains("list-type=2")),
    ("delete", |seen| seen.method == "DELETE" || seen.query.split('&').any(|part| part.starts_with("delete"))),
];

fn is_index(path: &str) -> bool {
    path.contains("/by-hash/") || path.contains("/repodata/") && path.ends_with(".gz") || path.contains("/Packages.")
}

/// What comes in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Page,
    PageWithTag,
    Empty,
    OtherObject,
    Absent,
    ErrorInSuccess,
    Cut,
    Earlier,
    Double,
    Late,
}

pub const FAULTS: [Kind; 10] = [
    Kind::Page,
    Kind::PageWithTag,
    Kind::Empty,
    Kind::OtherObject,
    Kind::Absent,
    Kind::ErrorInSuccess,
    Kind::Cut,
    Kind::Earlier,
    Kind::Double,
    Kind::Late,
];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "HTML, 200",
            Self::PageWithTag => "HTML, 200, ETag",
            Self::Empty => "empty 200",
            Self::OtherObject => "another object",
            Self::Absent => "404",
            Self::ErrorInSuccess => "error XML, 200",
            Self::Cut => "cut body",
            Self::Earlier => "stale",
            Self::Double => "doubled",
            Self::Late => "300 ms late",
        }
    }

    /// The fault; with an effect, where that can be chosen, the server has carried the request out.
    pub fn fault(self, other: &Forged, effect: bool) -> Fault {
        let forge = |answer: Forged| Fault::Forge { answer, effect };
        match self {
            Self::Page => forge(Forged::page()),
            Self::PageWithTag => forge(Forged::page_with_tag()),
            // in all that can be seen it is S3's
            Self::Empty => forge(Forged::empty().numbered()),
            Self::OtherObject => forge(other.clone().numbered()),
            Self::Absent => forge(Forged::error(404, "NoSuchKey")),
            Self::ErrorInSuccess => forge(Forged::error(200, "InternalError")),
            Self::Cut => Fault::Cut { bytes: 40 },
            Self::Earlier => Fault::Earlier,
            Self::Double => Fault::Double,
            Self::Late => Fault::Slow { pause: Duration::from_millis(300) },
        }
    }
}

/// An object of a bucket, as it is answered.
#[track_caller]
pub fn object(server: &S3Server, bucket: &Bucket, key: &str) -> Forged {
    let about_body = ["content-length", "connection", "transfer-encoding"];
    let headers = server.head(&bucket.name, key).into_iter();
    let headers = headers.filter(|(name, _)| !about_body.iter().any(|one| name.eq_ignore_ascii_case(one)));
    Forged { status: 200, headers: headers.collect(), body: bucket.get(key).expect("an object").into() }
}
