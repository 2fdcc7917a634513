//! All addresses: what each needs, and who answers it.

use axum::http::Method;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: the answer says nothing of what is in repositories.
    None,
    /// To read the resource, as everybody may.
    Read,
    /// A login that may write the resource.
    Write,
    /// The login of an administrator.
    Administer,
}

impl Right {
    /// Whether somebody has to log in.
    pub fn needs_login(self) -> bool {
        matches!(self, Self::Write | Self::Administer)
    }
}

/// What a request reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The process itself.
    Process,
    /// A public key.
    Key,
    /// What happened to an upload.
    Upload,
    /// One target, or its repositories.
    Target,
    /// All repositories.
    Repositories,
    /// The targets of a path of uploads.
    Targets,
    /// A public path.
    Path,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `own::health`
    Health,
    /// `own::ready`
    Ready,
    /// `own::metrics`
    Metrics,
    /// `own::version`
    Version,
    /// `own::openapi`
    OpenApi,
    /// `own::repositories`
    Repositories,
    /// `past::get`
    Past,
    /// `at::get`
    At,
    /// `own::overview`
    Status,
    /// `own::upload`
    UploadStatus,
    /// `own::key`
    Key,
    /// `own::client_file`
    ClientFile,
    /// `own::mirrorlist`
    Mirrorlist,
    Changelog,
    /// `debuginfod::get`
    Debuginfod,
    /// Nobody: there is nothing.
    Nothing,
    /// `metadata::put`
    PutMetadata,
    /// `metadata::remove`
    RemoveMetadata,
    /// `incoming::put`
    PutIncoming,
    /// `promote::post`
    Promote,
    /// `rollback::post`
    Rollback,
    /// `retain::post`
    Retain,
    Phase,
    /// `audit::get`
    Audit,
    /// `contents::search::get`
    Search,
    /// `contents::packages::get`
    Packages,
    /// `pages::get`
    Browse,
    /// `pins::get`
    Pins,
    /// `purge::post`
    Purge,
    /// `tokens::get`
    Tokens,
    /// `tokens::post`
    CreateToken,
    /// `tokens::delete`
    RevokeToken,
    /// `pins::post`
    CreatePin,
    /// `pins::delete`
    RemovePin,
    /// `read::get`
    Read,
    /// `upload::put`
    Upload,
    /// `schedule::post`
    Synchronise,
    /// `remove::delete`
    Remove,
}

/// One address and method.
#[derive(Debug)]
pub struct Row {
    /// GET stands for HEAD, too.
    pub method: Method,
    /// The path. `{…}` at its end stands for everything that follows, which is not empty.
    pub path: &'static str,
    /// What it needs.
    pub right: Right,
    /// What it reads or writes.
    pub resource: Resource,
    /// Who answers.
    pub endpoint: Endpoint,
}

const fn row(method: Method, path: &'static str, right: Right, resource: Resource, endpoint: Endpoint) -> Row {
    Row { method, path, right, resource, endpoint }
}

