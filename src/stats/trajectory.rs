//! Items that come out of one sampled generation, such as the turns of one
//! conversation, collapsed into one unit.
//!
//! The items of a trajectory rise and fall together. Treating each as a unit of its
//! own gave 18 to 20 % false alarms in place of 5 %.

use std::collections::BTreeMap;

use super::moments::sum;

/// One scored item of a trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member<'a> {
    /// Which trajectory it belongs to.
    pub cluster: u32,
    /// How much it counts, positive.
    pub weight: f64,
    /// The baseline's score in each trial; `None` is a missing one.
    pub base: &'a [Option<f64>],
    /// The candidate's score in each trial; `None` is a missing one.
    pub cand: &'a [Option<f64>],
}

/// A trajectory as one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// The baseline's usable trials, each the weighted mean of the members' scores.
    pub base: Vec<f64>,
    /// The candidate's usable trials.
    pub cand: Vec<f64>,
    /// The sum of the members' weights.
    pub weight: f64,
}

/// Collapses members into trajectories, by ascending cluster. A trial counts only
/// where every member has its score: a mean over other members would be a mean of
/// something else.
pub fn collapse(members: &[Member]) -> Vec<Trajectory> {
    let mut clusters: BTreeMap<u32, Vec<&Member>> = BTreeMap::new();
    for member in members {
        clusters.entry(member.cluster).or_default().push(member);
    }
    clusters
        .values()
        .map(|members| collapse_one(members))
        .collect()
}

fn collapse_one(members: &[&Member]) -> Trajectory {
    let weights: Vec<f64> = members.iter().map(|member| member.weight).collect();
    let bases: Vec<&[Option<f64>]> = members.iter().map(|member| member.base).collect();
    let cands: Vec<&[Option<f64>]> = members.iter().map(|member| member.cand).collect();
    Trajectory {
        base: mean_trials(&bases, &weights),
        cand: mean_trials(&cands, &weights),
        weight: sum(weights),
    }
}

fn mean_trials(members: &[&[Option<f64>]], weights: &[f64]) -> Vec<f64> {
    let trials = members.iter().map(|scores| scores.len()).min().unwrap_or(0);
    let total = sum(weights.iter().copied());
    let mean_of = |trial: usize| -> Option<f64> {
        let scores: Option<Vec<f64>> = members.iter().map(|scores| scores[trial]).collect();
        let weighted = scores?
            .into_iter()
            .zip(weights)
            .map(|(score, weight)| score * weight);
        Some(sum(weighted) / total)
    };
    (0..trials).filter_map(mean_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_averaged_trial_by_trial() {
        let member = |weight, base, cand| Member {
            cluster: 7,
            weight,
            base,
            cand,
        };
        let members = [
            member(1.0, &[Some(1.0), Some(0.0)], &[Some(1.0), None]),
            member(3.0, &[Some(0.0), Some(0.0)], &[Some(1.0), Some(1.0)]),
        ];
        let expected = Trajectory {
            base: vec![0.25, 0.0],
            cand: vec![1.0],
            weight: 4.0,
        };
        assert_eq!(collapse(&members), [expected]);
    }

    #[test]
    fn clusters_come_in_ascending_order() {
        let member = |cluster| Member {
            cluster,
            weight: 1.0,
            base: &[Some(1.0)],
            cand: &[Some(0.0)],
        };
        assert_eq!(collapse(&[member(9), member(2), member(9)]).len(), 2);
        assert!((collapse(&[member(9), member(2), member(9)])[1].weight - 2.0).abs() < 1e-15);
    }
}
