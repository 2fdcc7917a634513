//! Sends requests, again where that is safe and may help.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, DATE};
use http::response::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use metrics::{counter, histogram};
use rusty_s3::{Bucket, UrlStyle};
use rws_http::HttpError;

use super::answer::{self, RequestIds};
use super::clock::StoreClock;
use super::credentials::{CredentialCache, SessionKeys};
use super::failure::Failure;
use super::request::Request;
use super::settings::{Addressing, S3Settings};
use super::suspect_answers::SuspectAnswers;
use super::upload::{Progress, Upload};

/// How long an unused connection is kept: shorter than servers keep theirs.
const KEPT_IDLE: Duration = Duration::from_secs(15);

/// The longest answer that is read into memory whole: a page of a listing with 1,000 long names.
const LONGEST_ANSWER: usize = 16 << 20;

/// A signed URL that ends sooner is given to nobody, in seconds.
const MIN_PRESIGNED_SECONDS: u64 = 30;

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An answer of success, with its body read.
#[derive(Debug)]
pub struct Reply {
    /// Status and headers.
    pub head: Parts,
    /// The whole body.
    pub body: Bytes,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(Failure::nonsense)
    }
}

/// Counts an attempt at a request.
fn count<T>(operation: &'static str, started: Instant, attempted: &Result<T, Failure>) {
    let outcome = match attempted {
        Ok(_) => "ok",
        Err(Failure { status: None, .. }) => "unanswered",
        Err(Failure { status: Some(404), .. }) => "absent",
        Err(Failure { status: Some(409 | 412), .. }) => "conflict",
        Err(_) => "failed",
    };
    // a rate needs a value before the first failure
    for failure in ["failed", "unanswered"] {
        counter!("rws_store_requests_total", "operation" => operation, "outcome" => failure).increment(0);
    }
    counter!("rws_store_requests_total", "operation" => operation, "outcome" => outcome).increment(1);
    histogram!("rws_store_request_seconds", "operation" => operation).record(started.elapsed().as_secs_f64());
}

/// One bucket, and how it is talked to.
#[derive(Debug)]
pub struct Client {
    http: HttpClient<rws_http::Connector, Upload>,
    bucket: Bucket,
    credentials: CredentialCache,
    bucket_owner: Option<String>,
    timeout: Duration,
    retries: u32,
    /// The clock of the store.
    pub clock: StoreClock,
    numbers: RequestIds,
    /// Whether the ETag of what one request wrote is its MD5: with some kinds of encryption it is not.
    pub tags_are_md5: AtomicBool,
    /// Whether files in parts have ETags of another form than digests with the number of their parts.
    pub tags_vary: AtomicBool,
    /// How often something other than the store answered.
    pub suspect_answers: SuspectAnswers,
}

