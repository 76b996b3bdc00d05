//! A program while it runs, and what it leaves behind.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

/// How long a run may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A program that runs. It is killed if it is dropped before it has ended.
pub(crate) struct Running {
    pid: u32,
    ended: Receiver<io::Result<std::process::Output>>,
    said: Arc<Said>,
    placeholders: Vec<(String, String)>,
    waited: bool,
}

impl Running {
    /// Starts a program; the placeholders take the place of what differs from run to run.
    pub(crate) fn start(mut command: Command, placeholders: Vec<(String, String)>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let pid = child.id();
        let (tell, ended) = sync_channel(1);
        let said = Arc::new(Said::default());
        // Reads both streams all the while, so that a full pipe never blocks the program.
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let (listener, heard) = (Arc::clone(&said), Arc::clone(&said));
        let listening = std::thread::spawn(move || listener.listen(stderr));
        std::thread::spawn(move || {
            let mut output = child.wait_with_output();
            drop(listening.join());
            if let Ok(output) = &mut output {
                output.stderr.clone_from(&heard.text());
            }
            tell.send(output)
        });
        Self {
            pid,
            ended,
            said,
            placeholders,
            waited: false,
        }
    }

    /// Waits until this stands in its standard error, as a sign that it has come so far.
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        let is_there = |said: &Vec<u8>| String::from_utf8_lossy(said).contains(text);
        let (said, waited) = self
            .said
            .changed
            .wait_timeout_while(self.said.text(), PATIENCE, |said| !is_there(said))
            .expect("listening does not panic");
        let said = String::from_utf8_lossy(&said);
        assert!(
            !waited.timed_out(),
            "it said nothing of {text:?}, but:\n{said}"
        );
    }

    /// Sends the signal of Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Ends it at once, without a chance to put anything in order, and waits until it is gone.
    pub(crate) fn kill9(self) -> Output {
        self.signal("KILL");
        self.wait()
    }

    /// Waits for its end. A program that takes far too long is killed and fails the test.
    pub(crate) fn wait(mut self) -> Output {
        self.waited = true;
        match self.ended.recv_timeout(PATIENCE) {
            Ok(output) => Output::new(&output.expect("its output can be read"), &self.placeholders),
            Err(RecvTimeoutError::Timeout) => {
                self.signal("KILL");
                let output = self
                    .ended
                    .recv()
                    .expect("the thread that waits does not panic");
                let output =
                    Output::new(&output.expect("its output can be read"), &self.placeholders);
                panic!("it still ran after {PATIENCE:?}, and had written:\n{output}");
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the thread that waits does not panic"),
        }
    }

    /// By the shell, since the standard library sends no signal but one and our own code shall not be unsafe.
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid);
        let sent = Command::new("sh")
            .args(["-c", &kill])
            .stderr(Stdio::null())
            .status();
        // It fails where the program has ended by itself, and then nothing is owed.
        sent.expect("there is a shell");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.waited {
            self.signal("KILL");
            drop(self.ended.recv());
        }
    }
}

/// What a program has written to its standard error so far.
#[derive(Default)]
struct Said {
    text: Mutex<Vec<u8>>,
    changed: Condvar,
}

impl Said {
    /// Reads to the end of the stream.
    fn listen(&self, mut stream: impl Read) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            self.text().extend_from_slice(&bytes[..length]);
            self.changed.notify_all();
        }
    }

    fn text(&self) -> MutexGuard<'_, Vec<u8>> {
        self.text.lock().expect("listening does not panic")
    }
}

/// How a program ended and what it wrote, with placeholders for what differs from run to run.
#[derive(Debug)]
pub(crate) struct Output {
    status: ExitStatus,
    /// What it wrote to its standard output.
    pub(crate) stdout: String,
    /// What it wrote to its standard error.
    pub(crate) stderr: String,
}

impl Output {
    fn new(output: &std::process::Output, placeholders: &[(String, String)]) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
            placeholders.iter().fold(text, replace)
        };
        Self {
            status: output.status,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The exit code; none where a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// What it printed with `--json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        read.unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{self}"))
    }

    /// Itself, if the exit code is this; the test fails with all that was written if it is not.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "it ended otherwise:\n{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        write!(f, "{status}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}
