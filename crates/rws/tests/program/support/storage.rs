//! Where the repositories of a test are.

use super::bucket::Bucket;
use super::server::Server;

/// A kind of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// a directory of this machine
    Directory,
    /// a bucket of Ceph's gateway
    Ceph,
}

impl Server {
    /// A fresh server on empty storage of a kind.
    #[track_caller]
    pub fn on(storage: Storage) -> Self {
        match storage {
            Storage::Directory => Self::start(),
            Storage::Ceph => Bucket::on_ceph().serve(),
        }
    }
}

/// Makes tests of functions that take a [`Storage`]: one for each kind, named `directory::…` and `ceph::…`.
#[macro_export]
macro_rules! on_every_storage {
    ($($test:ident),+ $(,)?) => {
        mod directory {
            $(#[test]
            fn $test() {
                super::$test($crate::support::storage::Storage::Directory);
            })+
        }
        mod ceph {
            $(#[test]
            fn $test() {
                super::$test($crate::support::storage::Storage::Ceph);
            })+
        }
    };
}
