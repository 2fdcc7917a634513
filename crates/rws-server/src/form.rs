//! The form of an upload: files go to the local disk while they arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::Stream;
use rws_model::{FileName, Format, Formats, Reading};
use rws_repository::IncomingFiles;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::inspection::Inspection;

use crate::answer::Problem;
use crate::body::Incoming;
use crate::multipart::{Event, MultipartError, MultipartParser};
use crate::spool::{Spool, SpoolContext, Spooled};

/// How files are sent, for who sends none.
pub const HOW_TO_SEND: &str = "Send each file as a form field: curl --form NAME=@FILE; or a single package as the body, to its name below the \
     path: curl -T FILE …/";

/// What a body is, as its headers say.
pub fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What a form had.
#[derive(Default)]
pub struct Form {
    /// The first field `product`.
    pub product: Option<String>,
    /// The files, all good.
    pub files: Vec<Spooled>,
    /// A file of another format, which is not kept.
    pub unfit: Option<FileName>,
    /// What is said of files that are taken and not kept.
    pub skipped: Vec<String>,
}

impl Form {
    /// Whether it had a file of any kind.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty() || self.unfit.is_some() || !self.skipped.is_empty()
    }
}

/// What the sender is told of a file that is taken and not kept; `None` for one that is kept.
pub fn skipped_warning(formats: &Formats, targets: &[Arc<ConfiguredTarget>], name: &str) -> Option<String> {
    let skips = |target: &Arc<ConfiguredTarget>| formats.skips(name, &target.settings);
    let reason = targets.first().and_then(skips).filter(|_| targets.iter().all(|target| skips(target).is_some()));
    reason.map(|reason| format!("{name}: it is not kept: {reason}"))
}

/// Where the files of a form go.
pub struct Destination<'a> {
    /// Where those are that are being received.
    pub place: SpoolContext<'a>,
    /// What large ones go to at once.
    pub reception: &'a mut IncomingFiles,
    /// The targets.
    pub targets: &'a [Arc<ConfiguredTarget>],
    /// What they have to be.
    pub format: &'a Arc<dyn Format>,
    /// All formats that there are.
    pub formats: &'a Formats,
    /// How much of each is read.
    pub reading: Reading,
    /// The size of the request, where the client has said it.
    pub expected_bytes: Option<u64>,
}

impl Destination<'_> {
    async fn start(&mut self, name: &FileName) -> Result<Spool, Problem> {
        let inspection = Inspection::new(&**self.format, name, self.reading);
        let spool = Spool::start(self.place, inspection, self.expected_bytes).await;
        let spool = spool.map_err(|error| error.problem(name))?;
        self.reception.receive(name, spool.file());
        Ok(spool)
    }

    /// Receives one file, as a file of a form is received.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, or the first error of its pieces.
    pub async fn receive(
        &mut self,
        name: &FileName,
        pieces: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> Result<Spooled, Problem> {
        self.start(name).await?.take(name, pieces).await
    }
}

/// Reads the form; files go to the local disk.
///
/// # Errors
///
/// What is wrong with the form, or with the first file that is bad.
pub async fn read(mut to: Destination<'_>, mut parser: MultipartParser, body: &mut Incoming) -> Result<Form, Problem> {
    let mut form = Form::default();
    let mut names = BTreeSet::new();
    let mut part = Part::Ignored;
    let field_bytes = to.place.limits.field_bytes;
    while let Some(chunk) = body.next().await? {
        let pushed = parser.push(chunk);
        while let Some(event) = parser.next_event() {
            match event {
                Event::PartBegin { name, file_name: None } => {
                    // the first one counts, as in the original
                    let is_product = name.as_deref() == Some("product") && form.product.is_none();
                    part = if is_product { Part::Product(Vec::new()) } else { Part::Ignored };
                }
                Event::PartBegin { file_name: Some(file_name), .. } => {
                    part = if let Some(warning) = skipped_warning(to.formats, to.targets, &file_name) {
                        form.skipped.push(warning);
                        Part::Ignored
                    } else {
                        let name = file_name_of(&file_name, &**to.format, to.formats)?;
                        if !names.insert(name.clone()) {
                            let message = format!("The request contains the file name {name} twice.");
                            return Err(Problem::bad_request("duplicate-name", message).of_file(name.as_str()));
                        }
                        if to.format.accepts(&name) {
                            let started = to.start(&name).await?;
                            Part::File(name, started)
                        } else {
                            form.unfit.get_or_insert(name);
                            Part::Ignored
                        }
                    };
                }
                Event::Data(bytes) => part.push(bytes, field_bytes).await?,
                Event::PartEnd => match std::mem::replace(&mut part, Part::Ignored) {
                    Part::Product(value) => form.product = Some(product_text(value)?),
                    Part::File(name, spool) => {
                        form.files.push(spool.finish().await.map_err(|error| error.problem(&name))?)
                    }
                    Part::Ignored => {}
                },
                Event::End => {}
            }
        }
        pushed.map_err(broken)?;
    }
    parser.finish().map_err(broken)?;
    Ok(form)
}

/// What the current part of a form is for.
enum Part {
    Ignored,
    Product(Vec<u8>),
    File(FileName, Spool),
}

impl Part {
    async fn push(&mut self, bytes: Bytes, field_bytes: usize) -> Result<(), Problem> {
        match self {
            Self::Ignored => Ok(()),
            Self::Product(value) if value.len() + bytes.len() > field_bytes => {
                let message = format!("The \"product\" form is longer than {field_bytes} bytes.");
                Err(Problem::bad_request("product", message))
            }
            Self::Product(value) => {
                value.extend_from_slice(&bytes);
                Ok(())
            }
            Self::File(name, spool) => spool.push(bytes).await.map_err(|error| error.problem(name)),
        }
    }
}

/// What is wrong with a body that is no form.
pub fn broken(error: MultipartError) -> Problem {
    let too_much = matches!(error, MultipartError::TooManyParts { .. } | MultipartError::HeaderTooLong { .. });
    match too_much {
        true => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error.to_string()),
        false => Problem::bad_request("multipart", error.to_string()).with_hint(HOW_TO_SEND),
    }
}

/// A good file name with an extension that some format takes, as the format of the target publishes it.
///
/// # Errors
///
/// What is wrong with the name.
pub fn file_name_of(text: &str, format: &dyn Format, formats: &Formats) -> Result<FileName, Problem> {
    let extensions = || {
        let extensions = formats.extensions().collect::<Vec<_>>().join(", ");
        let message = format!("Invalid filename. Allowed file extensions: {extensions}");
        Problem::bad_request("file-name", message).of_file(text.escape_debug().to_string())
    };
    if text.is_empty() {
        return Err(extensions());
    }
    let name = FileName::parse(text).map_err(|refusal| {
        Problem::bad_request("file-name", format!("Invalid filename: {}.", refusal.reason)).of_file(refusal.file)
    })?;
    let is_known = formats.extensions().any(|extension| text.ends_with(extension));
    if format.accepts(&name) || is_known { Ok(format.published_name(name)) } else { Err(extensions()) }
}

fn product_text(value: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(value).map_err(|_| Problem::bad_request("product", "The \"product\" form is not UTF-8."))
}
