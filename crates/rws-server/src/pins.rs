//! `/-/pins`: names for states of repositories, which are kept until the name is removed.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::Verb;
use rws_repository::pin::{self, NewPin, PinError};

use crate::access::{Login, Reader};
use crate::answer::{Answer, Problem, json, message};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::gate::ReadablePin;
use crate::json_request;
use crate::schema::{ChangeProblems, Message, Pin, PinRequest, Pins, StoreProblems};
use crate::service::Service;
use crate::upload::permit;

/// All pins, each with its repositories and their generations.
#[utoipa::path(get, path = "/-/pins", tag = "repositories",
    responses((status = 200, description = "The pins.", body = Pins), StoreProblems))]
pub async fn get(service: &Service, reader: &Reader) -> Result<Answer, Problem> {
    let pins = service.gate.readable_pins(reader).await?;
    Ok(json(StatusCode::OK, &Pins { pins: pins.into_iter().map(Pin::from).collect() }))
}

/// Names a state of repositories, which RWS keeps from now on. Administrators may do this.
#[utoipa::path(post, path = "/-/pins", tag = "repositories",
    security(("password" = [])),
    request_body = PinRequest,
    responses(
        (status = 201, description = "The pin.", body = Pin),
        (status = 409, description = "There is a pin of this name.", body = Problem),
        (status = 410, description = "A repository does not have this state any more.", body = Problem),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: PinRequest = json_request::read(body).await?;
    let targets = service.gate.writable_matching(user, Verb::Read, &request.targets)?;
    let targets = targets.targets().to_vec();
    let state = match &request.at {
        Some(at) => Some(service.gate.past_state(&user.reader(), at).await?),
        None => None,
    };
    let (working, actor) = (Arc::clone(service), actor(user, parts, "pin"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let new = NewPin { name: &request.name, targets: &targets, state: state.as_ref(), actor: &actor };
        pin::create(&**working.gate.store(), new).await
    });
    let pin = work.await??;
    tracing::info!(pin = pin.name, repositories = pin.repositories.len(), "pinned");
    Ok(json(StatusCode::CREATED, &Pin::from(ReadablePin { bytes: Some(pin.bytes), pin })))
}

/// Removes a pin. RWS gives up what only the pin kept, as it does with what was replaced.
#[utoipa::path(delete, path = "/-/pins/{name}", tag = "repositories",
    security(("password" = [])),
    params(("name" = String, Path, description = "The name of the pin.")),
    responses((status = 200, description = "Removed.", body = Message), ChangeProblems))]
pub async fn delete(service: &Arc<Service>, user: &Login, parts: &Parts, name: &str) -> Result<Answer, Problem> {
    let (working, pin, actor) = (Arc::clone(service), name.to_owned(), actor(user, parts, "unpin"));
    let work = tokio::spawn(async move { pin::remove(&**working.gate.store(), &pin, &actor).await });
    if !work.await?? {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-pin", format!("There is no pin {name:?}.")));
    }
    tracing::info!(pin = name, "pin removed");
    Ok(message(StatusCode::OK, "OK"))
}

impl From<PinError> for Problem {
    fn from(error: PinError) -> Self {
        let message = error.to_string();
        match error {
            PinError::Name(_) => Self::bad_request("name", message)
                .with_hint("a name has letters, digits, and . _ - and is neither a generation nor a time"),
            PinError::Exists(_) => {
                Self::new(StatusCode::CONFLICT, "pin-exists", message).with_hint("DELETE /-/pins/NAME removes it")
            }
            PinError::Nothing => Self::new(StatusCode::NOT_FOUND, "no-repository", message),
            PinError::NoState(error) => error.into(),
            PinError::Failed(error) => error.into(),
        }
    }
}
