//! A way to a server that a test can cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::process::PATIENCE;

/// Leads every connection to a server, until it is cut.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    way: Arc<Way>,
}

struct Way {
    server: (String, u16),
    /// The ends of the connections under way; nothing while the way is cut.
    open: Mutex<Option<Vec<TcpStream>>>,
    refused: AtomicUsize,
}

impl Proxy {
    /// Starts one on a port of its own.
    pub(crate) fn to(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback can be had");
        let address = listener.local_addr().expect("a bound port has a number");
        let way = Arc::new(Way {
            server: (host.to_owned(), port),
            open: Mutex::new(Some(Vec::new())),
            refused: AtomicUsize::new(0),
        });
        let leading = Arc::clone(&way);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                leading.lead(client);
            }
        });
        Self {
            port: address.port(),
            way,
        }
    }

    /// Cuts every connection, and refuses new ones until [`Proxy::mend`].
    pub(crate) fn cut(&self) {
        let open = self.way.open.lock().unwrap().take();
        for end in open.into_iter().flatten() {
            drop(end.shutdown(Shutdown::Both));
        }
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        *self.way.open.lock().unwrap() = Some(Vec::new());
    }

    /// Waits until so many connections were refused.
    pub(crate) fn wait_for_refused(&self, count: usize) {
        let start = Instant::now();
        while self.way.refused.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < PATIENCE, "nobody tried to connect again");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Way {
    fn lead(&self, client: TcpStream) {
        let mut open = self.open.lock().unwrap();
        let Some(ends) = open.as_mut() else {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return;
        };
        let server = TcpStream::connect((&*self.server.0, self.server.1));
        let server = server.expect("the server is there");
        for end in [&client, &server] {
            ends.push(end.try_clone().expect("a socket can be shared"));
        }
        let twins = (client.try_clone(), server.try_clone());
        copy(client, twins.1.expect("a socket can be shared"));
        copy(server, twins.0.expect("a socket can be shared"));
    }
}

/// Copies until one end is closed, and closes the other.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
}
