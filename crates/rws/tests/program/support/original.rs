//! The storage of the original service: a directory, or a bucket.

use super::bucket::Bucket;
use super::form::File;
use super::gpgv::SecretKey;
use super::{files_below, read_file, temporary_directory, wait, write_file};
use rws_lab::{Proxy, S3Server};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A kind of storage of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// a directory of this machine
    Directory,
    /// a bucket of moto, below a prefix
    Moto,
}

/// Makes tests of functions that take a [`Kind`]: one for each, named `directory::…` and `moto::…`.
#[macro_export]
macro_rules! on_directory_and_moto {
    ($($test:ident),+ $(,)?) => {
        mod directory {
            $(#[test]
            fn $test() {
                super::$test($crate::support::original::Kind::Directory);
            })+
        }
        mod moto {
            $(#[test]
            fn $test() {
                super::$test($crate::support::original::Kind::Moto);
            })+
        }
    };
}

/// `S3_BASE_PATH`.
const PREFIX: &str = "packages";

/// How old the package files of a directory are.
const AGE: Duration = Duration::from_secs(3600);

pub(super) enum Place {
    Directory(TempDir),
    /// RWS asks through the proxy, everybody else directly
    Bucket(Box<Bucket>, Proxy),
}

/// All that the original left: the packages, what [`mkrepo`](super::mkrepo) made of them, and the key that it signed
/// with. Paths are those of URLs, without the slash at the start.
pub struct Original {
    pub(super) place: Place,
    pub(super) key: SecretKey,
    pub(super) work: TempDir,
}

impl Original {
    #[track_caller]
    pub fn on(kind: Kind) -> Self {
        let key = SecretKey::generate("ed25519");
        let place = match kind {
            Kind::Directory => Place::Directory(temporary_directory()),
            Kind::Moto => {
                let bucket = Bucket::on(S3Server::moto()).with("S3_BASE_PATH", PREFIX);
                let bucket = bucket.with("GPG_SIGN_KEY_ARMORED", &key.secret_armored());
                let proxy = Proxy::start(&bucket.s3.url);
                Place::Bucket(Box::new(bucket), proxy)
            }
        };
        Self { place, key, work: temporary_directory() }
    }

    /// The public key, armored.
    #[track_caller]
    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_armored()
    }

    /// The `file:` address of the public key.
    #[track_caller]
    pub fn key_url(&self) -> String {
        let file = self.work.path().join("key.asc");
        write_file(&file, self.public_key());
        format!("file://{}", file.display())
    }

    /// The directory that RWS is to serve, when it is one.
    #[track_caller]
    pub fn data_dir(&self) -> PathBuf {
        match &self.place {
            Place::Directory(directory) => directory.path().to_owned(),
            Place::Bucket(..) => panic!("a bucket is no directory"),
        }
    }

    /// Puts a file there. In a directory it gets the time of an hour ago.
    #[track_caller]
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        match &self.place {
            Place::Directory(directory) => {
                let file = directory.path().join(path);
                write_file(&file, content);
                let file = std::fs::File::options().write(true).open(file).expect("it was written");
                file.set_modified(SystemTime::now() - AGE).expect("the time of a file can be set");
            }
            Place::Bucket(bucket, _) => bucket.put(&key(path), content),
        }
    }

    /// Puts files into a directory; their paths.
    #[track_caller]
    pub fn put_all<'a>(&self, directory: &str, files: impl IntoIterator<Item = &'a File>) -> Vec<String> {
        let put = |file: &File| {
            let path = format!("{directory}/{}", file.name);
            self.put(&path, &file.bytes);
            path
        };
        files.into_iter().map(put).collect()
    }

    /// Writes over a file, in a second that is later than the one of its present content.
    #[track_caller]
    pub fn replace(&self, path: &str, content: impl AsRef<[u8]>) {
        match &self.place {
            Place::Directory(directory) => write_file(&directory.path().join(path), content),
            Place::Bucket(bucket, _) => {
                let before = self.header(path, "last-modified");
                wait::until("another second of moto's", wait::BOUND, || {
                    bucket.put(&key(path), content.as_ref());
                    (self.header(path, "last-modified") != before).then_some(())
                });
            }
        }
    }

    #[track_caller]
    pub fn remove(&self, path: &str) {
        match &self.place {
            Place::Directory(directory) => std::fs::remove_file(directory.path().join(path)).expect("it is there"),
            Place::Bucket(bucket, _) => bucket.s3.delete(&bucket.name, &key(path)),
        }
    }

    /// An empty directory, as far as the storage has such.
    #[track_caller]
    pub fn make_directory(&self, path: &str) {
        match &self.place {
            Place::Directory(directory) => {
                std::fs::create_dir_all(directory.path().join(path)).expect("a directory can be made");
            }
            Place::Bucket(bucket, _) => bucket.put(&format!("{}/", key(path)), ""),
        }
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        match &self.place {
            Place::Directory(directory) => {
                let file = directory.path().join(path);
                file.exists().then(|| read_file(&file))
            }
            Place::Bucket(bucket, _) => bucket.get(&key(path)),
        }
    }

    /// The content of a file that must be there, as text.
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        let content = self.get(path).unwrap_or_else(|| panic!("{path} is not there: {:?}", self.paths("")));
        String::from_utf8(content).expect("it is text")
    }

    /// The paths of all files that start so, without RWS's own, sorted.
    #[track_caller]
    pub fn paths(&self, start: &str) -> Vec<String> {
        let below = |path: String, base: &str| path.strip_prefix(base).map(str::to_owned);
        let mut paths: Vec<String> = match &self.place {
            Place::Directory(directory) => {
                let base = format!("{}/", directory.path().display());
                let files = files_below(directory.path()).into_iter();
                files.filter_map(|path| below(path.display().to_string(), &base)).collect()
            }
            Place::Bucket(bucket, _) => {
                let keys = bucket.keys().into_iter();
                keys.filter_map(|key| below(key, &format!("{PREFIX}/"))).collect()
            }
        };
        paths.retain(|path| path.starts_with(start) && !path.starts_with(".rws/"));
        paths.sort();
        paths
    }

    /// What tells that files were not written again.
    #[track_caller]
    pub fn marks(&self, paths: &[String]) -> BTreeMap<String, String> {
        paths.iter().map(|path| (path.clone(), self.mark(path))).collect()
    }

    #[track_caller]
    fn mark(&self, path: &str) -> String {
        match &self.place {
            Place::Directory(directory) => {
                let metadata = std::fs::metadata(directory.path().join(path)).expect("it is there");
                format!("{} {}.{:09}", metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
            }
            Place::Bucket(..) => format!("{} {}", self.header(path, "etag"), self.header(path, "last-modified")),
        }
    }

    #[track_caller]
    fn header(&self, path: &str, name: &str) -> String {
        let Place::Bucket(bucket, _) = &self.place else { panic!("a directory has no headers") };
        let headers = bucket.s3.head(&bucket.name, &key(path)).into_iter();
        let value = headers.filter(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value).next();
        value.unwrap_or_else(|| panic!("{path} has no {name}"))
    }
}

/// The key of a path in the bucket.
pub(super) fn key(path: &str) -> String {
    format!("{PREFIX}/{path}")
}
