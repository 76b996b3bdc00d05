//! Formulas made plain, with the verdicts of the grader that came with the MATH dataset (Hendrycks 2021).

/// The formula of a text: what stands in its last box, else between its first and its last dollar sign, else all of it.
pub(super) fn formula(text: &str) -> &str {
    if let Some(boxed) = last_boxed(text) {
        return boxed;
    }
    match (text.find('$'), text.rfind('$')) {
        (Some(first), Some(last)) if first < last => text[first + 1..last].trim_matches('$'),
        _ => text.trim(),
    }
}

/// The content of the last `\boxed{…}` or `\fbox{…}`, as far as its braces are closed.
fn last_boxed(text: &str) -> Option<&str> {
    let starts = [r"\boxed", r"\fbox"].map(|name| text.rfind(name).map(|at| at + name.len()));
    let rest = &text[starts.into_iter().flatten().max()?..];
    if let Some(bare) = rest
        .strip_prefix(' ')
        .filter(|rest| !rest.trim_start().starts_with('{'))
    {
        return bare.split('$').next();
    }
    let inner = rest.trim_start().strip_prefix('{')?;
    let mut open = 1;
    for (at, c) in inner.char_indices() {
        open += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if open == 0 {
            return Some(&inner[..at]);
        }
    }
    None
}

/// Whether two formulas are the same; with `values` also where they are numbers of one value.
pub(super) fn equal(left: &str, right: &str, values: bool) -> bool {
    let (Some(left), Some(right)) = (plain(left), plain(right)) else {
        return left == right;
    };
    let same_value = || matches!((value(&left), value(&right)), (Some(l), Some(r)) if (l - r).abs() <= 1e-9 * l.abs().max(r.abs()));
    left == right || values && same_value()
}

/// A formula without what does not count; `None` for one that breaks off.
fn plain(text: &str) -> Option<String> {
    let mut text = text
        .replace('\n', "")
        .replace(r"\!", "")
        .replace(r"\\", r"\")
        .replace("tfrac", "frac")
        .replace("dfrac", "frac")
        .replace(r"\left", "")
        .replace(r"\right", "")
        .replace(r"^{\circ}", "")
        .replace(r"^\circ", "")
        .replace(r"\$", "");
    // What a text with a space begins is a unit.
    if let Some((before, after)) = text.split_once(r"\text{ ") {
        if after.contains(r"\text{ ") {
            return None;
        }
        text = before.to_owned();
    }
    text = text
        .replace(r"\%", "")
        .replace('%', "")
        .replace(" .", " 0.")
        .replace("{.", "{0.");
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    if let [name, value] = text.split('=').collect::<Vec<_>>()[..]
        && name.chars().count() <= 2
    {
        text = value.to_owned();
    }
    let text = with_braces(&text, r"\sqrt", 1)?.replace(' ', "");
    let text = with_braces(&text, r"\frac", 2)?;
    Some(match text.as_str() {
        "0.5" => r"\frac{1}{2}".to_owned(),
        text => slash_as_fraction(text),
    })
}

/// Puts braces round the arguments of a command that are single characters: `\frac12` is `\frac{1}{2}`. `None` where
/// the text ends behind the command; a command of two arguments with room for one only leaves the text as it is.
fn with_braces(text: &str, command: &str, arguments: usize) -> Option<String> {
    let mut parts = text.split(command);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str(command);
        let mut chars = part.chars();
        let first = chars.next()?;
        if first == '{' {
            result.push_str(part);
            continue;
        }
        result.extend(['{', first, '}']);
        if arguments == 2 {
            match chars.next() {
                None => return Some(text.to_owned()),
                Some('{') => result.push('{'),
                Some(second) => result.extend(['{', second, '}']),
            }
        }
        result.push_str(chars.as_str());
    }
    Some(result)
}

/// `1/2` as a fraction, where both parts are whole numbers written as numbers are.
fn slash_as_fraction(text: &str) -> String {
    let whole = |part: &str| {
        let number = part.parse::<i64>().ok()?;
        (number.to_string() == part).then_some(number)
    };
    let parts = text.split_once('/');
    match parts.and_then(|(above, below)| Some((whole(above)?, whole(below)?))) {
        Some((above, below)) => format!(r"\frac{{{above}}}{{{below}}}"),
        None => text.to_owned(),
    }
}

/// The value of a plain number or of a fraction of two.
fn value(text: &str) -> Option<f64> {
    let number = |text: &str| {
        let is_plain = !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | ','));
        is_plain.then(|| text.replace(',', "").parse::<f64>().ok())?
    };
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let fraction = text
        .strip_prefix(r"\frac{")
        .and_then(|rest| rest.strip_suffix('}'));
    let value = match fraction.and_then(|inner| inner.split_once("}{")) {
        Some((above, below)) => number(above)? / number(below)?,
        None => number(text)?,
    };
    value.is_finite().then_some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_in_the_last_box_or_between_dollars() {
        for (text, wanted) in [
            (r"so \boxed{1}, no: \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
            (r"$\boxed 7$ it is", "7"),
            (r"\boxed{never closed", r"\boxed{never closed"),
            ("it is $x+1$ now", "x+1"),
            (" 42 ", "42"),
        ] {
            assert_eq!(formula(text), wanted);
        }
    }

    #[test]
    fn what_does_not_count_makes_no_difference() {
        for (left, right) in [
            (r"\dfrac12", r"\frac{1}{2}"),
            ("1/2", r"\tfrac{1}{2}"),
            ("0.5", r"\frac12"),
            (r"\frac1{72}", r"\frac{1}{72}"),
            (r"\sqrt3", r"\sqrt{3}"),
            (r"\left( 1, 2 \right)", "(1,2)"),
            (r"90^\circ", "90"),
            (r"12\text{ cm}", "12"),
            (r"50\%", "50"),
            (r"\$5", "5"),
            ("x = 3", "3"),
            (".5", "0.5"),
            (r"a\\b", r"a\b"),
        ] {
            assert!(
                equal(left, right, false),
                "{left} and {right}: {:?} {:?}",
                plain(left),
                plain(right)
            );
        }
        for (left, right) in [
            ("abc = 3", "3"),
            ("0.50", r"\frac12"),
            (r"\frac", r"\frac1"),
            ("2", "3"),
        ] {
            assert!(!equal(left, right, false), "{left} and {right}");
        }
        for (left, right) in [
            ("0.25", "1/4"),
            ("1,000", "1000"),
            (r"-\frac{1}{2}", "-.50"),
        ] {
            assert!(equal(left, right, true), "{left} and {right}");
        }
    }
}
