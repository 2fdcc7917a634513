//! Which head a reader goes on with.
//!
//! A root may be several files (repomd.xml and its signature), and a client that knows no by-hash names asks for its root
//! and for plain-named indexes one after the other. Somebody may publish in between. Therefore the first file of a root
//! that a reader gets holds the head for the others and for the indexes: for the rest of its connection (zypper), or for some seconds for the
//! same client on other connections (dnf opens one for every file). A reader that asks for the same file again has begun
//! anew and gets what is current; nothing is ever older than what was asked for first.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rws_model::RepositoryId;

/// How long a head is held for a connection.
const CONNECTION: Duration = Duration::from_secs(60);

/// How long a head is held for a client on other connections.
const CLIENT: Duration = Duration::from_secs(5);

/// So many heads are held.
const MOST: usize = 512;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The number of the connection, where it is the reader's alone.
    pub connection: Option<u64>,
    /// The same number for the same client on all of its connections: a keyed digest of what is known of it.
    pub client: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Connection(u64),
    Client(u64),
}

impl Holder {
    /// The connection decides before the client does.
    fn of(reader: Reader) -> impl Iterator<Item = Self> {
        let connection = reader.connection.map(Self::Connection);
        [connection, Some(Self::Client(reader.client))].into_iter().flatten()
    }

    fn lasting(self) -> Duration {
        match self {
            Self::Connection(_) => CONNECTION,
            Self::Client(_) => CLIENT,
        }
    }
}

#[derive(Debug)]
struct HeldHead<T> {
    head: Arc<T>,
    /// Digests of the names of the files that were read of it: the first, which often is the only one, and the others.
    first: u64,
    others: BTreeSet<u64>,
    since: Instant,
}

/// Held heads by who holds them, and by the digest of the repository's name.
type Held<T> = HashMap<(Holder, u64), HeldHead<T>>;

/// The heads that readers hold; `T` is what is kept of a head.
#[derive(Debug)]
pub struct Readers<T> {
    held: Mutex<Held<T>>,
}

impl<T> Default for Readers<T> {
    fn default() -> Self {
        Self { held: Mutex::default() }
    }
}

impl<T> Readers<T> {
    /// The head that a reader goes on with for a file of this name; `None`: the current one.
    pub fn held(&self, reader: Reader, repository: &RepositoryId, name: &str) -> Option<Arc<T>> {
        let mut held = self.lock();
        let (repository, name) = (held.hasher().hash_one(repository), held.hasher().hash_one(name));
        let holder = Holder::of(reader).find(|holder| held.contains_key(&(*holder, repository)))?;
        let one = held.get_mut(&(holder, repository))?;
        // a connection that begins anew does so for its client
        if one.since.elapsed() >= holder.lasting() || !one.insert(name) {
            return None;
        }
        let head = Arc::clone(&one.head);
        // what goes on by client goes on for this connection too
        for holder in Holder::of(reader) {
            held.entry((holder, repository)).or_insert_with(|| HeldHead::new(&head, name)).insert(name);
        }
        bound(&mut held);
        Some(head)
    }

    /// A reader got a file of the current head.
    pub fn begin(&self, reader: Reader, repository: &RepositoryId, name: &str, head: &Arc<T>) {
        let mut held = self.lock();
        let (repository, name) = (held.hasher().hash_one(repository), held.hasher().hash_one(name));
        for holder in Holder::of(reader) {
            held.insert((holder, repository), HeldHead::new(head, name));
        }
        bound(&mut held);
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> HeldHead<T> {
    fn new(head: &Arc<T>, first: u64) -> Self {
        Self { head: Arc::clone(head), first, others: BTreeSet::new(), since: Instant::now() }
    }

    /// Notes a name; says whether it is a new one.
    fn insert(&mut self, name: u64) -> bool {
        name != self.first && self.others.insert(name)
    }
}

/// Forgets what holds no more, then the oldest, when there are too many.
fn bound<T>(held: &mut Held<T>) {
    if held.len() > MOST {
        held.retain(|(holder, _), one| one.since.elapsed() < holder.lasting());
    }
    while held.len() > MOST {
        let oldest = held.iter().min_by_key(|(_, one)| one.since).map(|(key, _)| *key);
        let Some(oldest) = oldest else { return };
        held.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenerationId, Head};
    use rws_model::sha256;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn head(counter: u64) -> Arc<Head> {
        Arc::new(Head {
            format: 1,
            repository: repository(),
            generation: GenerationId::new(1_795_354_200, Uuid::nil()),
            counter,
            nonce: Uuid::nil(),
            published_at: 0,
            packages: None,
            oldest_renderer: None,
            package_signatures: None,
            first_published_at: None,
            root: Vec::new(),
            plain: Default::default(),
            own: Default::default(),
            applied: Vec::new(),
            history: Vec::new(),
            pinned: BTreeMap::new(),
            retired: Vec::new(),
            condemned: Vec::new(),
            configuration_fingerprint: sha256(b""),
            writer_started_at: 0,
        })
    }

    fn repository() -> RepositoryId {
        RepositoryId::parse("live/1.10/el/7/x86_64").unwrap()
    }

    /// The counter of the head from which each file is answered, when the current head grows with each request.
    fn read(readers: &Readers<Head>, requests: &[(u64, &str, &str)]) -> Vec<u64> {
        let answer = |(current, (connection, client, name)): (usize, &(u64, &str, &str))| {
            let reader = Reader { connection: Some(*connection), client: readers.lock().hasher().hash_one(client) };
            let held = readers.held(reader, &repository(), name);
            held.unwrap_or_else(|| {
                let head = head(current as u64);
                readers.begin(reader, &repository(), name, &head);
                head
            })
            .counter
        };
        requests.iter().enumerate().map(answer).collect()
    }

    #[test]
    fn the_first_file_decides_for_the_others() {
        let (root, signature, key) = ("repomd.xml", "repomd.xml.asc", "repomd.xml.key");
        // dnf: a connection for each file
        assert_eq!(read(&Readers::default(), &[(1, "dnf", root), (2, "dnf", signature)]), [0, 0]);
        // zypper: one connection, the signature first, twice
        let zypper = [(1, "z", signature), (1, "z", key), (1, "z", root), (1, "z", signature), (1, "z", root)];
        assert_eq!(read(&Readers::default(), &zypper), [0, 0, 0, 3, 3]);
        // who asks for the same file again gets what is current
        assert_eq!(
            read(&Readers::default(), &[(1, "curl", root), (2, "curl", root), (3, "curl", signature)]),
            [0, 1, 1]
        );
        // others are others
        assert_eq!(read(&Readers::default(), &[(1, "a", root), (2, "b", signature), (3, "a", signature)]), [0, 1, 0]);
        // what began by client goes on for its connection, although the client begins anew elsewhere
        let crossed = [(1, "c", root), (2, "c", signature), (3, "c", root), (2, "c", key)];
        assert_eq!(read(&Readers::default(), &crossed), [0, 0, 2, 0]);
    }

    #[test]
    fn held_heads_are_bounded() {
        let readers = Readers::default();
        for number in 0..10_000_u64 {
            read(&readers, &[(number, &number.to_string(), "repomd.xml")]);
        }
        assert!(readers.lock().len() <= MOST);
    }
}