/// All rows. The first path that fits counts; rows of the same path stand together.
pub static ROWS: [Row; 39] = [
    row(Method::GET, "/-/health", Right::None, Resource::Process, Endpoint::Health),
    row(Method::GET, "/-/ready", Right::None, Resource::Process, Endpoint::Ready),
    row(Method::GET, "/-/metrics", Right::None, Resource::Process, Endpoint::Metrics),
    row(Method::GET, "/-/version", Right::None, Resource::Process, Endpoint::Version),
    row(Method::GET, "/-/openapi.json", Right::None, Resource::Process, Endpoint::OpenApi),
    row(Method::GET, "/-/repositories", Right::Read, Resource::Repositories, Endpoint::Repositories),
    row(Method::GET, "/-/repositories/{repository/what}", Right::Read, Resource::Repositories, Endpoint::Past),
    row(Method::GET, "/-/at/{state/path}", Right::Read, Resource::Repositories, Endpoint::At),
    row(Method::GET, "/-/search", Right::Read, Resource::Repositories, Endpoint::Search),
    row(Method::GET, "/-/packages/{repository/name}", Right::Read, Resource::Repositories, Endpoint::Packages),
    row(Method::GET, "/-/browse{/page}", Right::Read, Resource::Repositories, Endpoint::Browse),
    row(Method::GET, "/-/status", Right::Read, Resource::Repositories, Endpoint::Status),
    row(Method::GET, "/-/status/{upload}", Right::Read, Resource::Upload, Endpoint::UploadStatus),
    row(Method::GET, "/-/keys/{name}", Right::Read, Resource::Key, Endpoint::Key),
    row(Method::GET, "/-/setup/{target.file}", Right::Read, Resource::Target, Endpoint::ClientFile),
    row(Method::GET, "/-/mirrorlist/{repository}", Right::Read, Resource::Target, Endpoint::Mirrorlist),
    row(Method::GET, "/-/changelogs/{target/path}", Right::Read, Resource::Target, Endpoint::Changelog),
    row(Method::GET, "/-/debuginfod/{target/path}", Right::Read, Resource::Target, Endpoint::Debuginfod),
    row(Method::PUT, "/-/metadata/{target/part/name}", Right::Write, Resource::Targets, Endpoint::PutMetadata),
    row(Method::DELETE, "/-/metadata/{target/part/name}", Right::Write, Resource::Targets, Endpoint::RemoveMetadata),
    row(Method::PUT, "/-/incoming/{target/product/file}", Right::Write, Resource::Targets, Endpoint::PutIncoming),
    row(Method::POST, "/-/promote", Right::Write, Resource::Targets, Endpoint::Promote),
    row(Method::POST, "/-/rollback", Right::Write, Resource::Targets, Endpoint::Rollback),
    row(Method::POST, "/-/phase", Right::Write, Resource::Targets, Endpoint::Phase),
    row(Method::POST, "/-/retain", Right::Write, Resource::Targets, Endpoint::Retain),
    row(Method::GET, "/-/pins", Right::Read, Resource::Repositories, Endpoint::Pins),
    row(Method::POST, "/-/pins", Right::Administer, Resource::Targets, Endpoint::CreatePin),
    row(Method::DELETE, "/-/pins/{name}", Right::Administer, Resource::Targets, Endpoint::RemovePin),
    row(Method::GET, "/-/tokens", Right::Administer, Resource::Repositories, Endpoint::Tokens),
    row(Method::POST, "/-/tokens", Right::Administer, Resource::Targets, Endpoint::CreateToken),
    row(Method::DELETE, "/-/tokens/{id}", Right::Administer, Resource::Targets, Endpoint::RevokeToken),
    row(Method::POST, "/-/purge", Right::Administer, Resource::Targets, Endpoint::Purge),
    row(Method::GET, "/-/audit", Right::Administer, Resource::Repositories, Endpoint::Audit),
    row(Method::GET, "/-/{other}", Right::None, Resource::Process, Endpoint::Nothing),
    row(Method::GET, "/", Right::Read, Resource::Path, Endpoint::Read),
    row(Method::GET, "/{path}", Right::Read, Resource::Path, Endpoint::Read),
    row(Method::PUT, "/{path}", Right::Write, Resource::Targets, Endpoint::Upload),
    row(Method::POST, "/{path}", Right::Write, Resource::Targets, Endpoint::Synchronise),
    row(Method::DELETE, "/{path}", Right::Write, Resource::Targets, Endpoint::Remove),
];

/// The rows of one path, and what stands there for `{…}`.
#[derive(Debug)]
pub struct Route<'p> {
    rows: &'static [Row],
    /// What follows the words of the path.
    pub rest: &'p str,
}

impl Row {
    /// What stands in a path for `{…}`, where it fits.
    fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.path.split_once('{') {
            // below `/-/` is nothing of a repository, not even without a word
            Some((words, _)) => {
                let may_be_empty = [Endpoint::Nothing, Endpoint::Browse].contains(&self.endpoint);
                path.strip_prefix(words).filter(|rest| !rest.is_empty() || may_be_empty)
            }
            None => (path == self.path).then_some(""),
        }
    }
}

