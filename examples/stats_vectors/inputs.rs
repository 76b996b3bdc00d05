//! The inputs of a vector, read by name.

use std::collections::BTreeMap;

use regauge::stats::plan::Errors;
use regauge::stats::unit::Unit;
use serde_json::Value;

/// The inputs of one vector.
pub(crate) struct Inputs<'a>(pub(crate) &'a Value);

impl<'a> Inputs<'a> {
    pub(crate) fn number(&self, name: &str) -> Result<f64, String> {
        self.0[name]
            .as_f64()
            .ok_or_else(|| format!("input {name} is not a number"))
    }

    pub(crate) fn number_or(&self, name: &str, default: f64) -> Result<f64, String> {
        if self.0[name].is_null() {
            Ok(default)
        } else {
            self.number(name)
        }
    }

    pub(crate) fn count(&self, name: &str) -> Result<usize, String> {
        count_of(&self.0[name]).ok_or_else(|| format!("input {name} is not a count"))
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], String> {
        let list = self.0[name].as_array().map(Vec::as_slice);
        list.ok_or_else(|| format!("input {name} is not a list"))
    }

    pub(crate) fn each(&self, name: &str) -> Result<impl Iterator<Item = Inputs<'a>>, String> {
        Ok(self.list(name)?.iter().map(Inputs))
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let numbers: Option<Vec<f64>> = self.list(name)?.iter().map(Value::as_f64).collect();
        numbers.ok_or_else(|| format!("input {name} is not a list of numbers"))
    }

    pub(crate) fn counts(&self, name: &str) -> Result<Vec<usize>, String> {
        let counts: Option<Vec<usize>> = self.list(name)?.iter().map(count_of).collect();
        counts.ok_or_else(|| format!("input {name} is not a list of counts"))
    }

    /// Counts by name, or by place where the input is a list.
    pub(crate) fn tally(&self, name: &str) -> Result<BTreeMap<String, usize>, String> {
        let tally: Option<BTreeMap<String, usize>> = match &self.0[name] {
            Value::Object(counts) => counts.iter().map(named_count).collect(),
            Value::Array(counts) => {
                let counts = counts.iter().enumerate();
                counts
                    .map(|(place, count)| Some((place.to_string(), count_of(count)?)))
                    .collect()
            }
            _ => None,
        };
        tally.ok_or_else(|| format!("input {name} has no counts"))
    }

    pub(crate) fn text(&self, name: &str) -> &'a str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// True for `true`, and for a number of banked trials.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0[name]
            .as_bool()
            .unwrap_or_else(|| self.0[name].as_f64().is_some_and(|n| n > 0.0))
    }

    pub(crate) fn errors(&self) -> Result<Errors, String> {
        Ok(Errors {
            alpha: self.number("alpha")?,
            power: self.number("power")?,
        })
    }

    pub(crate) fn seed(&self) -> Result<u64, String> {
        self.0["seed"]
            .as_u64()
            .ok_or_else(|| "input seed is not a whole number".to_owned())
    }
}

pub(crate) fn count_of(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn named_count((name, count): (&String, &Value)) -> Option<(String, usize)> {
    Some((name.clone(), count_of(count)?))
}

/// The scores of a list, with missing ones left out; none for an absent list.
pub(crate) fn scores_of(list: &Value) -> Vec<f64> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

/// A unit with scores of its own.
pub(crate) struct OwnedUnit {
    base: Vec<f64>,
    cand: Vec<f64>,
    weight: f64,
    cluster: Option<u32>,
}

impl OwnedUnit {
    pub(crate) fn as_unit(&self) -> Unit<'_> {
        let OwnedUnit {
            base,
            cand,
            weight,
            cluster,
        } = self;
        Unit {
            base,
            cand,
            weight: *weight,
            cluster: *cluster,
        }
    }
}

/// Units as objects; clusters may bear any value as their name.
pub(crate) fn units_of(inputs: &Inputs) -> Result<Vec<OwnedUnit>, String> {
    let mut clusters: BTreeMap<String, u32> = BTreeMap::new();
    let mut number_of = |name: &Value| {
        let next = u32::try_from(clusters.len()).unwrap_or(u32::MAX);
        *clusters.entry(name.to_string()).or_insert(next)
    };
    let unit = |unit: Inputs| {
        let cluster = &unit.0["cluster"];
        Ok(OwnedUnit {
            base: scores_of(&unit.0["base"]),
            cand: scores_of(&unit.0["cand"]),
            weight: unit.number_or("weight", 1.0)?,
            cluster: (!cluster.is_null()).then(|| number_of(cluster)),
        })
    };
    inputs.each("units")?.map(unit).collect()
}

/// Units as pairs of lists, with weights in a list of their own.
pub(crate) fn pairs_of(inputs: &Inputs) -> Result<Vec<OwnedUnit>, String> {
    let pairs = inputs.list("pairs")?;
    let weights = &inputs.0["weights"];
    let weights = if weights.is_null() {
        vec![1.0; pairs.len()]
    } else {
        inputs.numbers("weights")?
    };
    let pairs = pairs.iter().zip(weights).map(|(pair, weight)| OwnedUnit {
        base: scores_of(&pair[0]),
        cand: scores_of(&pair[1]),
        weight,
        cluster: None,
    });
    Ok(pairs.collect())
}

pub(crate) fn borrowed(units: &[OwnedUnit]) -> Vec<Unit<'_>> {
    units.iter().map(OwnedUnit::as_unit).collect()
}
