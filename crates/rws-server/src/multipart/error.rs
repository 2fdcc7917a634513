//! What can be wrong with a multipart body: always the sender's fault, and the same bytes again cannot help.

/// A request body that is not taken. Each message is a sentence for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Another content type, or none.
    #[error("the request is not a form with files (multipart/form-data): send it with `curl --form NAME=@FILE`")]
    NotMultipart,
    /// The content type states no boundary.
    #[error("the Content-Type multipart/form-data has no boundary parameter")]
    NoBoundary,
    /// RFC 2046, section 5.1.1.
    #[error("the boundary in the Content-Type is not 1 to 70 visible ASCII characters, stated once")]
    BadBoundary,
    /// Nothing in the body is the boundary.
    #[error("the body ended without the boundary in the Content-Type: it is empty, incomplete, or not a form")]
    NoBoundaryFound,
    /// The final boundary was not seen.
    #[error("the body ended before the final boundary of the form: it is incomplete, and RWS kept nothing of it")]
    CutOff,
    /// A line that starts like a boundary but goes on.
    #[error("a boundary of the form is not followed by a line end: the boundary occurs in the data")]
    BoundaryContinues,
    /// LF without CR where CRLF must stand.
    #[error("a header or boundary line of the form ends in LF; it must end in CRLF")]
    BareLineFeed,
    /// Too many parts.
    #[error("the form has more than {limit} parts; send the files in several requests")]
    TooManyParts {
        /// The limit.
        limit: usize,
    },
    /// Too long a header.
    #[error("the headers of a part of the form are longer than {limit} bytes")]
    HeaderTooLong {
        /// The limit.
        limit: usize,
    },
    /// Too much before the first or after the last boundary.
    #[error("there are more than {limit} bytes before the first or after the final boundary of the form")]
    TooMuchOutside {
        /// The limit.
        limit: usize,
    },
    /// A header line that is none.
    #[error("a header of a part of the form is malformed: {0}")]
    BadHeader(&'static str),
    /// RFC 7578, section 4.2.
    #[error("a part of the form has no Content-Disposition header")]
    NoDisposition,
    /// A disposition that cannot be understood, or in two ways.
    #[error("the Content-Disposition of a part of the form is malformed: {0}")]
    BadDisposition(&'static str),
    /// RFC 7578, section 4.7: deprecated; taken literally it would damage the file.
    #[error("a part of the form has a Content-Transfer-Encoding; send files as they are")]
    TransferEncoding,
}
