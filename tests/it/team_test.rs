//! That many may write to one history at once, and that a server may fail, without a loss and without a leak.

use std::collections::BTreeSet;
use std::time::Duration;

use regauge::history::store::History;
use serde_json::Value;

use crate::database::proxy::Proxy;
use crate::database::{Database, Engine, PASSWORD_VARIABLE, engines, server};
use crate::endpoint::{Behaviour, Endpoint, Gate};
use crate::process::Output;
use crate::project::Project;
use crate::store_test::load;
use crate::summary::outcomes;

#[test]
fn eight_processes_write_to_one_history_and_nothing_is_lost_or_doubled() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour {
            latency: Duration::from_millis(1),
            ..Behaviour::default()
        });
        let project = Project::new()
            .workspace(&endpoint.url())
            .cases(150)
            .kept_in(engine);
        let run = |_| {
            project.spawn(&[
                "run",
                "--trials",
                "2",
                "--baseline",
                "none",
                "--report",
                "none",
            ])
        };
        let running: Vec<_> = (0..8).map(run).collect();
        for run in running {
            let output = run.wait().expect_code(0);
            for word in ["lock", "busy", "error", "deadlock"] {
                assert!(!output.stderr.contains(word), "{engine:?}: {output}");
            }
        }
        assert_eq!(endpoint.calls(), 8 * 300);
        let runs = project.run(&["history", "--json"]).expect_code(0).json();
        let runs = runs.as_array().unwrap();
        let ids: BTreeSet<&str> = runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
        assert_eq!((runs.len(), ids.len()), (8, 8));
        assert!(runs.iter().all(|run| run["status"] == "complete"));
        for id in ids {
            let exported = project.run(&["export", id]).expect_code(0).stdout;
            let trials = exported
                .lines()
                .filter(|line| line.starts_with("{\"trial\""));
            let answered: BTreeSet<(u64, u64)> = trials.map(place_of_answered).collect();
            assert_eq!(answered.len(), 300);
        }
    }
}

/// Case and repeat of a trial in a run file, which must have its answer.
fn place_of_answered(line: &str) -> (u64, u64) {
    let line: Value = serde_json::from_str(line).unwrap();
    let trial = &line["trial"];
    assert!(trial["answer"]["reply"]["response"].is_object(), "{line}");
    let number = |name: &str| trial["trial"][name].as_u64().unwrap();
    (number("case"), number("repeat"))
}

#[test]
fn after_a_kill_a_run_on_a_server_goes_on_where_it_was() {
    let Some((gate, endpoint, project)) = gated_on_a_server() else {
        return;
    };
    let project = project.cases(200);
    let run = project.spawn(&["run", "--baseline", "none"]);
    gate.release(77);
    endpoint.wait_for_answered(77);
    endpoint.wait_for_in_flight(1);
    assert_eq!(run.kill9().signal(), Some(9));
    endpoint.wait_until_idle();
    gate.open();
    let resumed = project
        .run(&["run", "--resume", "--json", "--baseline", "none"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&resumed)["ok"], 200);
    assert!(endpoint.calls() <= 200 + 8, "{} calls", endpoint.calls());
    let runs = project.run(&["history", "--json"]).json();
    assert_eq!(
        (runs.as_array().unwrap().len(), &runs[0]["status"]),
        (1, &"complete".into())
    );
}

#[test]
fn a_run_that_another_process_is_making_on_a_server_is_not_made_twice() {
    let Some((gate, endpoint, project)) = gated_on_a_server() else {
        return;
    };
    let run = project.spawn(&["run", "--baseline", "none"]);
    endpoint.wait_for_in_flight(1);
    let refused = project.run(&["run", "--resume"]).expect_code(2);
    assert!(
        refused
            .stderr
            .contains("another process is making this run"),
        "{refused}"
    );
    gate.open();
    run.wait().expect_code(0);
    assert_eq!(endpoint.calls(), 5);
}

#[test]
fn a_server_that_is_lost_for_a_moment_costs_nothing() {
    let Some((gate, endpoint, project)) = gated_on_a_server() else {
        return;
    };
    let server = project.database().server();
    let proxy = Proxy::to(&server.host, server.port);
    let url = project.database().url_at(proxy.port);
    let project = project.cases(60).history(&url);
    let run = project.spawn(&["run", "--json", "--baseline", "none"]);
    gate.release(20);
    endpoint.wait_for_answered(20);
    endpoint.wait_for_in_flight(1);
    proxy.cut();
    gate.release(3);
    proxy.wait_for_refused(3);
    proxy.mend();
    gate.open();
    let summary = run.wait().expect_code(0).json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 60)].into());
    assert_eq!(endpoint.calls(), 60);
    let exported = project.run(&["export"]).expect_code(0).stdout;
    let trials = exported
        .lines()
        .filter(|line| line.starts_with("{\"trial\""));
    assert_eq!(
        trials.map(place_of_answered).collect::<BTreeSet<_>>().len(),
        60
    );
}

