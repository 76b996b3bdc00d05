//! Label shuffles, comparisons of a metric, and verdicts on a case.

use regauge::stats::cases::{
    CaseLimits, CaseTrials, CaseVerdict, case_p, case_verdict, same_outputs,
};
use regauge::stats::compare::{Settings, Verdict, comparison};
use regauge::stats::mcnemar::mcnemar;
use regauge::stats::shuffle::{
    CountGroup, label_shuffle, label_shuffle_counts, label_shuffle_saddlepoint,
};
use regauge::stats::unit::{Kind, Scope};
use serde_json::{Value, json};

use crate::Answer;
use crate::inputs::{Inputs, borrowed, count_of, pairs_of, scores_of, units_of};

/// The answer to a statistic of this family; `None` for any other.
pub(crate) fn answer(statistic: &str, inputs: &Inputs) -> Result<Option<Value>, String> {
    let answer: Answer = match statistic {
        "mcnemar" => losses_and_wins(inputs),
        "label_shuffle" => shuffle(inputs),
        "label_shuffle_saddlepoint" => saddlepoint(inputs),
        "label_shuffle_counts" => shuffle_counts(inputs),
        "comparison" => compare(inputs),
        "case_verdict" => case(inputs),
        "case_p" => Ok(case_tails(inputs)),
        _ => return Ok(None),
    };
    answer.map(Some)
}

fn losses_and_wins(inputs: &Inputs) -> Answer {
    let test = mcnemar(inputs.count("losses")?, inputs.count("wins")?);
    Ok(json!({
        "p_drop": test.p_drop,
        "p_drop_mid": test.p_drop_mid,
        "p_two": test.p_two,
        "p_two_mid": test.p_two_mid,
    }))
}

fn shuffle(inputs: &Inputs) -> Answer {
    let units = pairs_of(inputs)?;
    let shuffle = label_shuffle(&borrowed(&units));
    Ok(json!(shuffle.map(
        |it| json!({"p_exact": it.p_exact, "p_mid": it.p_drop})
    )))
}

fn saddlepoint(inputs: &Inputs) -> Answer {
    let units = pairs_of(inputs)?;
    Ok(json!(label_shuffle_saddlepoint(&borrowed(&units))))
}

fn shuffle_counts(inputs: &Inputs) -> Answer {
    let group = |group: &Value| {
        Some(CountGroup {
            base_passes: count_of(&group[0])?,
            cand_passes: count_of(&group[1])?,
            cases: count_of(&group[2])?,
        })
    };
    let groups: Option<Vec<CountGroup>> = inputs.list("groups")?.iter().map(group).collect();
    let groups = groups.ok_or("input groups has no counts")?;
    let shuffle = label_shuffle_counts(inputs.count("k0")?, inputs.count("k1")?, &groups);
    Ok(json!(shuffle.map(|it| it.p_drop)))
}

fn compare(inputs: &Inputs) -> Answer {
    let units = units_of(inputs)?;
    let settings = Settings {
        kind: match inputs.text("kind") {
            "continuous" => Kind::Continuous,
            "ratio" => Kind::Ratio,
            _ => Kind::Binary,
        },
        scope: match inputs.text("scope") {
            "population" => Scope::Population,
            _ => Scope::Suite,
        },
        tolerance: inputs.number("delta")?,
        level: inputs.number_or("level", inputs.number_or("alpha", 0.05)?)?,
        identical_outputs: inputs.flag("identical_outputs"),
        ..Settings::default()
    };
    let result = comparison(&borrowed(&units), &settings);
    let evidence = result.measured.evidence;
    Ok(json!({
        "verdict": verdict_name(result.verdict),
        "pairs": result.measured.pairs,
        "missing": result.measured.missing,
        "diff": evidence.map(|it| it.diff),
        "p_drop": evidence.map(|it| it.shuffle.p_drop),
        "p_gain": evidence.map(|it| it.shuffle.p_gain),
        "lower": evidence.and_then(|it| it.bounds).map(|bounds| bounds.lower),
        "upper": evidence.and_then(|it| it.bounds).map(|bounds| bounds.upper),
    }))
}

fn case(inputs: &Inputs) -> Answer {
    let (base, cand) = (&inputs.0["base"], &inputs.0["cand"]);
    let scores = (scores_of(base), scores_of(cand));
    let outputs = |name| {
        inputs.0[name]
            .as_array()
            .map(|list| list.iter().map(Value::to_string))
    };
    let outputs = outputs("base_outputs").zip(outputs("cand_outputs"));
    let case = CaseTrials {
        base: (!base.is_null()).then_some(&scores.0),
        cand: (!cand.is_null()).then_some(&scores.1),
        input_changed: inputs.flag("input_changed"),
        same_outputs: outputs.is_some_and(|(base, cand)| {
            same_outputs(&base.collect::<Vec<_>>(), &cand.collect::<Vec<_>>())
        }),
    };
    let limits = CaseLimits {
        tolerance: inputs.number("tolerance")?,
        level: inputs.number("alpha")?,
    };
    Ok(json!(match case_verdict(&case, &limits) {
        CaseVerdict::New => "NEW",
        CaseVerdict::Removed => "REMOVED",
        CaseVerdict::InputChanged => "INPUT_CHANGED",
        CaseVerdict::Errored => "ERRORED",
        CaseVerdict::Regressed => "REGRESSED",
        CaseVerdict::Improved => "IMPROVED",
        CaseVerdict::Flaky => "FLAKY",
        CaseVerdict::SuspectWorse => "SUSPECT_WORSE",
        CaseVerdict::SuspectBetter => "SUSPECT_BETTER",
        CaseVerdict::Unchanged => "UNCHANGED",
        CaseVerdict::Equivalent => "EQUIVALENT",
    }))
}

fn case_tails(inputs: &Inputs) -> Value {
    let p = case_p(&scores_of(&inputs.0["base"]), &scores_of(&inputs.0["cand"]));
    json!(p.map(|p| json!({"p_lower": p.lower, "p_upper": p.upper})))
}

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Improved => "IMPROVED",
        Verdict::Regressed => "REGRESSED",
        Verdict::Inconclusive => "INCONCLUSIVE",
    }
}
