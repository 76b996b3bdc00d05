//! Whether the metrics that a suite makes of others can be made.

use std::collections::BTreeSet;

use super::{ERROR_RATE, Metric, PASS};
use crate::error::{Diagnostic, Problems};
use crate::suite::Suite;
use crate::suite::derived::variable;
use crate::text::suggest;

/// Notes expressions that cannot be read, names that are taken or not known, and gates that a derived metric cannot
/// hold.
pub(super) fn check(suite: &Suite, metrics: &[Metric], problems: &mut Problems) {
    let names = metrics.iter().map(|metric| metric.name.as_str());
    let names: Vec<&str> = names.chain([PASS, ERROR_RATE]).collect();
    let known: Vec<String> = names.iter().map(|name| variable(name)).collect();
    let whole: Vec<String> = metrics
        .iter()
        .flat_map(Metric::whole)
        .map(|whole| variable(&whole.name))
        .collect();
    let mut taken: BTreeSet<&str> = names.iter().copied().collect();
    for (derived, place) in &suite.derived {
        if !taken.insert(&derived.name) {
            let message = format!("there is another metric `{}`", derived.name);
            problems.push(
                Diagnostic::new(message)
                    .at(place.clone())
                    .help("give it a name of its own"),
            );
        }
        let formula = match derived.formula() {
            Ok(formula) => formula,
            Err(error) => {
                let message = format!("not an expression: {error}");
                problems.push(Diagnostic::new(message).at(place.clone()));
                continue;
            }
        };
        let asked = formula.names();
        if asked.is_empty() {
            let problem = Diagnostic::new("the expression asks for no metric").at(place.clone());
            problems.push(problem.help(format!("it can ask for {}", known.join(", "))));
        }
        for name in asked {
            if known.iter().filter(|other| **other == name).count() == 1 {
                continue;
            }
            let problem = if known.contains(&name) {
                Diagnostic::new(format!("two metrics are `{name}` in an expression"))
                    .help("give one of them another name with `metric: NAME`")
            } else if whole.contains(&name) {
                Diagnostic::new(format!("`{name}` is measured over the whole dataset"))
                    .help("an expression is made of metrics that are means over cases")
            } else {
                let help = match suggest(&name, known.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it can ask for {}", known.join(", ")),
                };
                Diagnostic::new(format!("no metric is `{name}` in an expression")).help(help)
            };
            problems.push(problem.at(place.clone()));
        }
    }
    check_gates(suite, problems);
}

fn check_gates(suite: &Suite, problems: &mut Problems) {
    for (gate, place) in &suite.gates {
        let is_derived = suite
            .derived
            .iter()
            .any(|(derived, _)| derived.name == gate.metric);
        let has_limit = gate.at_least.is_some() || gate.at_most.is_some();
        if is_derived && (gate.tolerance.is_some() || !has_limit) {
            let message = format!(
                "a drop of `{}` is not tested, since it is made of others",
                gate.metric
            );
            problems.push(Diagnostic::new(message).at(place.clone()).help(
                "hold it by `at_least` or `at_most`, and give a tolerance to what it is made of",
            ));
        }
    }
}
