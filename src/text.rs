//! Text as data: normal forms, differences, likeness. Everything here is pure.

/// Names longer than this are not compared: the distance is quadratic in their length.
const LONGEST_COMPARED: usize = 100;

/// The candidate that was probably meant by a misspelled `name`.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_COMPARED {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_COMPARED)
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        // The first of the best, so that the answer does not hang on chance.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_suggests_the_nearest_one() {
        assert_eq!(
            suggest("contians", ["exact", "contains", "icontains"]),
            Some("contains")
        );
        assert_eq!(suggest("zebra", ["exact", "contains"]), None);
    }
}
