//! How fast `regauge` is as a whole process, against a model endpoint in a process of its own.
//!
//! `cargo bench --bench throughput` measures every row; `-- ROW…` only the rows whose names begin so, and
//! `-- --trials N` with another number of trials than 10,000 (`check` and `compare` take ten times as many).
//! `REGAUGE_BENCH_POSTGRES=postgres://…` names an empty database, in which `history` is measured too.
//! The bench fails where the program does not do the work, not where it misses a target: machines differ.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "the bench uses a part of what the tests use"
)]
#[path = "../tests/it/endpoint.rs"]
mod endpoint;
#[path = "throughput/history.rs"]
mod history;
#[path = "throughput/load.rs"]
mod load;
#[path = "throughput/process.rs"]
mod process;
#[path = "throughput/workspace.rs"]
mod workspace;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{Failed, Measured, Served};
use workspace::Workspace;

const CONCURRENCY: u32 = 64;
const LATENCY: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", latency, wrong] => process::serve(latency, wrong),
        _ if arguments.iter().any(|argument| argument == "--bench") => measure_all(&arguments),
        _ => {
            eprintln!("measurements are made by cargo bench --bench throughput");
            ExitCode::SUCCESS
        }
    }
}

/// A thing to measure.
struct Subject {
    name: &'static str,
    measure: fn(usize) -> Result<Vec<Row>, Failed>,
}

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "endpoint",
        measure: endpoint_alone,
    },
    Subject {
        name: "start",
        measure: start,
    },
    Subject {
        name: "check",
        measure: check,
    },
    Subject {
        name: "latency",
        measure: run_against_latency,
    },
    Subject {
        name: "instant",
        measure: run_against_instant,
    },
    Subject {
        name: "memory",
        measure: memory,
    },
    Subject {
        name: "soak",
        measure: soak,
    },
    Subject {
        name: "compare",
        measure: compare,
    },
    Subject {
        name: "history",
        measure: long_history,
    },
];

/// A measured value and what it should be.
struct Row {
    what: &'static str,
    value: f64,
    unit: &'static str,
    target: Target,
}

enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    fn at_most(what: &'static str, value: f64, unit: &'static str, target: f64) -> Self {
        Self {
            what,
            value,
            unit,
            target: Target::AtMost(target),
        }
    }

    fn at_least(what: &'static str, value: f64, unit: &'static str, target: f64) -> Self {
        Self {
            what,
            value,
            unit,
            target: Target::AtLeast(target),
        }
    }

    /// Prints the row, with the share of the target that is used up: more than 1 is a miss.
    fn print(&self) {
        let Self {
            what,
            value,
            unit,
            target,
        } = self;
        let (sign, target, used) = match target {
            Target::AtMost(most) => ('≤', most, value / most),
            Target::AtLeast(least) => ('≥', least, least / value),
        };
        let missed = if used > 1.0 { "  missed" } else { "" };
        println!("{what:<52} {value:>10.3} {unit:<9} {sign} {target:>9} {used:>8.2}{missed}");
    }
}

