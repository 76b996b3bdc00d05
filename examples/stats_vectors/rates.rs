//! Distributions, intervals of a rate, floors, and several tries of a case.

use regauge::stats::flakiness::{disagreement, pass_at_k};
use regauge::stats::floor::{FloorMode, FloorVerdict, floor_check, rate_level};
use regauge::stats::interval::{clopper_pearson, jeffreys, wilson};
use regauge::stats::special::{beta_ppf, normal_ppf, student_t_ppf};
use serde_json::{Value, json};

use crate::Answer;
use crate::inputs::Inputs;

/// The answer to a statistic of this family; `None` for any other.
pub(crate) fn answer(statistic: &str, inputs: &Inputs) -> Result<Option<Value>, String> {
    let answer: Answer = match statistic {
        "normal_ppf" => Ok(json!(normal_ppf(inputs.number("p")?))),
        "student_t_ppf" => Ok(json!(student_t_ppf(
            inputs.number("p")?,
            inputs.number("df")?
        ))),
        "beta_ppf" => beta(inputs),
        "wilson" | "clopper_pearson" | "jeffreys" => rate_interval(statistic, inputs),
        "floor_check" => floor(inputs),
        "pass_at_k" => several_tries(inputs),
        "disagreement" => Ok(json!(disagreement(
            inputs.count("passes")?,
            inputs.count("trials")?
        ))),
        _ => return Ok(None),
    };
    answer.map(Some)
}

fn beta(inputs: &Inputs) -> Answer {
    Ok(json!(beta_ppf(
        inputs.number("p")?,
        inputs.number("a")?,
        inputs.number("b")?
    )))
}

fn rate_interval(statistic: &str, inputs: &Inputs) -> Answer {
    let interval = match statistic {
        "wilson" => wilson,
        "clopper_pearson" => clopper_pearson,
        _ => jeffreys,
    };
    let (successes, n) = (inputs.count("successes")?, inputs.count("n")?);
    let interval = interval(successes, n, inputs.number("confidence")?);
    Ok(json!(
        interval.map(|it| json!({"lower": it.lower, "upper": it.upper}))
    ))
}

fn floor(inputs: &Inputs) -> Answer {
    let (passes, trials) = (inputs.count("passes")?, inputs.count("trials")?);
    let (floor, alpha) = (inputs.number("floor")?, inputs.number("alpha")?);
    Ok(json!(rate_level(passes, trials, alpha).map(|level| {
        let verdict = match floor_check(&level, floor, FloorMode::Tested) {
            FloorVerdict::Pass => "PASS",
            FloorVerdict::BelowFloor => "BELOW_FLOOR",
            FloorVerdict::Inconclusive => "INCONCLUSIVE",
        };
        json!({"lower": level.bounds.lower, "upper": level.bounds.upper, "verdict": verdict})
    })))
}

fn several_tries(inputs: &Inputs) -> Answer {
    let tries = pass_at_k(inputs.count("n")?, inputs.count("c")?, inputs.count("k")?);
    Ok(json!(tries.map(
        |it| json!({"pass_at_k": it.pass_at_k, "pass_hat_k": it.pass_hat_k})
    )))
}
