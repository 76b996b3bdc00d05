//! Runs that are made for the sake of another: its other side in the same window, a second look at its baseline, and
//! the cells between an old and a new prompt on an old and a new model.

use std::collections::BTreeMap;

use super::{Against, Order, record};
use crate::error::Result;
use crate::history::run::{Header, Part, Role, Run, SubjectRecord};
use crate::plan::Plan;
use crate::plan::selection::Selection;
use crate::suite;
use crate::workspace::Workspace;

/// The other side of a run: the same suite with these prompts, such as `triage@v1`. `None` where the suite has none of
/// them.
pub fn control(workspace: &Workspace, order: &Order, prompts: &[String]) -> Result<Option<Order>> {
    let selection = Selection {
        prompts: prompts.to_vec(),
        ..order.plan.selection.clone()
    };
    part(workspace, &order.header, &selection, Role::Control)
}

/// One trial of each case of those subjects of an old baseline that have moved since: if the run looks worse than the
/// baseline, they say whether the endpoint itself has moved. `None` where the baseline is young, nothing has moved (then
/// the run itself shows it), or what was asked then cannot be asked any more.
pub fn canary(workspace: &Workspace, order: &Order, baseline: &Run) -> Option<Order> {
    let header = &order.header;
    if !header.is_stale(&baseline.header) {
        return None;
    }
    let moved: Vec<&SubjectRecord> = twins(header, baseline)
        .filter(|(now, before)| !is_same_request(now, before))
        .map(|(_, before)| before)
        .collect();
    if moved.is_empty() {
        return None;
    }
    let selection = Selection {
        prompts: prompts_of(&moved),
        models: aliases_of(&moved),
        model_ids: model_ids_of(&moved),
        trials: Some(1),
        ..order.plan.selection.clone()
    };
    // A version that is gone, or parameters that changed: what is not the same request is no second look.
    let canary = part(workspace, header, &selection, Role::Canary).ok()??;
    let is_same = |subject: &SubjectRecord| {
        let twin = baseline.header.twin(subject);
        twin.is_some_and(|twin| is_same_request(&baseline.header.subjects[twin], subject))
    };
    canary.header.subjects.iter().all(is_same).then_some(canary)
}

/// The two cells that tell the effect of a prompt from that of a model, where both moved since the baseline: the old
/// prompts on the new models, and the new prompts on the old models. Empty where not both moved.
pub fn cells(workspace: &Workspace, order: &Order, baseline: &Run) -> Result<Vec<Order>> {
    let header = &order.header;
    let both: Vec<(&SubjectRecord, &SubjectRecord)> = twins(header, baseline)
        .filter(|(now, before)| {
            now.prompt_digest != before.prompt_digest && now.model != before.model
        })
        .collect();
    if both.is_empty() {
        return Ok(Vec::new());
    }
    let (now, before): (Vec<&SubjectRecord>, Vec<&SubjectRecord>) = both.into_iter().unzip();
    let selection = |prompts: &[&SubjectRecord]| Selection {
        prompts: prompts_of(prompts),
        models: aliases_of(&now),
        trials: Some(order.plan.sampling.most()),
        ..order.plan.selection.clone()
    };
    let old_prompt = selection(&before);
    let old_model = Selection {
        model_ids: model_ids_of(&before),
        ..selection(&now)
    };
    let cells = [
        part(workspace, header, &old_prompt, Role::OldPrompt)?,
        part(workspace, header, &old_model, Role::OldModel)?,
    ];
    Ok(cells.into_iter().flatten().collect())
}

fn part(
    workspace: &Workspace,
    of: &Header,
    selection: &Selection,
    role: Role,
) -> Result<Option<Order>> {
    let suite = suite::read(workspace, &of.file)?;
    let plan = Plan::new(workspace, suite, selection, of.started_at)?;
    Ok(plan.map(|plan| Order {
        header: Header {
            reuse: of.reuse,
            batch: of.batch,
            part: Some(Part {
                of: of.id.clone(),
                role,
            }),
            ..record::new_header(&plan, &of.invocation, of.git.as_ref(), of.started_at)
        },
        against: Against::Part,
        plan,
    }))
}

/// The subjects of a run, each with the same subject in the baseline.
fn twins<'a>(
    header: &'a Header,
    baseline: &'a Run,
) -> impl Iterator<Item = (&'a SubjectRecord, &'a SubjectRecord)> {
    header.subjects.iter().filter_map(|now| {
        let twin = baseline.header.twin(now)?;
        Some((now, &baseline.header.subjects[twin]))
    })
}

fn is_same_request(one: &SubjectRecord, other: &SubjectRecord) -> bool {
    one.prompt_digest == other.prompt_digest
        && one.model == other.model
        && one.params_digest == other.params_digest
}

fn prompts_of(subjects: &[&SubjectRecord]) -> Vec<String> {
    distinct(subjects, |subject| {
        format!("{}@v{}", subject.prompt, subject.version)
    })
}

fn aliases_of(subjects: &[&SubjectRecord]) -> Vec<String> {
    distinct(subjects, |subject| subject.alias.clone())
}

fn distinct(subjects: &[&SubjectRecord], name: impl Fn(&SubjectRecord) -> String) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for subject in subjects {
        let name = name(subject);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn model_ids_of(subjects: &[&SubjectRecord]) -> BTreeMap<String, String> {
    subjects
        .iter()
        .map(|subject| (subject.alias.clone(), subject.model.clone()))
        .collect()
}
