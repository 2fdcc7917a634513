//! What can be wrong with a file, before it is a refusal that names the file.

use rws_model::{FileName, Refusal};

/// What is wrong with the bytes of one file. The text of each is the reason of a [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// deb(5): the magic line of an ar archive is not there.
    #[error("it is not a Debian package: it does not start as an ar archive")]
    NotAnArchive,
    /// A header of 60 bytes breaks a rule of ar.
    #[error("the ar member header at byte {offset} is damaged: {what}")]
    ArHeader {
        /// Where the header starts.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file ends too early.
    #[error("it is cut: it ends inside {0}")]
    Cut(String),
    /// The members of the archive are not those of deb(5), in that order.
    #[error("it is not a Debian package: {0}")]
    Members(String),
    /// `debian-binary` is not a version that anybody can read.
    #[error("the package format version in debian-binary is not 2.x")]
    FormatVersion,
    /// A member cannot be unpacked.
    #[error("its {member} is damaged: {what}")]
    Member {
        /// The name of the member.
        member: &'static str,
        /// What went wrong.
        what: String,
    },
    /// Others use the memory that reading it takes.
    #[error("there is no memory to read it now, as others use it")]
    Memory,
    /// Something is larger than this reader takes.
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit_bytes: u64,
    },
    /// A paragraph breaks Debian Policy 5.1.
    #[error("{file} is malformed in line {line}: {what}")]
    Stanza {
        /// `its control file`, `it`.
        file: &'static str,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A field that must be there is not.
    #[error("the field {0} is missing or empty")]
    FieldMissing(&'static str),
    /// A field has a value that Debian Policy 5.6 does not allow.
    #[error("the field {field} has the illegal value {value}: {rule}")]
    FieldValue {
        /// The name of the field.
        field: &'static str,
        /// The value as it can be printed.
        value: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A field that dpkg or apt do not take in a package.
    #[error("it has the field {field}: {what}")]
    Field {
        /// The name of the field.
        field: String,
        /// Why it is not taken.
        what: &'static str,
    },
    /// A relation field breaks Debian Policy 7.1: apt would stop at it, whatever it was asked for.
    #[error("the relations in the field {field} cannot be read: {what}")]
    Relation {
        /// The name of the field.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The signature around the text breaks RFC 9580, section 7.
    #[error("its OpenPGP clear-signature is malformed: {0}")]
    ClearSignature(&'static str),
    /// The lists of files disagree or cannot be read.
    #[error("the field {field} is malformed: {what}")]
    FileList {
        /// The name of the field.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl Fault {
    /// The refusal of `file` because of this.
    pub(crate) fn refuse(self, file: &FileName) -> Refusal {
        match self {
            Self::Memory => Refusal::memory(file.as_str()),
            _ => Refusal::new(file.as_str(), self.to_string()),
        }
    }
}

/// A value as it can stand in a message: printable, and short.
pub(crate) fn printable(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes));
    let dots = if bytes.len() > LONGEST { "…" } else { "" };
    format!("\"{}{dots}\"", text.escape_debug())
}
