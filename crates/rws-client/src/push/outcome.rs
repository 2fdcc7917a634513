//! What a push has done, in JSON and for people.

use rws_model::ClientSetup;
use rws_model::{Format, Role, Target};
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

/// The commands that set up a client and install what was pushed, as one list that stops at the first failure; none for an anchor,
/// or where nothing can be installed.
pub fn install(to: &Destination, format: &dyn Format, plan: &Plan<'_>) -> Option<String> {
    let target = to.target()?;
    let files = plan.uploads.iter().flat_map(PlannedUpload::files);
    let binaries = files.filter(|file| file.inspected.role == Role::Binary);
    let name = |inspected: &rws_model::Inspected| {
        Some(format.package_name(&inspected.identity, Some(&inspected.file.name))?.name)
    };
    let mut names: Vec<String> = binaries.filter_map(|file| name(&file.inspected)).collect();
    names.sort();
    names.dedup();
    let commands = format.install_commands(&setup(&to.service, &target), &names);
    (!commands.is_empty()).then(|| commands.join(" &&\n"))
}

fn setup<'a>(base: &'a str, target: &'a Target) -> ClientSetup<'a> {
    ClientSetup { base, target, architectures: &[], packages_are_signed: false, key: None, at: None }
}
