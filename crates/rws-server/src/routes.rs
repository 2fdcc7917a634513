//! Which handler answers what.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::EXPECT;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};

use rws_repository::pins::Reader;

use crate::access::User;
use crate::answer::{Answer, Problem, allowed, reads, unauthorized};
use crate::body::{Drained, drain};
use crate::connection::reader;
use crate::service::Service;
use crate::{assets, download, incoming, listing, metadata, own, path, remove, schedule, upload};

const ROOT_METHODS: &str = "GET, HEAD, OPTIONS";
const METADATA_METHODS: &str = "DELETE, OPTIONS, PUT";
const INCOMING_METHODS: &str = "OPTIONS, PUT";
const PATH_METHODS: &str = "DELETE, GET, HEAD, OPTIONS, POST, PUT";

/// How much is read of a refused file: `dput` sends its first file without a password, and looks for the answer only when it
/// has sent all of it.
const INCOMING_DRAINED: Drained = Drained { most_bytes: 8 << 30, time: Duration::from_secs(600) };

/// The router of a service.
pub fn router(service: Arc<Service>) -> Router {
    Router::new().fallback(handle).with_state(service)
}

async fn handle(State(service): State<Arc<Service>>, request: Request<Body>) -> Answer {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answer = dispatch(&service, request).await;
    tracing::info!(%method, path = uri.path(), status = answer.status().as_u16(), "request");
    answer
}

async fn dispatch(service: &Arc<Service>, request: Request<Body>) -> Answer {
    let method = request.method().clone();
    let raw = request.uri().path().to_owned();
    if let Some(own_path) = raw.strip_prefix("/-/") {
        let is_metadata = own_path.starts_with("metadata/");
        let is_incoming = own_path.starts_with("incoming/");
        return match method {
            Method::PUT if is_incoming => incoming(service, &raw, request).await,
            Method::OPTIONS if is_incoming => allowed(StatusCode::OK, INCOMING_METHODS),
            _ if is_incoming => allowed(StatusCode::METHOD_NOT_ALLOWED, INCOMING_METHODS),
            Method::PUT | Method::DELETE if is_metadata => write(service, &method, &raw, request).await,
            Method::OPTIONS if is_metadata => allowed(StatusCode::OK, METADATA_METHODS),
            _ if is_metadata => allowed(StatusCode::METHOD_NOT_ALLOWED, METADATA_METHODS),
            _ if reads(&method) => own::get(service, own_path, request.headers()).await,
            Method::OPTIONS => allowed(StatusCode::OK, ROOT_METHODS),
            _ => allowed(StatusCode::METHOD_NOT_ALLOWED, ROOT_METHODS),
        };
    }
    match method {
        _ if reads(&method) => {
            // a look is no beginning
            let reader = reader(&request).filter(|_| method == Method::GET);
            let (parts, _) = request.into_parts();
            read(service, &parts.method, &parts.uri, &parts.headers, reader.as_ref()).await
        }
        Method::OPTIONS if raw == "/" => allowed(StatusCode::OK, ROOT_METHODS),
        Method::OPTIONS => allowed(StatusCode::OK, PATH_METHODS),
        _ if raw == "/" => allowed(StatusCode::METHOD_NOT_ALLOWED, ROOT_METHODS),
        Method::PUT | Method::POST | Method::DELETE => write(service, &method, &raw, request).await,
        _ => allowed(StatusCode::METHOD_NOT_ALLOWED, PATH_METHODS),
    }
}

/// The user who may send this request, and its path. Authentication comes before everything else.
async fn admit(service: &Service, raw: &str, headers: &HeaderMap) -> Result<(Arc<User>, String), Answer> {
    let Some(user) = service.users.authenticate(headers).await else { return Err(unauthorized()) };
    if service.read_only {
        let message = "This server only reads: nothing can be uploaded or changed here.";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "read-only", message).answer());
    }
    let writing = service.writing.borrow().clone();
    if !writing.is_allowed() {
        let message = format!("Nothing can be changed here now; {}.", writing.sentence());
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-writable", message).answer());
    }
    let Some(path) = path::decoded(raw) else { return Err(Problem::bad_request("path", "Invalid URL.").answer()) };
    Ok((user, path.strip_prefix('/').unwrap_or(&path).to_owned()))
}

async fn incoming(service: &Arc<Service>, raw: &str, request: Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let answer = match admit(service, raw, &parts.headers).await {
        Err(refused) => refused,
        Ok((user, path)) => {
            let path = path.strip_prefix("-/incoming/").unwrap_or_default();
            let answered = incoming::put(service, &user, path, &parts, &mut body).await;
            answered.unwrap_or_else(|problem| problem.answer())
        }
    };
    // a client that asks first has nothing to send
    if !answer.status().is_success() && !parts.headers.contains_key(EXPECT) {
        drain(&mut body, INCOMING_DRAINED).await;
    }
    answer
}

async fn write(service: &Arc<Service>, method: &Method, raw: &str, request: Request<Body>) -> Answer {
    let (user, path) = match admit(service, raw, request.headers()).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let answered = if let Some(path) = path.strip_prefix("-/metadata/") {
        metadata::change(service, &user, path, request).await
    } else if *method == Method::PUT {
        upload::put(service, &user, &path, request).await
    } else {
        let (parts, _body) = request.into_parts();
        let query = parts.uri.query();
        match *method {
            Method::POST => schedule::post(service, &user, &path, &parts.headers, query).await,
            _ => remove::delete(service, &user, &path, &parts.headers, query).await,
        }
    };
    answered.unwrap_or_else(|problem| problem.answer())
}

async fn read(service: &Service, method: &Method, uri: &Uri, headers: &HeaderMap, reader: Option<&Reader>) -> Answer {
    let raw = uri.path();
    if let Some(answer) = raw.strip_prefix("/static/").and_then(assets::file) {
        return answer;
    }
    let Some(path) = path::decoded(raw).and_then(|path| path::normalized(&path)) else { return listing::missing() };
    let path = if path == "index" { "" } else { &path };
    match answer(service, path, method, uri.query(), headers, reader).await {
        Ok(Some(answer)) => answer,
        Ok(None) => listing::missing(),
        Err(error) => {
            tracing::error!(path, %error, "a file or directory could not be read");
            let text = "The store does not answer. Try again in a moment.";
            let mut answer = listing::message(StatusCode::SERVICE_UNAVAILABLE, "Not available", text);
            let later = axum::http::HeaderValue::from_static("10");
            answer.headers_mut().insert(axum::http::header::RETRY_AFTER, later);
            answer
        }
    }
}

async fn answer(
    service: &Service,
    path: &str,
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
    reader: Option<&Reader>,
) -> Result<Option<Answer>, rws_repository::RepositoryError> {
    let kind = path::query(query, "type").filter(|kind| !kind.is_empty());
    let (file, directory) = match kind.as_deref() {
        None => (true, true),
        Some("file") => (true, false),
        Some("directory") => (false, true),
        Some(_) => return Ok(None),
    };
    if file
        && !path.is_empty()
        && let Some(found) = service.tree.file(path, download::wanted(method, headers), reader).await?
    {
        return download::answer(&**service.tree.store(), method, headers, path, found).await.map(Some);
    }
    if directory {
        return Ok(service.tree.directory(path).await?.map(|entries| listing::directory(path, entries)));
    }
    Ok(None)
}
