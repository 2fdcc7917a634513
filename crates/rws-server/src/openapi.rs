//! The document of what is below `/-/`, and of the upload of a single package (OpenAPI 3.1).

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::contents::{packages, search};
use crate::{
    audit, changelogs, debuginfod, incoming, metadata, own, past, phase, pins, promote, purge, retain, rollback,
    tokens, upload,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "RWS, the Repository Web Service",
        description = "What is not a repository path, and the upload of a single package. Forms of packages are uploaded, and \
                       packages are removed and read at the paths of their repositories: see docs/usage.md.",
        license(name = "BSD-2-Clause"),
    ),
    paths(
        own::health, own::ready, own::metrics, own::version, own::openapi, own::overview, own::repositories,
        own::upload, search::get, packages::get, own::key, own::client_file, own::mirrorlist, changelogs::get, debuginfod::get, upload::put, incoming::put,
        metadata::put, metadata::remove,
        promote::post, rollback::post, retain::post, phase::post, audit::get, tokens::get, tokens::post,
        tokens::delete, purge::post, pins::get, pins::post, pins::delete, past::generations, past::diff,
    ),
    modifiers(&Passwords),
)]
struct Document;

/// Basic authentication, for what changes something.
struct Passwords;

impl Modify for Passwords {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("password", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// The document as JSON, with a line end.
pub fn document() -> String {
    let json = Document::openapi().to_pretty_json();
    json.map_or_else(|error| format!("{{\"message\":\"{error}\"}}\n"), |json| json + "\n")
}
