//! Several operations of the store at once, with a bound.

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

/// Runs all `operations`, at most `at_once` at the same time; their results in the same order.
///
/// # Errors
///
/// The first error; what has not started then does not start.
pub async fn gather<T, E>(at_once: usize, operations: Vec<BoxFuture<'_, Result<T, E>>>) -> Result<Vec<T>, E> {
    stream::iter(operations).buffered(at_once).try_collect().await
}
