//! What each run of an invocation is compared with, and the runs that are made for the sake of it.

use super::outcome::{self, Comparison};
use crate::error::{Diagnostic, Result};
use crate::execute::{Against, Order, parts};
use crate::history::baseline::{self, Choice};
use crate::history::run::{Header, Role, Run};
use crate::history::store::History;
use crate::plan::Plan;
use crate::workspace::Workspace;

/// What is asked of the comparisons.
pub(super) struct Wanted<'a> {
    /// A run, a run file or `none`, in place of the rule.
    pub(super) baseline: Option<&'a str>,
    /// Versions of prompts to call in the same window.
    pub(super) against: &'a [String],
    /// Whether the effects of prompt and model are to be divided.
    pub(super) split: bool,
    /// Whether calls may be made that the suites do not name.
    pub(super) may_call: bool,
}

/// The runs that are compared, each with those that were made for its sake.
pub(super) async fn comparisons(
    history: &History,
    runs: Vec<(Run, Against)>,
) -> Result<Vec<Comparison>> {
    let (mut own, mut parts) = (Vec::new(), Vec::new());
    for (run, against) in runs {
        match (&run.header.part, against) {
            (None, Against::Chosen(choice)) => own.push((run, *choice)),
            (None, _) => own.push((run, Choice::control())),
            (Some(_), _) if run.trials.is_empty() => {}
            (Some(part), _) => parts.push((part.clone(), run)),
        }
    }
    let mut comparisons = Vec::with_capacity(own.len());
    for (run, mut choice) in own {
        let made = parts.extract_if(.., |(part, _)| part.of == run.header.id);
        let mut parts: Vec<(Role, Run)> = made.map(|(part, run)| (part.role, run)).collect();
        let control = parts.iter().position(|(role, _)| *role == Role::Control);
        if let Some(control) = control {
            choice.run = Some(parts.remove(control).1);
        }
        comparisons.push(Comparison::new(history, run, choice, parts).await?);
    }
    Ok(comparisons)
}

/// Finds what each run is compared with, and adds the runs that are made for the sake of it.
pub(super) async fn with_baselines(
    wanted: &Wanted<'_>,
    workspace: &Workspace,
    history: &History,
    begun: Vec<(Plan, Header)>,
) -> Result<Vec<Order>> {
    let mut orders = Vec::new();
    for (plan, header) in begun {
        let against = if header.part.is_some() {
            Against::Part
        } else if wanted.against.is_empty() {
            let named = wanted.baseline;
            let suite = Some(&plan.suite);
            let mut choice = baseline::choose(workspace, history, &header, named, suite).await?;
            outcome::grade_alike(history, &plan, &header, &mut choice).await?;
            Against::Chosen(Box::new(choice))
        } else {
            Against::Chosen(Box::new(Choice::control()))
        };
        orders.push(Order {
            plan,
            header,
            against,
        });
    }
    let mut parts = Vec::new();
    for order in orders.iter().filter(|order| order.header.part.is_none()) {
        if !wanted.against.is_empty() {
            parts.extend(parts::control(workspace, order, wanted.against)?);
        } else if let Against::Chosen(choice) = &order.against
            && let Some(baseline) = &choice.run
        {
            let canary = parts::canary(workspace, order, baseline);
            parts.extend(canary.filter(|_| wanted.may_call));
            if wanted.split {
                parts.extend(split(workspace, order, baseline)?);
            }
        }
    }
    orders.extend(parts);
    link_controls(&mut orders);
    Ok(orders)
}

/// The cells that divide the effect; an error where there is nothing to divide.
fn split(workspace: &Workspace, order: &Order, baseline: &Run) -> Result<Vec<Order>> {
    let cells = parts::cells(workspace, order, baseline)?;
    if cells.is_empty() {
        return Err(Diagnostic::new(format!(
            "there is nothing to split in suite `{}`: prompt and model did not both move since the baseline",
            order.header.suite
        ))
        .help("run without --split; the report names what changed")
        .into());
    }
    Ok(cells)
}

/// Tells each run where its other side stands.
fn link_controls(orders: &mut [Order]) {
    for index in 0..orders.len() {
        let of = orders[index].header.part.as_ref();
        let Some(of) = of.filter(|part| part.role == Role::Control) else {
            continue;
        };
        let of = of.of.clone();
        for order in orders.iter_mut().filter(|order| order.header.id == of) {
            order.against = Against::Order(index);
        }
    }
}
