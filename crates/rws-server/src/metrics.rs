//! What is counted, as Prometheus reads it.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{counter, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::service::Service;

mod declared;

pub use declared::{METRICS, Metric, MetricKind};

/// The upper ends of the buckets of durations, in seconds: from an answer out of memory to a large upload.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// How often what was counted is put into its buckets, when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// The size of a page of memory, and the length of a tick of `/proc`, on all systems that Linux runs on today.
const PAGE_BYTES: f64 = 4096.0;
const TICKS_PER_SECOND: f64 = 100.0;

/// What all of this process count into.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

/// The metrics of this process cannot be collected.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be collected: {0}")]
pub struct MetricsError(String);

impl Metrics {
    /// Begins to collect. Once in a process.
    ///
    /// # Errors
    ///
    /// When something else collects already.
    pub fn install() -> Result<Self, MetricsError> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let recorder = builder.map_err(|error| MetricsError(error.to_string()))?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| MetricsError(error.to_string()))?;
        declared::describe();
        begin();
        Ok(Self(handle))
    }

    /// Keeps what is collected small, for ever.
    pub async fn keep(self) {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            self.0.run_upkeep();
        }
    }

    /// All that was counted, in the text form of Prometheus.
    pub fn text(&self, service: &Service, is_ready: bool) -> String {
        gauge!("rws_ready").set(f64::from(u8::from(is_ready)));
        gauge!("rws_build_info", "version" => service.version).set(1.0);
        gauge!("rws_repositories_failing").set(service.scheduler.failing().len() as f64);
        gauge!("rws_writable").set(f64::from(u8::from(service.writing.borrow().is_allowed())));
        for key in (service.key_states)() {
            let name = key.name.clone();
            gauge!("rws_key_usable", "key" => name.clone()).set(f64::from(u8::from(key.problem.is_none())));
            gauge!("rws_key_warnings", "key" => name.clone()).set(key.warnings.len() as f64);
            if let Some(expires_at) = key.expires_at {
                gauge!("rws_key_expiry_timestamp_seconds", "key" => name).set(expires_at as f64);
            }
        }
        if let Some(unchecked) = service.scheduler.unchecked() {
            gauge!("rws_repositories_unchecked").set(unchecked as f64);
        }
        gauge!("rws_repositories_overruled").set(service.scheduler.overruled() as f64);
        let budgets = &service.budgets;
        let (pending, oldest) = service.scheduler.pending();
        gauge!("rws_uploads_pending").set(pending as f64);
        let age = oldest.map_or(0, |seconds| (Timestamp::now().as_second() - seconds).max(0));
        gauge!("rws_upload_oldest_pending_seconds").set(age as f64);
        for (name, directory) in &service.disks {
            if let Ok(disk) = rustix::fs::statvfs(directory) {
                let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize) as f64;
                gauge!("rws_disk_free_bytes", "directory" => *name).set(bytes(disk.f_bavail));
                gauge!("rws_disk_size_bytes", "directory" => *name).set(bytes(disk.f_blocks));
            }
        }
        gauge!("rws_uploads_open").set(budgets.uploads.in_use() as f64);
        gauge!("rws_http_connections").set(budgets.connections.in_use() as f64);
        gauge!("rws_http_answer_bytes").set(budgets.answers.in_use() as f64);
        of_process();
        self.0.render()
    }
}

/// What counts failures is there from the start: a rate needs a value before the first one.
fn begin() {
    for outcome in ["published", "unchanged", "failed"] {
        counter!("rws_publishes_total", "outcome" => outcome).increment(0);
    }
    for outcome in ["right", "wrong"] {
        counter!("rws_logins_total", "outcome" => outcome).increment(0);
    }
    for limit in ["connections", "requests"] {
        counter!("rws_http_refused_total", "limit" => limit).increment(0);
    }
    counter!("rws_lost_commits_total").increment(0);
}

/// What the kernel says of this process (proc(5)); nothing where it does not.
fn of_process() {
    if let Ok(text) = fs::read_to_string("/proc/self/statm")
        && let Some(pages) = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok())
    {
        gauge!("process_resident_memory_bytes").set(pages * PAGE_BYTES);
    }
    if let Ok(text) = fs::read_to_string("/proc/self/stat") {
        // the name of the program stands in brackets and may have blanks
        let fields = text.rsplit_once(')').map(|(_, fields)| fields.split_ascii_whitespace());
        let ticks: Option<f64> =
            fields.map(|fields| fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum());
        gauge!("process_cpu_seconds_total").set(ticks.unwrap_or_default() / TICKS_PER_SECOND);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(files.count() as f64);
    }
}
