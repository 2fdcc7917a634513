//! Which handler answers what.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, HOST, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use metrics::counter;
use rws_oidc::DeniedKind;
use tracing::Instrument;

use crate::access::{Denied, Login, Reader};
use crate::activity::ActiveRequest;
use crate::answer::{Answer, Problem, allowed, busy, reads};
use crate::body::{Drained, Incoming, too_large};
use crate::budgets::Taker;
use crate::connection::Connection;
use crate::exchange::{Exchange, Sending};
use crate::path_token::PathToken;
use crate::service::Service;
use crate::table::{Endpoint, Resource, Right, Route, Row};
use crate::{
    audit, incoming, metadata, own, pages, path, phase, pins, promote, purge, read, remove, retain, rollback, schedule,
    tokens, upload, wait,
};

/// How long a change waits for the check of the store with which the program starts.
const LONGEST_CHECK: Duration = Duration::from_secs(10);

/// How much is read of a refused form: most clients look for an answer while they send.
const DRAINED: Drained = Drained { most_bytes: 64 << 20, time: Duration::from_secs(10) };

/// The same of those who are not logged in.
const STRANGERS_DRAINED: Drained = Drained { most_bytes: 1 << 20, time: Duration::from_secs(5) };

/// The same of what `dput` sends: it sends its first file without a password, and looks for the answer only when it has sent
/// all of it.
const INCOMING_DRAINED: Drained = Drained { most_bytes: 8 << 30, time: Duration::from_secs(600) };

