//! Forms byte by byte, also broken ones.

const BOUNDARY: &str = "rws-test-boundary-7MA4YWxk";

/// A file in memory, to be sent under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into() }
    }

    /// The same bytes under another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), bytes: self.bytes.clone() }
    }

    /// The first bytes only.
    #[must_use]
    pub fn cut(&self, length: usize) -> Self {
        Self { name: self.name.clone(), bytes: self.bytes.get(..length).unwrap_or_default().to_vec() }
    }

    /// With more bytes at its end.
    #[must_use]
    pub fn with(&self, more: &[u8]) -> Self {
        Self { name: self.name.clone(), bytes: [&self.bytes, more].concat() }
    }

    /// With one byte changed.
    #[must_use]
    pub fn flipped(&self, at: usize) -> Self {
        let mut flipped = self.clone();
        if let Some(byte) = flipped.bytes.get_mut(at) {
            *byte ^= 0xff;
        }
        flipped
    }
}

/// The body of a `multipart/form-data` request.
#[derive(Clone, Debug, Default)]
pub struct Form {
    bytes: Vec<u8>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// A form of these files, each in a field of its name.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        files.into_iter().fold(Self::new(), |form, file| form.file(file))
    }

    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    #[must_use]
    pub fn file(self, file: &File) -> Self {
        self.part(&format!("name=\"{0}\"; filename=\"{0}\"", file.name), &file.bytes)
    }

    /// A part with these parameters of its Content-Disposition.
    #[must_use]
    pub fn part(mut self, parameters: &str, content: &[u8]) -> Self {
        let header = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The whole body.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.bytes
    }

    /// The body without its final boundary.
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }
}

/// The Content-Type of every [`Form`].
pub fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}
