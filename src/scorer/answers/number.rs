//! Numbers in texts.

use super::super::entry::Entry;
use super::super::expected::quoted;
use super::super::matching::SHOWN;
use super::super::{OrMissing, Reading, Rule, Subject};
use super::{Found, Which};

/// Whether the answer gives an expected number.
#[derive(Debug)]
pub(super) struct Numbers {
    which: Which,
    absolute: f64,
    relative: f64,
    units: Vec<String>,
    decimal: char,
}

impl Numbers {
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        Self {
            which: Which::of(entry),
            absolute: entry.number("absolute").unwrap_or(0.0),
            relative: entry.share("relative").unwrap_or(0.0),
            units: entry.texts("unit"),
            decimal: match entry.text("decimal") {
                Some("comma") => ',',
                _ => '.',
            },
        }
    }

    fn near(&self, found: f64, wanted: f64) -> bool {
        let allowed = self.absolute.max(self.relative * wanted.abs());
        // Decimals such as 0.1 are not exact: what differs in the last place only does not differ.
        (found - wanted).abs() <= allowed + f64::EPSILON * found.abs().max(wanted.abs())
    }
}

impl Rule for Numbers {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let texts = subject.wanted.texts(subject.normalize)?;
        let wanted = texts.iter().map(parse).collect::<OrMissing<Vec<f64>>>()?;
        let found = find(subject.text, self.decimal, &self.units);
        let picked = self.which.pick(subject.text, &found);
        let holds = picked
            .iter()
            .any(|found| wanted.iter().any(|wanted| self.near(*found, *wanted)));
        Ok(Reading::binary(holds, || {
            let wanted = subject.wanted.describe();
            let got = quoted(subject.text, SHOWN);
            match picked.as_slice() {
                [] => format!("expected {wanted}, found no such number in {got}"),
                [found] => format!("expected {wanted}, got {found} in {got}"),
                several => format!("expected {wanted}, got none of {} in {got}", several.len()),
            }
        }))
    }
}

/// The one number of an expected text.
pub(super) fn parse(text: &str) -> OrMissing<f64> {
    match find(text, '.', &[]).as_slice() {
        [number] => Ok(number.value),
        _ => Err(format!(
            "the expected value must be a number, found {}",
            quoted(text, SHOWN)
        )),
    }
}

/// `1 - |a - b| / (|a| + |b|)`, and 1 for two zeros.
pub(in super::super) fn likeness(left: f64, right: f64) -> f64 {
    let total = left.abs() + right.abs();
    if total == 0.0 {
        1.0
    } else if total.is_finite() {
        1.0 - (left - right).abs() / total
    } else {
        0.0
    }
}

/// All numbers of a text in order; with units only those that stand next to one of them.
pub(super) fn find(text: &str, decimal: char, units: &[String]) -> Vec<Found<f64>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let digit = at + offset;
        let start = start_of(text, at, digit, decimal);
        let mut number = Reader {
            rest: &text[digit..],
            decimal,
            plain: String::new(),
        };
        number.read(text[..digit].ends_with(decimal) && start < digit);
        let end = text.len() - number.rest.len();
        let sign = text[start..digit].starts_with(['-', '−']);
        if let Ok(value) = number.plain.parse::<f64>()
            && value.is_finite()
            && (units.is_empty() || has_unit(&text[..start], &text[end..], units))
        {
            let value = if sign { -value } else { value };
            found.push(Found { value, start, end });
        }
        at = end;
    }
    found
}

/// Where a number begins whose first digit stands at `digit`: with its decimal point and its sign, if these are none of
/// something else.
fn start_of(text: &str, from: usize, digit: usize, decimal: char) -> usize {
    let mut start = digit;
    let before = |start: usize| text[from..start].chars().next_back();
    // What the number before it ends with is no letter, but nothing that a number may begin behind.
    let is_bound = |start: usize| match before(start) {
        Some(c) => !c.is_alphanumeric() && c != decimal,
        None => from == 0,
    };
    if before(start) == Some(decimal) && is_bound(start - 1) {
        start -= 1;
    }
    if let Some(sign @ ('-' | '−' | '+')) = before(start) {
        let signed = start - sign.len_utf8();
        if is_bound(signed) {
            start = signed;
        }
    }
    start
}

/// Reads a number from its first digit on.
struct Reader<'a> {
    rest: &'a str,
    decimal: char,
    /// As Rust has numbers.
    plain: String,
}

