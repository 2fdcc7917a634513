//! The whole configuration, from the text of a file and a set of variables.

mod connection;
mod defaults;
mod documented;
mod file_keys;
mod keys;
mod mistakes;
mod model;
mod oidc;
mod repositories;
mod secrets;
mod users;
mod variables;
mod webhooks;

use std::path::PathBuf;

use rws_model::{Target, Verb};
use serde_json::{Value, json};

use crate::formats;

use super::{Configuration, Environment, ListeningAddress, Mistake, Overrides, Source};

/// A small file in the original's format.
fn small() -> Value {
    json!({
        "common": { "sync_on_start": false },
        "model": { "supported_repos": {
            "repo_kind": ["live", "release"],
            "tarantool_series": ["modules", "1.10"],
            "distrs": {
                "el": { "base": "rpm", "versions": ["7", "8"] },
                "ubuntu": { "base": "deb", "versions": ["focal"] },
            },
        } },
    })
}

/// `file` with `value` at the JSON pointer, whose parents must be there.
#[track_caller]
fn with(mut file: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    file.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
    file
}

/// `file` with `value` at a key of `model`.
fn with_model(key: &str, value: Value) -> Value {
    with(small(), &format!("/model/{key}"), value)
}

fn resolve(file: &Value, variables: &[(&'static str, &str)]) -> Result<Configuration, Mistake> {
    resolved_in(file, &Environment::new(variables.iter().copied()))
}

fn resolved_in(file: &Value, environment: &Environment) -> Result<Configuration, Mistake> {
    let source = Source::File(PathBuf::from("rws.json"));
    Configuration::resolve((source, file.to_string()), &Overrides::default(), environment, &formats())
}

#[track_caller]
fn resolved(file: &Value, variables: &[(&'static str, &str)]) -> Configuration {
    resolve(file, variables).unwrap_or_else(|mistake| panic!("{mistake}"))
}

/// The line that says what is wrong.
#[track_caller]
fn mistake(file: &Value, variables: &[(&'static str, &str)]) -> String {
    let line = resolve(file, variables).expect_err("this configuration is wrong").to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

fn built_in() -> Configuration {
    Configuration::load(&Overrides::default(), &Environment::default(), &formats()).unwrap()
}

/// What `config show` prints.
fn shown(configuration: &Configuration) -> Value {
    configuration.show(&ListeningAddress::resolve(None, &Environment::default()).unwrap())
}

fn target(text: &str) -> Target {
    let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
    let [kind, series, distribution, version] = <[String; 4]>::try_from(parts).unwrap();
    Target { kind, series, distribution, version }
}
