//! Files whose names hold the digest of their bytes: readers never get other bytes under such a name.

use std::io;

use bytes::Bytes;
use futures::{StreamExt, stream};
use rws_model::{ContentDigester, Sha256};
use rws_store::{ByteStream, Key, Retry, StoreError};

/// The digest in the path of a file of metadata: `…/by-hash/SHA256/DIGEST`, `…/repodata/DIGEST-primary.xml.gz`.
pub fn digest_in(path: &str) -> Option<Sha256> {
    let (directory, name) = path.rsplit_once('/')?;
    let is_metadata = directory.ends_with("/by-hash/SHA256") || directory.ends_with("/repodata");
    let is_longer = name.as_bytes().get(64).is_some_and(u8::is_ascii_hexdigit);
    Sha256::from_hex(name.get(..64)?).filter(|_| is_metadata && !is_longer)
}

/// What is read of a file.
struct Reading {
    bytes: ByteStream,
    digester: ContentDigester,
    /// What is given out only when there is more, or all of it has the digest.
    last: Bytes,
}

/// The same bytes; the last of them only when all have this digest.
pub fn checked(bytes: ByteStream, digest: Sha256, key: Key) -> ByteStream {
    let reading = Reading { bytes, digester: ContentDigester::new(), last: Bytes::new() };
    Box::pin(stream::unfold(Some(reading), move |reading| {
        let key = key.clone();
        async move {
            let mut reading = reading?;
            loop {
                match reading.bytes.next().await {
                    Some(Ok(piece)) => {
                        reading.digester.update(&piece);
                        let before = std::mem::replace(&mut reading.last, piece);
                        if !before.is_empty() {
                            return Some((Ok(before), Some(reading)));
                        }
                    }
                    Some(Err(error)) => return Some((Err(error), None)),
                    None if reading.digester.finish().1 == digest => return Some((Ok(reading.last), None)),
                    None => return Some((Err(other_bytes(&key)), None)),
                }
            }
        }
    }))
}

fn other_bytes(key: &Key) -> StoreError {
    let source = io::Error::new(io::ErrorKind::InvalidData, "its content does not match the digest in its name");
    tracing::error!(object = %key, "its content does not match the digest in its name: readers do not get all of it");
    StoreError::Failed { operation: "read", key: key.to_string(), retry: Retry::Later, source }
}

#[cfg(test)]
mod tests {
    use rws_model::sha256;
    use rws_store::collect;

    use super::*;

    #[test]
    fn digests_are_found_in_names_of_metadata() {
        let digest = sha256(b"x");
        for path in [format!("a/by-hash/SHA256/{digest}"), format!("a/repodata/{digest}-primary.xml.gz")] {
            assert_eq!(digest_in(&path), Some(digest), "{path}");
        }
        let longer = format!("a/repodata/{digest}{digest}-primary.xml.gz");
        for path in [format!("a/pool/{digest}.deb"), format!("a/by-hash/SHA512/{digest}"), longer, "a/b".to_owned()] {
            assert_eq!(digest_in(&path), None, "{path}");
        }
    }

    #[tokio::test]
    async fn the_last_bytes_come_only_with_the_digest() {
        let key = || Key::parse("a/b").unwrap();
        let pieces = |last: &'static str| -> ByteStream {
            Box::pin(stream::iter(["one ", "two ", last].map(|piece| Ok(Bytes::from(piece)))))
        };
        let digest = sha256(b"one two three");
        assert_eq!(collect(checked(pieces("three"), digest, key())).await.unwrap(), "one two three");
        let mut other = checked(pieces("other"), digest, key());
        let mut given = Vec::new();
        while let Some(Ok(piece)) = other.next().await {
            given.extend_from_slice(&piece);
        }
        assert_eq!(given, b"one two ");
        assert_eq!(collect(checked(Box::pin(stream::empty()), sha256(b""), key())).await.unwrap(), "");
    }
}
