//! All metrics: each declared once, here.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It is as it is now.
    Gauge,
    /// Durations, in buckets.
    Histogram,
}

/// One metric.
#[derive(Clone, Debug)]
pub struct Metric {
    /// As Prometheus reads it.
    pub name: &'static str,
    /// How it counts.
    pub kind: MetricKind,
    /// Of its values, where they have one.
    pub unit: Option<Unit>,
    /// What it says, in one sentence.
    pub description: &'static str,
}

/// All metrics of a server.
pub const METRICS: &[Metric] = &[
    gauge("rws_ready", None, "Whether this replica is ready: what `/-/ready` answers."),
    gauge("rws_uploads_pending", None, "Uploads that this replica accepted and that are not published yet."),
    gauge("rws_upload_oldest_pending_seconds", Some(Unit::Seconds), "For how long the oldest of them is pending."),
    gauge("rws_disk_free_bytes", Some(Unit::Bytes), "Free bytes of the file system of a directory."),
    gauge("rws_disk_size_bytes", Some(Unit::Bytes), "Size of the file system of a directory."),
    gauge("rws_build_info", None, "The version of the program."),
    gauge("rws_http_connections", None, "Connections that are open."),
    gauge("rws_http_answer_bytes", Some(Unit::Bytes), "Memory of running requests and answers."),
    counter("rws_http_refused_total", None, "Connections and requests that RWS refused, by limit."),
    histogram("rws_http_waited_seconds", Some(Unit::Seconds), "How long requests waited for a limit, by limit."),
    counter("rws_http_requests_total", None, "Requests that RWS answered, by kind and status."),
    histogram(
        "rws_http_request_seconds",
        Some(Unit::Seconds),
        "Time from the headers of a request to the last byte of its answer.",
    ),
    counter("rws_http_received_bytes_total", None, "Bytes of the bodies of requests."),
    counter("rws_http_sent_bytes_total", None, "Bytes of the bodies of answers."),
    counter("rws_logins_total", None, "Password checks, by outcome, without remembered passwords."),
    gauge("rws_uploads_open", None, "Uploads that RWS is receiving."),
    gauge("rws_writable", None, "Whether this replica may write to the store."),
    gauge("rws_repositories_failing", None, "Repositories whose last publish failed."),
    gauge("rws_key_usable", None, "Whether a key can sign now: its last signature was made, and it is not expired."),
    gauge("rws_key_warnings", None, "How many warnings there are about a key; `rws key check` prints them."),
    gauge("rws_key_expiry_timestamp_seconds", Some(Unit::Seconds), "When a key expires, since 1970."),
    gauge(
        "rws_repositories_unchecked",
        None,
        "Repositories that RWS has not compared with its settings and keys since its start.",
    ),
    gauge(
        "rws_repositories_overruled",
        None,
        "Repositories that a replica with other settings or keys published, which started later.",
    ),
    counter("rws_publishes_total", None, "Publisher runs, by outcome."),
    histogram("rws_publish_seconds", Some(Unit::Seconds), "Duration of the runs that published a generation."),
    counter("rws_lost_commits_total", None, "Commits that lost to another publisher (write contention)."),
    counter("rws_store_requests_total", None, "Requests to the S3 service, by operation and outcome."),
    histogram(
        "rws_store_request_seconds",
        Some(Unit::Seconds),
        "How long the S3 service took to answer, by operation.",
    ),
    counter("rws_webhook_deliveries_total", None, "Tries to deliver an event, by webhook and outcome."),
    counter("rws_webhook_given_up_total", None, "Events that RWS gave up, by webhook."),
    gauge("rws_webhook_pending", None, "Events that wait, by webhook."),
    gauge(
        "rws_webhook_oldest_pending_seconds",
        Some(Unit::Seconds),
        "For how long the oldest event waits, by webhook.",
    ),
    gauge("process_resident_memory_bytes", None, "Resident memory."),
    gauge("process_cpu_seconds_total", None, "User and system time."),
    gauge("process_open_fds", None, "Open file descriptors."),
];

const fn counter(name: &'static str, unit: Option<Unit>, description: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, unit, description }
}

const fn gauge(name: &'static str, unit: Option<Unit>, description: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, unit, description }
}

const fn histogram(name: &'static str, unit: Option<Unit>, description: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, unit, description }
}

/// Tells whoever collects what the metrics are.
pub fn describe() {
    for Metric { name, kind, unit, description } in METRICS.iter().cloned() {
        match (kind, unit) {
            (MetricKind::Counter, Some(unit)) => describe_counter!(name, unit, description),
            (MetricKind::Counter, None) => describe_counter!(name, description),
            (MetricKind::Gauge, Some(unit)) => describe_gauge!(name, unit, description),
            (MetricKind::Gauge, None) => describe_gauge!(name, description),
            (MetricKind::Histogram, Some(unit)) => describe_histogram!(name, unit, description),
            (MetricKind::Histogram, None) => describe_histogram!(name, description),
        }
    }
}