impl Reader<'_> {
    fn read(&mut self, is_fraction: bool) {
        if is_fraction {
            self.plain.push_str("0.");
            self.digits();
            self.exponent();
            return;
        }
        let whole = self.digits();
        if whole <= 3 {
            while let Some(length) = self.group() {
                self.rest = &self.rest[length..];
                self.digits();
            }
        }
        let after = self.rest.strip_prefix(self.decimal);
        if let Some(after) = after.filter(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            self.plain.push('.');
            self.rest = after;
            self.digits();
        }
        self.exponent();
    }

    /// Takes all digits, and counts them.
    fn digits(&mut self) -> usize {
        let end = self.rest.find(|c: char| !c.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.plain.push_str(digits);
        self.rest = rest;
        digits.len()
    }

    /// The length of a mark that parts groups, where exactly three digits follow.
    fn group(&self) -> Option<usize> {
        let mark = self.rest.chars().next()?;
        let other = if self.decimal == '.' { ',' } else { '.' };
        let parts = mark == other || matches!(mark, '\'' | '’' | '\u{a0}' | '\u{202f}' | '_');
        let digits = self.rest[mark.len_utf8()..]
            .bytes()
            .take_while(u8::is_ascii_digit);
        (parts && digits.count() == 3).then_some(mark.len_utf8())
    }

    fn exponent(&mut self) {
        let Some(after) = self.rest.strip_prefix(['e', 'E']) else {
            return;
        };
        let unsigned = after.strip_prefix(['-', '+']).unwrap_or(after);
        if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            self.plain.push('e');
            if after.starts_with('-') {
                self.plain.push('-');
            }
            self.rest = unsigned;
            self.digits();
        }
    }
}

/// Whether a unit stands next to a number, and is not the beginning of another word.
fn has_unit(before: &str, after: &str, units: &[String]) -> bool {
    let (before, after) = (before.trim_end(), after.trim_start());
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    units.iter().any(|unit| {
        let unit = unit.trim();
        let follows = after.strip_prefix(unit).is_some_and(|rest| {
            !(is_letter(unit.chars().next_back()) && is_letter(rest.chars().next()))
        });
        let precedes = before.strip_suffix(unit).is_some_and(|rest| {
            !(is_letter(unit.chars().next()) && is_letter(rest.chars().next_back()))
        });
        !unit.is_empty() && (follows || precedes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<f64> {
        find(text, '.', &[])
            .into_iter()
            .map(|found| found.value)
            .collect()
    }

    #[test]
    fn numbers_are_found_as_people_write_them() {
        for (text, wanted) in [
            ("", vec![]),
            ("no", vec![]),
            ("28 + 32 = 60.", vec![28.0, 32.0, 60.0]),
            ("-5, −6 and +7", vec![-5.0, -6.0, 7.0]),
            ("10-20", vec![10.0, 20.0]),
            ("x-5", vec![5.0]),
            ("1,000.5 or 1'000'000", vec![1000.5, 1_000_000.0]),
            ("1,2,3", vec![1.0, 2.0, 3.0]),
            ("1,0000", vec![1.0, 0.0]),
            ("1e3 2E-2 3e 4em", vec![1000.0, 0.02, 3.0, 4.0]),
            (".5 -.5 a.5 1.", vec![0.5, -0.5, 5.0, 1.0]),
            ("1.2.3", vec![1.2, 3.0]),
            ("$(2.5)", vec![2.5]),
            ("1e999", vec![]),
            ("٣", vec![]),
        ] {
            assert_eq!(numbers(text), wanted, "{text:?}");
        }
        let comma = find("1.000,5 €", ',', &["€".into()]);
        assert_eq!(
            comma,
            [Found {
                value: 1000.5,
                start: 0,
                end: 7
            }]
        );
    }

    #[test]
    fn units_stand_behind_or_before() {
        let of = |text: &str, unit: &str| -> Vec<f64> {
            let found = find(text, '.', &[unit.to_owned()]);
            found.into_iter().map(|found| found.value).collect()
        };
        assert_eq!(of("3 km, 4 kmh, 5km", "km"), [3.0, 5.0]);
        assert_eq!(of("$5 and 6 $", "$"), [5.0, 6.0]);
        assert_eq!(of("60% of 7", "%"), [60.0]);
    }
}
