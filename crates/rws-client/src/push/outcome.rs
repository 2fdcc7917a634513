//! What a push has done, in JSON and for people.

use std::collections::BTreeSet;

use rws_model::{ClientKey, ClientSetup, Format};
use serde_json::{Value, json};

use super::plan::{Plan, PlannedUpload};
use super::send::{Accepted, Outcome};
use crate::address::Destination;
use crate::error::ClientError;

/// One upload in JSON.
pub fn upload_json(upload: &PlannedUpload<'_>, outcome: Option<&Outcome>) -> Value {
    let files: Vec<Value> = upload
        .files()
        .map(|file| {
            let file = &file.inspected.file;
            json!({ "name": file.name, "size": file.size_bytes, "sha256": file.digests.sha256 })
        })
        .collect();
    let mut json = json!({ "files": files, "product": upload.product });
    let more = match outcome {
        None => json!({ "state": "planned" }),
        Some(Outcome::Accepted(accepted)) => of_accepted("accepted", accepted),
        Some(Outcome::Published(accepted, repositories)) => {
            let mut json = of_accepted("published", accepted);
            json["repositories"] = json!(repositories);
            json
        }
        Some(Outcome::Failed(error)) => {
            json!({ "state": "failed", "message": error.to_string(), "exit_code": error.exit_code() })
        }
        Some(Outcome::NotSent) => json!({ "state": "not-sent" }),
    };
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}

fn of_accepted(state: &str, accepted: &Accepted) -> Value {
    json!({ "state": state, "upload": accepted.upload, "warnings": accepted.warnings })
}

/// How a push ends: the failure that says most, with how many there are.
pub fn failure(outcomes: Vec<Outcome>) -> Option<ClientError> {
    let count = outcomes.len();
    let not_sent = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::NotSent)).count();
    let mut failures: Vec<ClientError> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Failed(error) => Some(error),
            _ => None,
        })
        .collect();
    // what has to be mended first comes first
    failures.sort_by_key(|error| match error {
        ClientError::NotAllowed(_) => 0,
        ClientError::Refused(_) => 1,
        ClientError::Conflict(_) => 2,
        ClientError::Unpublished(_) => 4,
        _ => 3,
    });
    let failed = failures.len();
    let first = failures.into_iter().next()?;
    if count == 1 {
        return Some(first);
    }
    let not_sent = if not_sent == 0 { String::new() } else { format!(", {not_sent} were not sent") };
    let text = format!("{failed} of {count} uploads failed{not_sent}. To push all of them again is safe");
    Some(first.with_text(text))
}

/// The path of the keys that clients of a target should know; there are none where it is not signed.
pub fn keys(to: &Destination) -> Option<String> {
    Some(format!("/-/setup/{}.asc", to.target()?))
}

/// The commands that set up a client and install what was pushed, as one list that stops at the first failure; none for an anchor,
/// or where nothing can be installed.
pub fn install(to: &Destination, format: &dyn Format, plan: &Plan<'_>, is_signed: bool) -> Option<String> {
    let target = to.target()?;
    let files = plan.uploads.iter().flat_map(PlannedUpload::files).map(|file| &file.inspected);
    let names = files.filter_map(|file| format.package_name(&file.identity, Some(&file.file.name)));
    let names: BTreeSet<String> = names.filter(|name| format.is_installable(name)).map(|name| name.name).collect();
    let keys = format!("{}{}", to.service, keys(to)?);
    let key = ClientKey { armored: "", blocks: "", binary: &[], url: &keys, package_keys: None };
    let base = &to.service;
    let setup = ClientSetup {
        base,
        target: &target,
        architectures: &[],
        components: &[],
        debug_packages: false,
        packages_are_signed: false,
        key: is_signed.then_some(key),
        at: None,
    };
    let way = format.install_ways(&setup).into_iter().next().filter(|_| !names.is_empty())?;
    Some(format!("{} &&\n{}", way.add, way.of_packages(names.iter().map(String::as_str))))
}
