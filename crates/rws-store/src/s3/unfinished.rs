//! Uploads in parts whose process died: their parts are kept, and paid for, until somebody gives them up.

use jiff::Timestamp;
use rusty_s3::Method;

use super::answer::Expected;
use super::failure::{Failure, element};
use super::{Request, S3Store};
use crate::StoreError;

/// An upload that was begun with and not finished.
pub struct Unfinished {
    name: String,
    upload: String,
    begun_milliseconds: i64,
}

impl S3Store {
    /// Gives up all uploads below a prefix that were begun with before a time; how many.
    pub(super) async fn give_up(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        let failed = |failure: Failure| failure.error("list", prefix);
        let (mut count, mut after) = (0, None);
        loop {
            let (found, next) = self.unfinished(prefix, after).await.map_err(failed)?;
            for one in found.into_iter().filter(|one| one.begun_milliseconds < before_milliseconds) {
                let abort = Request::object("delete", Method::Delete, one.name).query("uploadId", one.upload);
                match self.client().send(&abort).await {
                    Ok(_) => count += 1,
                    // somebody else was faster
                    Err(failure) if failure.code == "NoSuchUpload" => {}
                    Err(failure) => return Err(failed(failure)),
                }
            }
            after = next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// One page of unfinished uploads, and where the next one begins (ListMultipartUploads).
    pub(super) async fn unfinished(
        &self,
        prefix: &str,
        after: Option<(String, String)>,
    ) -> Result<(Vec<Unfinished>, Option<(String, String)>), Failure> {
        let mut request = Request::bucket("list", Method::Get)
            .query("uploads", "")
            .query("prefix", format!("{}{prefix}", self.inner.prefix))
            .expects(Expected::Document("ListMultipartUploadsResult"));
        if let Some((name, upload)) = &after {
            request = request.query("key-marker", name).query("upload-id-marker", upload);
        }
        self.client().send_for(&request, |reply| page(reply.text()?, after.as_ref())).await
    }
}

/// Where a page begins: a name and an upload.
type Marker = (String, String);

/// The uploads of a page, and where the next one begins.
fn page(text: &str, after: Option<&Marker>) -> Result<(Vec<Unfinished>, Option<Marker>), Failure> {
    let incomplete = || Failure::contradiction("an entry of the listing is incomplete");
    let mut found = Vec::new();
    for entry in text.split("<Upload>").skip(1) {
        let (name, upload) = (element(entry, "Key"), element(entry, "UploadId"));
        let begun: Option<Timestamp> = element(entry, "Initiated").and_then(|time| time.parse().ok());
        let (Some(name), Some(upload), Some(begun)) = (name, upload, begun) else { return Err(incomplete()) };
        found.push(Unfinished { name, upload, begun_milliseconds: begun.as_millisecond() });
    }
    let is_cut = element(text, "IsTruncated").as_deref() == Some("true");
    let next = element(text, "NextKeyMarker").zip(element(text, "NextUploadIdMarker")).filter(|_| is_cut);
    if next.is_some() && next.as_ref() == after {
        return Err(Failure::contradiction("the listing repeats its continuation token"));
    }
    Ok((found, next))
}