impl Client {
    /// Makes no connection yet.
    pub fn new(settings: &S3Settings) -> Result<Self, String> {
        let url = settings.url.parse().map_err(|error| format!("S3_URL: {error}"))?;
        let style = match settings.addressing {
            Addressing::Path => UrlStyle::Path,
            Addressing::VirtualHost => UrlStyle::VirtualHost,
        };
        let bucket = Bucket::new(url, style, settings.bucket.clone(), settings.region.clone())
            .map_err(|error| format!("S3_URL: {error:?}"))?;
        let unusable = |error| match error {
            HttpError::Authorities { .. } => format!("S3_CA_FILE: {error}"),
            error => error.to_string(),
        };
        let ca_file = settings.ca_file.as_deref();
        let connector = rws_http::connector(ca_file).map_err(unusable)?;
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_IDLE)
            .build(connector);
        Ok(Self {
            http,
            bucket,
            credentials: CredentialCache::new(&settings.credentials, &settings.region, ca_file).map_err(unusable)?,
            bucket_owner: settings.bucket_owner.clone(),
            timeout: settings.timeout,
            retries: settings.retries,
            clock: StoreClock::new(),
            numbers: RequestIds::default(),
            tags_are_md5: AtomicBool::new(false),
            tags_vary: AtomicBool::new(false),
            suspect_answers: SuspectAnswers::default(),
        })
    }

    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// How often a request is repeated.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// A URL that lets anybody send a request without a body for some seconds, but not for longer than the keys are good. None
    /// where that is too short, or where there are no keys yet.
    pub fn presign(&self, request: &Request, seconds: u64) -> Option<String> {
        let now = self.clock.now_milliseconds();
        let keys = self.credentials.at_hand(now)?;
        let left = keys.expires_at.map_or(seconds, |end| u64::try_from((end - now) / 1000).unwrap_or_default());
        if left < seconds.min(MIN_PRESIGNED_SECONDS) {
            return None;
        }
        Some(request.sign_for(&self.bucket, &keys.credentials, now, seconds.min(left)).into())
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: &Request) -> Result<Reply, Failure> {
        self.send_for(request, Ok).await
    }

    /// Sends a request and makes something of the whole answer. What cannot be made anything of is like no answer.
    pub async fn send_for<T>(
        &self,
        request: &Request,
        make: impl Fn(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let make = &make;
        self.repeat(request, |head, body| async move {
            let body = self.collect(body).await?;
            // an answer that began as a success may end as an error (CopyObject, CompleteMultipartUpload)
            if super::failure::is_error(&body) {
                return Err(Failure::answered(200, &String::from_utf8_lossy(&body)));
            }
            request.expected.check_body(&head, &body)?;
            make(Reply { head, body })
        })
        .await
    }

    /// Sends a request and leaves the body to be read by `take`, whose failures are like no answer.
    pub async fn open_for<T, Taken: Future<Output = Result<T, Failure>>>(
        &self,
        request: &Request,
        take: impl Fn(Parts, Incoming) -> Taken,
    ) -> Result<T, Failure> {
        self.repeat(request, take).await
    }

    /// Sends a request whose answer has no body, or one that nobody reads.
    pub async fn ask(&self, request: &Request) -> Result<Parts, Failure> {
        self.repeat(request, |head, _| async move { Ok(head) }).await
    }

    /// Waits before the next of several attempts.
    pub async fn pause(&self, failures: u32) {
        tokio::time::sleep(pause(failures)).await;
    }

    async fn repeat<T, Taken: Future<Output = Result<T, Failure>>>(
        &self,
        request: &Request,
        take: impl Fn(Parts, Incoming) -> Taken,
    ) -> Result<T, Failure> {
        let (mut attempt, mut unsure, mut skewed, mut renewed) = (0, false, false, false);
        loop {
            let started = Instant::now();
            let keys = self.credentials.current(self.clock.now_milliseconds()).await;
            let (keys, attempted) = match keys {
                Ok(keys) => (Some(Arc::clone(&keys)), self.attempt(request, &keys).await),
                Err(failure) => (None, Err(failure)),
            };
            count(request.operation, started, &attempted);
            let failure = match attempted {
                Ok((head, body)) => match take(head, body).await {
                    Ok(taken) => return Ok(taken),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            // keys that ended although they should not have: with others the request is a new one
            if let Some(keys) = keys.filter(|_| failure.may_be_of_ended_keys(request.method) && !renewed) {
                renewed = true;
                if self.credentials.renew(&keys, self.clock.now_milliseconds()).await {
                    unsure |= failure.unsure;
                    continue;
                }
            }
            if failure.nonsense {
                self.suspect_answers.note(request, &failure.message);
            }
            // the answer has shown the store's time, and the next signature has it
            let again = failure.may_pass() && attempt < self.retries || failure.is_skewed() && !skewed;
            skewed |= failure.is_skewed();
            unsure |= failure.unsure;
            if !again {
                return Err(Failure { unsure, ..failure });
            }
            tracing::debug!(
                operation = request.operation,
                object = request.object,
                attempt,
                status = failure.status,
                code = failure.code,
                message = failure.message,
                "RWS repeats a request to the store"
            );
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Sends a request once; an answer that is none of success is a failure.
    async fn attempt(&self, request: &Request, keys: &SessionKeys) -> Result<(Parts, Incoming), Failure> {
        let request = &self.owned(request);
        let url = request.sign(&self.bucket, &keys.credentials, self.clock.now_milliseconds());
        let progress = Progress::new();
        let mut signed = http::Request::builder().method(request.method.to_str()).uri(url.as_str());
        for (name, value) in &request.headers {
            signed = signed.header(*name, value);
        }
        if matches!(request.method, rusty_s3::Method::Put | rusty_s3::Method::Post) {
            signed = signed.header(CONTENT_LENGTH, request.body.length());
        }
        let signed = signed
            .body(Upload::new(request.body.clone(), progress.clone()))
            .map_err(|error| Failure::unanswered(error.to_string()))?;
        let mut answer = std::pin::pin!(self.http.request(signed));
        let answer = loop {
            let left = self.timeout.saturating_sub(progress.quiet());
            match tokio::time::timeout(left, &mut answer).await {
                Ok(answer) => break answer,
                Err(_) if progress.quiet() < self.timeout => {}
                Err(_) => return Err(self.timed_out()),
            }
        };
        let (head, body) = answer.map_err(|error| Failure::unanswered(chain(&error)))?.into_parts();
        if head.status.is_success() {
            self.numbers.check(request.method, head.status, &head.headers)?;
            request.expected.check_head(&head, self.has_tags_of_md5())?;
            self.observe(&head);
            return Ok((head, body));
        }
        let text = self.collect(body).await.unwrap_or_default();
        if head.status.is_client_error() {
            self.numbers.check(request.method, head.status, &head.headers)?;
            if !answer::is_refusal(request, &head, &text) {
                return Err(Failure::nonsense(answer::shown(head.status, &head.headers, &text)));
            }
        }
        self.observe(&head);
        Err(Failure::answered(head.status.as_u16(), &String::from_utf8_lossy(&text)))
    }

    /// The request with the account that has to own the bucket.
    fn owned<'a>(&self, request: &'a Request) -> Cow<'a, Request> {
        let Some(owner) = &self.bucket_owner else { return Cow::Borrowed(request) };
        let owned = request.clone().header("x-amz-expected-bucket-owner", owner);
        Cow::Owned(match request.headers.contains_key("x-amz-copy-source") {
            true => owned.header("x-amz-source-expected-bucket-owner", owner),
            false => owned,
        })
    }

    /// Whether all ETags of the service have the form of digests.
    fn has_tags_of_md5(&self) -> bool {
        self.tags_are_md5.load(Ordering::Relaxed) && !self.tags_vary.load(Ordering::Relaxed)
    }

    /// Takes note of the time of an answer.
    fn observe(&self, head: &Parts) {
        if let Some(date) = head.headers.get(DATE).and_then(super::headers::seconds) {
            self.clock.observe(date);
        }
    }

    /// Reads a body into memory.
    pub async fn collect(&self, mut body: Incoming) -> Result<Bytes, Failure> {
        let mut all = BytesMut::new();
        while let Some(frame) = self.frame(&mut body).await? {
            if all.len() + frame.len() > LONGEST_ANSWER {
                return Err(Failure::nonsense("it is too long"));
            }
            all.extend_from_slice(&frame);
        }
        Ok(all.freeze())
    }

    /// The next piece of a body; `None` at its end.
    pub async fn frame(&self, body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(self.timeout, body.frame()).await.map_err(|_| self.timed_out())?;
            match frame.transpose().map_err(|error| Failure::unanswered(chain(&error)))? {
                Some(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                None => return Ok(None),
            }
        }
    }

    fn timed_out(&self) -> Failure {
        Failure::unanswered(format!("S3 made no progress for {} seconds", self.timeout.as_secs_f32()))
    }
}

/// An error with all its causes: the outer one alone says too little.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut text = causes.map(ToString::to_string).collect::<Vec<_>>();
    text.dedup();
    format!("RWS cannot reach S3: {}", text.join(": "))
}

/// The pause after a number of failures: growing, with a random part, so that many clients do not come back together.
fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    let random = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    longest.mul_f64(0.5 + random / 2.0)
}
