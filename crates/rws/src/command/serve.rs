//! `rws serve`: takes uploads and serves the repositories.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rws_model::Signer;
use rws_repository::scheduler::Scheduler;
use rws_repository::tree::Tree;
use rws_server::passwords::PasswordHash;
use rws_server::{Connection, Connections, Keys, Service, User, Users};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::configuration::{Configuration, ListeningAddress};
use crate::installation::{Installation, Use};

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
    let installation = Installation::open(&configuration)?;
    let scheduler = Scheduler::new(installation.publisher());
    // last of all that can fail: the password is shown once
    let (users, made) = match (&configuration.credentials, &installation.secrets) {
        (None, Some(secrets)) => secrets.user()?,
        _ => (users(&configuration), None),
    };
    let service = Arc::new(Service {
        scheduler: Arc::clone(&scheduler),
        tree: Tree::new(Arc::clone(&installation.place.store), Arc::clone(&installation.catalogue)),
        catalogue: Arc::clone(&installation.catalogue),
        users: Users::new(users),
        keys: Keys {
            main: installation.keys.main.as_ref().map(|key| key.public_key_armored().to_owned()),
            modules: installation.keys.modules.as_ref().map(|key| key.public_key_armored().to_owned()),
        },
        read_only: configuration.server.read_only,
        writing: installation.place.writing(),
        uploads: Semaphore::new(UPLOADS_AT_ONCE),
        metadata: Semaphore::new(1),
        spool: installation.place.spool.clone(),
        version: env!("CARGO_PKG_VERSION"),
    });

    println!("listening on http://{address}");
    if let Some(made) = made {
        made.print(address);
    }
    let read_only = configuration.server.read_only;
    installation.place.connect(if read_only { Use::Read } else { Use::Write });
    if !read_only {
        tokio::spawn(scheduler.watch(configuration.sync_on_start, installation.place.writing()));
    }
    let served = serve(listener, service).await;
    installation.place.release().await;
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
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::warn!(
                "SIGHUP changes nothing: the configuration is read at start, so start again for another one"
            );
        }
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

fn users(configuration: &Configuration) -> Vec<User> {
    let configured = configuration.credentials.iter().flatten();
    let users = configured.map(|(name, user)| {
        let hash = PasswordHash::parse(user.hash.expose());
        if let Err(error) = &hash {
            tracing::warn!(user = name, %error, "this user cannot log in: make a hash with `rws hash-password`");
        }
        let allowed = user.clone();
        User { name: name.clone(), hash: hash.ok(), may_write: Arc::new(move |target| allowed.may_write(target)) }
    });
    users.collect()
}
