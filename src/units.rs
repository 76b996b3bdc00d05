//! Money, time and shares with their units, as people write and read them.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An amount of money in millionths of a millionth of a US dollar.
///
/// Prices are dollars per million tokens with up to six decimals, so the price of one token is a whole number of this
/// unit, and sums are exact in any order.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cost(u64);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    const PER_DOLLAR: f64 = 1e12;

    /// An amount in US dollars; a negative or non-finite one is `None`.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let amount = (usd * Self::PER_DOLLAR).round();
        let fits = (0.0..9e18).contains(&amount);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked above"
        )]
        fits.then_some(Self(amount as u64))
    }

    /// An amount in the unit itself, for sums that were made exactly.
    pub fn from_picodollars(amount: u64) -> Self {
        Self(amount)
    }

    /// This amount in US dollars.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a display value; 2^53 of the unit is nine thousand dollars"
    )]
    pub fn usd(self) -> f64 {
        self.0 as f64 / Self::PER_DOLLAR
    }

    /// This amount less another, at least nothing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Half of this amount, never less than that.
    #[must_use]
    pub fn half(self) -> Self {
        Self(self.0.div_ceil(2))
    }

    /// This amount `count` times, at most the largest amount there is.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Self::add)
    }
}

impl fmt::Display for Cost {
    /// Dollars with two decimals, or with four where less than a dollar is at stake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usd = self.usd();
        if usd >= 1.0 || self.0 == 0 {
            write!(f, "${usd:.2}")
        } else {
            write!(f, "${usd:.4}")
        }
    }
}

/// Reads a span of time such as `250ms`, `60s`, `1m30s`, `2h` or `14d`; a number without a unit is refused.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| digits + at);
        total += value * seconds_of(&rest[digits..unit_end])?;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

/// A span of time as a person reads it: `850 ms`, `12.3 s`, `4 m 05 s`, `2 h 13 m`.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3599 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Reads a share written as `0.03` or `3%`; the result is 0.03 for both.
pub fn parse_share(text: &str) -> Option<f64> {
    let text = text.trim();
    let value: f64 = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    value.is_finite().then_some(value)
}

/// A count with its noun: `1 case`, `204 cases`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// A day such as `2026-12-31`, in the one form that sorts by time.
pub fn parse_day(text: &str) -> Option<String> {
    let day: jiff::civil::Date = text.trim().parse().ok()?;
    Some(day.to_string())
}

/// The day of a moment, in milliseconds since 1970, in UTC.
pub fn day_of(milliseconds: i64) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(milliseconds).ok()?;
    Some(
        jiff::tz::TimeZone::UTC
            .to_datetime(moment)
            .date()
            .to_string(),
    )
}

/// The start of the month of a moment, both in milliseconds since 1970, in UTC.
pub fn start_of_month(milliseconds: i64) -> i64 {
    let start = || {
        let moment = jiff::Timestamp::from_millisecond(milliseconds).ok()?;
        let utc = jiff::tz::TimeZone::UTC;
        let first = utc.to_datetime(moment).date().first_of_month();
        let start = utc.to_timestamp(first.into()).ok()?;
        Some(start.as_millisecond())
    };
    start().unwrap_or(milliseconds)
}

/// A number without a unit, with four digits that count: `0.02500`, `1234`.
pub fn four_digits(value: f64) -> String {
    let size = value.abs();
    let decimals = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.01, 0.001];
    let decimals = decimals
        .iter()
        .position(|least| size >= *least)
        .unwrap_or(7);
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_price_is_a_whole_number_of_the_unit() {
        let per_token = Cost::from_usd(0.075 / 1e6).unwrap();
        assert_eq!(per_token, Cost(75_000));
        assert_eq!(per_token.times(1_000_000), Cost::from_usd(0.075).unwrap());
    }

    #[test]
    fn a_month_starts_at_its_first_midnight() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let start = at("2026-02-01T00:00:00Z");
        for moment in ["2026-02-01T00:00:00Z", "2026-02-28T23:59:59.999Z"] {
            assert_eq!(start_of_month(at(moment)), start);
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("2.5s"), Some(Duration::from_millis(2500)));
        for bad in ["", "60", "s", "-1s", "1 fortnight", "1e400s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_has_one_form_and_ends_at_midnight_in_utc() {
        assert_eq!(parse_day("2026-12-31").as_deref(), Some("2026-12-31"));
        assert_eq!(parse_day("2026-02-30"), None);
        assert_eq!(parse_day("soon"), None);
        assert_eq!(day_of(1_798_761_599_999).as_deref(), Some("2026-12-31"));
        assert_eq!(day_of(1_798_761_600_000).as_deref(), Some("2027-01-01"));
    }

    #[test]
    fn a_share_may_be_a_percentage() {
        assert_eq!(parse_share("3%"), Some(0.03));
        assert_eq!(parse_share("0.03"), Some(0.03));
        assert_eq!(parse_share("many"), None);
    }

    #[test]
    fn small_amounts_keep_their_digits() {
        assert_eq!(Cost::from_usd(0.0012).unwrap().to_string(), "$0.0012");
        assert_eq!(Cost::from_usd(12.5).unwrap().to_string(), "$12.50");
        assert_eq!(Cost::ZERO.to_string(), "$0.00");
    }
}
