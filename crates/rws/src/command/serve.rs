//! `rws serve`: takes uploads and serves the repositories.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rws_repository::scheduler::Scheduler;
use rws_repository::tree::Tree;
use rws_server::{
    Budgets, Certificate, Gate, Keys, Logins, Metrics, Network, ObjectAccess, PageCache, Quotas, Releases, Service,
    WaitingFiles, Webhooks,
};
use rws_store::ContentTypes;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::output::say;
use super::reload::{Load, Reload};
use super::service_manager;
use crate::configuration::{Configuration, ListeningAddress, StoreConfiguration};
use crate::installation::access::AccessMaker;
use crate::installation::{Installation, Use, now};

/// How often it is looked whether the certificate was renewed.
const RENEWED: Duration = Duration::from_secs(60);

/// How long running requests may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves until it is told to stop, on the socket of the service manager where there is one.
///
/// # Errors
///
/// When the address cannot be listened on, the data directory cannot be written, or a key is not fit to sign.
pub async fn run(
    listen: ListeningAddress,
    inherited: Option<std::net::TcpListener>,
    configuration: Configuration,
    again: Load,
) -> anyhow::Result<()> {
    let listener = match inherited {
        Some(listener) => from_service_manager(listener)?,
        None => TcpListener::bind(listen.as_str())
            .await
            .with_context(|| format!("cannot listen on {listen}; choose another address with --listen"))?,
    };
    let address = listener.local_addr()?;
    let certificate = certificate(&configuration)?;
    raise_file_limit();
    let installation = Installation::open(&configuration)?;
    let scheduler = Scheduler::keeping_uploads(installation.publisher(), configuration.audit_days.unwrap_or_default());
    // last of all that can fail: the password is shown once
    let (first_user, made) = match (&configuration.credentials, &installation.secrets) {
        (None, Some(secrets)) => secrets.user().map(|(user, made)| (Some(user), made))?,
        _ => (None, None),
    };
    let mut maker = AccessMaker::new(Arc::clone(&installation.public), first_user);
    let access = maker.make(&configuration)?;
    let tree = Tree::new(Arc::clone(&installation.place.store), Arc::clone(&installation.catalogue));
    let tree = tree.with_foreign_roots(scheduler.publisher().foreign_roots());
    let service = Arc::new(Service {
        scheduler: Arc::clone(&scheduler),
        gate: Arc::new(Gate::new(Arc::clone(&installation.catalogue), tree)),
        content_types: ContentTypes::new(configuration.formats.content_types()),
        logins: Logins::new(
            access,
            Arc::clone(&installation.place.store),
            configuration.server.service.limits.passwords_bytes,
        ),
        keys: Keys::new(installation.keys.addresses(&configuration)),
        key_states: {
            let keys = Arc::clone(&installation.keys);
            Box::new(move || keys.states(now()))
        },
        settings: configuration.server.service.clone(),
        metrics: Metrics::install()?,
        writing: installation.place.writing(),
        budgets: Budgets::new(&configuration.server.service.limits),
        waiting: WaitingFiles::default(),
        quotas: Quotas::new(&configuration.server.service.limits),
        spool: installation.place.spool.clone(),
        changelogs: Default::default(),
        disks: disks(&configuration, &installation),
        pages: PageCache::default(),
        version: env!("CARGO_PKG_VERSION"),
    });

    let webhooks = Webhooks::new(&configuration.webhooks, &installation.place.store, &installation.events);
    let webhooks = webhooks.context("webhooks in the configuration cannot be used")?;

    // whoever reads the next line may send one at once
    let signals = Signals::new()?;
    say(format_args!("listening on http{}://{address}", if certificate.is_some() { "s" } else { "" }))?;
    if let Some(made) = made {
        made.print(address)?;
    }
    service_manager::is_ready(address);
    tokio::spawn(service_manager::feed_watchdog());
    tokio::spawn(service.metrics.clone().keep());
    let read_only = configuration.server.service.read_only;
    installation.place.connect(if read_only { Use::Read } else { Use::Write });
    if let (false, Some(base)) = (read_only, &configuration.server.service.public_url) {
        let releases = Releases {
            gate: Arc::clone(&service.gate),
            keys: service.keys.clone(),
            base: base.clone(),
            spool: installation.place.spool.clone(),
        };
        tokio::spawn(releases.keep(Arc::clone(&scheduler), installation.place.writing()));
    }
    if !read_only && installation.place.is_bucket() {
        let closing = ObjectAccess::new(Arc::clone(&service.gate), Arc::clone(&installation.public));
        tokio::spawn(closing.keep(installation.place.writing()));
    }
    if !read_only {
        webhooks.keep(Arc::clone(&service));
        tokio::spawn(scheduler.watch(configuration.sync_on_start, installation.place.writing()));
    }
    let (asked, asks) = mpsc::channel(1);
    let reload = Reload::new(again, configuration, &listen, maker);
    tokio::spawn(reload.keep(Arc::clone(&service), asks));
    serve(Network { listener, certificate }, service, signals, asked).await;
    installation.place.release().await;
    Ok(())
}

