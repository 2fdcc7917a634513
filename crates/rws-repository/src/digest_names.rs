//! Files whose names hold the digest of their bytes: readers never get other bytes under such a name.

use std::io;

use bytes::Bytes;
use futures::{StreamExt, stream};
use rws_model::{ContentDigester, Sha256};
use rws_store::{ByteStream, Key, Retry, StoreError};

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
    let source = io::Error::new(io::ErrorKind::InvalidData, "its bytes have not the digest in its name");
    tracing::error!(object = %key, "its bytes have not the digest in its name: a reader does not get all of them");
    StoreError::Failed { operation: "read", key: key.to_string(), retry: Retry::Later, source }
}

#[cfg(test)]
mod tests {
    use rws_model::sha256;
    use rws_store::collect;

    use super::*;

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
