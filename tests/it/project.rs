//! A workspace in a folder of its own, and the real binary run in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::database::{Database, Engine, PASSWORD_VARIABLE};
use crate::process::{Output, PATIENCE, Running};

/// A folder with a workspace in it; it goes when it is dropped.
pub(crate) struct Project {
    root: TempDir,
    environment: Vec<(String, String)>,
    /// The ports that outputs may name, which differ from run to run.
    ports: Vec<u16>,
    /// The database of its history, where that is none of its files.
    database: Option<Database>,
}

impl Project {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let project = Self {
            root: TempDir::new().expect("a temporary folder can be made"),
            environment: Vec::new(),
            ports: Vec::new(),
            database: None,
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

    /// Keeps the history of the workspace in a new database of this kind.
    #[must_use]
    pub(crate) fn kept_in(self, engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => self.history("sqlite:.regauge/history.db"),
            Engine::Postgres => self.with_database(Database::new()),
        }
    }

    /// Keeps the history of the workspace in this database.
    #[must_use]
    pub(crate) fn with_database(self, database: Database) -> Self {
        let (url, server) = (database.url(), database.server());
        let mut project = self.history(&url).env(PASSWORD_VARIABLE, &server.password);
        project.ports.push(server.port);
        project.database = Some(database);
        project
    }

    /// Goes to its database as a user who has no rights in it yet.
    #[must_use]
    pub(crate) fn through_member(self) -> Self {
        let database = self.database();
        database.add_member();
        let user = format!("//{}:", database.server().user);
        let url = database
            .url()
            .replace(&user, &format!("//{}:", database.name));
        self.history(&url)
    }

    /// Names the place of the history in `regauge.yaml`.
    #[must_use]
    pub(crate) fn history(self, url: &str) -> Self {
        let config = self.read("regauge.yaml");
        let others = config.lines().filter(|line| !line.starts_with("history:"));
        let line = format!("history: {url}\n");
        let lines: Vec<&str> = others.chain([line.as_str()]).collect();
        let config = lines.join("\n");
        self.file("regauge.yaml", &config)
    }

    /// The database of its history on the server.
    pub(crate) fn database(&self) -> &Database {
        let database = self.database.as_ref();
        database.expect("the history is on a server")
    }

    /// Sets a variable of the environment, which is empty but for `PATH` and `HOME`.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The variables that were set.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
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
        self.start(self.command(arguments))
    }

    /// `regauge` with these arguments, to be started at a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regauge"));
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// Starts a program in the workspace, in the same way.
    pub(crate) fn start(&self, mut command: Command) -> Running {
        self.surround(&mut command);
        Running::start(command, self.placeholders())
    }

    fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.dir())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
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
        if let Some(database) = &self.database {
            let user = format!("//{}@", database.server().user);
            placeholders.push((user, "//[USER]@".to_owned()));
            placeholders.push((database.name.clone(), "[DATABASE]".to_owned()));
        }
        let ports = self.ports.iter();
        placeholders
            .extend(ports.map(|port| (format!("127.0.0.1:{port}"), "127.0.0.1:[PORT]".to_owned())));
        placeholders
    }
}

/// The number of a case of [`Project::cases`], by what the user says in it.
pub(crate) fn number_of(user: &str) -> usize {
    let number = user.trim_start_matches("word ").parse();
    number.expect("the user says `word 7`")
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
