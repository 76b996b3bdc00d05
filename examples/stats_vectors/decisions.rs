//! Families of comparisons, plans, and runs that stop early.

use regauge::stats::adaptive::{Look, Schedule, Step, adaptive_step};
use regauge::stats::evalue::{evalue_bets, evalue_discordant};
use regauge::stats::family::{
    Member, Test, benjamini_hochberg, gate_family, holm, tarone_holm, worst,
};
use regauge::stats::plan::{Trials, cases_needed, mde, noise_split, trials_needed};
use serde_json::{Value, json};

use crate::Answer;
use crate::comparisons::verdict_name;
use crate::inputs::{Inputs, borrowed, units_of};

/// The answer to a statistic of this family; `None` for any other.
pub(crate) fn answer(statistic: &str, inputs: &Inputs) -> Result<Option<Value>, String> {
    let answer: Answer = match statistic {
        "holm" => Ok(json!(holm(&inputs.numbers("p")?))),
        "benjamini_hochberg" => Ok(json!(benjamini_hochberg(&inputs.numbers("p")?))),
        "tarone_holm" => tarone(inputs),
        "gate_family" => family(inputs),
        "mde" => smallest_drop(inputs),
        "trials_needed" => trials(inputs),
        "cases_needed" => cases(inputs),
        "noise_split" => noise(inputs),
        "adaptive_step" => adaptive(inputs),
        "evalue_discordant" => Ok(json!(evalue_discordant(
            inputs.count("losses")?,
            inputs.count("wins")?
        ))),
        "evalue_bets" => Ok(json!(evalue_bets(&inputs.numbers("x")?))),
        _ => return Ok(None),
    };
    answer.map(Some)
}

fn tarone(inputs: &Inputs) -> Answer {
    let tests = inputs
        .numbers("p")?
        .into_iter()
        .zip(inputs.numbers("p_min")?);
    let tests: Vec<Test> = tests.map(|(p, p_min)| Test { p, p_min }).collect();
    let result = tarone_holm(&tests, inputs.number("alpha")?);
    Ok(json!({"k": result.k, "testable": result.testable, "rejected": result.rejected}))
}

fn family(inputs: &Inputs) -> Answer {
    let member = |member: Inputs| {
        Ok(Member {
            test: Test {
                p: member.number("p_drop")?,
                p_min: member.number("p_min")?,
            },
            diff: member.number("diff")?,
            tolerance: member.number("delta")?,
            lower: member.0["lower"].as_f64(),
        })
    };
    let members: Result<Vec<Member>, String> = inputs.each("comparisons")?.map(member).collect();
    let verdicts = gate_family(&members?, inputs.number("alpha")?);
    let names: Vec<&str> = verdicts
        .iter()
        .map(|verdict| verdict_name(*verdict))
        .collect();
    Ok(json!({"verdicts": names, "gate": verdict_name(worst(&verdicts))}))
}

fn smallest_drop(inputs: &Inputs) -> Answer {
    Ok(json!(mde(
        inputs.number("se")?,
        inputs.number("delta")?,
        inputs.errors()?
    )))
}

fn trials(inputs: &Inputs) -> Answer {
    let trials = Trials {
        base: inputs.count("k0")?,
        cand: inputs.count("k1")?,
        base_is_banked: inputs.flag("banked"),
    };
    let (error, gap) = (inputs.number("se")?, inputs.number("gap")?);
    Ok(json!(trials_needed(trials, error, gap, inputs.errors()?)))
}

fn cases(inputs: &Inputs) -> Answer {
    let (discordance, effect) = (inputs.number("discordance")?, inputs.number("effect")?);
    Ok(json!(cases_needed(discordance, effect, inputs.errors()?)))
}

fn noise(inputs: &Inputs) -> Answer {
    let units = units_of(inputs)?;
    Ok(json!(noise_split(&borrowed(&units)).map(|split| json!({
        "trial_var": split.trial_var,
        "total_var": split.total_var,
        "between_var": split.between_var,
        "trial_share": split.trial_share,
    }))))
}

fn adaptive(inputs: &Inputs) -> Answer {
    let (looks, shares) = (inputs.counts("looks")?, inputs.numbers("shares")?);
    let schedule = Schedule {
        looks: &looks,
        shares: &shares,
        alpha: inputs.number("alpha")?,
        tolerance: inputs.number("delta")?,
        futility: inputs.number("futility")?,
    };
    let look = Look {
        index: inputs.count("look")?,
        p_drop: inputs.number("p_drop")?,
        diff: inputs.number("diff")?,
        lower: inputs.number("lower")?,
        standard_error: inputs.number("se_tilde")?,
        base_trials: inputs.count("k0")?,
        cand_trials: inputs.count("k1")?,
        base_is_banked: inputs.flag("banked"),
    };
    Ok(json!(adaptive_step(&look, &schedule).map(
        |step| match step {
            Step::StopRegressed => "STOP_REGRESSED",
            Step::StopPass => "STOP_PASS",
            Step::StopInconclusive => "STOP_INCONCLUSIVE",
            Step::StopFutile => "STOP_FUTILE",
            Step::Continue => "CONTINUE",
        }
    )))
}
