//! Webhooks: real servers tell real receivers, which fail, are slow, and are not there.

mod kills;
mod receiver;
mod telling;
