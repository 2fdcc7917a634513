//! One request and its answer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;

use super::body::{Body, Piece};
use super::head::Head;
use super::record::{Entry, Shared};
use super::wire::{Wire, ended_early};
use super::{Fault, Forged};

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// it may send another request
    Another,
    Close,
    Reset,
}

/// Who broke the exchange off.
enum Broken {
    Client(io::Error),
    Server(io::Error),
}

/// How the body of an answer is passed on.
#[derive(Default)]
struct Pace {
    /// only so many bytes of it
    limit: Option<u64>,
    /// in pieces of this many bytes, with a pause before each
    trickle: Option<(usize, Duration)>,
}

/// A request whose head has arrived.
pub(super) struct Exchange<'a> {
    client: &'a mut Wire<TcpStream>,
    shared: &'a Shared,
    request: Head,
    /// what has not arrived yet
    body: Body,
    entry: Entry,
}

/// What the server answered, with its connection. It stays open for both directions: some servers take half a close
/// for a client that is gone.
struct Answer {
    head: Head,
    body: Body,
    incoming: Wire<OwnedReadHalf>,
    _outgoing: OwnedWriteHalf,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        client: &'a mut Wire<TcpStream>,
        shared: &'a Shared,
        request: Head,
        body: Body,
        entry: Entry,
    ) -> Self {
        Self { client, shared, request, body, entry }
    }

    /// Carries the request out, or breaks it. An error is the client's.
    pub(super) async fn run(mut self, fault: Option<Fault>) -> io::Result<Next> {
        match self.perform(fault).await {
            Ok(next) => Ok(next),
            Err(Broken::Client(error)) => Err(error),
            Err(Broken::Server(_)) if self.entry.snapshot().status != 0 => Ok(Next::Close),
            Err(Broken::Server(error)) => {
                eprintln!("the proxy of rws-lab has no answer of {}: {error}", self.shared.upstream());
                match self.refuse(502, "BadGateway").await {
                    Ok(next) => Ok(next),
                    Err(Broken::Client(error) | Broken::Server(error)) => Err(error),
                }
            }
        }
    }

    async fn perform(&mut self, fault: Option<Fault>) -> Result<Next, Broken> {
        match fault {
            None if self.shared.keeps(&self.entry.snapshot()) => {
                let (answer, length) = self.whole_answer().await?;
                self.shared.keep(&self.entry.snapshot(), &answer);
                self.forge(&answer, length).await
            }
            None => self.carry_out_and_pass_on(Pace::default()).await,
            Some(Fault::Forge { answer, effect }) => {
                self.take_effect(effect).await?;
                self.forge(&answer, None).await
            }
            Some(Fault::Cut { bytes }) => {
                let (answer, length) = self.whole_answer().await?;
                self.forge(&answer.cut(bytes), length).await
            }
            Some(Fault::Replace { from, to }) => {
                let (answer, length) = self.whole_answer().await?;
                self.forge(&answer.replaced(from, to), length).await
            }
            Some(Fault::Earlier) => {
                let seen = self.entry.snapshot();
                let (answer, length) = self.whole_answer().await?;
                match self.shared.earlier(&seen) {
                    Some(earlier) => self.forge(&earlier.numbered(), None).await,
                    None => {
                        self.shared.keep(&seen, &answer);
                        self.forge(&answer, length).await
                    }
                }
            }
            Some(Fault::Double) => {
                let (answer, length) = self.whole_answer().await?;
                self.forge(&answer, length.clone()).await?;
                self.forge(&answer, length).await
            }
            Some(Fault::Slow { pause }) => {
                sleep(pause).await;
                self.carry_out_and_pass_on(Pace::default()).await
            }
            Some(Fault::Trickle { bytes, pause }) => {
                let trickle = Some((bytes.max(1), pause));
                self.carry_out_and_pass_on(Pace { trickle, ..Pace::default() }).await
            }
            Some(Fault::Truncate { bytes }) => {
                self.carry_out_and_pass_on(Pace { limit: Some(bytes), ..Pace::default() }).await?;
                Ok(Next::Close)
            }
            Some(Fault::Answer { status, code, effect }) => {
                self.take_effect(effect).await?;
                self.refuse(status, code).await
            }
            Some(Fault::Reset { effect }) => {
                self.take_effect(effect).await?;
                Ok(Next::Reset)
            }
            Some(Fault::Stall { effect }) => {
                self.take_effect(effect).await?;
                self.client.until_gone().await;
                Ok(Next::Close)
            }
        }
    }

    /// Has the request carried out, if it shall be, and drops the answer.
    async fn take_effect(&mut self, effect: bool) -> Result<(), Broken> {
        if effect {
            self.carry_out().await?.discard().await;
        }
        Ok(())
    }

    async fn carry_out_and_pass_on(&mut self, pace: Pace) -> Result<Next, Broken> {
        let answer = self.carry_out().await?;
        self.pass_on(answer, pace).await
    }

    /// Sends the request to the server and reads the head of the answer; then all of the request has been read.
    async fn carry_out(&mut self) -> Result<Answer, Broken> {
        let server = TcpStream::connect(self.shared.upstream()).await.map_err(Broken::Server)?;
        let _ = server.set_nodelay(true);
        let (incoming, mut outgoing) = server.into_split();
        let mut incoming = Wire::new(incoming);
        self.invite_body().await?;

        let head = {
            let mut forwarding = Box::pin(self.forward(&mut outgoing));
            let mut answering = Box::pin(final_head(&mut incoming));
            tokio::select! {
                forwarded = &mut forwarding => {
                    forwarded?;
                    answering.await?
                }
                head = &mut answering => {
                    let head = head?;
                    // who refuses early does not read the rest
                    if head.status() < 400 {
                        forwarding.await?;
                    }
                    head
                }
            }
        };
        self.drain().await?;
        let body = Body::of_answer(&head, self.method()).map_err(Broken::Server)?;
        Ok(Answer { head, body, incoming, _outgoing: outgoing })
    }

    /// Passes the request on as it is. A server that does not take all of it may have answered already.
    async fn forward(&mut self, outgoing: &mut OwnedWriteHalf) -> Result<(), Broken> {
        let mut taken = outgoing.write_all(self.request.raw()).await.is_ok();
        while let Some(piece) = self.next_piece().await? {
            taken = taken && outgoing.write_all(&piece).await.is_ok();
        }
        Ok(())
    }

    /// Reads the rest of the request.
    async fn drain(&mut self) -> Result<(), Broken> {
        while self.next_piece().await?.is_some() {}
        Ok(())
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, Broken> {
        match self.body.next(self.client).await.map_err(Broken::Client)? {
            None => Ok(None),
            Some(Piece::Framing(piece)) => Ok(Some(piece)),
            Some(Piece::Content(piece)) => {
                self.entry.received(piece.len() as u64);
                Ok(Some(piece))
            }
        }
    }

    /// Tells a client that waits before it sends a body to go on.
    async fn invite_body(&mut self) -> Result<(), Broken> {
        if !self.body.is_empty() && self.request.lists("expect", "100-continue") {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, mut answer: Answer, pace: Pace) -> Result<Next, Broken> {
        let chunked_here = answer.body == Body::UntilEnd;
        let next = self.next();
        self.entry.answered(answer.head.status());
        self.send(&answer.head.for_client(chunked_here, next == Next::Close)).await?;

        let mut left = pace.limit.unwrap_or(u64::MAX);
        while left > 0 {
            match answer.body.next(&mut answer.incoming).await.map_err(Broken::Server)? {
                Some(Piece::Framing(piece)) => self.send(&piece).await?,
                Some(Piece::Content(mut piece)) => {
                    piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= piece.len() as u64;
                    self.send_content(&piece, chunked_here, pace.trickle).await?;
                }
                None => {
                    if chunked_here {
                        self.send(b"0\r\n\r\n").await?;
                    }
                    return Ok(next);
                }
            }
        }
        answer.discard().await;
        Ok(next)
    }

    async fn send_content(
        &mut self,
        content: &[u8],
        chunked_here: bool,
        trickle: Option<(usize, Duration)>,
    ) -> Result<(), Broken> {
        let (length, pause) = trickle.unwrap_or((content.len(), Duration::ZERO));
        for part in content.chunks(length.max(1)) {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            self.entry.sent(part.len() as u64);
            if chunked_here {
                self.send(format!("{:x}\r\n", part.len()).as_bytes()).await?;
                self.send(part).await?;
                self.send(b"\r\n").await?;
            } else {
                self.send(part).await?;
            }
        }
        Ok(())
    }

    /// All that the server answers, and the length that an answer to HEAD says of its object.
    async fn whole_answer(&mut self) -> Result<(Forged, Option<String>), Broken> {
        let mut answer = self.carry_out().await?;
        let mut body = Vec::new();
        while let Some(piece) = answer.body.next(&mut answer.incoming).await.map_err(Broken::Server)? {
            if let Piece::Content(piece) = piece {
                body.extend_from_slice(&piece);
            }
        }
        let length = answer.head.header("content-length").filter(|_| self.method() == "HEAD");
        Ok((Forged::of_server(&answer.head, body), length))
    }

    /// Answers with this, after all of the request has arrived.
    async fn forge(&mut self, answer: &Forged, length_of_head: Option<String>) -> Result<Next, Broken> {
        self.invite_body().await?;
        self.drain().await?;
        let next = self.next();
        self.entry.answered(answer.status);
        self.entry.sent(answer.body.len() as u64);
        let raw = answer.raw(self.method(), length_of_head.as_deref(), next == Next::Close);
        self.send(&raw).await?;
        Ok(next)
    }

    /// Answers with an error of S3, after all of the request has arrived: who closes before, loses the answer.
    async fn refuse(&mut self, status: u16, code: &str) -> Result<Next, Broken> {
        let length = if self.method() == "HEAD" { Some("0".to_owned()) } else { None };
        self.forge(&Forged::error(status, code), length).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.client.stream.write_all(bytes).await.map_err(Broken::Client)
    }

    fn method(&self) -> &str {
        self.request.method_and_target().0
    }

    fn next(&self) -> Next {
        if self.request.lists("connection", "close") { Next::Close } else { Next::Another }
    }
}

impl Answer {
    /// Reads the rest, so that the server has done all that it wants to do. Who sees an error here has its effect.
    async fn discard(mut self) {
        while let Ok(Some(_)) = self.body.next(&mut self.incoming).await {}
    }
}

/// The head of the answer proper; those before it (100 Continue) are for the proxy.
async fn final_head(incoming: &mut Wire<OwnedReadHalf>) -> Result<Head, Broken> {
    loop {
        let raw = incoming.head().await.and_then(|head| head.ok_or_else(ended_early)).map_err(Broken::Server)?;
        let head = Head::of_answer(raw).map_err(Broken::Server)?;
        if !(100..200).contains(&head.status()) {
            return Ok(head);
        }
    }
}
