//! The choice that an answer picks.

use regex::Regex;

/// What there is to choose, and how it is found.
#[derive(Debug)]
pub(super) struct Choices {
    /// From the surest to the least sure; the last match of the first that matches counts.
    patterns: Vec<Regex>,
}

impl Choices {
    /// These choices, or the letters A to Z where there are none.
    ///
    /// # Errors
    /// If they are too many or too long to look for.
    pub(super) fn new(choices: &[String]) -> Result<Self, regex::Error> {
        let mut longest_first: Vec<&str> = choices.iter().map(|choice| choice.trim()).collect();
        longest_first.sort_by_key(|choice| std::cmp::Reverse(choice.len()));
        let escaped: Vec<String> = longest_first.into_iter().map(regex::escape).collect();
        let any = if escaped.is_empty() {
            "[A-Z]".to_owned()
        } else {
            escaped.join("|")
        };
        // A letter in running text is a choice in capitals only: `a` and `i` are words.
        let is_letter = |choice: &String| choice.trim().chars().nth(1).is_none();
        let case = if choices.iter().all(is_letter) {
            "(?-i:"
        } else {
            "(?:"
        };
        let strict = format!("{case}{any})");
        let patterns = [
            format!(r"\\boxed\s*\{{\s*(?:\\text\s*\{{)?\s*\(?({any})\)?\s*\}}"),
            format!(
                r"\banswer\b\W{{0,5}}(?:is|should be|would be|must be|choice|option|:|=)?\W{{0,8}}(?:choice|option)?\W{{0,5}}({strict})(?:\W|$)"
            ),
            format!(r"\banswer\b\W{{0,5}}(?:is|:|=)?\W{{0,5}}[(\[]({any})[)\]]"),
            format!(r"^\W*({any})\W*$"),
            format!(r"^\W*({any})\s*[).:\]]"),
            format!(r"[(\[]({any})[)\]]|\*\*({any})\W*\*\*"),
            format!(r"(?:^|\W)({strict})(?:\W|$)"),
        ];
        let patterns = patterns
            .iter()
            .map(|pattern| Regex::new(&format!("(?i){pattern}")));
        Ok(Self {
            patterns: patterns.collect::<Result<_, _>>()?,
        })
    }

    /// The choice of a text.
    pub(super) fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.patterns.iter().find_map(|pattern| {
            let last = pattern.captures_iter(text).last()?;
            let group = last.iter().skip(1).flatten().next()?;
            Some(group.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_found_where_it_is_surest() {
        let letters = Choices::new(&[]).unwrap();
        for (text, wanted) in [
            ("B", Some("B")),
            (" (b). ", Some("b")),
            ("A) no. The answer is (C).", Some("C")),
            ("Answer: D", Some("D")),
            ("**Answer:** B", Some("B")),
            ("The answer is option E, not F", Some("E")),
            ("The answer is a dog", None),
            ("The correct answer is \\boxed{\\text{B}}.", Some("B")),
            ("B. Because A is wrong", Some("B")),
            ("I would pick **C**", Some("C")),
            ("It must be D", Some("D")),
            ("no idea", None),
            ("", None),
        ] {
            assert_eq!(letters.find(text), wanted, "{text:?}");
        }
        let words = Choices::new(&["yes".into(), "no".into(), "not sure".into()]).unwrap();
        assert_eq!(words.find("I say: No"), Some("No"));
        assert_eq!(words.find("the answer is not sure"), Some("not sure"));
        assert_eq!(words.find("nothing"), None);
    }
}
