//! The connections: read a request, decide what becomes of it, wait, and send that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, Answers, Asked, Completion};
use super::fault::{Fault, digest};
use super::http::{Delivery, Reader, Request, Response};
use super::ledger::{InFlight, Ledger};
use super::timer::Timer;
use super::wire::{Format, Served};
use super::{Behaviour, Gate};

/// All that the connections of an endpoint share.
pub(crate) struct Server {
    /// What has been seen.
    pub(crate) ledger: Ledger,
    active: Mutex<Arc<Active>>,
    timer: Timer,
}

/// The behaviour of the moment, with what was written in advance for it.
struct Active {
    behaviour: Behaviour,
    written: Mutex<HashMap<(Format, String), Template>>,
}

/// A response with two gaps for the id of the request.
struct Template([Vec<u8>; 3]);

/// What becomes of a request.
struct Plan<'a> {
    in_flight: InFlight<'a>,
    response: Response,
    at: Instant,
    gate: Option<Gate>,
}

impl Server {
    /// A server that has seen nothing.
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self {
            ledger: Ledger::new(),
            active: Mutex::new(Active::new(behaviour)),
            timer: Timer::start(),
        }
    }

    /// Does otherwise from the next request on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = Active::new(behaviour);
    }

    /// Takes connections for as long as it is polled.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, as a rule: others close theirs meanwhile.
                tokio::task::yield_now().await;
                continue;
            };
            self.ledger.connected();
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                // A client that hangs up is no failure of the endpoint, and the ledger knows what it was owed.
                drop(server.converse(stream).await);
            });
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = Reader::new();
        while let Some(request) = reader.next(&mut stream).await? {
            let plan = self.plan(&request);
            if !self.carry_out(plan, &mut stream).await? {
                break;
            }
        }
        Ok(())
    }

    /// Decides at once what becomes of a request, so that it does not hang on the order of what follows.
    fn plan(&self, request: &Request<'_>) -> Plan<'_> {
        let active = Arc::clone(&self.active.lock().unwrap_or_else(PoisonError::into_inner));
        let behaviour = &active.behaviour;
        let arrived = Instant::now();
        let digest = digest(request.body);
        let in_flight = self.ledger.asked(request, digest, behaviour.keep_requests);
        let (response, delay) = active.respond(request, digest, &in_flight);
        Plan {
            in_flight,
            response,
            at: arrived + behaviour.latency + delay,
            gate: behaviour.gate.clone(),
        }
    }

    /// Does what was planned; false where the connection is at its end.
    async fn carry_out(&self, plan: Plan<'_>, stream: &mut TcpStream) -> io::Result<bool> {
        let due = async {
            if plan.at > Instant::now() {
                self.timer.until(plan.at).await;
            }
            if let Some(gate) = &plan.gate {
                gate.pass().await;
            }
        };
        tokio::select! {
            biased;
            () = due => {}
            () = hung_up(stream) => return Ok(false),
        }
        let response = &plan.response;
        match response.delivery {
            Delivery::Whole if response.answers => plan.in_flight.answered(),
            Delivery::Hang => {
                hung_up(stream).await;
                return Ok(false);
            }
            Delivery::Reset => stream.set_zero_linger()?,
            Delivery::Whole | Delivery::Cut | Delivery::Stalled | Delivery::Dropped => {
                drop(plan.in_flight);
            }
        }
        stream.write_all(&response.bytes).await?;
        if response.delivery == Delivery::Stalled {
            hung_up(stream).await;
        }
        Ok(response.delivery == Delivery::Whole)
    }
}

