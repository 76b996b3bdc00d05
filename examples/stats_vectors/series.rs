//! Random draws, series over time, and drift.

use regauge::stats::bootstrap::{Resampling, bootstrap_ratio};
use regauge::stats::change_point::{Search, edivisive, energy_profile};
use regauge::stats::cusum::cusum;
use regauge::stats::divergence::{g_test, js_divergence};
use regauge::stats::energy::{Outputs, energy_shift};
use regauge::stats::ks::ks_two_sample;
use regauge::stats::psi::psi;
use regauge::stats::rng::SplitMix64;
use regauge::stats::trend::mann_kendall;
use serde_json::{Value, json};

use crate::Answer;
use crate::inputs::{Inputs, scores_of};

/// The answer to a statistic of this family; `None` for any other.
pub(crate) fn answer(statistic: &str, inputs: &Inputs) -> Result<Option<Value>, String> {
    let answer: Answer = match statistic {
        "splitmix64" => generator(inputs),
        "bootstrap_ratio" => quantile_ratio(inputs),
        "energy_profile" => profile(inputs),
        "edivisive" => change_points(inputs),
        "mann_kendall" => trend(inputs),
        "cusum" => cumulative_sum(inputs),
        "ks_two_sample" => two_samples(inputs),
        "psi" => stability(inputs),
        "js_divergence" => Ok(json!(js_divergence(
            &inputs.tally("a")?,
            &inputs.tally("b")?
        ))),
        "g_test" => likelihood_ratio(inputs),
        "energy_shift" => output_shift(inputs),
        _ => return Ok(None),
    };
    answer.map(Some)
}

fn generator(inputs: &Inputs) -> Answer {
    let fresh = SplitMix64::new(inputs.seed()?, inputs.text("label"));
    let mut outputs = fresh.clone();
    let first: Vec<String> = (0..4).map(|_| outputs.next_u64().to_string()).collect();
    let mut order: Vec<usize> = (0..8).collect();
    fresh.clone().shuffle(&mut order);
    Ok(json!({"first": first, "shuffle_0_to_7": order}))
}

fn quantile_ratio(inputs: &Inputs) -> Answer {
    let resampling = Resampling {
        quantile: inputs.number("quantile")?,
        resamples: inputs.count("resamples")?,
        confidence: inputs.number("confidence")?,
        seed: inputs.seed()?,
    };
    let (base, cand) = (inputs.numbers("base")?, inputs.numbers("cand")?);
    let ratio = bootstrap_ratio(&base, &cand, &resampling, inputs.text("name"));
    Ok(json!(ratio.map(|it| {
        json!({"ratio": it.ratio, "lower": it.bounds.lower, "upper": it.bounds.upper})
    })))
}

fn profile(inputs: &Inputs) -> Answer {
    let profile = energy_profile(&inputs.numbers("series")?, inputs.count("min_size")?);
    Ok(json!({"first_split": profile.first_split, "q": profile.q}))
}

fn change_points(inputs: &Inputs) -> Answer {
    let search = Search {
        min_size: inputs.count("min_size")?,
        permutations: inputs.count("permutations")?,
        level: inputs.number("level")?,
        seed: inputs.seed()?,
    };
    let found = edivisive(&inputs.numbers("series")?, &search);
    let found = found
        .iter()
        .map(|it| json!({"index": it.index, "q": it.q, "p": it.p}));
    Ok(found.collect())
}

fn trend(inputs: &Inputs) -> Answer {
    let trend = mann_kendall(&inputs.numbers("series")?);
    Ok(json!(trend.map(
        |it| json!({"s": it.s, "z": it.z, "p": it.p, "slope": it.slope})
    )))
}

fn cumulative_sum(inputs: &Inputs) -> Answer {
    let sums = cusum(
        &inputs.numbers("z")?,
        inputs.number("k")?,
        inputs.number("h")?,
    );
    Ok(json!({"path": sums.path, "alarm": sums.alarm}))
}

fn two_samples(inputs: &Inputs) -> Answer {
    let test = ks_two_sample(&inputs.numbers("a")?, &inputs.numbers("b")?);
    Ok(json!(test.map(|it| json!({"d": it.d, "p": it.p}))))
}

fn stability(inputs: &Inputs) -> Answer {
    let (reference, current) = (inputs.numbers("reference")?, inputs.numbers("current")?);
    let index = psi(
        &reference,
        &current,
        inputs.count("bins")?,
        inputs.number("alpha")?,
    );
    Ok(json!(index.map(
        |it| json!({"psi": it.psi, "critical": it.critical, "bins": it.bins})
    )))
}

fn likelihood_ratio(inputs: &Inputs) -> Answer {
    let test = g_test(&inputs.counts("a")?, &inputs.counts("b")?);
    Ok(json!(
        test.map(|it| json!({"g": it.g, "df": it.df, "p": it.p}))
    ))
}

fn output_shift(inputs: &Inputs) -> Answer {
    let rows = |case: Inputs| Ok(case.list("distances")?.iter().map(scores_of).collect());
    let matrices: Result<Vec<Vec<Vec<f64>>>, String> = inputs.each("cases")?.map(rows).collect();
    let trials = |case: Inputs| case.count("k0");
    let base_trials: Result<Vec<usize>, String> = inputs.each("cases")?.map(trials).collect();
    let matrices = matrices?;
    let outputs: Vec<Outputs> = matrices
        .iter()
        .zip(base_trials?)
        .map(|(distances, base_trials)| Outputs {
            distances,
            base_trials,
        })
        .collect();
    let shift = energy_shift(&outputs);
    Ok(json!(
        shift.map(|it| json!({"statistic": it.statistic, "p": it.p}))
    ))
}
