//! Agreement of raters and corrections of a judge.

use std::collections::BTreeMap;

use regauge::stats::agreement::{
    Agreement, Measurement, cohen_kappa, gwet_ac1, krippendorff_alpha,
};
use regauge::stats::judge::{Calibration, Trust, ppi_mean, rogan_gladen};
use serde_json::{Value, json};

use crate::Answer;
use crate::inputs::{Inputs, count_of};

/// The answer to a statistic of this family; `None` for any other.
pub(crate) fn answer(statistic: &str, inputs: &Inputs) -> Result<Option<Value>, String> {
    let answer: Answer = match statistic {
        "cohen_kappa" | "gwet_ac1" => two_raters(statistic, inputs),
        "krippendorff_alpha" => many_raters(inputs),
        "rogan_gladen" => corrected_rate(inputs),
        "ppi_mean" => corrected_mean(inputs),
        _ => return Ok(None),
    };
    answer.map(Some)
}

fn two_raters(statistic: &str, inputs: &Inputs) -> Answer {
    let row = |row: &Value| row.as_array()?.iter().map(count_of).collect();
    let table: Option<Vec<Vec<usize>>> = inputs.list("table")?.iter().map(row).collect();
    let table = table.ok_or("input table has no counts")?;
    let confidence = inputs.number("confidence")?;
    let (name, agreement) = match statistic {
        "cohen_kappa" => ("kappa", cohen_kappa(&table, confidence)),
        _ => ("ac1", gwet_ac1(&table, confidence)),
    };
    let named = |it: Agreement| {
        json!({
            "po": it.observed,
            name: it.coefficient,
            "se": it.standard_error,
            "lower": it.bounds.map(|bounds| bounds.lower),
            "upper": it.bounds.map(|bounds| bounds.upper),
        })
    };
    Ok(json!(agreement.map(named)))
}

fn many_raters(inputs: &Inputs) -> Answer {
    let mut classes: BTreeMap<String, f64> = BTreeMap::new();
    let mut rating = |rating: &Value| {
        let next = f64::from(u32::try_from(classes.len()).unwrap_or(u32::MAX));
        let class = || *classes.entry(rating.to_string()).or_insert(next);
        rating.as_f64().unwrap_or_else(class)
    };
    let mut units = Vec::new();
    for unit in inputs.list("units")? {
        let ratings = unit
            .as_array()
            .into_iter()
            .flatten()
            .filter(|rating| !rating.is_null());
        units.push(ratings.map(&mut rating).collect());
    }
    let measurement = match inputs.text("level") {
        "interval" => Measurement::Interval,
        _ => Measurement::Nominal,
    };
    Ok(json!(krippendorff_alpha(&units, measurement)))
}

fn corrected_rate(inputs: &Inputs) -> Answer {
    let calibration = Calibration {
        true_pos: inputs.count("true_pos")?,
        pos: inputs.count("pos")?,
        true_neg: inputs.count("true_neg")?,
        neg: inputs.count("neg")?,
    };
    let (passes, n) = (inputs.count("judge_passes")?, inputs.count("n")?);
    let corrected = rogan_gladen(passes, n, &calibration, inputs.number("confidence")?);
    Ok(json!(corrected.map(|it| json!({
        "estimate": it.estimate,
        "lower": it.bounds.map(|bounds| bounds.lower),
        "upper": it.bounds.map(|bounds| bounds.upper),
        "youden": it.youden,
    }))))
}

fn corrected_mean(inputs: &Inputs) -> Answer {
    let (human, judge) = (inputs.numbers("human")?, inputs.numbers("judge")?);
    let unlabelled = inputs.numbers("judge_unlabelled")?;
    let trust = if inputs.flag("tuned") {
        Trust::Tuned
    } else {
        Trust::Full
    };
    let mean = ppi_mean(
        &human,
        &judge,
        &unlabelled,
        trust,
        inputs.number("confidence")?,
    );
    Ok(json!(mean.map(|it| json!({
        "estimate": it.estimate,
        "se": it.standard_error,
        "lower": it.bounds.lower,
        "upper": it.bounds.upper,
        "lam": it.lambda,
    }))))
}
