//! Pages that were made lately.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rws_model::sha256;

/// So many bytes of pages are kept.
const MAX_BYTES: usize = 16 << 20;

/// A larger page is not kept.
const MAX_PAGE_BYTES: usize = 2 << 20;

/// Pages by all that they are made of: the address, who may read what, and the generations of that.
#[derive(Default)]
pub struct PageCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    pages: HashMap<[u8; 32], Bytes>,
    /// The oldest first.
    order: VecDeque<[u8; 32]>,
    bytes: usize,
}

impl PageCache {
    /// The page that was made of this.
    pub fn get(&self, key: &str) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pages.get(sha256(key.as_bytes()).bytes()).cloned()
    }

    /// Keeps a page; the oldest ones go.
    pub fn put(&self, key: &str, page: &Bytes) {
        if page.len() > MAX_PAGE_BYTES {
            return;
        }
        let key = *sha256(key.as_bytes()).bytes();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.pages.insert(key, page.clone()).is_some() {
            return;
        }
        kept.order.push_back(key);
        kept.bytes += page.len();
        while kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            let gone = kept.pages.remove(&oldest).map_or(0, |page| page.len());
            kept.bytes = kept.bytes.saturating_sub(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pages_go() {
        let cache = PageCache::default();
        let page = Bytes::from(vec![b'x'; MAX_PAGE_BYTES]);
        let count = MAX_BYTES / MAX_PAGE_BYTES;
        for number in 0..=count {
            cache.put(&number.to_string(), &page);
            cache.put(&number.to_string(), &page);
        }
        assert!(cache.get("0").is_none());
        assert!((1..=count).all(|number| cache.get(&number.to_string()).is_some()));
        cache.put("large", &Bytes::from(vec![b'x'; MAX_PAGE_BYTES + 1]));
        assert!(cache.get("large").is_none());
    }
}
