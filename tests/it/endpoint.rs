//! A model endpoint on loopback that does what a test tells it to: answer, wait, fail, or break the protocol.
//!
//! It speaks OpenAI chat completions at `POST /v1/chat/completions` and Anthropic messages at `POST /v1/messages`, and
//! keeps its own count of what it was asked. What it does follows from the request alone, never from chance.
//!
//! HTTP is spoken by hand on a socket, since no server library cuts a body short or hangs up on request.

#[path = "endpoint/answer.rs"]
mod answer;
#[path = "endpoint/fault.rs"]
mod fault;
#[path = "endpoint/http.rs"]
mod http;
#[path = "endpoint/ledger.rs"]
mod ledger;
#[path = "endpoint/server.rs"]
mod server;
#[path = "endpoint/timer.rs"]
mod timer;
#[path = "endpoint/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, oneshot};

pub(crate) use answer::{Answer, Answers, Asked, Completion, Finish, HOSTILE_TEXTS, Usage};
pub(crate) use fault::{Fault, Faults, Lasting, digest};
pub(crate) use http::Delivery;
pub(crate) use ledger::{Recorded, Tally};

use ledger::Ledger;
use server::Server;

/// What an [`Endpoint`] does with the requests that it gets.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// What it answers.
    pub(crate) answers: Answers,
    /// The time from the end of the request to the start of the answer, kept to a tenth of a millisecond.
    pub(crate) latency: Duration,
    /// Where set, every answer (a faulty one too) waits here, after the latency, until the test lets it through.
    pub(crate) gate: Option<Gate>,
    /// Which requests fail, and how.
    pub(crate) faults: Faults,
    /// Where set, every call after this many fails with the fault: the endpoint is down for good.
    pub(crate) down_after: Option<(u64, Fault)>,
    /// Where set, the key that each request must bear. Others get 401, with the key that they bore in the text.
    pub(crate) key: Option<String>,
    /// The model that responses name; where not set, the one that was asked for.
    pub(crate) served_model: Option<String>,
    /// The `system_fingerprint` of OpenAI responses.
    pub(crate) fingerprint: Option<String>,
    /// How many requests are kept with headers and body for [`Endpoint::requests`]; later ones are only counted.
    pub(crate) keep_requests: usize,
}

impl Default for Behaviour {
    /// Answers at once with the text of the last user message.
    fn default() -> Self {
        Self {
            answers: Answers::Echo,
            latency: Duration::ZERO,
            gate: None,
            faults: Faults::none(),
            down_after: None,
            key: None,
            served_model: None,
            fingerprint: None,
            keep_requests: 1000,
        }
    }
}

/// A barrier before the answers, so that a test can stop a run at a known point without any sleep.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that lets nothing through.
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets this many answers through, those that wait first.
    pub(crate) fn release(&self, answers: usize) {
        self.0.add_permits(answers);
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        self.0.close();
    }

    /// Waits for its turn.
    async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

/// A running endpoint. It stops, and hangs up on every client, when it is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts an endpoint on a free port, in a thread of its own.
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime can be made");
        let listener = {
            let _inside = runtime.enter();
            listen().expect("a port on loopback can be had")
        };
        let address = listener.local_addr().expect("a bound port has an address");
        let server = Arc::new(Server::new(behaviour));
        let (stop, stopped) = oneshot::channel();
        let accepting = Arc::clone(&server).accept(listener);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            server,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base URL for OpenAI's format, which ends in `/v1`.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The base URL for Anthropic's format, which has no path.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does otherwise from the next request on, at the same address and with the same counts.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.server.behave(behaviour);
    }

    /// Requests seen, whatever became of them.
    pub(crate) fn calls(&self) -> u64 {
        self.ledger().read().calls
    }

    /// Requests that were answered with 200 and a whole body.
    pub(crate) fn answered(&self) -> u64 {
        self.ledger().read().answered
    }

    /// Requests that wait for their answer now.
    pub(crate) fn in_flight(&self) -> usize {
        self.ledger().read().in_flight
    }

    /// The most requests that ever waited for their answers at the same time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.ledger().read().most_in_flight
    }

    /// Connections that were opened.
    pub(crate) fn connections(&self) -> u64 {
        self.ledger().read().connections
    }

    /// By request body: how often it was asked, and how often that was answered with 200 and a whole body.
    pub(crate) fn calls_by_content(&self) -> BTreeMap<String, Tally> {
        self.ledger().read().by_content()
    }

    /// The first [`Behaviour::keep_requests`] requests, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.ledger().read().recorded.clone()
    }

    /// Blocks until this many requests have been seen.
    pub(crate) fn wait_for_calls(&self, calls: u64) {
        self.ledger()
            .wait(&format!("{calls} calls"), |counts| counts.calls >= calls);
    }

    /// Blocks until at least this many requests wait for their answers.
    pub(crate) fn wait_for_in_flight(&self, requests: usize) {
        self.ledger()
            .wait(&format!("{requests} calls in flight"), |counts| {
                counts.in_flight >= requests
            });
    }

    /// Blocks until this many requests were answered with 200.
    pub(crate) fn wait_for_answered(&self, answers: u64) {
        self.ledger().wait(&format!("{answers} answers"), |counts| {
            counts.answered >= answers
        });
    }

    /// Blocks until nobody waits for an answer: a client that was killed is gone from the count.
    pub(crate) fn wait_until_idle(&self) {
        self.ledger()
            .wait("no call in flight", |counts| counts.in_flight == 0);
    }

    fn ledger(&self) -> &Ledger {
        &self.server.ledger
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by then, and a second one while dropping would hide it.
            drop(thread.join());
        }
    }
}

/// An address that refuses every connection, and is held so that nobody else can listen there.
pub(crate) struct Nowhere {
    socket: TcpSocket,
}

impl Nowhere {
    /// Takes a port without listening on it.
    pub(crate) fn new() -> Self {
        Self {
            socket: bind().expect("a port on loopback can be had"),
        }
    }

    /// The base URL for OpenAI's format.
    pub(crate) fn url(&self) -> String {
        let address = self
            .socket
            .local_addr()
            .expect("a bound port has an address");
        format!("http://{address}/v1")
    }
}

fn listen() -> std::io::Result<TcpListener> {
    // Room for a thousand clients that connect at once: a full queue would cost each of them a second.
    bind()?.listen(4096)
}

fn bind() -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket)
}
