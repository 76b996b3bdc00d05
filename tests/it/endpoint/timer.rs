//! Waits that end when they should. The runtime's own timer counts whole milliseconds and rounds up, which would add a
//! twentieth to a latency of 20 ms and be charged to the program under measurement.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

/// A thread that wakes tasks of the runtime at their time.
pub(crate) struct Timer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    alarms: Mutex<Alarms>,
    changed: Condvar,
}

#[derive(Default)]
struct Alarms {
    /// The earliest on top; the number keeps those of the same instant in order.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    bells: std::collections::HashMap<u64, oneshot::Sender<()>>,
    set: u64,
    closed: bool,
}

impl Timer {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared {
            alarms: Mutex::default(),
            changed: Condvar::new(),
        });
        let ringing = Arc::clone(&shared);
        Self {
            shared,
            thread: Some(std::thread::spawn(move || ringing.ring())),
        }
    }

    /// Waits until then.
    pub(crate) async fn until(&self, then: Instant) {
        let (bell, rung) = oneshot::channel();
        self.shared.set(then, bell);
        // The bell is only dropped unrung when the endpoint stops, and then nobody waits for this.
        drop(rung.await);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn set(&self, then: Instant, bell: oneshot::Sender<()>) {
        let mut alarms = self.lock();
        let earliest = alarms
            .due
            .peek()
            .is_none_or(|Reverse((next, _))| then < *next);
        let number = alarms.set;
        alarms.set += 1;
        alarms.due.push(Reverse((then, number)));
        alarms.bells.insert(number, bell);
        drop(alarms);
        if earliest {
            self.changed.notify_one();
        }
    }

    fn ring(&self) {
        let mut alarms = self.lock();
        while !alarms.closed {
            let now = Instant::now();
            let next = alarms.due.peek().map(|Reverse((then, _))| *then);
            alarms = match next {
                None => self.changed.wait(alarms).expect("no alarm panics"),
                Some(then) if then > now => {
                    self.changed
                        .wait_timeout(alarms, then - now)
                        .expect("no alarm panics")
                        .0
                }
                Some(_) => {
                    alarms.ring_first();
                    alarms
                }
            };
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Alarms> {
        self.alarms.lock().expect("no alarm panics")
    }
}

impl Alarms {
    fn ring_first(&mut self) {
        let Some(Reverse((_, number))) = self.due.pop() else {
            return;
        };
        if let Some(bell) = self.bells.remove(&number) {
            // Whoever set it may have hung up by now.
            let _ = bell.send(());
        }
    }
}
