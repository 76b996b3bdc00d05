//! How near two vectors are.

use super::super::OrMissing;
use super::embedder::Vector;

/// A way to compare vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distance {
    /// The cosine of the angle between them.
    Cosine,
    /// Their product.
    Dot,
    /// 1 / (1 + the distance between their ends).
    Euclidean,
}

impl Distance {
    /// Their names in suites.
    pub(super) const NAMES: &[&str] = &["cosine", "dot", "euclidean"];

    /// The way of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [Self::Cosine, Self::Dot, Self::Euclidean];
        let index = Self::NAMES.iter().position(|known| *known == name)?;
        all.get(index).copied()
    }

    /// How near two vectors are, as a share.
    pub(super) fn nearness(self, left: &[f32], right: &[f32]) -> OrMissing<f64> {
        if left.len() != right.len() {
            return Err(format!(
                "vectors of {} and {} numbers cannot be compared",
                left.len(),
                right.len()
            ));
        }
        let value = match self {
            Self::Cosine => {
                let lengths = (dot(left, left) * dot(right, right)).sqrt();
                if lengths <= 0.0 {
                    return Err("a vector without a length has no direction".to_owned());
                }
                dot(left, right) / lengths
            }
            Self::Dot => dot(left, right),
            Self::Euclidean => {
                let squares = pairs(left, right).map(|(left, right)| (left - right).powi(2));
                1.0 / (1.0 + squares.sum::<f64>().sqrt())
            }
        };
        if value.is_finite() {
            Ok(value.clamp(0.0, 1.0))
        } else {
            Err("the vectors are too large to compare".to_owned())
        }
    }

    /// The nearest of these vectors, which are some, with its nearness; of equal ones the first.
    pub(super) fn nearest(self, of: &[f32], others: &[Vector<'_>]) -> OrMissing<(usize, f64)> {
        let mut nearest: Option<(usize, f64)> = None;
        for (at, other) in others.iter().enumerate() {
            let value = self.nearness(of, other)?;
            if nearest.is_none_or(|(_, best)| value > best) {
                nearest = Some((at, value));
            }
        }
        nearest.ok_or_else(|| "there is nothing to compare with".to_owned())
    }
}

fn pairs(left: &[f32], right: &[f32]) -> impl Iterator<Item = (f64, f64)> {
    let pairs = left.iter().zip(right);
    pairs.map(|(left, right)| (f64::from(*left), f64::from(*right)))
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    pairs(left, right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(way: Distance, left: &[f32], right: &[f32]) -> f64 {
        way.nearness(left, right).unwrap()
    }

    #[test]
    fn each_way_has_its_own_scale() {
        let (one, other) = ([3.0, 4.0], [4.0, 3.0]);
        assert!((near(Distance::Cosine, &one, &other) - 24.0 / 25.0).abs() < 1e-12);
        assert!(
            (near(Distance::Euclidean, &one, &other) - 1.0 / (1.0 + 2_f64.sqrt())).abs() < 1e-12
        );
        let (one, other) = ([0.6, 0.8], [0.8, 0.6]);
        assert!((near(Distance::Dot, &one, &other) - 0.96).abs() < 1e-6);
    }

    #[test]
    fn a_nearness_is_a_share_whatever_the_vectors_are() {
        assert!(near(Distance::Cosine, &[1.0], &[-1.0]).abs() < 1e-12);
        assert!((near(Distance::Dot, &[3.0], &[3.0]) - 1.0).abs() < 1e-12);
        for (left, right) in [(&[0.0][..], &[1.0][..]), (&[1.0], &[1.0, 2.0])] {
            assert!(Distance::Cosine.nearness(left, right).is_err());
        }
    }

    #[test]
    fn of_equally_near_vectors_the_first_is_the_nearest() {
        let others = [[0.0, 1.0], [2.0, 0.0], [1.0, 0.0]].map(|one| Vector::from(one.to_vec()));
        let nearest = Distance::Cosine.nearest(&[1.0, 0.0], &others);
        assert_eq!(nearest.map(|(at, _)| at), Ok(1));
        assert!(Distance::Cosine.nearest(&[1.0], &[]).is_err());
    }
}
