//! Listings, page by page.

use jiff::Timestamp;
use rusty_s3::Method;
use rusty_s3::actions::{
    ListObjectsV2,
    list_objects_v2::{ListObjectsContent, ListObjectsV2Response},
};

use super::failure::{Failure, in_namespace};
use super::{Request, S3Store, headers};
use crate::{Depth, DirectoryEntry, Key, Listed, MOST_OF_A_PAGE, Page, Stat, StoreError};

/// No service gives more at once.
const KEYS_AT_ONCE: usize = 1000;

impl S3Store {
    /// All objects below a prefix. Names that no store of RWS can have (empty parts, markers of directories) are none of
    /// its objects.
    pub(super) async fn list_objects(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let failed = |failure: Failure| failure.error("list", prefix);
        let (mut listed, mut token) = (Vec::new(), None);
        loop {
            let page = self.ask(prefix, None, token.as_deref(), MOST_OF_A_PAGE).await.map_err(failed)?;
            for content in page.contents {
                let Some(key) = content.key.strip_prefix(&self.inner.prefix).and_then(Key::parse) else { continue };
                listed.push(Listed { key, stat: stat(content).map_err(failed)? });
            }
            token = page.next_continuation_token;
            if token.is_none() {
                // most services list in this order, not all
                listed.sort_by(|left: &Listed, right| left.key.cmp(&right.key));
                return Ok(listed);
            }
        }
    }

    /// A page of what is below a prefix.
    pub(super) async fn list_page(
        &self,
        prefix: &str,
        depth: Depth,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let failed = |failure: Failure| failure.error("list", prefix);
        let below = format!("{}{prefix}", self.inner.prefix);
        let delimiter = (depth == Depth::Directory).then_some("/");
        let page = self.ask(prefix, delimiter, from, most).await.map_err(failed)?;
        let is_name = |name: &&str| Key::parse(name).is_some() && (depth == Depth::All || !name.contains('/'));
        let mut entries = Vec::with_capacity(page.contents.len() + page.common_prefixes.len());
        for content in page.contents {
            let name = content.key.strip_prefix(&below).filter(is_name).map(str::to_owned);
            if let Some(name) = name {
                entries.push(DirectoryEntry::File(name, stat(content).map_err(failed)?));
            }
        }
        for common in page.common_prefixes {
            let name = common.prefix.strip_prefix(&below).and_then(|name| name.strip_suffix('/'));
            entries.extend(name.filter(is_name).map(|name| DirectoryEntry::Directory(name.to_owned())));
        }
        Ok(Page { entries, next: page.next_continuation_token })
    }

    async fn ask(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
        token: Option<&str>,
        most: usize,
    ) -> Result<ListObjectsV2Response, Failure> {
        let mut request = Request::bucket("list", Method::Get)
            .query("list-type", "2")
            .query("encoding-type", "url")
            .query("max-keys", most.clamp(1, KEYS_AT_ONCE).to_string())
            .query("prefix", format!("{}{prefix}", self.inner.prefix));
        if let Some(delimiter) = delimiter {
            request = request.query("delimiter", delimiter);
        }
        if let Some(token) = token {
            request = request.query("continuation-token", token);
        }
        let reply = self.client().send(&request).await?;
        let page = ListObjectsV2::parse_response(&in_namespace(reply.text()?)).map_err(Failure::nonsense)?;
        if token.is_some() && page.next_continuation_token.as_deref() == token {
            return Err(Failure::nonsense("the listing does not come to an end"));
        }
        Ok(page)
    }
}

fn stat(content: ListObjectsContent) -> Result<Stat, Failure> {
    let incomplete = || Failure::nonsense("an entry of the listing is incomplete");
    let modified: Timestamp = content.last_modified.ok_or_else(incomplete)?.parse().map_err(Failure::nonsense)?;
    Ok(Stat {
        size_bytes: content.size.ok_or_else(incomplete)?,
        version: headers::version(&content.etag.ok_or_else(incomplete)?),
        modified_milliseconds: modified.as_millisecond(),
    })
}