fn measure_all(arguments: &[String]) -> ExitCode {
    let option = arguments
        .iter()
        .skip_while(|argument| *argument != "--trials")
        .nth(1);
    let trials = option.map_or(Ok(10_000), |number| number.parse());
    let Ok(trials) = trials else {
        eprintln!("--trials takes a number");
        return ExitCode::from(2);
    };
    let names: Vec<_> = arguments
        .iter()
        .filter(|argument| argument.starts_with(char::is_alphabetic))
        .collect();
    let asked = |subject: &&Subject| {
        names.is_empty() || names.iter().any(|name| subject.name.starts_with(*name))
    };
    println!(
        "{:<52} {:>10} {:<9}   {:>9} {:>8}",
        "", "measured", "", "target", "÷ target"
    );
    let mut code = ExitCode::SUCCESS;
    for subject in SUBJECTS.iter().filter(asked) {
        match (subject.measure)(trials) {
            Ok(rows) => rows.iter().for_each(Row::print),
            Err(failed) => {
                println!("{}: {failed}", subject.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// What the endpoint itself takes, so that nobody mistakes its limits for those of the program.
fn endpoint_alone(trials: usize) -> Result<Vec<Row>, Failed> {
    let requests = 10 * trials;
    let instant = ask_bare(requests, Duration::ZERO)?;
    let late = ask_bare(trials, LATENCY)?;
    Ok(vec![
        Row::at_least(
            "endpoint alone, instant: requests",
            per(requests, instant.wall),
            "/s",
            30_000.0,
        ),
        Row::at_most(
            "endpoint alone, instant: CPU a request",
            millis_each(instant.cpu, requests),
            "ms",
            0.02,
        ),
        Row::at_most(
            "endpoint alone, 20 ms: wall ÷ ideal",
            ratio(late.wall, ideal(trials)),
            "",
            1.05,
        ),
    ])
}

/// What calls by a client that does nothing else take, and what they cost the endpoint.
struct Bare {
    wall: Duration,
    cpu: Duration,
}

fn ask_bare(requests: usize, latency: Duration) -> Result<Bare, Failed> {
    let served = Served::start(latency, "0")?;
    let (start, before) = (Instant::now(), served.cpu()?);
    load::ask(served.url(), CONCURRENCY, requests)?;
    let (wall, cpu) = (start.elapsed(), served.cpu()?.saturating_sub(before));
    served.stop(requests)?;
    Ok(Bare { wall, cpu })
}

fn start(_trials: usize) -> Result<Vec<Row>, Failed> {
    let mut walls = Vec::new();
    for _ in 0..51 {
        let version = process::measure(Workspace::empty()?.command(&["--version"]))?;
        version.said("regauge")?;
        walls.push(version.wall);
    }
    walls.sort();
    let median = walls[walls.len() / 2];
    Ok(vec![Row::at_most(
        "--version: wall, median of 51",
        millis(median),
        "ms",
        10.0,
    )])
}

fn check(trials: usize) -> Result<Vec<Row>, Failed> {
    let workspace = Workspace::new("http://127.0.0.1:9/v1", 10 * trials)?;
    let checked = process::measure(workspace.command(&["check"]))?;
    checked.ended_in(&[0])?.said("")?;
    Ok(vec![
        Row::at_most(
            "check of ten times the cases: wall",
            checked.wall.as_secs_f64(),
            "s",
            1.0,
        ),
        Row::at_most(
            "check of ten times the cases: peak memory",
            checked.peak()?,
            "MB",
            400.0,
        ),
    ])
}

fn run_against_latency(trials: usize) -> Result<Vec<Row>, Failed> {
    let bare = ask_bare(trials, LATENCY)?.wall;
    let ran = run(trials, LATENCY)?;
    Ok(vec![
        Row::at_most(
            "run at 20 ms, 64 at a time: wall ÷ ideal",
            ratio(ran.wall, ideal(trials)),
            "",
            1.25,
        ),
        Row::at_most(
            "run at 20 ms, 64 at a time: wall ÷ bare client's",
            ratio(ran.wall, bare),
            "",
            1.10,
        ),
        Row::at_most(
            "run at 20 ms, 64 at a time: CPU a trial",
            millis_each(ran.cpu, trials),
            "ms",
            0.25,
        ),
        Row::at_most(
            "run at 20 ms, 64 at a time: peak memory",
            ran.peak()?,
            "MB",
            100.0,
        ),
    ])
}

fn run_against_instant(trials: usize) -> Result<Vec<Row>, Failed> {
    let ran = run(trials, Duration::ZERO)?;
    Ok(vec![
        Row::at_least(
            "run at no latency, 64 at a time: trials",
            per(trials, ran.wall),
            "/s",
            5000.0,
        ),
        Row::at_most(
            "run at no latency, 64 at a time: CPU a trial",
            millis_each(ran.cpu, trials),
            "ms",
            0.25,
        ),
    ])
}

/// Ten times the trials, a hundred of each case: what a run takes that has many more trials than cases.
fn memory(trials: usize) -> Result<Vec<Row>, Failed> {
    let trials = 10 * trials;
    let served = Served::start(Duration::ZERO, "0")?;
    let workspace = Workspace::new(served.url(), trials / 100)?;
    let ran = process::measure(workspace.run(&["--quiet", "--trials", "100"]))?;
    ran.ended_in(&[0])?;
    served.stop(trials)?;
    Ok(vec![Row::at_most(
        "run of ten times the trials, 100 a case: peak memory",
        ran.peak()?,
        "MB",
        120.0,
    )])
}

/// Twenty times the trials on an endpoint at which one call in ten fails: each is answered once, and all are counted.
fn soak(trials: usize) -> Result<Vec<Row>, Failed> {
    let trials = 20 * trials;
    let ran = run_on(Served::start(Duration::ZERO, process::FAULTY)?, trials)?;
    Ok(vec![
        Row::at_most(
            "soak of twenty times the trials, 10 % faults: CPU",
            millis_each(ran.cpu, trials),
            "ms",
            0.3,
        ),
        Row::at_most(
            "soak of twenty times the trials: peak memory",
            ran.peak()?,
            "MB",
            1200.0,
        ),
        Row::at_least(
            "soak of twenty times the trials: trials",
            per(trials, ran.wall),
            "/s",
            1000.0,
        ),
    ])
}

/// A run in a new workspace.
fn run(trials: usize, latency: Duration) -> Result<Measured, Failed> {
    run_on(Served::start(latency, "0")?, trials)
}

fn run_on(served: Served, trials: usize) -> Result<Measured, Failed> {
    let workspace = Workspace::new(served.url(), trials)?;
    let ran = process::measure(workspace.run(&["--quiet"]))?;
    ran.ended_in(&[0])?;
    served.stop(trials)?;
    Ok(ran)
}

/// Two runs, of which the second has one answer in fifty wrong, with all reports of their difference.
fn compare(trials: usize) -> Result<Vec<Row>, Failed> {
    let trials = 10 * trials;
    let workspace = Workspace::new("", trials)?;
    let mut runs = Vec::new();
    for wrong in ["0", "50"] {
        let served = Served::start(Duration::ZERO, wrong)?;
        workspace.point_at(served.url())?;
        let ran = process::measure(workspace.run(&["--quiet", "--report", "none"]))?;
        // Whether a gate calls one in fifty a regression is not ours to say here.
        ran.ended_in(&[0, 1, 4])?;
        let listed = process::measure(workspace.command(&["history", "--json", "-n", "1"]))?;
        runs.push(listed.newest_run()?);
        served.stop(trials)?;
    }
    let formats = "html,csv,junit,markdown,json";
    let arguments = [
        "compare", &runs[0], &runs[1], "--report", formats, "--out", "reports",
    ];
    let compared = process::measure(workspace.command(&arguments))?;
    compared.ended_in(&[0, 1, 4])?;
    workspace.has_reports()?;
    Ok(vec![
        Row::at_most(
            "compare of ten times the trials: wall",
            compared.wall.as_secs_f64(),
            "s",
            10.0,
        ),
        Row::at_most(
            "compare of ten times the trials: peak memory",
            compared.peak()?,
            "MB",
            500.0,
        ),
    ])
}

/// The time that the calls take if somebody always waits for the endpoint and nothing else costs time.
fn ideal(trials: usize) -> Duration {
    let trials = u32::try_from(trials).unwrap_or(u32::MAX);
    LATENCY * trials / CONCURRENCY
}

fn ratio(wall: Duration, ideal: Duration) -> f64 {
    wall.as_secs_f64() / ideal.as_secs_f64()
}

fn per(count: usize, wall: Duration) -> f64 {
    number(count) / wall.as_secs_f64()
}

fn millis_each(cpu: Duration, count: usize) -> f64 {
    millis(cpu) / number(count)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Five hundred runs of two thousand trials each: what is listed, and what the course of a suite is drawn from.
fn long_history(_trials: usize) -> Result<Vec<Row>, Failed> {
    let file = [
        "SQLite, 500 runs: history of the suite, wall",
        "SQLite, 500 runs: newest 100 points, wall",
    ];
    let mut rows = long_history_in(None, file)?;
    if let Some(address) = std::env::var_os("REGAUGE_BENCH_POSTGRES") {
        let server = [
            "PostgreSQL, 500 runs: history of the suite, wall",
            "PostgreSQL, 500 runs: newest 100 points, wall",
        ];
        rows.extend(long_history_in(Some(&address.to_string_lossy()), server)?);
    }
    Ok(rows)
}

fn long_history_in(
    server: Option<&str>,
    [listed, read]: [&'static str; 2],
) -> Result<Vec<Row>, Failed> {
    let workspace = Workspace::new("http://127.0.0.1:9/v1", 1)?;
    if let Some(address) = server {
        workspace.keep_history_in(address)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let points = runtime.block_on(async {
        let history = workspace.history().await?;
        history::seed(&history, 500, 2000).await?;
        history::read_points(&history, 100).await
    })?;
    let mut walls = Vec::new();
    for _ in 0..11 {
        let listing = process::measure(workspace.command(&["history", history::SUITE]))?;
        walls.push(listing.ended_in(&[0])?.said("triage")?.wall);
    }
    walls.sort();
    Ok(vec![
        Row::at_most(listed, millis(walls[5]), "ms", 300.0),
        Row::at_most(read, millis(points), "ms", 250.0),
    ])
}
