//! All names below the private prefix, in one place: this crate's own, and those of the crates above it.
//!
//! ```text
//! .rws/heads/REPOSITORY.json                 the head of a repository
//! .rws/generations/REPOSITORY/GENERATION     a manifest
//! .rws/pins/NAME.json                        a pin: a name for states of repositories
//! .rws/purged/SHA256.json                    the record of a purge
//! .rws/webhooks/SHA256/events/EVENT.json     an event that waits for the receiver of a webhook
//! .rws/webhooks/SHA256/said/EVENT            a warning about a key that the receiver has been told of
//! .rws/webhooks/SHA256/lease.json            which replica delivers
//! .rws/pending/REPOSITORY/UPLOAD             a pointer: this upload has changes for this repository
//! .rws/uploads/UPLOAD.json                   an upload: all its changes
//! .rws/incoming/UPLOAD/NAME                  a package file of an upload
//! .rws/aside/SHA256/TARGET/PRODUCT/NAME      a file that waits for the `.changes` of its upload
//! .rws/failed/REPOSITORY/UPLOAD              an upload that could not be carried out there, and why
//! .rws/malformed/REPOSITORY.txt              malformed packages that a comparison with the store stopped at
//! .rws/identities/REPOSITORY/SHA256          what a package is about to become (where other bytes are refused)
//! .rws/claims/PATH                           what a public path is about to hold (S3 only)
//! .rws/backup.json                           this store is a backup: RWS copies to it again
//! .rws/lease.json                            who may write (only where S3 keeps no conditions)
//! .rws/probe/                                what is tried at start (S3 only)
//! .rws/local/                                temporary and lock files of a local store
//! .rws/secrets/                              what the embedded default made for itself (local directory only)
//! .rws/spool/                                files of uploads that are under way (local directory only)
//! ```

/// The prefix of everything that is not repository content.
pub const PREFIX: &str = ".rws/";

/// Where all heads are.
pub const HEADS: &str = ".rws/heads/";

/// Where all manifests are.
pub const GENERATIONS: &str = ".rws/generations/";

/// Where all pins are.
pub const PINS: &str = ".rws/pins/";

/// Where it is noted which targets have no objects that everybody may read from the bucket.
pub const CLOSED: &str = ".rws/closed/";

/// Where all tokens are.
pub const TOKENS: &str = ".rws/tokens/";

/// Where it is noted when tokens were used last.
pub const TOKEN_USES: &str = ".rws/token-uses/";

/// Where all records of purges are.
pub const PURGED: &str = ".rws/purged/";

/// Where the events are that wait for the receivers of webhooks.
pub const WEBHOOKS: &str = ".rws/webhooks/";

/// The note that a store is a backup.
pub const BACKUP: &str = ".rws/backup.json";

/// Where all pointers are.
pub const PENDING: &str = ".rws/pending/";

/// Where all uploads are.
pub const UPLOADS: &str = ".rws/uploads/";

/// Where all package files of uploads are.
pub const INCOMING: &str = ".rws/incoming/";

/// Where files are that wait for the list of their upload.
pub const ASIDE: &str = ".rws/aside/";

/// Where notes of uploads are that could not be carried out.
pub const FAILED: &str = ".rws/failed/";

/// Where lists of malformed packages are.
pub const MALFORMED: &str = ".rws/malformed/";

/// Where claims of identities are.
pub const IDENTITIES: &str = ".rws/identities/";

/// Where claims of public paths are; the store makes and settles them.
pub const CLAIMS: &str = ".rws/claims/";

/// The lease: who may write, where the store keeps no conditions.
pub const LEASE: &str = ".rws/lease.json";

/// Where the start tries out what the store can do.
pub const PROBES: &str = ".rws/probe/";

/// The directory of temporary and lock files of a local store.
pub const LOCAL: &str = ".rws/local";

/// The directory of what the embedded default made for itself.
pub const SECRETS: &str = ".rws/secrets";

/// The directory of uploads that are under way.
pub const SPOOL: &str = ".rws/spool";

#[cfg(test)]
mod tests {
    use std::fs::{read_dir, read_to_string};
    use std::path::Path;

    /// All files of code below a directory.
    fn each_source(directory: &Path, take: &mut dyn FnMut(&Path, &str)) {
        for entry in read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                each_source(&path, take);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                take(&path, &read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn no_other_module_writes_a_private_name() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let (mut files, mut others) = (0, Vec::new());
        for one in read_dir(crates).unwrap() {
            let source = one.unwrap().path().join("src");
            each_source(&source, &mut |path, code| {
                files += 1;
                let code = code.split("#[cfg(test)]").next().unwrap();
                let writes = code.lines().any(|line| line.contains("\".rws") && !line.trim_start().starts_with("//"));
                others.extend((writes && !path.ends_with("rws-store/src/private.rs")).then(|| path.to_owned()));
            });
        }
        assert!(files > 100, "{files}");
        // tests stand in files of their own too
        others.retain(|path| !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests"));
        assert_eq!(others, Vec::<std::path::PathBuf>::new());
    }
}
