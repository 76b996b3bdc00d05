//! That endpoints with limits are not run into, on the real binary: a minute of theirs lasts a second here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint, Fault};
use crate::project::Project;
use crate::summary::outcomes;

/// Calls that the endpoint lets in, in any second.
const A_SECOND: usize = 100;

/// An endpoint that lets in so many calls in any second, and does not say so.
fn limited() -> Endpoint {
    let log: Arc<Mutex<VecDeque<Instant>>> = Arc::default();
    Endpoint::start(Behaviour {
        answers: Answers::by(move |asked| {
            let mut log = log.lock().unwrap();
            let now = Instant::now();
            while log
                .front()
                .is_some_and(|first| *first + Duration::from_secs(1) <= now)
            {
                log.pop_front();
            }
            if log.len() >= A_SECOND {
                let wait = log[0] + Duration::from_secs(1) - now;
                return Fault::rate_limited(&format!("{:.3}", wait.as_secs_f64())).into();
            }
            log.push_back(now);
            Answer::text(asked.user())
        }),
        keep_requests: 0,
        ..Behaviour::default()
    })
}

#[test]
fn a_limit_that_nobody_told_is_found_and_hardly_a_call_is_refused() {
    let endpoint = limited();
    let project = Project::new().workspace(&endpoint.url()).cases(600);
    let summary = project
        .run(&["run", "--json", "--concurrency", "8"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 600)].into());
    let refused = endpoint.calls() - endpoint.answered();
    // Up to eight that were under way at the first refusal, and one at each later look at the limit.
    assert!(
        refused <= 30,
        "{refused} of {} calls refused",
        endpoint.calls()
    );
}
