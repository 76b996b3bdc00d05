//! How far a judge agrees with people: the record of a calibration, and whether a judge may gate by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Diagnostic, Place, Result};
use crate::stats::agreement::{Agreement, cohen_kappa, gwet_ac1};
use crate::stats::judge::{Calibration, Paired};
use crate::units::day_of;
use crate::workspace::Workspace;

/// The version of the form of a record.
const FORMAT: &str = "regauge-calibration/1";
/// The level of the intervals of agreement; its lower end is what a judge must show.
pub const CONFIDENCE: f64 = 0.95;
/// The agreement below which a judge should not gate, where its suite asks for none.
pub const ADVISED: f64 = 0.6;
/// Labels that a calibration should have, and labels of each kind.
pub const ENOUGH: (usize, usize) = (100, 30);

/// How often a judge and people said the same of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Both say that the answer passes.
    pub both_pass: usize,
    /// People pass it, the judge does not.
    pub only_people: usize,
    /// The judge passes it, people do not.
    pub only_judge: usize,
    /// Both say that it fails.
    pub both_fail: usize,
}

impl Counts {
    /// Counts an answer.
    pub fn add(&mut self, people: bool, judge: bool) {
        *match (people, judge) {
            (true, true) => &mut self.both_pass,
            (true, false) => &mut self.only_people,
            (false, true) => &mut self.only_judge,
            (false, false) => &mut self.both_fail,
        } += 1;
    }

    /// Answers that both have judged.
    pub fn labels(&self) -> usize {
        self.both_pass + self.only_people + self.only_judge + self.both_fail
    }

    /// Whether there are as many labels, and as many of each kind, as a calibration should have.
    pub fn is_enough(&self) -> bool {
        let (all, each) = ENOUGH;
        let fails = self.only_judge + self.both_fail;
        self.labels() >= all && fails >= each && self.labels() - fails >= each
    }

    /// Cohen's kappa; `None` without a label.
    pub fn kappa(&self) -> Option<Agreement> {
        cohen_kappa(&self.table(), CONFIDENCE)
    }

    /// Gwet's AC1, which stays stable where one kind is rare; `None` without a label.
    pub fn ac1(&self) -> Option<Agreement> {
        gwet_ac1(&self.table(), CONFIDENCE)
    }

    /// What a pass rate of the judge is corrected by.
    pub fn errors(&self) -> Calibration {
        Calibration {
            true_pos: self.both_pass,
            pos: self.both_pass + self.only_people,
            true_neg: self.both_fail,
            neg: self.both_fail + self.only_judge,
        }
    }

    fn table(&self) -> Vec<Vec<usize>> {
        vec![
            vec![self.both_pass, self.only_people],
            vec![self.only_judge, self.both_fail],
        ]
    }
}

/// What a comparison of a judge with people found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// How often both said the same.
    pub counts: Counts,
    /// The same by what kind of case it is.
    pub slices: BTreeMap<String, Counts>,
    /// What people and the judge said in numbers.
    pub paired: Option<Paired>,
}

/// What a calibration found, as it is kept in `golden/calibrations/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: String,
    /// The suite.
    pub suite: String,
    /// The metric of the judge.
    pub metric: String,
    /// The digest of the judge with its options: another judge needs another calibration.
    pub judge: Digest,
    /// The run whose answers were labelled.
    pub run: String,
    /// How often both said the same.
    pub counts: Counts,
    /// The same by what kind of case it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slices: BTreeMap<String, Counts>,
    /// What people and the judge said in numbers, by which the mean of a run is corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<Paired>,
    /// When it was made, a day in UTC.
    pub made: String,
    /// The last day on which it holds, in UTC.
    pub until: String,
}

impl Record {
    /// A record of today's calibration, which holds for so many days; `now` is in milliseconds since 1970.
    pub fn new(
        metric: (&str, &str, Digest),
        run: &str,
        findings: Findings,
        (now, days): (i64, u32),
    ) -> Self {
        let (suite, metric, judge) = metric;
        let day = |at: i64| day_of(at).unwrap_or_default();
        Self {
            format: FORMAT.to_owned(),
            suite: suite.to_owned(),
            metric: metric.to_owned(),
            judge,
            run: run.to_owned(),
            counts: findings.counts,
            slices: findings.slices,
            paired: findings.paired,
            made: day(now),
            until: day(now.saturating_add(i64::from(days) * 86_400_000)),
        }
    }

    /// Where the record of a metric stands, relative to the workspace.
    pub fn file(suite: &str, metric: &str) -> String {
        let plain = |name: &str| -> String {
            let keep = |c: char| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            name.chars().map(keep).collect()
        };
        format!(
            "golden/calibrations/{}.{}.json",
            plain(suite),
            plain(metric)
        )
    }

