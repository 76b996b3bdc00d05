//! What the gates of a plan will be able to see, as a table and as warnings.

use comfy_table::{CellAlignment, Table, presets};

use super::Checked;
use crate::compare::foresight::{self, ASSUMED_DISAGREEMENT, Foresight, Noise};
use crate::scorer::Unit;
use crate::stats::unit::Scope;

/// One line for each gate.
pub(super) fn table(checked: &Checked) -> String {
    let gates = &checked.gates;
    if gates.is_empty() {
        return "  nothing is gated\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["gate", "subject", "allowed", "sees from", "by the noise of"]);
    for gate in gates {
        table.add_row([
            gate.metric.clone(),
            gate.subject.clone(),
            size(gate, gate.tolerance),
            gate.visible_drop.map_or_else(
                || "unknown".to_owned(),
                |drop| format!("{}{}", at_least(gate), size(gate, drop)),
            ),
            match &gate.noise {
                Noise::Measured(run) => format!("run {run}"),
                Noise::Assumed => format!(
                    "an assumption: trials disagree on {:.0} % of cases",
                    ASSUMED_DISAGREEMENT * 100.0
                ),
                Noise::Unknown => "no run with two trials a case yet".to_owned(),
                Noise::Unforeseen => "what is no mean of trials is not foretold".to_owned(),
            },
        ]);
    }
    for column in table.column_iter_mut().skip(2).take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

/// Gates that cannot see what they shall hold, and too many gates.
pub(super) fn warnings(checked: &Checked) -> Vec<String> {
    // Of a metric the subject that it sees least of.
    let mut lacking: Vec<&Foresight> = Vec::new();
    for gate in &checked.gates {
        let same = lacking.iter_mut().find(|other| other.metric == gate.metric);
        match same {
            _ if gate.enough != Some(false) => {}
            Some(other) if other.visible_drop >= gate.visible_drop => {}
            Some(other) => *other = gate,
            None => lacking.push(gate),
        }
    }
    let mut warnings: Vec<String> = lacking
        .iter()
        .map(|gate| too_small(checked, gate))
        .collect();
    warnings.extend(foresight::too_many_gates(&checked.header).map(|number| {
        format!(
            "{}: {number} metrics are gated, and each finds less the more there are: gate at most 5, and show the \
             others with `informational: true`",
            checked.plan.suite.name
        )
    }));
    warnings
}

fn too_small(checked: &Checked, gate: &Foresight) -> String {
    let (cases, trials) = (
        checked.plan.dataset.cases.len(),
        checked.plan.sampling.most(),
    );
    let seen = gate
        .visible_drop
        .map_or_else(String::new, |drop| size(gate, drop));
    let word = if gate.lower_is_better { "rise" } else { "drop" };
    let more_cases = gate
        .cases_needed
        .map(|needed| format!("about {needed} cases in place of {cases}"));
    let more_trials = gate.trials_needed.map(|needed| {
        let both = if gate.baseline_too {
            " for baseline and run"
        } else {
            ""
        };
        format!("{needed} trials a case in place of {trials}{both}")
    });
    let enough: Vec<String> = more_trials.into_iter().chain(more_cases).collect();
    let enough = if enough.is_empty() {
        "allow more with `tolerance:`".to_owned()
    } else {
        format!("it takes {}", enough.join(", or "))
    };
    format!(
        "{}: {} on {} allows a {word} of {} and sees one only from {}{seen} on; {enough}",
        checked.plan.suite.name,
        gate.metric,
        gate.subject,
        size(gate, gate.tolerance),
        at_least(gate),
    )
}

/// In population scope the differences between cases come on top.
fn at_least(gate: &Foresight) -> &'static str {
    match gate.scope {
        Scope::Suite => "",
        Scope::Population => "more than ",
    }
}

fn size(gate: &Foresight, drop: f64) -> String {
    let unit = if gate.unit == Unit::Share { "pt" } else { "%" };
    format!("{:.1} {unit}", drop * 100.0)
}
