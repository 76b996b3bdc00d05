//! Keeps what was paid for: every exchange is in the history before anything else happens with it.
//!
//! Exchanges that come in while the disk is busy are written together, so that the speed of the disk is no limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::exchange::Exchange;
use crate::history::store::History;

/// Exchanges that wait for the disk at most.
const WAITING: usize = 1024;
/// Exchanges that are written together at most.
const TOGETHER: usize = 256;

struct Delivery {
    run: Arc<str>,
    exchange: Exchange,
    kept: oneshot::Sender<Result<Exchange>>,
}

/// The way to the history for all calls.
#[derive(Clone)]
pub struct Keeper {
    deliveries: mpsc::Sender<Delivery>,
}

impl Keeper {
    /// Starts the one task that writes; it ends when the last `Keeper` is gone.
    pub fn start(history: History) -> (Self, JoinHandle<()>) {
        let (deliveries, received) = mpsc::channel(WAITING);
        (
            Self { deliveries },
            tokio::spawn(write_all(history, received)),
        )
    }

    /// Returns the exchange when it is safe.
    pub async fn keep(&self, run: Arc<str>, exchange: Exchange) -> Result<Exchange> {
        self.deliver(run, exchange).await?.safe().await
    }

    /// Hands over an exchange, so that several can be written together.
    pub async fn deliver(&self, run: Arc<str>, exchange: Exchange) -> Result<Receipt> {
        let (kept, safe) = oneshot::channel();
        let delivery = Delivery {
            run,
            exchange,
            kept,
        };
        let sent = self.deliveries.send(delivery).await;
        sent.map(|()| Receipt(safe)).map_err(|_| stopped())
    }
}

/// What is given for an exchange that is handed over.
pub struct Receipt(oneshot::Receiver<Result<Exchange>>);

impl Receipt {
    /// Returns the exchange when it is safe.
    pub async fn safe(self) -> Result<Exchange> {
        self.0.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Error {
    Error::new("the history stopped taking exchanges")
}

/// What is written for one run in one go.
#[derive(Default)]
struct Together {
    exchanges: Vec<Exchange>,
    senders: Vec<oneshot::Sender<Result<Exchange>>>,
}

async fn write_all(history: History, mut received: mpsc::Receiver<Delivery>) {
    let mut batch = Vec::with_capacity(TOGETHER);
    while received.recv_many(&mut batch, TOGETHER).await > 0 {
        let mut by_run: BTreeMap<Arc<str>, Together> = BTreeMap::new();
        for delivery in batch.drain(..) {
            let together = by_run.entry(delivery.run).or_default();
            together.exchanges.push(delivery.exchange);
            together.senders.push(delivery.kept);
        }
        for (run, Together { exchanges, senders }) in by_run {
            let written = history.keep(&run, &exchanges).await;
            for (exchange, kept) in exchanges.into_iter().zip(senders) {
                // A receiver that is gone belongs to a call that was given up; its exchange is kept all the same.
                drop(kept.send(written.clone().map(|()| exchange)));
            }
        }
    }
}
