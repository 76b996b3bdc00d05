//! Stems of English words by Porter's rules (Porter 1980, "An algorithm for suffix stripping"), with the extensions of
//! nltk, whose stems rouge-score compares.

/// Words that the rules get wrong, and their stems.
const IRREGULAR: &[(&str, &str)] = &[
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// An ending, what takes its place, and the measure that the rest must exceed.
type Ending = (&'static str, &'static str, usize);

const STEP_2: &[Ending] = &[
    ("ational", "ate", 0),
    ("tional", "tion", 0),
    ("enci", "ence", 0),
    ("anci", "ance", 0),
    ("izer", "ize", 0),
    ("bli", "ble", 0),
    ("alli", "al", 0),
    ("entli", "ent", 0),
    ("eli", "e", 0),
    ("ousli", "ous", 0),
    ("ization", "ize", 0),
    ("ation", "ate", 0),
    ("ator", "ate", 0),
    ("alism", "al", 0),
    ("iveness", "ive", 0),
    ("fulness", "ful", 0),
    ("ousness", "ous", 0),
    ("aliti", "al", 0),
    ("iviti", "ive", 0),
    ("biliti", "ble", 0),
    ("fulli", "ful", 0),
];

const STEP_3: &[Ending] = &[
    ("icate", "ic", 0),
    ("ative", "", 0),
    ("alize", "al", 0),
    ("iciti", "ic", 0),
    ("ical", "ic", 0),
    ("ful", "", 0),
    ("ness", "", 0),
];

/// `ion` has a rule of its own, and its place between `ent` and `ou` does not matter: no other ending here ends in it.
const STEP_4: &[Ending] = &[
    ("al", "", 1),
    ("ance", "", 1),
    ("ence", "", 1),
    ("er", "", 1),
    ("ic", "", 1),
    ("able", "", 1),
    ("ible", "", 1),
    ("ant", "", 1),
    ("ement", "", 1),
    ("ment", "", 1),
    ("ent", "", 1),
    ("ou", "", 1),
    ("ism", "", 1),
    ("ate", "", 1),
    ("iti", "", 1),
    ("ous", "", 1),
    ("ive", "", 1),
    ("ize", "", 1),
];

/// The stem of a word in lower case. Letters that English has not count as consonants.
pub(super) fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(known, _)| *known == word) {
        return (*stem).to_owned();
    }
    if word.chars().count() <= 2 {
        return word.to_owned();
    }
    let word = without_plural(word);
    let word = without_past(&word);
    let word = with_i(&word);
    let word = step_2(&word);
    let word = replaced(&word, STEP_3);
    let word = match word.strip_suffix("ion") {
        Some(rest) if measure(rest) > 1 && rest.ends_with(['s', 't']) => rest.to_owned(),
        Some(_) => word,
        None => replaced(&word, STEP_4),
    };
    tidied(&word)
}

/// Step 1a.
fn without_plural(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies") {
        let ending = if word.chars().count() == 4 { "ie" } else { "i" };
        return format!("{rest}{ending}");
    }
    let kept = if word.ends_with("sses") {
        &word[..word.len() - 2]
    } else if word.ends_with("ss") {
        word
    } else {
        word.strip_suffix('s').unwrap_or(word)
    };
    kept.to_owned()
}

/// Step 1b.
fn without_past(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ied") {
        let ending = if word.chars().count() == 4 { "ie" } else { "i" };
        return format!("{rest}{ending}");
    }
    if let Some(rest) = word.strip_suffix("eed") {
        return if measure(rest) > 0 {
            format!("{rest}ee")
        } else {
            word.to_owned()
        };
    }
    let ending = ["ed", "ing"].into_iter().find_map(|ending| {
        word.strip_suffix(ending)
            .filter(|rest| consonants(rest).contains(&false))
    });
    let Some(rest) = ending else {
        return word.to_owned();
    };
    if rest.ends_with("at") || rest.ends_with("bl") || rest.ends_with("iz") {
        return format!("{rest}e");
    }
    if ends_in_double_consonant(rest) {
        let mut kept = rest.to_owned();
        if !rest.ends_with(['l', 's', 'z']) {
            kept.pop();
        }
        return kept;
    }
    if measure(rest) == 1 && is_short(rest) {
        return format!("{rest}e");
    }
    rest.to_owned()
}

/// Step 1c.
fn with_i(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(rest) if rest.chars().count() > 1 && consonants(rest).last() == Some(&true) => {
            format!("{rest}i")
        }
        _ => word.to_owned(),
    }
}

fn step_2(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("alli").filter(|rest| measure(rest) > 0) {
        return step_2(&format!("{rest}al"));
    }
    match word.strip_suffix("logi") {
        // The `l` counts with what stands before it.
        Some(rest) if measure(&word[..word.len() - 3]) > 0 => format!("{rest}log"),
        Some(_) => word.to_owned(),
        None => replaced(word, STEP_2),
    }
}

/// Applies the first ending that the word has, if the rest is long enough.
fn replaced(word: &str, endings: &[Ending]) -> String {
    let found = endings
        .iter()
        .find_map(|(ending, other, least)| Some((word.strip_suffix(ending)?, other, least)));
    match found {
        Some((rest, other, least)) if measure(rest) > *least => format!("{rest}{other}"),
        _ => word.to_owned(),
    }
}

/// Step 5.
fn tidied(word: &str) -> String {
    let word = match word.strip_suffix('e') {
        Some(rest) if measure(rest) > 1 || measure(rest) == 1 && !is_short(rest) => rest,
        _ => word,
    };
    match word.strip_suffix('l') {
        Some(rest) if rest.ends_with('l') && measure(rest) > 1 => rest.to_owned(),
        _ => word.to_owned(),
    }
}

/// For each letter whether it is a consonant; `y` is one unless it follows one.
fn consonants(word: &str) -> Vec<bool> {
    let mut flags: Vec<bool> = Vec::with_capacity(word.len());
    for letter in word.chars() {
        flags.push(match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => !flags.last().copied().unwrap_or_default(),
            _ => true,
        });
    }
    flags
}

/// How often a consonant follows a vowel.
fn measure(word: &str) -> usize {
    let flags = consonants(word);
    flags
        .windows(2)
        .filter(|pair| *pair == [false, true])
        .count()
}

fn ends_in_double_consonant(word: &str) -> bool {
    let mut letters = word.chars().rev();
    let (last, before) = (letters.next(), letters.next());
    last.is_some() && last == before && consonants(word).last() == Some(&true)
}

/// Whether it ends in consonant, vowel, consonant, the last of them not w, x or y, or is a vowel and a consonant.
fn is_short(word: &str) -> bool {
    match consonants(word).as_slice() {
        [.., true, false, true] => !word.ends_with(['w', 'x', 'y']),
        [false, true] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_those_of_nltk() {
        for (word, wanted) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("ties", "tie"),
            ("cats", "cat"),
            ("agreed", "agre"),
            ("plastered", "plaster"),
            ("motoring", "motor"),
            ("hopping", "hop"),
            ("filing", "file"),
            ("enjoy", "enjoy"),
            ("happy", "happi"),
            ("relational", "relat"),
            ("analogously", "analog"),
            ("geology", "geolog"),
            ("adoption", "adopt"),
            ("controlling", "control"),
            ("rolling", "roll"),
            ("dying", "die"),
            ("yyyy", "yyyi"),
            ("abc123", "abc123"),
            ("éées", "éée"),
            ("bééing", "bééing"),
            ("naïves", "naïv"),
            ("привет", "привет"),
        ] {
            assert_eq!(stem(word), wanted, "{word}");
        }
    }
}
