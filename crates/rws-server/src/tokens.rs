//! `/-/tokens`: what jobs and clients log in with instead of a password.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use rws_model::Verb;
use rws_repository::token::{self, NewToken, TokenText};

use crate::access::Login;
use crate::answer::{Answer, Problem, json, message};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::json_request;
use crate::own::time;
use crate::schema::{ChangeProblems, Message, NewTokenAnswer, StoreProblems, TokenEntry, TokenRequest, Tokens};
use crate::service::Service;
use crate::upload::permit;

/// How many characters a name has at most.
const MAX_NAME: usize = 64;

/// How many grants a token has at most.
const MAX_GRANTS: usize = 100;

/// How many tokens there are at most.
const MAX_TOKENS: usize = 10_000;

/// Makes a token. It is shown in this answer, and never again. Administrators may do this.
#[utoipa::path(post, path = "/-/tokens", tag = "access",
    security(("password" = [])),
    request_body = TokenRequest,
    responses((status = 201, description = "The token.", body = NewTokenAnswer), ChangeProblems))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let new = checked(json_request::read(body).await?)?;
    let mut random = [0; 20];
    getrandom::fill(&mut random).map_err(|error| {
        let message = format!("The system cannot provide random numbers: {error}.");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    })?;
    let text = TokenText::of(random);
    let (working, made, actor) = (Arc::clone(service), text.clone(), actor(user, parts, "create-token"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let store = &**working.gate.store();
        if token::ids(store).await?.len() >= MAX_TOKENS {
            let message = format!("There are {MAX_TOKENS} tokens already.");
            return Err(Problem::new(StatusCode::CONFLICT, "too-many-tokens", message)
                .with_hint("DELETE /-/tokens/ID revokes one; those that are over count, too"));
        }
        let token = token::create(store, &made, new, &actor).await?;
        working.logins.tokens().look_again();
        Ok(token)
    });
    let token = work.await??;
    tracing::info!(token = token.id, name = token.name, "token made");
    let answer =
        NewTokenAnswer { id: token.id, token: text.expose().to_owned(), expires: token.expires_at.and_then(time) };
    Ok(json(StatusCode::CREATED, &answer))
}

/// What a request wants, where it may be.
fn checked(request: TokenRequest) -> Result<NewToken, Problem> {
    let TokenRequest { name, allow, expires, path } = request;
    let refuse = |code, message: String| Err(Problem::bad_request(code, message));
    let is_plain = |character: char| !character.is_control();
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(is_plain) {
        return refuse("name", format!("name is not a text of 1 to {MAX_NAME} characters."));
    }
    if allow.is_empty() || allow.len() > MAX_GRANTS {
        return refuse("allow", format!("allow does not have 1 to {MAX_GRANTS} items."));
    }
    let only_reads = allow.iter().all(|grant| grant.verbs == [Verb::Read]);
    if path && !only_reads {
        return refuse("path", "A token that may stand in a path may have no verb but read.".to_owned());
    }
    let expires_at = match expires.as_deref().map(str::parse::<Timestamp>) {
        None => None,
        Some(Ok(time)) if time > Timestamp::now() => Some(time.as_second()),
        Some(Ok(time)) => return refuse("expires", format!("expires: {time} is in the past.")),
        Some(Err(_)) => return refuse("expires", "expires is not a time like 2027-03-01T12:00:00Z.".to_owned()),
    };
    Ok(NewToken { name, allow, path, expires_at })
}

/// All tokens, without what one logs in with. For administrators.
#[utoipa::path(get, path = "/-/tokens", tag = "access",
    security(("password" = [])),
    responses(
        (status = 200, description = "The tokens, the oldest first.", body = Tokens),
        (status = 401, description = "No user, or a wrong password.", body = String, content_type = "text/html"),
        (status = 403, description = "The user is no administrator.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(service: &Service) -> Result<Answer, Problem> {
    let tokens = token::all(&**service.gate.store()).await?.into_iter().map(|(token, last_used)| TokenEntry {
        id: token.id,
        name: token.name,
        allow: token.allow,
        path: token.path,
        created_at: time(token.created_at),
        created_by: token.created_by,
        expires: token.expires_at.and_then(time),
        last_used,
    });
    Ok(json(StatusCode::OK, &Tokens { tokens: tokens.collect() }))
}

/// Revokes a token. Within 30 seconds no replica takes it any more.
#[utoipa::path(delete, path = "/-/tokens/{id}", tag = "access",
    security(("password" = [])),
    params(("id" = String, Path, description = "The id of the token, as its answer and the list have it.")),
    responses((status = 200, description = "Revoked.", body = Message), ChangeProblems))]
pub async fn delete(service: &Arc<Service>, user: &Login, parts: &Parts, id: &str) -> Result<Answer, Problem> {
    let (working, named, actor) = (Arc::clone(service), id.to_owned(), actor(user, parts, "revoke-token"));
    let work = tokio::spawn(async move {
        let revoked = token::revoke(&**working.gate.store(), &named, &actor).await;
        working.logins.tokens().look_again();
        revoked
    });
    if !work.await?? {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-token", format!("There is no token {id:?}.")));
    }
    tracing::info!(token = id, "token revoked");
    Ok(message(StatusCode::OK, "OK"))
}
