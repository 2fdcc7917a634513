//! Deleting: one object, or up to a thousand at once.

use std::sync::PoisonError;

use bytes::Bytes;
use http::StatusCode;
use rusty_s3::Method;
use rusty_s3::actions::{DeleteObjects, DeleteObjectsResponse, ObjectIdentifier};

use super::answer::Expected;
use super::failure::{Failure, in_namespace};
use super::{Request, S3Store};
use crate::{Key, StoreError};

/// How many keys one request deletes at most.
const DELETED_AT_ONCE: usize = 1000;

impl S3Store {
    /// Deletes objects, and claims that are settled.
    pub(super) async fn delete_objects(&self, keys: &[Key]) -> Result<(), StoreError> {
        let settled = std::mem::take(&mut *self.inner.settled.lock().unwrap_or_else(PoisonError::into_inner));
        let mut names: Vec<String> = keys.iter().chain(&settled).map(|key| self.name(key)).collect();
        names.sort();
        names.dedup();
        for names in names.chunks(DELETED_AT_ONCE) {
            let first = names.first().cloned().unwrap_or_default();
            self.delete_some(names).await.map_err(|failure| failure.error("delete", &first))?;
        }
        Ok(())
    }

    async fn delete_some(&self, names: &[String]) -> Result<(), Failure> {
        match names {
            [name] => self.delete_one(name).await,
            names => self.delete_many(names).await,
        }
    }

    async fn delete_one(&self, name: &str) -> Result<(), Failure> {
        let request = Request::object("delete", Method::Delete, name.to_owned());
        let look = Request::object("read", Method::Head, name.to_owned());
        let mut repetitions = 0;
        loop {
            match self.client().send(&request).await {
                Ok(reply) if reply.head.status == StatusCode::NO_CONTENT => return Ok(()),
                // S3 answers 204, whether there was anything or not: after another answer the object is looked for
                Ok(_) => {}
                Err(failure) if failure.is_absent() => {}
                Err(failure) => return Err(failure),
            }
            match self.client().ask(&look).await {
                Err(failure) if failure.is_absent() => return Ok(()),
                Err(failure) => return Err(failure),
                Ok(_) => {}
            }
            repetitions += 1;
            if repetitions > self.client().retries() {
                return Err(Failure::contradiction(
                    "S3 answered that it deleted the object, but the object still exists",
                ));
            }
            self.client().pause(repetitions).await;
        }
    }

    async fn delete_many(&self, names: &[String]) -> Result<(), Failure> {
        let identifiers: Vec<_> = names.iter().map(|name| ObjectIdentifier::new(name.clone())).collect();
        let mut action = DeleteObjects::new(self.client().bucket(), None, identifiers.iter());
        action.set_quiet(true);
        let (body, digest) = action.body_with_md5();
        let request = Request::bucket("delete", Method::Post)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .body(Bytes::from(body))
            .expects(Expected::Document("DeleteResult"));
        let parse = |text: &str| DeleteObjectsResponse::parse(&in_namespace(text)).map_err(Failure::nonsense);
        let answer = self.client().send_for(&request, |reply| parse(reply.text()?)).await?;
        let error = answer.errors.into_iter().find(|error| error.code != "NoSuchKey");
        match error {
            None => Ok(()),
            Some(error) => {
                let (code, message) = (error.code, error.message);
                let status = if code == "AccessDenied" { 403 } else { 503 };
                Err(Failure { status: Some(status), code, ..Failure::unanswered(message) })
            }
        }
    }
}
