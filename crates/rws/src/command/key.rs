//! `rws key`: the keys that sign.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use rws_model::{Formats, SigningPurpose, SigningRequest};
use rws_openpgp::{KeySigner as _, PublicKey, SigningKey};
use rws_server::KeyState;
use serde_json::json;

use super::output::say;
use crate::configuration::keys::MAIN;
use crate::configuration::{Configuration, Environment, Overrides, StoreConfiguration};
use crate::installation::embedded::Secrets;
use crate::installation::now;
use crate::installation::signing::{SigningKeys, UnfitKeys};

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Check the configured keys and make a signature with each; exits with 1 if one of them cannot sign
    Check {
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Make an Ed25519 key, its revocation certificate and a sheet that says how to keep both
    Generate {
        /// Name and address of the key, such as 'Example repositories <packages@example.org>'
        #[arg(long, value_name = "USER ID")]
        user_id: String,
        /// File of the secret key, which must not exist; the others have its name with .revocation.asc and .txt
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print public keys in ASCII armour
    Export {
        /// Names of keys in the configuration; all of them without any
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

/// Runs the action.
///
/// # Errors
///
/// When the configuration is wrong, a key cannot sign, or a file cannot be written.
pub async fn run(
    action: Action,
    overrides: &Overrides,
    environment: &Environment,
    formats: &Formats,
) -> anyhow::Result<()> {
    let load = || -> anyhow::Result<SigningKeys> {
        let configuration = Configuration::load(overrides, environment, formats)?;
        // that of the embedded default is looked at where there is one, and not made
        let secrets = match &configuration.store {
            StoreConfiguration::Local { directory, .. } => Secrets::with_key(directory),
            StoreConfiguration::S3 { .. } => None,
        };
        SigningKeys::load(&configuration, secrets.as_ref(), UnfitKeys::Refused, now())
    };
    match action {
        Action::Check { json } => check(&load()?, json).await,
        Action::Generate { user_id, output } => generate(&user_id, &output),
        Action::Export { names } => export(&load()?, &names),
    }
}

async fn check(keys: &SigningKeys, as_json: bool) -> anyhow::Result<()> {
    for signer in keys.signers() {
        // what comes of it is in the state of the key
        let request = SigningRequest { purpose: SigningPurpose::Detached, bytes: b"rws key check", signed_at: now() };
        _ = signer.signature(rws_openpgp::SignatureKind::Binary, request).await;
    }
    let states = keys.detailed_states(now());
    let bad = states.iter().filter(|state| state.problem.is_some()).count();
    if as_json {
        let one = |state: &KeyState| {
            json!({ "name": state.name, "fingerprint": state.fingerprint, "expires": state.expires_at.and_then(time),
                    "warnings": state.warnings, "problem": state.problem })
        };
        say(format_args!("{:#}", json!({ "keys": states.iter().map(one).collect::<Vec<_>>() })))?;
    } else {
        for KeyState { name, fingerprint, expires_at, warnings, problem } in &states {
            let expires =
                expires_at.and_then(time).map_or_else(|| "never expires".to_owned(), |time| format!("expires {time}"));
            let word = if problem.is_some() { "FAILED" } else { "ok" };
            say(format_args!("{word}: {name}: {fingerprint}, {expires}"))?;
            for line in warnings.iter().map(|line| format!("warning: {line}")).chain(problem.clone()) {
                say(format_args!("  {line}"))?;
            }
        }
    }
    ensure!(!states.is_empty(), "no key is configured: make one with `rws key generate`");
    ensure!(bad == 0, "{bad} of {} keys cannot sign", states.len());
    Ok(())
}

fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

fn export(keys: &SigningKeys, names: &[String]) -> anyhow::Result<()> {
    let known = keys.public_keys();
    ensure!(!known.is_empty(), "no key is configured: make one with `rws key generate`");
    let named = |name: &String| -> anyhow::Result<&PublicKey> {
        known.get(name).copied().ok_or_else(|| {
            let all: Vec<&str> = known.keys().map(|name| name.as_str()).collect();
            anyhow!("the configuration has no key {name}; it has {}", all.join(", "))
        })
    };
    let chosen: Vec<&PublicKey> = match names.is_empty() {
        true => known.values().copied().collect(),
        false => names.iter().map(named).collect::<anyhow::Result<_>>()?,
    };
    for key in chosen {
        say(format_args!("{}", key.armored().trim_end()))?;
    }
    Ok(())
}

fn generate(user_id: &str, output: &Path) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system cannot provide random numbers: {error}"))?;
    let key = SigningKey::generate(user_id, now(), &mut seed)?;
    let secret = key.export_secret_armored().ok_or_else(|| anyhow!("RWS cannot export a new key"))?;
    let beside = |end: &str| {
        let mut name = output.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let (revocation, sheet) = (beside(".revocation.asc"), beside(".txt"));
    let fingerprint = key.public_key().fingerprint();
    for path in [output, &revocation, &sheet] {
        ensure!(!path.try_exists().unwrap_or(true), "{} exists: give another --output", path.display());
    }
    write(output, secret)?;
    write(&revocation, &key.revocation_certificate(now())?)?;
    write(&sheet, &text_of_sheet(user_id, fingerprint, output, &revocation))?;
    say(format_args!("{fingerprint}"))?;
    let mine = |what: &str, path: &Path| say(format_args!("{what}: {}", path.display()));
    mine("secret key, not locked", output)?;
    mine("revocation certificate", &revocation)?;
    mine("how to keep them", &sheet)?;
    say(format_args!(
        "in the configuration file: \"keys\": {{\"{}\": {{\"file\": \"{}\"}}}}",
        jiff::Timestamp::from_second(now()).map_or_else(|_| MAIN.to_owned(), |time| time.strftime("%Y").to_string()),
        output.display()
    ))?;
    Ok(())
}

/// Writes a file for its owner alone, which must not exist.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)
}

fn text_of_sheet(user_id: &str, fingerprint: &str, secret: &Path, revocation: &Path) -> String {
    let (secret, revocation) = (secret.display(), revocation.display());
    format!(
        "Signing key of {user_id}\n\
         Fingerprint: {fingerprint}\n\
         \n\
         {secret}\n\
         The secret key. Whoever has it can sign packages and repositories in your name. It is not locked: keep it\n\
         readable by the service alone, and keep one copy offline, encrypted, in a place that burns down on another day.\n\
         Without any copy you cannot extend or rotate the key: clients then have to be told of a new one by hand.\n\
         \n\
         {revocation}\n\
         Makes the key worthless to everybody who imports it. Keep it apart from the secret key, for example printed.\n\
         If the secret key leaks: sign with another key, publish this certificate where users look, and import it with\n\
         `gpg --import`.\n\
         \n\
         To rotate: announce the next key long before it signs, then let both sign, then only the next one. The document\n\
         on keys of RWS has the steps.\n"
    )
}
