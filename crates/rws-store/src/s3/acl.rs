//! Who may read objects from the bucket itself: canned ACLs.

use std::sync::atomic::Ordering;

use rusty_s3::Method;

use super::answer::Expected;
use super::failure::Failure;
use super::{Request, S3Store};
use crate::{Key, StoreError};

/// Everybody, and everybody with an account, in ACLs.
const EVERYBODY: [&str; 2] = ["/groups/global/AllUsers", "/groups/global/AuthenticatedUsers"];

impl S3Store {
    /// Sets the ACL of an object. A bucket that keeps none has nothing to take away.
    pub(super) async fn set_acl(&self, key: &Key, is_public: bool) -> Result<(), StoreError> {
        if self.inner.has_no_acls.load(Ordering::Relaxed) {
            return Ok(());
        }
        let acl = if is_public { "public-read" } else { "private" };
        let request = Request::object("set the ACL of", Method::Put, self.name(key)).query("acl", "");
        let request = request.header("x-amz-acl", acl).expects(Expected::Anything);
        match self.client().send(&request).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_absent() => Ok(()),
            Err(failure) if !is_public && keeps_none(&failure) => {
                self.inner.has_no_acls.store(true, Ordering::Relaxed);
                tracing::info!("the bucket keeps no ACLs: there is nothing that makes its objects public one by one");
                Ok(())
            }
            Err(failure) => Err(failure.error("set the ACL of", key.as_str())),
        }
    }

    /// Whether the ACL of an object lets everybody read it.
    pub(super) async fn has_public_acl(&self, key: &Key) -> Result<bool, StoreError> {
        if self.inner.has_no_acls.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let request = Request::object("read the ACL of", Method::Get, self.name(key)).query("acl", "");
        let request = request.expects(Expected::Document("AccessControlPolicy"));
        let read = self.client().send_for(&request, |reply| Ok(EVERYBODY.iter().any(|group| has(reply.text(), group))));
        match read.await {
            Ok(is_public) => Ok(is_public),
            Err(failure) if failure.is_absent() || keeps_none(&failure) => Ok(false),
            Err(failure) => Err(failure.error("read the ACL of", key.as_str())),
        }
    }
}

fn has(text: Result<&str, Failure>, group: &str) -> bool {
    text.is_ok_and(|text| text.contains(group))
}

/// Whether a service or a bucket keeps no ACLs at all.
fn keeps_none(failure: &Failure) -> bool {
    matches!(failure.status, Some(405 | 501)) || failure.code == "AccessControlListNotSupported"
}