impl Active {
    fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self {
            behaviour,
            written: Mutex::default(),
        })
    }

    /// The response, and what it adds to the latency.
    fn respond(
        &self,
        request: &Request<'_>,
        digest: u64,
        asked: &InFlight<'_>,
    ) -> (Response, Duration) {
        let id = format!("{digest:016x}");
        if let Answers::Raw(reply) = &self.behaviour.answers {
            let (fault, halved) = reply(request.line(), request.body);
            let response = Format::Openai.failed(&id, &fault, request);
            let response = match halved {
                Some(delivery) => response.halved(delivery),
                None => response,
            };
            return (response, Duration::ZERO);
        }
        let Some(format) = Format::at(request.line()) else {
            let message = format!("unknown request: {}", request.line());
            return (Format::Openai.error(&id, 404, &message), Duration::ZERO);
        };
        if let Some(fault) = self.fault(request, digest, asked) {
            return (format.failed(&id, fault, request), Duration::ZERO);
        }
        if let Answers::Same(completion) = &self.behaviour.answers {
            return (
                self.written(format, completion, request, &id),
                completion.delay,
            );
        }
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(request.body) else {
            let response =
                format.error(&id, 400, "We could not parse the JSON body of your request");
            return (response, Duration::ZERO);
        };
        let asked = Asked {
            body: &body,
            times: asked.times,
        };
        match self.answer(&asked) {
            Answer::Fault(fault) => (format.failed(&id, &fault, request), Duration::ZERO),
            Answer::Completion(completion) => {
                let served = Served::by(&self.behaviour, asked.model());
                let bytes = if body["stream"] == true {
                    format.streamed(&id, &completion, &served)
                } else {
                    format.completed(&id, &completion, &served)
                };
                (answer(bytes), completion.delay)
            }
        }
    }

    fn fault(&self, request: &Request<'_>, digest: u64, asked: &InFlight<'_>) -> Option<&Fault> {
        let key = self.behaviour.key.as_deref();
        if key.is_some_and(|key| request.key() != Some(key)) {
            return Some(&Fault::EchoesKey(401));
        }
        match &self.behaviour.down_after {
            Some((calls, fault)) if asked.number > *calls => Some(fault),
            _ => self.behaviour.faults.of(digest, asked.times),
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Answer {
        match &self.behaviour.answers {
            Answers::Echo => Answer::text(asked.user()),
            Answers::Same(completion) => completion.clone().into(),
            Answers::By(answer) => answer(asked),
            Answers::Raw(_) => unreachable!("it was asked before"),
        }
    }

    /// The constant answer, which is written once for each model.
    fn written(
        &self,
        format: Format,
        completion: &Completion,
        request: &Request<'_>,
        id: &str,
    ) -> Response {
        let model = model_of(request.body);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let template = written
            .entry((format, model.clone().into_owned()))
            .or_insert_with(|| {
                let served = Served::by(&self.behaviour, &model);
                Template::of(&format.completed(Template::GAP, completion, &served))
            });
        answer(template.filled(id))
    }
}

impl Template {
    /// Stands where the id goes, and is as long as one.
    const GAP: &str = "################";

    /// The id comes first in a header and then first in the body, before any text of the answer.
    fn of(response: &[u8]) -> Self {
        let gap = Self::GAP.as_bytes();
        let next = |from: usize| {
            let place = response[from..]
                .windows(gap.len())
                .position(|part| part == gap);
            from + place.expect("a completion bears the id of its request twice")
        };
        let first = next(0);
        let second = next(first + gap.len());
        Self([
            response[..first].to_vec(),
            response[first + gap.len()..second].to_vec(),
            response[second + gap.len()..].to_vec(),
        ])
    }

    fn filled(&self, id: &str) -> Vec<u8> {
        let [head, middle, rest] = &self.0;
        [head, id.as_bytes(), middle, id.as_bytes(), rest].concat()
    }
}

fn answer(bytes: Vec<u8>) -> Response {
    Response {
        bytes,
        answers: true,
        delivery: Delivery::Whole,
    }
}

/// The model that is asked for, without reading the rest of the body into values.
fn model_of(body: &[u8]) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        model: Cow<'a, str>,
    }
    serde_json::from_slice(body).map_or(Cow::Borrowed(""), |body: Body<'_>| body.model)
}

/// Waits until the client has gone. One that has sent more, ahead of its turn, has not.
async fn hung_up(stream: &TcpStream) {
    let mut byte = [0];
    if stream.peek(&mut byte).await.is_ok_and(|bytes| bytes > 0) {
        pending::<()>().await;
    }
}