/// The directories whose disks may become full.
fn disks(configuration: &Configuration, installation: &Installation) -> Vec<(&'static str, PathBuf)> {
    let data = match &configuration.store {
        StoreConfiguration::Local { directory, .. } => Some(("data", directory.clone())),
        StoreConfiguration::S3 { .. } => None,
    };
    data.into_iter().chain([("spool", installation.place.spool.clone())]).collect()
}

/// Whoever changes the address has to know where it is set.
fn from_service_manager(listener: std::net::TcpListener) -> anyhow::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    tracing::info!("systemd chose the address (rws.socket); --listen, RWS_LISTEN and PORT are not used");
    Ok(TcpListener::from_std(listener)?)
}

/// What the process is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Answers until SIGTERM or SIGINT, then lets running requests end.
async fn serve(network: Network, service: Arc<Service>, signals: Signals, reload: mpsc::Sender<()>) {
    let Signals { mut terminate, mut interrupt, hangup } = signals;
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: waiting for running requests");
        service_manager::is_stopping();
        stop.send_replace(true);
    });
    tokio::spawn(renew(network.certificate.clone(), hangup, reload));
    let serving = network.serve(service, stopped.clone());
    tokio::select! {
        () = serving => {}
        () = async move {
            _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(DRAIN).await;
        } => tracing::warn!("some requests did not end in time; RWS did not answer them and keeps nothing of them"),
    }
}

fn certificate(configuration: &Configuration) -> anyhow::Result<Option<Arc<Certificate>>> {
    let Some(files) = &configuration.server.tls else { return Ok(None) };
    let certificate = Certificate::load(&files.certificate, &files.key);
    Ok(Some(Arc::new(certificate.context("server.tls in the configuration cannot be used")?)))
}

/// Takes another certificate once its files are others: from time to time, and at SIGHUP. A bad one is not taken. At SIGHUP users and
/// rights are read again, too.
async fn renew(certificate: Option<Arc<Certificate>>, mut hangup: Signal, reload: mpsc::Sender<()>) {
    let mut interval = tokio::time::interval(RENEWED);
    loop {
        let asked = tokio::select! { _ = interval.tick() => false, _ = hangup.recv() => true };
        if asked {
            // one that waits already is as good
            _ = reload.try_send(());
        }
        match certificate.as_ref().map(|certificate| certificate.renew()) {
            Some(Ok(true)) => tracing::info!("RWS now uses the renewed certificate"),
            Some(Ok(false)) if asked => tracing::info!("SIGHUP: the certificate has not changed"),
            Some(Err(error)) => tracing::error!(%error, "RWS cannot use the new certificate and keeps the old one"),
            _ => {}
        }
    }
}

/// Many systems let a process have 1,024 files unless it asks for more.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "RWS cannot raise its limit of open files");
    }
}