/// Answers a request. `ends`: the connection is not kept for a further one.
///
/// # Errors
///
/// A stream of HTTP/2 that is refused without an answer.
pub async fn handle(
    service: Arc<Service>,
    connection: Connection,
    request: Request<Body>,
    begun: ActiveRequest,
    ends: bool,
) -> Result<Response<Sending>, h2::Error> {
    let mut request = request;
    let token = PathToken::take(&mut request);
    let (settings, budgets) = (&service.settings, &service.budgets);
    let begun = Exchange::begin(settings, budgets, &connection, request, begun, token.as_ref());
    let (exchange, request) = begun.await;
    if !exchange.is_admitted() && request.version() == Version::HTTP_2 {
        // an answer would take memory until it is taken, too (RFC 9113, section 8.7: the client may try again)
        counter!("rws_http_refused_total", "limit" => "requests").increment(1);
        return Err(h2::Reason::REFUSED_STREAM.into());
    }
    let has_connection = request.version() <= Version::HTTP_11;
    let path = request.uri().path().to_owned();
    let route = Route::of(path::absolute(&path));
    let refused = refuse(&exchange, &request);
    let ends = ends || refused.is_some();
    // the rarer ones are boxed: the state of a request is moved about, and has room for the largest
    let mut answer = if let Some(problem) = refused {
        problem.answer()
    } else if let Some(row) =
        route.row(request.method()).filter(|row| !row.right.needs_login() && reads(request.method()))
    {
        let (parts, _) = request.into_parts();
        let anybody = Reader::new(service.logins.access(), None);
        let depends = token.is_some() || depends_on_reader(&service, &anybody, row, &parts);
        let reader = match &token {
            Some(token) => Box::pin(reader_by_path(&service, &exchange, token, &path)).await,
            None if depends => Box::pin(reader(&service, &exchange, anybody, &parts)).await,
            None => Ok(anybody),
        };
        let mut answer = match &reader {
            Err(problem) => problem.answer(),
            Ok(reader) => match row.resource {
                Resource::Path => read::get(&service, reader, &exchange.client, &parts).await,
                _ => Box::pin(own::get(&service, reader, &exchange.client, &parts)).await,
            },
        };
        if pages::is_for_people(&service, &parts) {
            answer = pages::dress(&service, reader.ok().as_ref(), &parts, answer);
        }
        if depends {
            of_reader(&mut answer);
        }
        if token.is_some() {
            answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
            answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        exchange.hold(&service.budgets, answer)
    } else if token.is_some() {
        allowed(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
    } else {
        let span = exchange.span();
        Box::pin(change(&service, &exchange, &route, request).instrument(span)).await
    };
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if ends && has_connection {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(exchange.end(answer))
}

/// What is wrong with a request whatever it asks for. Nothing of its body is read then.
fn refuse(exchange: &Exchange, request: &Request<Body>) -> Option<Problem> {
    if !exchange.is_admitted() {
        return Some(busy("requests"));
    }
    // RFC 9112, section 3.2; HTTP/1.0 has none, as balancers ask that look whether a server is well
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_wrong = match request.version() {
        Version::HTTP_11 => hosts != 1,
        _ => hosts > 1,
    };
    let message = "A request must have exactly one Host header.";
    is_wrong.then(|| Problem::bad_request("host", message))
}

/// Answers a request that is no reading one. What is left of the body of a refused one is read behind the answer.
async fn change(service: &Arc<Service>, exchange: &Arc<Exchange>, route: &Route<'_>, request: Request<Body>) -> Answer {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Arc::clone(exchange));
    let mut body = Incoming::new(body, &parts, &service.settings.limits);
    let mut answer = match parts.method {
        Method::OPTIONS => allowed(StatusCode::OK, &route.methods()),
        _ => match route.row(&parts.method).filter(|row| row.right.needs_login()) {
            None => allowed(StatusCode::METHOD_NOT_ALLOWED, &route.methods()),
            Some(row) => {
                match wait::bounded(exchange, &parts, write(service, exchange, row, &parts, &mut body)).await {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(problem)) | Err(problem) => problem.answer(),
                }
            }
        },
    };
    if !answer.status().is_success() && body.is_open() {
        if parts.version <= Version::HTTP_11 {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_incoming = route.row(&Method::PUT).is_some_and(|row| row.endpoint == Endpoint::PutIncoming);
        let drained = match is_incoming {
            true => INCOMING_DRAINED,
            _ if answer.status() == StatusCode::UNAUTHORIZED => STRANGERS_DRAINED,
            _ => DRAINED,
        };
        body.drain(drained, &service.budgets.drained, exchange.client.network());
    }
    answer
}

/// Whether it matters who reads. Most files are everybody's, whatever credentials come with the request.
fn depends_on_reader(service: &Service, anybody: &Reader, row: &Row, parts: &Parts) -> bool {
    match (row.right, row.resource) {
        (Right::None, _) => false,
        // administrators see who asked; pages say who is logged in
        _ if [Endpoint::Past, Endpoint::Browse].contains(&row.endpoint) => true,
        (_, Resource::Path) => anybody.is_limited() && read::depends_on_reader(service, anybody, parts),
        _ => anybody.is_limited(),
    }
}

/// Who reads.
async fn reader(service: &Service, exchange: &Exchange, anybody: Reader, parts: &Parts) -> Result<Reader, Problem> {
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Ok(anybody);
    }
    let login = match service.logins.remembered(&parts.headers) {
        Some(login) => login,
        None => log_in(service, exchange, &parts.headers).await?,
    };
    exchange.of_user(&login.name);
    Ok(login.reader())
}

/// Who reads with a token in the path. One that is not good, or is not meant for paths, makes the whole address one that does not
/// exist.
async fn reader_by_path(
    service: &Service,
    exchange: &Exchange,
    token: &PathToken,
    path: &str,
) -> Result<Reader, Problem> {
    let path = path::decoded(path).unwrap_or_default();
    let text = token.text().filter(|_| !path::absolute(&path).starts_with("/-/t/")).ok_or_else(own::nothing)?;
    match service.logins.of_token(&text).await {
        Ok((login, found)) if found.path => {
            exchange.of_user(&login.name);
            Ok(login.reader().through(token.prefix()))
        }
        Ok(_) | Err(Denied::Wrong) => Err(own::nothing()),
        Err(denied) => Err(problem_of(denied)),
    }
}

/// Nobody may keep this answer for others (RFC 9111, section 5.2.2.7).
fn of_reader(answer: &mut Answer) {
    let caching = answer.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or("no-cache");
    let caching = match caching.strip_prefix("public") {
        Some(rest) => format!("private{rest}"),
        None if caching.contains("private") || caching.contains("no-store") => caching.to_owned(),
        None => format!("private, {caching}"),
    };
    if let Ok(caching) = HeaderValue::try_from(caching) {
        answer.headers_mut().insert(CACHE_CONTROL, caching);
    }
    answer.headers_mut().append(VARY, HeaderValue::from_static("Authorization"));
}

/// Who sends these headers, where that is not known from a moment ago.
async fn log_in(service: &Service, exchange: &Exchange, headers: &HeaderMap) -> Result<Login, Problem> {
    service.logins.authenticate(headers, exchange.client.address).await.map_err(problem_of)
}

fn problem_of(denied: Denied) -> Problem {
    match denied {
        Denied::Wrong => Problem::unauthorized(),
        Denied::TooMany => {
            let message = "Too many wrong passwords for this user or from your network. Try again in a moment.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-logins", message)
        }
        Denied::Unavailable => {
            let message = "RWS cannot find out now whether this token is good. Try again in a moment.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
        Denied::Job(denied) => {
            let (status, code) = match denied.kind() {
                DeniedKind::BadToken => (StatusCode::UNAUTHORIZED, "bad-token"),
                DeniedKind::NotAllowed => (StatusCode::FORBIDDEN, "forbidden"),
                DeniedKind::TryLater => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            };
            Problem::new(status, code, format!("RWS does not take the token of this CI job: {denied}."))
                .with_hint("an operator sets issuers, audiences and rules in oidc of the configuration")
        }
    }
}

async fn write(
    service: &Arc<Service>,
    exchange: &Exchange,
    row: &Row,
    parts: &Parts,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    // before everything else
    let budgets = &service.budgets;
    let user = match service.logins.remembered(&parts.headers) {
        Some(user) => user,
        None => {
            body.wait_unread(&budgets.unread_of_clients, &Taker::Client(exchange.client.network()))?;
            log_in(service, exchange, &parts.headers).await?
        }
    };
    exchange.of_user(&user.name);
    body.wait_unread(&budgets.unread_of_users, &Taker::User(user.name.clone()))?;
    if row.right == Right::Administer && !user.is_admin {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Only administrators may do this."));
    }
    match row.endpoint {
        Endpoint::Audit => return audit::get(service, parts).await,
        Endpoint::Tokens => return tokens::get(service).await,
        _ => {}
    }
    let path = admit(service, parts).await?;
    let rest = |words: &str| path.strip_prefix(words).unwrap_or_default().to_owned();
    Ok(match row.endpoint {
        Endpoint::PutMetadata => metadata::put(service, &user, &rest("-/metadata/"), parts, body).await?,
        Endpoint::RemoveMetadata => metadata::remove(service, &user, &rest("-/metadata/"), parts).await?,
        Endpoint::PutIncoming => incoming::put(service, &user, &rest("-/incoming/"), parts, body).await?,
        Endpoint::Promote => promote::post(service, &user, parts, body).await?,
        Endpoint::Rollback => rollback::post(service, &user, parts, body).await?,
        Endpoint::Phase => phase::post(service, &user, parts, body).await?,
        Endpoint::Retain => retain::post(service, &user, parts, body).await?,
        Endpoint::Purge => purge::post(service, &user, parts, body).await?,
        Endpoint::CreatePin => pins::post(service, &user, parts, body).await?,
        Endpoint::CreateToken => tokens::post(service, &user, parts, body).await?,
        Endpoint::RevokeToken => tokens::delete(service, &user, parts, &rest("-/tokens/")).await?,
        Endpoint::RemovePin => pins::delete(service, &user, parts, &rest("-/pins/")).await?,
        Endpoint::Upload => upload::put(service, &user, &path, parts, body).await?,
        Endpoint::Synchronise => schedule::post(service, &user, &path, parts, body).await?,
        Endpoint::Remove => remove::delete(service, &user, &path, parts).await?,
        _ => own::nothing().answer(),
    })
}

/// The path of a change that can be made now, without the slash before it.
async fn admit(service: &Service, parts: &Parts) -> Result<String, Problem> {
    if service.settings.read_only {
        let message = "This server is read-only: it accepts no uploads or changes.";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "read-only", message));
    }
    if let Some(reason) = service.scheduler.outdated() {
        let message = format!("This replica accepts no changes now: {reason}.");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "later-version", message));
    }
    let writing = service.writing_once_checked(LONGEST_CHECK).await;
    if !writing.is_allowed() {
        let message = format!("This replica accepts no changes now: {}.", writing.sentence());
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-writable", message));
    }
    let most_bytes = service.settings.limits.upload_bytes;
    if upload::expected_bytes(&parts.headers).is_some_and(|bytes| bytes > most_bytes) {
        return Err(too_large(most_bytes));
    }
    let path = path::decoded(parts.uri.path()).ok_or_else(|| Problem::bad_request("path", "Invalid URL."))?;
    Ok(path.trim_start_matches('/').to_owned())
}