    /// The record of a metric; `None` where it was never calibrated.
    ///
    /// # Errors
    /// The file is there and is no record.
    pub fn read(workspace: &Workspace, suite: &str, metric: &str) -> Result<Option<Self>> {
        let file = Self::file(suite, metric);
        let path: PathBuf = workspace.path(&file);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| broken(&file, &error.to_string()))?;
        let record: Self =
            serde_json::from_str(&text).map_err(|error| broken(&file, &error.to_string()))?;
        if record.format != FORMAT {
            return Err(broken(&file, &format!("its format is `{}`", record.format)).into());
        }
        Ok(Some(record))
    }

    /// Whether it is about this judge and has not ended at `now` (milliseconds since 1970).
    pub fn holds(&self, judge: Digest, now: i64) -> bool {
        self.judge == judge && !self.has_ended(now)
    }

    fn has_ended(&self, now: i64) -> bool {
        day_of(now).is_some_and(|today| today > self.until)
    }

    /// Why the judge may not gate by this calibration at `now` (milliseconds since 1970); `None` where it may.
    pub fn objection(&self, judge: Digest, required: f64, now: i64) -> Option<String> {
        if self.judge != judge {
            return Some("the judge has changed since its calibration".to_owned());
        }
        if self.has_ended(now) {
            return Some(format!("its calibration ended on {}", self.until));
        }
        if !self.counts.is_enough() {
            let (all, each) = ENOUGH;
            return Some(format!(
                "it was compared on {} labels, and {all} with {each} of each kind are asked for",
                self.counts.labels()
            ));
        }
        let lower = self
            .counts
            .ac1()
            .and_then(|ac1| ac1.bounds)
            .map(|bounds| bounds.lower);
        match lower {
            Some(lower) if lower >= required => None,
            Some(lower) => Some(format!(
                "its agreement with people may be as low as {lower:.2} (AC1, 95 %, {} labels), and {required} is asked for",
                self.counts.labels()
            )),
            None => Some("its agreement with people is not known".to_owned()),
        }
    }
}

fn broken(file: &str, why: &str) -> Diagnostic {
    Diagnostic::new(format!("not a record of a calibration: {why}"))
        .at(Place::file(file.to_owned()))
        .help("`regauge judge calibrate` writes it; delete the file to be without")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(both_pass: usize, only_people: usize, only_judge: usize, both_fail: usize) -> Counts {
        Counts {
            both_pass,
            only_people,
            only_judge,
            both_fail,
        }
    }

    fn record(counts: Counts) -> Record {
        let judge = Digest::of_bytes(b"judge");
        let findings = Findings {
            counts,
            ..Findings::default()
        };
        Record::new(("s", "m", judge), "run", findings, (1_764_000_000_000, 90))
    }

    #[test]
    fn a_judge_that_agrees_may_gate_until_its_calibration_ends() {
        let record = record(counts(60, 3, 2, 55));
        let judge = Digest::of_bytes(b"judge");
        let at = |day: i64| record.objection(judge, 0.6, 1_764_000_000_000 + day * 86_400_000);
        assert_eq!(at(0), None);
        assert_eq!(at(90), None);
        assert!(at(91).unwrap().contains("ended on"));
    }

    #[test]
    fn a_judge_that_has_changed_or_agrees_too_little_may_not() {
        let of = |counts: Counts, judge: &[u8]| {
            record(counts).objection(Digest::of_bytes(judge), 0.6, 1_764_000_000_000)
        };
        assert!(
            of(counts(60, 3, 2, 55), b"other")
                .unwrap()
                .contains("has changed")
        );
        let little = of(counts(30, 30, 30, 30), b"judge").unwrap();
        assert!(little.contains("as low as"), "{little}");
        let few = of(counts(1, 0, 0, 1), b"judge").unwrap();
        assert!(few.contains("compared on 2 labels"), "{few}");
        assert!(of(counts(0, 0, 0, 0), b"judge").is_some());
    }

    #[test]
    fn a_record_without_slices_and_numbers_is_still_one() {
        let written = serde_json::to_value(record(counts(60, 3, 2, 55))).unwrap();
        let fields = written.as_object().unwrap();
        assert!(!fields.contains_key("slices") && !fields.contains_key("paired"));
        let read: Record = serde_json::from_value(written).unwrap();
        assert_eq!(read, record(counts(60, 3, 2, 55)));
    }

    #[test]
    fn enough_labels_are_a_hundred_with_thirty_of_each_kind() {
        assert!(counts(60, 5, 5, 30).is_enough());
        assert!(!counts(90, 5, 5, 10).is_enough());
        assert!(!counts(30, 1, 1, 30).is_enough());
    }

    #[test]
    fn the_file_of_a_metric_stays_in_its_folder() {
        let file = Record::file("../x", "a/b: c");
        assert_eq!(file, "golden/calibrations/___x.a_b__c.json");
    }
}
