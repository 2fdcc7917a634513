//! `GET /-/debuginfod/<target>/buildid/…`: what debuggers ask for (debuginfod(8), "WEBAPI"). Files are read out of the packages of the
//! repositories, so that packages have them however they came: uploaded, promoted, or published before RWS.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use rws_model::{BuildId, DebugFile, DebugFormat, DebugKind, EntryTopic};

use crate::access::Reader;
use crate::answer::{Answer, Problem, busy, text};
use crate::connection::Client;
use crate::contents::packages;
use crate::extraction::{self, ExtractedFile};
use crate::gate::{ReadableContents, ReadablePackage};
use crate::path::{behind_target, encoded};
use crate::schema::{StoreProblems, TargetPath};
use crate::service::Service;
use crate::spool::MemoryOfUser;

/// How long a request waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// In so many packages a file is looked for.
const MAX_PACKAGES: usize = 32;

/// What is said of a file beside its bytes (debuginfod(8), "HTTP HEADERS").
const FILE: HeaderName = HeaderName::from_static("x-debuginfod-file");
const ARCHIVE: HeaderName = HeaderName::from_static("x-debuginfod-archive");
const SIZE: HeaderName = HeaderName::from_static("x-debuginfod-size");

/// A request.
struct Asked {
    id: BuildId,
    wanted: DebugFile,
}

impl Asked {
    /// What follows `buildid/`: `ID/debuginfo`, `ID/executable`, `ID/source/PATH`.
    fn parse(path: &str) -> Option<Self> {
        let (id, what) = path.split_once('/')?;
        let id = BuildId::parse(id.as_bytes())?;
        let wanted = match what.split_once('/').unwrap_or((what, "")) {
            ("debuginfo", "") => DebugFile::OfBuildId(id.clone(), DebugKind::Debuginfo),
            ("executable", "") => DebugFile::OfBuildId(id.clone(), DebugKind::Executable),
            ("source", path) if !path.is_empty() => DebugFile::Source(absolute(path)),
            _ => return None,
        };
        Some(Self { id, wanted })
    }
}

/// A path without `.`, `..` and empty parts: compilers write them down as they were told.
fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A file of a build ID, out of the packages of a target.
#[utoipa::path(get, path = "/-/debuginfod/{kind}/{series}/{distribution}/{version}/buildid/{build_id}/{what}", tag = "clients",
    params(
        TargetPath,
        ("build_id" = String, Path, description = "The build ID, in lower-case hexadecimal digits."),
        ("what" = String, Path, description = "`debuginfo`, `executable`, or `source/PATH` with the absolute path that debugging information states."),
    ),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/octet-stream"),
        (status = 404, description = "No package has such a file.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(
    service: &Arc<Service>,
    reader: &Reader,
    client: &Client,
    rest: &str,
) -> Result<Option<Answer>, Problem> {
    let Some((target, path)) = behind_target(rest) else { return Ok(None) };
    let Some(readable) = service.gate.readable_target(reader, target)? else { return Ok(None) };
    let Some(asked) = path.strip_prefix("buildid/").and_then(Asked::parse) else { return Ok(None) };
    let Some(debug) = readable.configured().format.debug() else { return Ok(None) };
    let turn = service.budgets.debuginfod.take(&client.network(), 1, LONGEST_QUEUE).await;
    let turn = Arc::new(turn.ok_or_else(|| busy("debuginfod"))?);
    let contents = service.gate.contents_of(reader, &readable).await?;
    for package in holders(service, debug, &contents, &asked).await?.into_iter().take(MAX_PACKAGES) {
        let Some((path, file)) = package.files.first() else { continue };
        let memory = Arc::new(MemoryOfUser::new(&service.budgets, "debuginfod"));
        let reader = |output| debug.reader(&file.name, asked.wanted.clone(), output, memory);
        if let Some(found) = extraction::file(service, path, reader, Arc::clone(&turn)).await? {
            return Ok(Some(answer(&package, found)));
        }
    }
    let message = format!("No package of {target} has this file of the build ID {}.", asked.id);
    Err(Problem::new(StatusCode::NOT_FOUND, "no-build-id", message))
}

/// Packages that may have the file.
async fn holders(
    service: &Arc<Service>,
    debug: &dyn DebugFormat,
    contents: &[ReadableContents],
    asked: &Asked,
) -> Result<Vec<ReadablePackage>, Problem> {
    let kind = match asked.wanted {
        DebugFile::OfBuildId(_, kind) => kind,
        DebugFile::Source(_) => DebugKind::Debuginfo,
    };
    let mut named = Vec::new();
    for contents in contents {
        let packages = service.gate.packages_with(contents, (&asked.id, kind)).await?;
        named.extend(packages.into_iter().map(|package| (contents, package)));
    }
    named.truncate(MAX_PACKAGES);
    let mut packages = Vec::new();
    let of_texts = named.iter().filter(|_| matches!(asked.wanted, DebugFile::Source(_)));
    for (of, package) in of_texts {
        let Some(source) = source_of(service, of, package).await? else { continue };
        let format = &of.target().format;
        for name in debug.source_texts(format.source_package(&source)) {
            for contents in contents {
                for text in packages::named(service, contents, &name).await? {
                    if source_of(service, contents, &text).await?.as_ref() == Some(&source) {
                        packages.push(text);
                    }
                }
            }
        }
    }
    // older tools put the text beside the symbols
    packages.extend(named.into_iter().map(|(_, package)| package));
    Ok(packages)
}

/// What a package says that it was built from.
async fn source_of(
    service: &Service,
    contents: &ReadableContents,
    package: &ReadablePackage,
) -> Result<Option<String>, Problem> {
    let format = &contents.target().format;
    let entries = service.gate.entries_of(contents, package).await?.entries;
    let mut descriptions =
        entries.iter().filter(|entry| format.entry_topic(&entry.partition) == Some(EntryTopic::Description));
    Ok(descriptions.find_map(|entry| format.source_of(&entry.text)))
}

/// The answer with a file that was found in a package.
fn answer(package: &ReadablePackage, file: ExtractedFile) -> Answer {
    let ExtractedFile { found, body } = file;
    let mut answer = text(StatusCode::OK, "application/octet-stream", body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(found.size_bytes));
    headers.insert(SIZE, HeaderValue::from(found.size_bytes));
    // a browser runs nothing of what somebody uploaded, whatever it takes it for
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    let path = format!("/{}", encoded(&String::from_utf8_lossy(&found.path)));
    let archive = package.files.first().map(|(_, file)| encoded(file.name.as_str()).to_string());
    for (name, value) in [(FILE, Some(path)), (ARCHIVE, archive)] {
        headers.extend(value.and_then(|value| HeaderValue::try_from(value).ok()).map(|value| (name, value)));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_files() {
        let of = |path: &str| Asked::parse(path).map(|asked| asked.wanted);
        let id = || BuildId::parse(b"0abc").unwrap();
        assert_eq!(of("0abc/debuginfo"), Some(DebugFile::OfBuildId(id(), DebugKind::Debuginfo)));
        assert_eq!(of("0abc/executable"), Some(DebugFile::OfBuildId(id(), DebugKind::Executable)));
        let source = |path: &str| Some(DebugFile::Source(path.to_owned()));
        assert_eq!(of("0abc/source/usr/src/a.c"), source("/usr/src/a.c"));
        assert_eq!(of("0abc/source//usr/./src/../../../b//a.c"), source("/b/a.c"));
        for bad in ["", "0abc", "0abc/", "0abc/source/", "0abc/section/.text", "../debuginfo", "0ABC/debuginfo"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
