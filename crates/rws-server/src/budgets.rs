//! What all requests together may take, and what each client may take of it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::open_connections::OpenConnections;
use crate::settings::Limits;
use crate::shares::FairBudget;

/// How much memory a request may take besides its body and its answer: its headers, and what works on it.
pub const REQUEST_BYTES: u64 = 16 << 10;

/// How much memory the answer with a file takes: the piece that is being sent.
pub const FILE_BYTES: u64 = 64 << 10;

/// How much memory the answer with a page takes that is made while it is sent.
pub const PAGE_BYTES: u64 = 384 << 10;

/// How much a client may send of a request before anybody reads it (HTTP/2; with HTTP/1.1 the kernel holds it).
pub const UNREAD_BYTES: u32 = 512 << 10;

/// A client: its address; all addresses of one IPv6 network of 64 bits are one, as one machine has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })
    }

    /// A wider one that one owner may have: 16 bits of IPv4, 48 of IPv6.
    pub fn wide(self) -> Self {
        Self(match self.0 {
            IpAddr::V4(address) => std::net::Ipv4Addr::from_bits(address.to_bits() >> 16 << 16).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
        })
    }
}

/// Who takes: a client that is not logged in, or a user, wherever from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Taker {
    /// A client.
    Client(Network),
    /// A user.
    User(String),
}

/// What all requests share. Bytes are those of memory.
#[derive(Debug)]
pub struct Budgets {
    /// Connections.
    pub connections: Arc<FairBudget<Network>>,
    /// Those that are open.
    pub open: Arc<OpenConnections>,
    /// Bytes of requests and answers under way.
    pub answers: Arc<FairBudget<Network>>,
    /// Bytes of bodies that nobody reads yet, while it is not known who sends them.
    pub unread_of_clients: Arc<FairBudget<Taker>>,
    /// Bytes of bodies that wait for a place, of users.
    pub unread_of_users: Arc<FairBudget<Taker>>,
    /// Refused bodies that are read nevertheless.
    pub drained: Arc<FairBudget<Network>>,
    /// Uploads that are received at the same time, by user.
    pub uploads: Arc<FairBudget<String>>,
    /// Bytes of memory for reading packages: large headers, windows to unpack with. By user.
    pub reading: Arc<FairBudget<String>>,
    /// Packages whose entries are made at the same time, by user.
    pub rendering: Arc<FairBudget<String>>,
    /// Bytes of entries in memory, of requests that are complete. By user.
    pub accepting: Arc<FairBudget<String>>,
    /// Bytes of files of metadata, by user.
    pub metadata: Arc<FairBudget<String>>,
    /// Files of metadata that are unpacked and checked, by user.
    pub checking: Arc<FairBudget<String>>,
    /// Packages whose changelogs are read at the same time.
    pub changelogs: Arc<FairBudget<Network>>,
    /// Files that are read out of packages for debuggers at the same time.
    pub debuginfod: Arc<FairBudget<Network>>,
    /// Directories that are listed in several parts.
    pub listings: Arc<FairBudget<Network>>,
    /// Parts of such listings that are read at the same time.
    pub listing_parts: Semaphore,
}

/// Bytes of bodies that wait, of clients and of users.
const UNREAD_BYTES_IN_ALL: u64 = 16 << 20;

/// Refused bodies that are read at the same time.
const DRAINED: u64 = 256;

/// Large directories that are listed at the same time.
const LISTINGS: u64 = 16;

/// Parts of them that are read at the same time: of a directory on the disk each is a look at a thousand files.
const LISTING_PARTS: usize = 2;

/// Packages whose entries are made at the same time: of one user only one.
const RENDERED: u64 = 2;

/// Files of metadata that are checked at the same time: one takes up to 200 MB.
const CHECKED: u64 = 1;

/// Packages whose changelogs are read: of each all may be unpacked.
const CHANGELOGS: u64 = 2;

/// Files that are read out of packages: each holds the window of its package, which [`Budgets::reading`] bounds.
const DEBUGINFOD: u64 = 64;

/// Bytes of files of metadata.
const METADATA_BYTES: u64 = 32 << 20;

impl Budgets {
    /// Within these limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: FairBudget::new("connections", limits.connections as u64),
            open: Arc::default(),
            answers: FairBudget::new("answers", limits.answers_bytes),
            unread_of_clients: FairBudget::new("unread_of_clients", UNREAD_BYTES_IN_ALL),
            unread_of_users: FairBudget::new("unread_of_users", UNREAD_BYTES_IN_ALL),
            drained: FairBudget::new("drained", DRAINED),
            uploads: FairBudget::new("uploads", limits.uploads as u64),
            reading: FairBudget::new("reading", limits.reading_bytes),
            rendering: FairBudget::new("rendering", RENDERED),
            accepting: FairBudget::new("accepting", 2 * limits.entries_bytes),
            metadata: FairBudget::new("metadata", METADATA_BYTES),
            checking: FairBudget::new("checking", CHECKED),
            changelogs: FairBudget::new("changelogs", CHANGELOGS),
            debuginfod: FairBudget::new("debuginfod", DEBUGINFOD),
            listings: FairBudget::new("listings", LISTINGS),
            listing_parts: Semaphore::new(LISTING_PARTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_is_one_client() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:0:0:9"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("192.0.2.1").wide(), of("192.0.77.1").wide());
        assert_ne!(of("192.0.2.1").wide(), of("192.1.2.1").wide());
        assert_eq!(of("2001:db8::1").wide(), of("2001:db8:0:7::1").wide());
        assert_ne!(of("2001:db8::1").wide(), of("2001:db8:1::1").wide());
    }
}
