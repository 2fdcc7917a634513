//! Pages for people: what they say and to whom, over HTTP and in a real browser.
#![expect(clippy::unwrap_used, reason = "test code")]

mod hostile;
mod journeys;
mod judges;
mod negotiation;
mod said;
mod search;
mod stage;
