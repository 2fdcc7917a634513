//! What can be wrong with an RPM file.

use std::fmt;

use rws_model::{FileName, Refusal};

/// One of the two headers of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The first: digests and signatures of what follows.
    Signature,
    /// The second: all that is said of the package.
    Main,
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signature => "signature header",
            Self::Main => "main header",
        })
    }
}

/// Why a file is not taken: one line each, without the name of the file. Trying the same bytes again cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first four bytes are not `ED AB EE DB`.
    #[error("this is not an RPM package: it does not start with the magic number ED AB EE DB")]
    NotRpm,
    /// A delta or a patch: it does not hold the whole package.
    #[error("this is a {0}, not a whole RPM package")]
    Delta(&'static str),
    /// The lead's major version, or its kind of signature.
    #[error("the lead is of an RPM format that is not supported ({0})")]
    LeadFormat(String),
    /// The file ends before its payload begins.
    #[error("the file is cut: it ends inside the {0}")]
    Cut(&'static str),
    /// The 8 bytes before the counts of a header.
    #[error("the {0} does not start with the magic number of a header")]
    HeaderMagic(Section),
    /// More entries than any package has, or none.
    #[error("the {0} claims {1} entries")]
    HeaderEntries(Section, u32),
    /// More data than any package has.
    #[error("the {0} claims {1} bytes of data")]
    HeaderData(Section, u32),
    /// One entry of a header.
    #[error("the {section} is broken: tag {tag} {reason}")]
    HeaderEntry {
        /// The header.
        section: Section,
        /// The tag of the entry.
        tag: u32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A digest or a size is stated in a form that no tool writes.
    #[error("the {0} states no valid {1}")]
    Statement(Section, &'static str),
    /// A digest.
    #[error("the {0} is not the one that the package states")]
    Digest(&'static str),
    /// Fewer bytes than stated.
    #[error("the file is cut: {1} bytes of {0} are stated, {2} are there")]
    Short(&'static str, u64, u64),
    /// More bytes than stated.
    #[error("bytes follow the end of the package: {1} bytes of {0} are stated, at least {2} are there")]
    Trailing(&'static str, u64, u64),
    /// Neither a size nor a digest of the payload.
    #[error("it cannot be told whether the file is whole: it states neither its size nor a digest of its payload")]
    Unverifiable,
    /// Name, version, release or architecture.
    #[error("the main header has no valid {0} (tag {1})")]
    Identity(&'static str, u32),
    /// Name, version, release or architecture, with a character or form that clients or rpm stumble over.
    #[error("the {what} (tag {tag}) is {text:?}: {reason}")]
    IdentityText {
        /// Which of them.
        what: &'static str,
        /// Its tag.
        tag: u32,
        /// Its text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A tag without which `rpm -i` does not read the package.
    #[error("the main header has no {0} (tag {1}): rpm does not install such a package")]
    Missing(&'static str, u32),
    /// Source and binary package in one.
    #[error(
        "tags 1022, 1044 and 1106 contradict each other: it is a source package to some clients and none to others"
    )]
    Kind,
    /// Neither a digest of the main header nor one of the payload.
    #[error("no digest covers the {0}: rpm does not install such a package")]
    Uncovered(&'static str),
    /// A rich dependency.
    #[error("{field} has a rich dependency that rpm does not take, {text:?}: {reason}")]
    Rich {
        /// The list: `Requires`.
        field: &'static str,
        /// The dependency.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list with more elements than any package has.
    #[error("the main header lists {1} {0}: more than RWS takes")]
    TooMany(&'static str, usize),
    /// A file whose directory does not exist.
    #[error("the file list is broken: a file names directory {0}, and there are {1}")]
    Directory(u64, usize),
    /// Lists of files that do not belong together.
    #[error("the file list is broken: {0}")]
    FileList(String),
    /// Others use the memory that reading it takes.
    #[error("there is no memory to read it now, as others use it")]
    Memory,
    /// The payload cannot be unpacked.
    #[error("its payload is damaged: {0}")]
    Payload(String),
    /// The text for one index.
    #[error("the package's entry in an index would be larger than {0} bytes")]
    EntrySize(usize),
}

impl Fault {
    /// The fault as a refusal of the file `name`.
    pub fn refuse(self, name: &FileName) -> Refusal {
        let refusal = Refusal::new(name.as_str(), self.to_string());
        match self {
            Self::Memory => Refusal::memory(name.as_str()),
            Self::Cut(_) | Self::Short(..) | Self::Digest(_) => refusal.with_hint("send the whole file again"),
            _ => refusal,
        }
    }
}