#[test]
fn whoever_lost_the_right_to_a_run_with_the_server_writes_no_more() {
    if server().is_none() {
        return;
    }
    let project = Project::new()
        .file("regauge.yaml", "version: 1\nmodels: {}\n")
        .kept_in(Engine::Postgres);
    let workspace = load(&project);
    // What a server that starts anew does to the session that holds the right.
    let end_session = || {
        project.database().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE 'regauge %'",
        );
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let one = History::open(&workspace).await.unwrap();
        let other = History::open(&workspace).await.unwrap();
        let _right = one.own("i").await.unwrap();
        end_session();
        let _taken = other.own("i").await.unwrap();
        let refusal = loop {
            match one.knows("r").await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(refusal) => break refusal,
            }
        };
        let message = refusal.diagnostics()[0].message();
        assert!(
            message.contains("another process went on with this run"),
            "{refusal}"
        );

        let _right = other.own("j").await.unwrap();
        end_session();
        // Nobody wanted the run meanwhile: the right is taken again.
        let third = History::open(&workspace).await.unwrap();
        while third.own("j").await.is_ok() {}
        other.knows("r").await.unwrap();
    });
}

#[test]
fn what_is_wrong_with_a_server_is_said_with_the_next_step_and_without_the_password() {
    let Some(server) = server() else {
        return;
    };
    let endpoint = Endpoint::start(Behaviour::default());
    let project = || {
        Project::new()
            .workspace(&endpoint.url())
            .kept_in(Engine::Postgres)
    };
    let mut said = Vec::new();
    let mut say = |what: &str, project: &Project| {
        let output = project.run(&["run"]).expect_code(2);
        assert_eq!(output.stdout, "");
        assert_silent(&output, &server.password);
        said.push(format!("--- {what}\n{}", output.stderr));
    };

    let unset = project()
        .env(PASSWORD_VARIABLE, "")
        .history("postgres://user:${HISTORY_PASSWORD}@host/runs");
    say("the password is not set", &unset);
    let wrong = project().env(PASSWORD_VARIABLE, "another-password");
    say("the password is wrong", &wrong);
    let missing = project();
    let database = missing.database();
    let url = database.url().replace(&database.name, "nowhere");
    say("there is no such database", &missing.history(&url));
    let nowhere = project();
    let url = nowhere.database().url_at(1);
    say("there is no server", &nowhere.history(&url));
    let newer = project();
    newer.run(&["history"]).expect_code(0);
    newer.database().execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', true, '', 0)",
    );
    say("it was made by a newer program", &newer);
    let latin = project().with_database(Database::encoded("LATIN1"));
    say("it cannot hold every text", &latin);
    let no_address = project().history("${HISTORY_PASSWORD}");
    say("the whole address is a variable, and wrong", &no_address);
    let member = project().through_member();
    say("the user may not make tables", &member);
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(endpoint.calls(), 0);
}

#[test]
fn who_may_only_read_and_write_rows_can_run() {
    if server().is_none() {
        return;
    }
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new()
        .workspace(&endpoint.url())
        .kept_in(Engine::Postgres);
    project.run(&["run"]).expect_code(0);
    let project = project.through_member();
    project.database().execute(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        project.database().name
    ));
    project.run(&["run", "--json"]).expect_code(0);
    let runs = project.run(&["history", "--json"]).expect_code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 2);
}

#[test]
fn the_password_of_a_server_is_written_nowhere() {
    let Some(server) = server() else {
        return;
    };
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new()
        .workspace(&endpoint.url())
        .kept_in(Engine::Postgres);
    for arguments in [
        &["run"][..],
        &["run", "--record"],
        &["check"],
        &["report"],
        &["export"],
    ] {
        assert_silent(&project.run(arguments).expect_code(0), &server.password);
    }
    for file in project.files() {
        let bytes = std::fs::read(project.dir().join(&file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&server.password), "{file}");
    }
}

/// That an output holds the password neither as it is nor as it stands in an address.
fn assert_silent(output: &Output, password: &str) {
    let in_address =
        percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
    for form in [password.to_owned(), in_address.to_string()] {
        assert!(!output.to_string().contains(&form), "{output}");
    }
}

/// A run of five cases whose history is on a server and whose endpoint answers when it is told to.
fn gated_on_a_server() -> Option<(Gate, Endpoint, Project)> {
    server()?;
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    let project = Project::new()
        .workspace(&endpoint.url())
        .kept_in(Engine::Postgres);
    Some((gate, endpoint, project))
}

#[test]
fn processes_that_share_a_history_on_a_server_share_the_limits_of_their_endpoints() {
    if server().is_none() {
        return;
    }
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new()
        .workspace(&endpoint.url())
        .cases(8)
        .kept_in(Engine::Postgres);
    let config = project.read("regauge.yaml");
    let limited = "{ concurrency: 8, requests_per_minute: 60 }";
    project.write(
        "regauge.yaml",
        config.replace("{ concurrency: 8 }", limited),
    );
    let run = |_| project.spawn(&["run", "--baseline", "none", "--report", "none"]);
    let running: Vec<_> = (0..2).map(run).collect();
    for run in running {
        run.wait().expect_code(0);
    }
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 16);
    // Six of sixty are there at once and nine in ten seconds come free: of sixteen, one comes after the tenth second.
    let took = requests[15].at.saturating_sub(requests[0].at);
    assert!(took >= Duration::from_secs(8), "{took:?}");
}