impl<'p> Route<'p> {
    /// The rows of an absolute path.
    pub fn of(path: &'p str) -> Self {
        for (position, row) in ROWS.iter().enumerate() {
            if let Some(rest) = row.rest(path) {
                let behind = ROWS.get(position..).unwrap_or_default();
                let count = behind.iter().take_while(|other| other.path == row.path).count();
                return Self { rows: behind.get(..count).unwrap_or_default(), rest };
            }
        }
        Self { rows: &[], rest: "" }
    }

    /// The row of a method; that of GET for HEAD.
    pub fn row(&self, method: &Method) -> Option<&'static Row> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.rows.iter().find(|row| row.method == *method)
    }

    /// The methods that its rows answer, as `Allow` lists them.
    pub fn methods(&self) -> String {
        let mut methods: Vec<&str> = self.rows.iter().map(|row| row.method.as_str()).collect();
        methods.extend(methods.contains(&"GET").then_some("HEAD"));
        methods.push("OPTIONS");
        methods.sort_unstable();
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::document;

    #[test]
    fn the_first_path_that_fits_counts() {
        let expected = [
            ("/-/health", "GET, HEAD, OPTIONS", "", Some(Endpoint::Health)),
            ("/-/health/x", "GET, HEAD, OPTIONS", "health/x", Some(Endpoint::Nothing)),
            ("/-/status", "GET, HEAD, OPTIONS", "", Some(Endpoint::Status)),
            ("/-/status/1", "GET, HEAD, OPTIONS", "1", Some(Endpoint::UploadStatus)),
            ("/-/browse", "GET, HEAD, OPTIONS", "", Some(Endpoint::Browse)),
            ("/-/", "GET, HEAD, OPTIONS", "", Some(Endpoint::Nothing)),
            ("/-/metadata/a/b", "DELETE, OPTIONS, PUT", "a/b", None),
            ("/-/incoming/a", "OPTIONS, PUT", "a", None),
            ("/", "GET, HEAD, OPTIONS", "", Some(Endpoint::Read)),
            ("/live/1.10/el/7", "DELETE, GET, HEAD, OPTIONS, POST, PUT", "live/1.10/el/7", Some(Endpoint::Read)),
        ];
        for (path, methods, rest, get) in expected {
            let route = Route::of(path);
            assert_eq!((route.methods().as_str(), route.rest), (methods, rest), "{path}");
            assert_eq!(route.row(&Method::HEAD).map(|row| row.endpoint), get, "{path}");
        }
    }

    /// Who may change something has logged in; who reads, or asks for what says nothing of repositories, need not.
    #[test]
    fn rights_fit_methods_and_the_document() {
        for row in &ROWS {
            let needs_login = row.right.needs_login();
            assert!(needs_login || row.method == Method::GET, "{row:?}");
            assert!(row.right != Right::Write || row.method != Method::GET, "{row:?}");
            assert_eq!(row.right == Right::None, row.resource == Resource::Process, "{row:?}");
        }
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let row = Route::of(path).row(&method).unwrap_or_else(|| panic!("{method} {path}"));
                assert_ne!(row.endpoint, Endpoint::Nothing, "{method} {path}");
                assert_eq!(operation["security"].is_array(), row.right.needs_login(), "{method} {path}");
                seen.insert((row.path, method.as_str().to_owned()));
            }
        }
        let own = ROWS
            .iter()
            .filter(|row| row.path.starts_with("/-/") && ![Endpoint::At, Endpoint::Browse].contains(&row.endpoint));
        let (seen_own, others): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(path, _)| path.starts_with("/-/"));
        assert_eq!(seen_own.len(), own.count() - 1, "all but the last, files, and pages");
        assert_eq!(others, [("/{path}", "PUT".to_owned())], "the upload of a single package");
    }
}
