//! The databases that a history may be kept in, and a PostgreSQL server of the tests' own.
//!
//! The server runs on loopback as long as the process of the tests does. Where the machine has no programs for one,
//! the tests pass it over and say so, unless `REGAUGE_REQUIRE_POSTGRES` is set; `REGAUGE_TEST_POSTGRES` names another
//! server, as in `postgres://user:password@host:5432/postgres`.

#[path = "database/proxy.rs"]
pub(crate) mod proxy;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The variable that holds the password in the environment of `regauge`.
pub(crate) const PASSWORD_VARIABLE: &str = "HISTORY_PASSWORD";

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// All kinds that can be had here.
pub(crate) fn engines() -> Vec<Engine> {
    if server().is_some() {
        vec![Engine::Sqlite, Engine::Postgres]
    } else {
        vec![Engine::Sqlite]
    }
}

/// The server, or nothing and a word about it.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let named = std::env::var_os("REGAUGE_TEST_POSTGRES");
        let server = match named {
            Some(url) => Some(Server::named(&url.to_string_lossy())),
            None => programs().map(|folder| Server::start(&folder)),
        };
        if server.is_none() {
            // Past the capture of what tests print.
            let said = "tests on PostgreSQL are skipped: its programs are not here\n";
            drop(std::io::stderr().write_all(said.as_bytes()));
        }
        server
    });
    let required = std::env::var_os("REGAUGE_REQUIRE_POSTGRES").is_some();
    assert!(
        server.is_some() || !required,
        "there are no programs of PostgreSQL here"
    );
    server.as_ref()
}

/// Where a server is.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    maintenance: String,
}

impl Server {
    fn named(url: &str) -> Self {
        let url = reqwest::Url::parse(url).expect("REGAUGE_TEST_POSTGRES is an address");
        let decoded = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.expect("it is UTF-8").into_owned()
        };
        Self {
            host: url.host_str().expect("it names a host").to_owned(),
            port: url.port().unwrap_or(5432),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            maintenance: decoded(url.path().trim_start_matches('/')),
        }
    }

    /// Starts a server under a shell that waits for the end of this process: it notices even where that is killed.
    fn start(programs: &Path) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback can be had");
        let server = Self {
            host: "127.0.0.1".to_owned(),
            port: free.local_addr().expect("a bound port has a number").port(),
            user: "regauge".to_owned(),
            // All that an address would have to say in another way.
            password: "p@ss: 100%/?#[]é".to_owned(),
            maintenance: "postgres".to_owned(),
        };
        drop(free);
        let mut child = shell()
            .current_dir("/")
            .args(["-c", include_str!("database/postgres.sh"), "postgres.sh"])
            .arg(programs)
            .args([&server.port.to_string(), &server.user, &server.password])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut said = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        drop(BufReader::new(stdout).read_line(&mut said));
        assert_eq!(said, "ready\n", "PostgreSQL starts");
        // Its standard input stays open until this process ends.
        std::mem::forget(child);
        server
    }

    /// Carries out a statement on a database as a user.
    pub(crate) fn execute(&self, database: &str, sql: &str) {
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .password(&self.password)
            .database(database);
        let done = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            connection.execute(AssertSqlSafe(sql.to_owned())).await?;
            connection.close().await
        };
        let run = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime can be made");
            runtime.block_on(done)
        };
        // In a thread of its own, since the test may have a runtime already.
        let done = std::thread::scope(|scope| scope.spawn(run).join());
        done.expect("no panic")
            .expect("the server does what it is told");
    }
}

/// A database of its own on the server; it goes when this is dropped.
pub(crate) struct Database {
    pub(crate) name: String,
    server: &'static Server,
}

impl Database {
    /// Makes one.
    pub(crate) fn new() -> Self {
        Self::encoded("UTF8")
    }

    /// Makes one whose texts have this encoding.
    pub(crate) fn encoded(encoding: &str) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let server = server().expect("tests ask for a database where there is a server");
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("regauge_{}_{number}", std::process::id());
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        server.execute(&server.maintenance, &create);
        Self { name, server }
    }

    /// Makes a user of the same name and with the same password, who has no rights in it yet.
    pub(crate) fn add_member(&self) {
        let password = self.server.password.replace('\'', "''");
        self.execute(&format!(
            "CREATE ROLE {} LOGIN PASSWORD '{password}'",
            self.name
        ));
    }

    /// Its address for `history:`; the password stands in the environment.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.server.port)
    }

    /// Its address at another port, behind which something leads to the server.
    pub(crate) fn url_at(&self, port: u16) -> String {
        let Server { host, user, .. } = self.server;
        format!(
            "postgres://{user}:${{{PASSWORD_VARIABLE}}}@{host}:{port}/{}",
            self.name
        )
    }

    /// The server that it is on.
    pub(crate) fn server(&self) -> &'static Server {
        self.server
    }

    /// Carries out a statement on it.
    pub(crate) fn execute(&self, sql: &str) {
        self.server.execute(&self.name, sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for drop in ["DROP DATABASE IF EXISTS", "DROP ROLE IF EXISTS"] {
            let force = if drop.contains("ROLE") {
                ""
            } else {
                " WITH (FORCE)"
            };
            let drop = format!("{drop} {}{force}", self.name);
            self.server.execute(&self.server.maintenance, &drop);
        }
    }
}

/// The folder of `initdb`, `pg_ctl` and `postgres`.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = debian
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let has = |folder: &Path, name: &str| folder.join(name).is_file();
    folders.into_iter().find(|folder| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| has(folder, name))
    })
}

/// A shell that is not root, as whom PostgreSQL does not run.
fn shell() -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout == b"0\n") {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
        command
    } else {
        Command::new("sh")
    }
}
