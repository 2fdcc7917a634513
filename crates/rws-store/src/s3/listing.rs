//! Listings, page by page.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use rusty_s3::Method;
use rusty_s3::actions::{
    ListObjectsV2,
    list_objects_v2::{ListObjectsContent, ListObjectsV2Response},
};

use super::answer::Expected;
use super::failure::{Failure, element, in_namespace};
use super::{Request, S3Store, headers};
use crate::{Depth, DirectoryEntry, Key, Listed, MAX_PAGE_ENTRIES, Page, Stat, StoreError};

/// No service gives more at once.
const KEYS_AT_ONCE: usize = 1000;

impl S3Store {
    /// All objects below a prefix. Names that no store of RWS can have (empty parts, markers of directories) are none of
    /// its objects.
    pub(super) async fn list_objects(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let failed = |failure: Failure| failure.error("list", prefix);
        let (mut listed, mut token) = (Vec::new(), None);
        loop {
            let page = self.ask(prefix, None, token.as_deref(), MAX_PAGE_ENTRIES).await.map_err(failed)?;
            for content in page.contents {
                let Some(key) = content.key.strip_prefix(&self.inner.prefix).and_then(Key::parse) else { continue };
                if let Some(stat) = self.stat_of(&key, content).await.map_err(failed)? {
                    listed.push(Listed { key, stat });
                }
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
            let Some(name) = content.key.strip_prefix(&below).filter(is_name).map(str::to_owned) else { continue };
            let Some(key) = content.key.strip_prefix(&self.inner.prefix).and_then(Key::parse) else { continue };
            if let Some(stat) = self.stat_of(&key, content).await.map_err(failed)? {
                entries.push(DirectoryEntry::File(name, stat));
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
        let request = request.expects(Expected::Document("ListBucketResult"));
        self.client().send_for(&request, |reply| self.page_of(prefix, token, reply.text()?)).await
    }

    /// What a page says, when it is the one that was asked for.
    fn page_of(&self, prefix: &str, token: Option<&str>, text: &str) -> Result<ListObjectsV2Response, Failure> {
        let prefix = format!("{}{prefix}", self.inner.prefix);
        let page = ListObjectsV2::parse_response(&in_namespace(text)).map_err(Failure::nonsense)?;
        let said = element(text, "Prefix").filter(|_| page.common_prefixes.is_empty());
        let is_asked = |said: &String| *said == prefix || percent_decode_str(said).decode_utf8_lossy() == prefix;
        let names = page.contents.iter().map(|content| &content.key);
        let mut names = names.chain(page.common_prefixes.iter().map(|common| &common.prefix));
        if said.is_some_and(|said| !is_asked(&said)) || names.any(|name| !name.starts_with(&prefix)) {
            return Err(Failure::contradiction("the listing has another prefix than the request"));
        }
        if token.is_some() && page.next_continuation_token.as_deref() == token {
            return Err(Failure::contradiction("the listing repeats its continuation token"));
        }
        Ok(page)
    }

    /// Whether a listing has an object.
    pub(super) async fn is_listed(&self, key: &Key) -> Result<bool, Failure> {
        // a longer name may start with it, and never comes before it
        let page = self.ask(key.as_str(), None, None, 1).await?;
        Ok(page.contents.iter().any(|content| content.key == self.name(key)))
    }

    /// What a listing says of an object. An ETag that the service leaves out is asked of the object itself, which may be gone
    /// by then.
    async fn stat_of(&self, key: &Key, content: ListObjectsContent) -> Result<Option<Stat>, Failure> {
        let tag = content.etag.map(|tag| headers::version(&tag)).filter(|version| !version.0.is_empty());
        let (Some(size_bytes), Some(version), Some(modified)) = (content.size, tag, content.last_modified) else {
            return self.look(key).await;
        };
        let modified: Timestamp = modified.parse().map_err(Failure::nonsense)?;
        Ok(Some(Stat { size_bytes, version, modified_milliseconds: modified.as_millisecond() }))
    }
}
