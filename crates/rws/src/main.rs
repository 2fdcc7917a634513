//! The Repository Web Service.
fn main() {}
