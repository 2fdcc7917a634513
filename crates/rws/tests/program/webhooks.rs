//! Webhooks: real servers tell real receivers, which fail, are slow, and are not there.

mod kills;
pub mod receiver;
mod telling;
