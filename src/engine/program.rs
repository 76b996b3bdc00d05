//! Local programs that answer: no shell, an environment of their own, and bounds on what they write.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::receive::{Refused, failure};
use crate::error::Result;
use crate::exchange::FailureKind;
use crate::exchange::form::Form;
use crate::workspace::model::Model;

/// Bytes of an answer that are read; a longer one is none.
const LONGEST_ANSWER: u64 = 32 * 1024 * 1024;
/// Bytes at the end of what a program writes to its error output that are kept.
const KEPT_ERRORS: usize = 2048;
/// How long the last words of a program are waited for that has failed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program, ready to be asked.
#[derive(Debug)]
pub(super) struct Program {
    command: Vec<String>,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    stays: bool,
    /// Bytes of address space for each of its processes.
    memory: Option<u64>,
    /// Those that wait for a line.
    idle: Mutex<Vec<Running>>,
}

/// A program that was started. It is killed when this is dropped, with all that it has started.
#[derive(Debug)]
struct Running {
    group: Group,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: JoinHandle<String>,
}

/// The processes of a program, which end when this is dropped.
#[derive(Debug)]
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    fn of(child: &Child) -> Self {
        #[cfg(not(unix))]
        let _ = child;
        Self {
            #[cfg(unix)]
            leader: child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(rustix::process::Pid::from_raw),
        }
    }

    /// Bounds the address space of the program, and of all that it starts from now on.
    fn limit_memory(&self, bytes: Option<u64>) -> std::result::Result<(), Refused> {
        let Some(bytes) = bytes else {
            return Ok(());
        };
        #[cfg(target_os = "linux")]
        {
            let limit = rustix::process::Rlimit {
                current: Some(bytes),
                maximum: Some(bytes),
            };
            // One that has ended by now needs no limit.
            let set = self.leader.map(|leader| {
                rustix::process::prlimit(Some(leader), rustix::process::Resource::As, limit)
            });
            match set {
                None | Some(Ok(_) | Err(rustix::io::Errno::SRCH)) => Ok(()),
                Some(Err(error)) => Err(broke(&format!("its memory cannot be limited: {error}"))),
            }
        }
        #[cfg(not(target_os = "linux"))]
        Err(broke(&format!(
            "`memory_mb` ({bytes} bytes) can be held on Linux only"
        )))
    }

    /// The leader has ended, and its number may be that of another by now.
    fn has_ended(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            let signal = rustix::process::Signal::KILL;
            // It fails where all have ended, which is what is wanted.
            rustix::process::kill_process_group(leader, signal).unwrap_or(());
        }
    }
}

