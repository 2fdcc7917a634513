//! `rws serve`: takes uploads and serves the repositories.

mod bucket;
mod embedded;
pub mod signing;
mod spool;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rws_deb::Deb;
use rws_model::{Format, Signer};
use rws_repository::catalogue::{Catalogue, Distribution, Model};
use rws_repository::publish::{Malformed, Publisher};
use rws_repository::scheduler::Scheduler;
use rws_repository::tree::Tree;
use rws_rpm::Rpm;
use rws_server::passwords::PasswordHash;
use rws_server::{Connection, Connections, Keys, Service, User, Users};
use rws_store::{LocalStore, Store, Writing};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::configuration::{Configuration, ListeningAddress, StoreConfiguration};
use bucket::Bucket;
use embedded::Secrets;
use signing::SigningKeys;

/// How many uploads are received at the same time; further ones are asked to come back.
const UPLOADS_AT_ONCE: usize = 64;

/// How long running requests may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves until it is told to stop.
///
/// # Errors
///
/// When the address cannot be listened on, the data directory cannot be written, or a key is not fit to sign.
pub async fn run(listen: ListeningAddress, configuration: Configuration) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen.as_str())
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address with --listen"))?;
    let address = listener.local_addr()?;
    let spool = spool::open(&configuration)?;
    let (store, bucket) = match &configuration.store {
        StoreConfiguration::Local { directory } => {
            let store = LocalStore::open(directory);
            let store = store.context("the data directory cannot be used; choose another with --data-dir")?;
            (Arc::new(store) as Arc<dyn Store>, None)
        }
        StoreConfiguration::S3 { .. } => {
            let (store, bucket) = Bucket::open(&configuration.store, &spool)?;
            (store, Some(bucket))
        }
    };
    let secrets = match &configuration.store {
        StoreConfiguration::Local { directory } => Some(Secrets::open(directory)?),
        StoreConfiguration::S3 { .. } => None,
    };
    let keys = SigningKeys::load(&configuration, secrets.as_ref(), now())?;
    let writing = match &bucket {
        Some(bucket) => bucket.writing(),
        None => watch::Sender::new(Writing::Many).subscribe(),
    };
    let catalogue = Arc::new(catalogue(&configuration, &keys));
    let malformed = if configuration.force_sync { Malformed::Skip } else { Malformed::Stop };
    let scheduler = Scheduler::new(Publisher::new(Arc::clone(&store), Arc::clone(&catalogue), malformed));
    // last of all that can fail: the password is shown once
    let (users, made) = match (&configuration.credentials, &secrets) {
        (None, Some(secrets)) => secrets.user()?,
        _ => (users(&configuration), None),
    };
    let service = Arc::new(Service {
        scheduler: Arc::clone(&scheduler),
        tree: Tree::new(store, Arc::clone(&catalogue)),
        catalogue,
        users: Users::new(users),
        keys: Keys {
            main: keys.main.as_ref().map(|key| key.public_key_armored().to_owned()),
            modules: keys.modules.as_ref().map(|key| key.public_key_armored().to_owned()),
        },
        read_only: configuration.server.read_only,
        writing: writing.clone(),
        uploads: Semaphore::new(UPLOADS_AT_ONCE),
        spool,
        version: env!("CARGO_PKG_VERSION"),
    });

    println!("listening on http://{address}");
    if let Some(made) = made {
        made.print(address);
    }
    if let Some(bucket) = &bucket {
        tokio::spawn(Arc::clone(bucket).connect());
    }
    if !configuration.server.read_only {
        tokio::spawn(scheduler.watch(configuration.sync_on_start, writing));
    }
    let served = serve(listener, service).await;
    if let Some(bucket) = &bucket {
        bucket.release().await;
    }
    served
}

/// Answers until SIGTERM or SIGINT, then lets running requests end.
async fn serve(listener: TcpListener, service: Arc<Service>) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: running requests may end");
        stop.send_replace(true);
    });
    let mut draining = stopped.clone();
    let router = rws_server::router(service).into_make_service_with_connect_info::<Connection>();
    let graceful = axum::serve(Connections(listener), router).with_graceful_shutdown(async move {
        // an error means that the sender is gone, which is a reason to stop as well
        _ = stopped.wait_for(|stopped| *stopped).await;
    });
    tokio::select! {
        ended = graceful.into_future() => ended?,
        () = async move {
            _ = draining.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(DRAIN).await;
        } => tracing::warn!("some requests did not end in time; what they sent was not answered"),
    }
    Ok(())
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn users(configuration: &Configuration) -> BTreeMap<String, User> {
    let configured = configuration.credentials.iter().flatten();
    let users = configured.map(|(name, user)| {
        let hash = PasswordHash::parse(user.hash.expose());
        if let Err(error) = &hash {
            tracing::warn!(user = name, %error, "this user cannot log in: make a hash with `rws hash-password`");
        }
        let allowed = user.clone();
        (name.clone(), User { hash: hash.ok(), may_write: Arc::new(move |target| allowed.may_write(target)) })
    });
    users.collect()
}

/// The one place where formats are chosen.
fn format(base: &str) -> Result<Arc<dyn Format>, String> {
    match base {
        "deb" => Ok(Arc::new(Deb)),
        "rpm" => Ok(Arc::new(Rpm)),
        other => Err(other.to_owned()),
    }
}

fn catalogue(configuration: &Configuration, keys: &SigningKeys) -> Catalogue {
    let known = &configuration.model;
    let distribution = |known: &crate::configuration::Distribution| Distribution {
        format: format(&known.base),
        versions: known.versions.clone(),
    };
    let model = Model {
        kinds: known.kinds.clone(),
        series: known.series.clone(),
        enabled: known.enabled.clone(),
        distributions: known.distributions.iter().map(|(name, known)| (name.clone(), distribution(known))).collect(),
        anchors: known.anchors.clone(),
    };
    Catalogue::new(model, |target, format| (configuration.settings_for(target, format.name()), keys.of(&target.series)))
}
