//! The body of a request, piece by piece.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::stream::try_unfold;
use futures::{Stream, StreamExt};

use crate::answer::Problem;

/// For how long a body may make no progress.
const STALLED: Duration = Duration::from_secs(120);

/// The next bytes of the body. A body that ends early is an error of its stream.
pub async fn next(body: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(STALLED, body.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(error))) => {
            Err(Problem::bad_request("cut-body", format!("The request was cut off: {error}. Nothing of it was kept.")))
        }
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "stalled",
            "The request made no progress for 120 seconds. Nothing of it was kept.",
        )),
    }
}

/// All that follows of a body.
pub fn pieces(body: &mut BodyDataStream) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin + '_ {
    Box::pin(try_unfold(body, async |body| Ok(next(body).await?.map(|bytes| (bytes, body)))))
}

/// How much of a refused body is read, so that the client gets to read the answer: it does so once it has sent what it is
/// sending.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// So many bytes.
    pub most_bytes: u64,
    /// For so long.
    pub time: Duration,
}

/// Reads what is left of a refused body.
pub async fn drain(body: &mut BodyDataStream, drained: Drained) {
    let reading = async {
        let mut left = drained.most_bytes;
        while let Some(Ok(chunk)) = body.next().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                return;
            }
        }
    };
    _ = tokio::time::timeout(drained.time, reading).await;
}