impl Program {
    /// Prepares the program of a model; an unset variable is an error.
    pub(super) fn new(model: &Model, folder: PathBuf) -> Result<Self> {
        let command = match &model.form {
            Some(Form::Command(command)) => command.clone(),
            _ => Vec::new(),
        };
        let mut environment = Vec::new();
        for (name, value) in &model.program.environment {
            environment.push((name.clone(), value.get()?.to_owned()));
        }
        Ok(Self {
            command,
            folder,
            environment,
            stays: model.program.stays,
            memory: model.program.memory,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Gives it one line and takes what it gives back.
    pub(super) async fn ask(&self, line: &[u8]) -> std::result::Result<Vec<u8>, Refused> {
        if self.stays {
            self.ask_one_that_stays(line).await
        } else {
            self.ask_once(line).await
        }
    }

    async fn ask_once(&self, line: &[u8]) -> std::result::Result<Vec<u8>, Refused> {
        let mut running = self.start()?;
        let input = running.input.take();
        let given = async move {
            // A program that answers without reading all of it has its reasons.
            if let Some(mut input) = input {
                drop(input.write_all(line).await);
                drop(input.write_all(b"\n").await);
            }
        };
        let mut answer = Vec::new();
        let mut bounded = (&mut running.output).take(LONGEST_ANSWER + 1);
        let ((), read) = tokio::join!(given, bounded.read_to_end(&mut answer));
        read.map_err(|error| broke(&error.to_string()))?;
        check_length(&answer)?;
        let status = running.child.wait().await;
        let status = status.map_err(|error| broke(&error.to_string()))?;
        running.group.has_ended();
        if !status.success() {
            let said = last_words(&mut running.errors).await;
            let message = format!("the program ended with {status}{said}");
            return Err(failure(FailureKind::Server, None, message));
        }
        Ok(answer)
    }

    async fn ask_one_that_stays(&self, line: &[u8]) -> std::result::Result<Vec<u8>, Refused> {
        let idle = self.idle.lock().await.pop();
        let mut running = match idle {
            Some(running) => running,
            None => self.start()?,
        };
        match running.exchange(line).await {
            Ok(answer) => {
                self.idle.lock().await.push(running);
                Ok(answer)
            }
            Err(Some(refused)) => Err(refused),
            Err(None) => {
                drop(running.child.start_kill());
                let said = last_words(&mut running.errors).await;
                Err(broke(&format!("it ended before it answered{said}")))
            }
        }
    }

    fn start(&self) -> std::result::Result<Running, Refused> {
        let (name, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| broke("it has no name"))?;
        // Where the name is a path, it is one from the folder of the workspace.
        let program = if name.contains('/') {
            self.folder.join(name).into_os_string()
        } else {
            name.into()
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // An interrupt at the terminal is for us: calls under way are waited for.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| Refused {
            failure: crate::exchange::Failure {
                retryable: false,
                ..failure(
                    FailureKind::Rejected,
                    None,
                    format!("cannot start the program `{name}`: {error}"),
                )
                .failure
            },
            wait: None,
        })?;
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = (input, output, errors) else {
            return Err(broke("it has no pipes"));
        };
        let group = Group::of(&child);
        group.limit_memory(self.memory)?;
        Ok(Running {
            group,
            child,
            input: Some(input),
            output: BufReader::new(output),
            errors: tokio::spawn(tail(errors)),
        })
    }
}

impl Running {
    /// One line there, one line back; no failure of its own where the program has ended.
    async fn exchange(&mut self, line: &[u8]) -> std::result::Result<Vec<u8>, Option<Refused>> {
        let (input, output) = (self.input.as_mut().ok_or(None)?, &mut self.output);
        let given = async {
            input.write_all(line).await?;
            input.write_all(b"\n").await?;
            input.flush().await
        };
        let mut answer = Vec::new();
        let mut bounded = output.take(LONGEST_ANSWER + 1);
        let (given, read) = tokio::join!(given, bounded.read_until(b'\n', &mut answer));
        if given.is_err() || read.is_err() {
            return Err(None);
        }
        check_length(&answer).map_err(Some)?;
        if answer.ends_with(b"\n") {
            Ok(answer)
        } else {
            Err(None)
        }
    }
}

fn check_length(answer: &[u8]) -> std::result::Result<(), Refused> {
    if answer.len() as u64 <= LONGEST_ANSWER {
        return Ok(());
    }
    let message = format!("the answer is longer than {LONGEST_ANSWER} bytes");
    Err(failure(FailureKind::Unparseable, None, message))
}

fn broke(why: &str) -> Refused {
    failure(
        FailureKind::Transport,
        None,
        format!("the program broke: {why}"),
    )
}

/// The end of what a program writes, so that it is never stopped by a full pipe.
async fn tail(mut errors: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(length) = errors.read(&mut piece).await {
        if length == 0 {
            break;
        }
        kept.extend_from_slice(&piece[..length]);
        let surplus = kept.len().saturating_sub(KEPT_ERRORS);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The last line that a program wrote to its error output, to stand behind a message.
async fn last_words(errors: &mut JoinHandle<String>) -> String {
    let said = tokio::time::timeout(LAST_WORDS, errors).await;
    let said = said
        .ok()
        .and_then(std::result::Result::ok)
        .unwrap_or_default();
    let line = said.lines().rfind(|line| !line.trim().is_empty());
    line.map_or_else(String::new, |line| {
        let line = crate::provider::one_line(line);
        format!(": {line}")
    })
}
