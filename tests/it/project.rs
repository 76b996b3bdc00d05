//! A workspace in a folder of its own, and the real binary run in it.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a run may take before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(2);

/// A folder with a workspace in it; it goes when it is dropped.
pub(crate) struct Project {
    root: TempDir,
    environment: Vec<(String, String)>,
    /// The ports that outputs may name, which differ from run to run.
    ports: Vec<u16>,
}

impl Project {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let project = Self {
            root: TempDir::new().expect("a temporary folder can be made"),
            environment: Vec::new(),
            ports: Vec::new(),
        };
        for folder in [project.dir(), project.home()] {
            std::fs::create_dir(folder).expect("a folder can be made in it");
        }
        project
    }

    /// Writes a file, with the folders above it.
    #[must_use]
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// Writes a small workspace: the model `small` at this base URL, the prompt `repeat` with one version, the suite
    /// `words` with the scorer `exact`, and five cases that an endpoint which echoes the user passes.
    #[must_use]
    pub(crate) fn workspace(mut self, url: &str) -> Self {
        self.ports.extend(port_of(url));
        self.file("regauge.yaml", &CONFIG.replace("{url}", url))
            .file("prompts/repeat/v1.md", PROMPT)
            .file("suites/words.yaml", SUITE)
            .cases(5)
    }

    /// Writes that many cases in place of the five of [`Project::workspace`].
    #[must_use]
    pub(crate) fn cases(self, count: usize) -> Self {
        let row = |n| {
            format!(
                "{{\"id\": \"w-{n:05}\", \"word\": \"word {n}\", \"expected\": \"word {n}\"}}\n"
            )
        };
        let rows: String = (1..=count).map(row).collect();
        self.file("golden/words.jsonl", &rows)
    }

    /// Sets a variable of the environment, which is empty but for `PATH` and `HOME`.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of the workspace.
    pub(crate) fn dir(&self) -> PathBuf {
        self.root.path().join("workspace")
    }

    /// Writes a file between two runs.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.dir().join(path);
        let parent = path.parent().expect("a file stands in a folder");
        std::fs::create_dir_all(parent).expect("folders can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        let text = std::fs::read_to_string(self.dir().join(path));
        text.unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
    }

    /// Waits until a file is there, as a sign that a program has come so far.
    pub(crate) fn wait_for(&self, path: &str) {
        let (path, start) = (self.dir().join(path), Instant::now());
        while !path.exists() {
            assert!(
                start.elapsed() < PATIENCE,
                "{} did not come",
                path.display()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Every file of the workspace, by its path in it, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.dir(), &self.dir(), &mut files);
        files.sort();
        files
    }

    /// Runs `regauge` with these arguments to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).wait()
    }

    /// Starts `regauge` with these arguments.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regauge"));
        command.args(arguments);
        self.start(command)
    }

    /// Starts a program in the workspace, in the same way.
    pub(crate) fn start(&self, mut command: Command) -> Running {
        command
            .current_dir(self.dir())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        Running::start(command, self.placeholders())
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// What outputs say that differs from run to run, and what stands for it.
    fn placeholders(&self) -> Vec<(String, String)> {
        let mut placeholders = Vec::new();
        for (folder, name) in [(self.dir(), "[WORKSPACE]"), (self.home(), "[HOME]")] {
            // The folder may be reached through a link, and the program may have followed it.
            let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            for path in [folder, real] {
                placeholders.push((path.display().to_string(), name.to_owned()));
            }
        }
        let ports = self.ports.iter();
        placeholders
            .extend(ports.map(|port| (format!("127.0.0.1:{port}"), "127.0.0.1:[PORT]".to_owned())));
        placeholders
    }
}

/// A program that runs. It is killed if it is dropped before it has ended.
pub(crate) struct Running {
    pid: u32,
    ended: Receiver<io::Result<std::process::Output>>,
    said: Arc<Said>,
    placeholders: Vec<(String, String)>,
    waited: bool,
}

impl Running {
    fn start(mut command: Command, placeholders: Vec<(String, String)>) -> Self {
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

fn port_of(url: &str) -> Option<u16> {
    let (_, rest) = url.split_once("127.0.0.1:")?;
    rest.split('/').next()?.parse().ok()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).expect("a folder can be read");
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let inside = path.strip_prefix(root).expect("it stands below the root");
            files.push(inside.display().to_string());
        }
    }
}

const CONFIG: &str = "\
version: 1
models:
  small:
    provider: openai
    base_url: {url}
    model: test-model
    params: { temperature: 0, max_tokens: 16, seed: 7 }
    limits: { concurrency: 8 }
    timeout: 2s
    retries: 3
    price: { input: 0.15, output: 0.60 }
";

const PROMPT: &str = "\
---
description: Say a word again
inputs: [word]
---
system:
Say what the user says.
user:
{{ word }}
";

const SUITE: &str = "\
name: words
description: Say a word again.
prompts: [repeat@v1]
models: [small]
dataset: golden/words.jsonl
trials: 1
scorers:
  - exact
gates:
  - metric: exact
    tolerance: 0.03
    at_least: 0.80
";
