//! Processes and what they cost, read from `/proc`: the standard library tells neither CPU time nor memory.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitCode, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::endpoint::{Answer, Answers, Behaviour, Completion, Endpoint, Fault, Faults};

/// What every process of Linux counts CPU time in, whatever its kernel ticks in.
const TICK: Duration = Duration::from_millis(10);

/// Why there is no measurement.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl Failed {
    /// For this reason.
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no measurement: {}", self.0)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A process that has ended, and what it cost.
pub(crate) struct Measured {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    peak_kib: Option<u32>,
    output: Output,
}

impl Measured {
    /// The most memory that it had resident, in megabytes.
    pub(crate) fn peak(&self) -> Result<f64, Failed> {
        let kib = self
            .peak_kib
            .ok_or_else(|| Failed::because("it ended before its memory could be read"))?;
        Ok(f64::from(kib) * 1024.0 / 1e6)
    }

    /// Itself, if it ended in one of these codes.
    pub(crate) fn ended_in(&self, codes: &[i32]) -> Result<&Self, Failed> {
        let Output { status, stderr, .. } = &self.output;
        if status.code().is_some_and(|code| codes.contains(&code)) {
            return Ok(self);
        }
        Err(Failed(format!(
            "{status}: {}",
            String::from_utf8_lossy(stderr)
        )))
    }

    /// Itself, if it wrote this and more to its standard output.
    pub(crate) fn said(&self, words: &str) -> Result<&Self, Failed> {
        let stdout = String::from_utf8_lossy(&self.output.stdout);
        if stdout.len() > words.len() && stdout.contains(words) {
            return Ok(self);
        }
        Err(Failed(format!(
            "it wrote {stdout:?}, in which {words:?} should stand"
        )))
    }

    /// The id of the newest run, where this was `history --json`.
    pub(crate) fn newest_run(&self) -> Result<String, Failed> {
        let runs: serde_json::Value = serde_json::from_slice(&self.output.stdout)
            .map_err(|error| Failed(format!("--json wrote no JSON: {error}")))?;
        let id = runs.pointer("/0/id").and_then(|id| id.as_str());
        Ok(id
            .ok_or_else(|| Failed::because("the history names no run"))?
            .to_owned())
    }
}

/// Runs a command to its end.
pub(crate) fn measure(mut command: Command) -> Result<Measured, Failed> {
    let before = cpu_of_children()?;
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let (ended, end) = channel::<()>();
    // The high-water mark only grows, so that the last look before the end has all but the last few milliseconds.
    let watch = std::thread::spawn(move || {
        let mut peak = None;
        while end.recv_timeout(Duration::from_millis(3)) == Err(RecvTimeoutError::Timeout) {
            peak = peak_kib(pid).or(peak);
        }
        peak
    });
    let output = child.wait_with_output()?;
    let wall = start.elapsed();
    drop(ended);
    Ok(Measured {
        wall,
        cpu: cpu_of_children()?.saturating_sub(before),
        peak_kib: watch
            .join()
            .map_err(|_| Failed::because("the watch over memory panicked"))?,
        output,
    })
}

/// An endpoint in a process of its own, so that its CPU time is not counted as ours.
pub(crate) struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Served {
    /// Starts this very program as an endpoint; `wrong` is 0, or n for one wrong answer in n.
    pub(crate) fn start(latency: Duration, wrong: &str) -> Result<Self, Failed> {
        let latency = latency.as_millis().to_string();
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &latency, wrong])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Failed::because("no pipe"))?;
        let mut stdout = BufReader::new(stdout);
        let mut url = String::new();
        stdout.read_line(&mut url)?;
        let url = url.trim_end().to_owned();
        Ok(Self { child, stdout, url })
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        cpu(&format!("/proc/{}/stat", self.child.id()), 14)
    }

    /// Ends it. By its own count it must have answered so many calls.
    pub(crate) fn stop(mut self, calls: usize) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let mut counted = String::new();
        self.stdout.read_to_string(&mut counted)?;
        if counted.trim() == calls.to_string() {
            return Ok(());
        }
        Err(Failed(format!(
            "of {calls} calls the endpoint answered {}",
            counted.trim()
        )))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends by itself when its standard input does.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// What an endpoint is asked for of which one call in ten fails.
pub(crate) const FAULTY: &str = "faulty";

/// One call in ten fails at its first attempt, in every way but those that take the time limit of a call, and but
/// refusals: those that come by chance would be taken for a limit, and the run be paced.
fn quick_faults() -> Faults {
    let takes_long = |fault: &Fault| {
        matches!(
            fault,
            Fault::Hang | Fault::StalledBody | Fault::RateLimited { .. }
        )
    };
    let mut faults = Faults::mixed(0.1);
    faults.kinds.retain(|fault| !takes_long(fault));
    faults
}

/// Serves until the standard input ends, between a line with the URL and one with the number of answers.
pub(crate) fn serve(latency: &str, wrong: &str) -> ExitCode {
    let is_faulty = wrong == FAULTY;
    let wrong = if is_faulty { "0" } else { wrong };
    let (Ok(latency), Ok(wrong)) = (latency.parse(), wrong.parse::<u64>()) else {
        return ExitCode::from(2);
    };
    let answers = match wrong {
        0 => Answers::Same(Completion::text("billing")),
        _ => Answers::by(move |asked| {
            let wrong = crate::endpoint::digest(asked.user().as_bytes()).is_multiple_of(wrong);
            Answer::text(if wrong { "shipping" } else { "billing" })
        }),
    };
    let endpoint = Endpoint::start(Behaviour {
        answers,
        latency: Duration::from_millis(latency),
        faults: if is_faulty {
            quick_faults()
        } else {
            Faults::none()
        },
        keep_requests: 0,
        ..Behaviour::default()
    });
    println!("{}", endpoint.url());
    drop(io::stdin().read_to_end(&mut Vec::new()));
    println!("{}", endpoint.answered());
    ExitCode::SUCCESS
}

/// CPU time of the children that have ended and been waited for.
fn cpu_of_children() -> Result<Duration, Failed> {
    cpu("/proc/self/stat", 16)
}

/// The sum of user time in this field, as `man 5 proc` counts them, and system time in the next.
fn cpu(path: &str, field: usize) -> Result<Duration, Failed> {
    let stat = std::fs::read_to_string(path)?;
    // The name in the second field may hold anything; the third field stands after its last bracket.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(field - 3)
        .take(2)
        .map_while(|ticks| ticks.parse::<u32>().ok());
    Ok(TICK * ticks.sum::<u32>())
}

fn peak_kib(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
