//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ProgressMode;
use super::console::Console;
use crate::engine::Event;
use crate::engine::batch::News;
use crate::exchange::Failure;
use crate::execute::Progress;
use crate::provider::batch::Counts;
use crate::units::{Cost, count, show_duration};

/// The least time between two plain lines.
const EVERY: Duration = Duration::from_mins(1);

/// Shows how far a run is.
pub(super) struct Display<'a> {
    console: &'a Console,
    mode: ProgressMode,
    bar: Option<ProgressBar>,
    started: Instant,
    said: Instant,
    calls: usize,
    done: usize,
    given_up: usize,
    failed: usize,
    retries: usize,
    spent: Option<Cost>,
    last_failure: Option<Failure>,
}

impl<'a> Display<'a> {
    pub(super) fn new(console: &'a Console, mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto if console.is_live => ProgressMode::Live,
            ProgressMode::Auto => ProgressMode::Plain,
            mode => mode,
        };
        let now = Instant::now();
        Self {
            console,
            mode,
            bar: None,
            started: now,
            said: now,
            calls: 0,
            done: 0,
            given_up: 0,
            failed: 0,
            retries: 0,
            spent: Some(Cost::ZERO),
            last_failure: None,
        }
    }

    pub(super) fn tell(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Begun { calls, known } => self.begin(*calls, *known),
            Progress::Event(Event::Retry { failure, .. }) => {
                self.retries += 1;
                self.last_failure = Some(failure.clone());
            }
            Progress::Event(Event::Done { answer, cost, .. }) => {
                self.done += 1;
                self.failed += usize::from(answer.reply.response().is_none());
                // The sum is unknown once the price of one call is.
                self.spent = self.spent.zip(*cost).map(|(sum, cost)| sum + cost);
            }
            Progress::Event(Event::GivenUp { .. }) => self.given_up += 1,
            Progress::Event(Event::Batch { alias, id, news }) => self.batch(alias, id, news),
        }
        self.show();
    }

    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.calls > 0 && self.mode != ProgressMode::None {
            self.console.note(&format!(
                "{} in {}",
                self.state(),
                show_duration(self.started.elapsed())
            ));
        }
    }

    fn begin(&mut self, calls: usize, known: usize) {
        if self.calls == 0 {
            self.started = Instant::now();
            self.said = self.started;
        }
        // Looks follow one another, and judges the answers: what they call adds up.
        self.calls += calls;
        if calls == 0 || self.mode == ProgressMode::None {
            return;
        }
        let known = if known > 0 {
            format!(" ({known} answers are known)")
        } else {
            String::new()
        };
        self.console
            .note(&format!("{}{known}", count(calls, "call")));
        if let Some(bar) = &self.bar {
            bar.set_length(self.calls as u64);
        } else if self.mode == ProgressMode::Live {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar =
                ProgressBar::with_draw_target(Some(calls as u64), ProgressDrawTarget::stderr())
                    .with_style(style);
            self.bar = Some(bar);
        }
    }

    /// Says what happened to a batch. How to go on with one that is left is said in every mode.
    fn batch(&self, alias: &str, id: &str, news: &News) {
        let what = match news {
            News::Left { run, cancel } => {
                let text = format!(
                    "batch {id} of `{alias}` is left at its endpoint, and is paid for; `regauge run --resume={run}` \
                     takes its results; to cancel it, send an empty POST with your key to {cancel}"
                );
                return self.note(&text);
            }
            News::Strange { lines } => {
                let lines = count(*lines, "line");
                let text = format!(
                    "warning: the results of batch {id} of `{alias}` have {lines} that belong to no call"
                );
                return self.note(&text);
            }
            News::Submitted { calls } => format!("{} submitted", count(*calls, "call")),
            News::TakenUp { calls } => {
                format!("{} submitted earlier", count(*calls, "call"))
            }
            News::Moved { word, counts } => {
                let Counts {
                    total,
                    done,
                    failed,
                } = counts;
                format!("{word}, {done} of {total} done, {failed} failed")
            }
        };
        if self.mode != ProgressMode::None {
            let elapsed = show_duration(self.started.elapsed());
            self.note(&format!("batch {id} of `{alias}`: {what} ({elapsed})"));
        }
    }

    /// A line that stays, above the bar.
    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.note(text)),
            None => self.console.note(text),
        }
    }

    fn show(&mut self) {
        if let Some(bar) = &self.bar {
            bar.set_position((self.done + self.given_up) as u64);
            bar.set_message(self.state());
            return;
        }
        let tenth = (self.calls / 10).max(1);
        let is_due = self.done.is_multiple_of(tenth) && self.said.elapsed() >= EVERY;
        if self.mode == ProgressMode::Plain && self.done > 0 && is_due {
            self.said = Instant::now();
            self.console.note(&self.state());
        }
    }

    /// Rate, spend, failures, attempts and the time that is left.
    fn state(&self) -> String {
        let elapsed = self.started.elapsed();
        let mut parts = vec![format!("{}/{} calls", self.done, self.calls)];
        if elapsed.as_secs_f64() > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = self.done as f64 / elapsed.as_secs_f64();
            parts.push(format!("{rate:.1}/s"));
        }
        if let Some(spent) = self.spent.filter(|spent| *spent > Cost::ZERO) {
            parts.push(spent.to_string());
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if self.retries > 0 {
            let why = self
                .last_failure
                .as_ref()
                .map_or_else(String::new, |failure| {
                    format!(
                        ", last after {}",
                        crate::error::picture_controls(&failure.to_string())
                    )
                });
            parts.push(format!("{} repeated{why}", self.retries));
        }
        if self.given_up > 0 {
            parts.push(format!("{} not made", self.given_up));
        }
        let left = self.calls.saturating_sub(self.done + self.given_up);
        if self.done > 0 && left > 0 {
            let left = elapsed.mul_f64(ratio(left, self.done));
            parts.push(format!("{} left", show_duration(left)));
        }
        parts.join(" · ")
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
