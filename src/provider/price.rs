//! What calls cost: prices of the user, or the built-in table of public list prices.
//!
//! Prices are dollars per million tokens. They are held as whole numbers, and a cost is summed exactly and rounded once,
//! so that sums agree with the table to the last digit. What is not known is `None`, never zero.

mod table;

use serde::Deserialize;
use serde_json::Value;

use crate::exchange::{Answered, Usage, WireFormat};
use crate::units::Cost;

pub use table::{listed, table_date};

/// Whole units of a rate in one dollar.
const UNITS_PER_DOLLAR: f64 = 1e12;

/// The largest rate: a million dollars per million tokens.
const MOST_DOLLARS: f64 = 1e6;

/// Tokens that a rate is for.
const TOKENS_PER_RATE: u128 = 1_000_000;

/// Hosts of vendors that speak a format which bears the name of another one, with their names in the table.
const VENDORS: [(&str, &str); 9] = [
    ("amazonaws.com", "aws"),
    ("azure.com", "azure"),
    ("cohere.ai", "cohere"),
    ("cohere.com", "cohere"),
    ("deepseek.com", "deepseek"),
    ("googleapis.com", "google"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral"),
    ("anthropic.com", "anthropic"),
];

/// The prices of one model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    #[serde(rename = "input_mtok")]
    input: Rate,
    /// Without it a read from the cache costs as much as other input.
    #[serde(rename = "cache_read_mtok")]
    cache_read: Option<Rate>,
    /// Without it a write to the cache costs as much as other input.
    #[serde(rename = "cache_write_mtok")]
    cache_write: Option<Rate>,
    /// Embedding models have none.
    #[serde(rename = "output_mtok")]
    output: Option<Rate>,
}

impl Price {
    /// A price in US dollars per million tokens; `None` where a number is negative, not finite, or above a million.
    pub fn from_usd(
        input: f64,
        output: f64,
        cache_read: Option<f64>,
        cache_write: Option<f64>,
    ) -> Option<Self> {
        let optional = |usd: Option<f64>| match usd {
            Some(usd) => Rate::flat(usd).map(Some),
            None => Some(None),
        };
        Some(Self {
            input: Rate::flat(input)?,
            cache_read: optional(cache_read)?,
            cache_write: optional(cache_write)?,
            output: Some(Rate::flat(output)?),
        })
    }

    /// What a call with these counts costs; `None` where a count that matters is not known, or the counts contradict
    /// each other.
    ///
    /// An endpoint that does not name cached tokens is taken to have cached none, as all that have a cache do name
    /// them. Where nothing costs anything, no count matters.
    pub fn cost(&self, usage: &Usage) -> Option<Cost> {
        if self.is_free() {
            return Some(Cost::ZERO);
        }
        let input = usage.input?;
        let read = usage.cache_read.unwrap_or(0);
        let write = usage.cache_write.unwrap_or(0);
        let plain = input.checked_sub(read)?.checked_sub(write)?;
        let (output, output_rate) = match (usage.output, &self.output) {
            (Some(count), Some(rate)) => (count, rate.at(input)),
            (None | Some(0), None) => (0, 0),
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let cached = |rate: &Option<Rate>| rate.as_ref().unwrap_or(&self.input).at(input);
        let units = [
            (plain, self.input.at(input)),
            (read, cached(&self.cache_read)),
            (write, cached(&self.cache_write)),
            (output, output_rate),
        ]
        .into_iter()
        .try_fold(0_u128, |sum, (count, rate)| {
            sum.checked_add(u128::from(count) * u128::from(rate))
        })?;
        let rounded = (units + TOKENS_PER_RATE / 2) / TOKENS_PER_RATE;
        u64::try_from(rounded).ok().map(Cost::from_picodollars)
    }

    /// What was paid for a call: for one that came with a batch half of its cost, by the rule of the endpoints that take
    /// batches. `None` where there is no answer, or its cost is not known.
    pub fn paid(&self, answered: &Answered) -> Option<Cost> {
        let cost = self.cost(&answered.reply.response()?.usage)?;
        Some(if answered.batch { cost.half() } else { cost })
    }

    fn is_free(&self) -> bool {
        let rates = [&self.cache_read, &self.cache_write, &self.output];
        self.input.is_zero() && rates.into_iter().flatten().all(Rate::is_zero)
    }
}

/// The price of a million tokens of one kind, in units of which a dollar has 10¹².
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
struct Rate {
    base: u64,
    /// Of rising start.
    tiers: Vec<Tier>,
}

/// A rate that holds for all tokens of a call whose whole input is over `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tier {
    start: u64,
    rate: u64,
}

impl Rate {
    fn flat(usd: f64) -> Option<Self> {
        Some(Self {
            base: units(usd)?,
            tiers: Vec::new(),
        })
    }

    fn at(&self, input: u64) -> u64 {
        let tier = self.tiers.iter().rev().find(|tier| input > tier.start);
        tier.map_or(self.base, |tier| tier.rate)
    }

    fn is_zero(&self) -> bool {
        self.base == 0 && self.tiers.iter().all(|tier| tier.rate == 0)
    }
}

impl TryFrom<Value> for Rate {
    type Error = &'static str;

    /// Reads a number, or `{base, tiers: [{start, price}]}`.
    fn try_from(wire: Value) -> Result<Self, Self::Error> {
        let usd = |value: &Value| value.as_f64().and_then(units).ok_or("not a price");
        let Some(base) = wire.get("base") else {
            return Ok(Self {
                base: usd(&wire)?,
                tiers: Vec::new(),
            });
        };
        let tiers = wire["tiers"].as_array().ok_or("a base without tiers")?;
        let mut tiers: Vec<Tier> = tiers
            .iter()
            .map(|tier| {
                Ok(Tier {
                    start: tier["start"].as_u64().ok_or("a tier without a start")?,
                    rate: usd(&tier["price"])?,
                })
            })
            .collect::<Result<_, Self::Error>>()?;
        tiers.sort_by_key(|tier| tier.start);
        Ok(Self {
            base: usd(base)?,
            tiers,
        })
    }
}

fn units(usd: f64) -> Option<u64> {
    let fits = (0.0..=MOST_DOLLARS).contains(&usd);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    fits.then(|| (usd * UNITS_PER_DOLLAR).round() as u64)
}

/// The vendor, as the table names it, whose prices hold for an endpoint: by its host, and by its wire format for a host
/// that is not known.
pub fn vendor(format: WireFormat, base_url: &str) -> &'static str {
    let host = host_of(base_url).to_ascii_lowercase();
    let is_at = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    VENDORS
        .iter()
        .find(|(domain, _)| is_at(domain))
        .map_or(format.name(), |(_, vendor)| vendor)
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    host.split(':').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;
    use crate::exchange::{Failure, FailureKind, Reply, Response};

    fn usage(input: u64, cache_read: Option<u64>, output: Option<u64>) -> Usage {
        Usage {
            input: Some(input),
            cache_read,
            output,
            ..Usage::default()
        }
    }

    /// An exact amount from decimal text.
    fn dollars(text: &str) -> Cost {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction:0<12}");
        Cost::from_picodollars(digits.parse().expect("at most twelve decimals"))
    }

    #[test]
    fn costs_agree_with_those_of_the_package_that_made_the_table() {
        let files = recorded("", "vectors.json");
        let vectors = files["cost-"].as_array().unwrap();
        assert_eq!(vectors.len(), 9);
        for vector in vectors {
            let text = |field: &str| vector[field].as_str().unwrap();
            let at: jiff::Timestamp = text("timestamp").parse().unwrap();
            let price = listed(text("provider"), text("model"), at.as_millisecond());
            let count = |field: &str| vector["usage"][field].as_u64();
            let usage = Usage {
                input: count("input_tokens"),
                cache_read: count("cache_read_tokens"),
                cache_write: count("cache_write_tokens"),
                output: count("output_tokens"),
                reasoning: None,
            };
            let cost = price.and_then(|price| price.cost(&usage));
            assert_eq!(cost, Some(dollars(text("total_usd"))), "{vector}");
        }
    }

    #[test]
    fn a_price_of_the_user_may_have_more_decimals_than_a_token_has_units() {
        let price = Price::from_usd(0.075, 0.000_000_5, None, None).unwrap();
        let cost = price.cost(&usage(3, None, Some(3_000_000)));
        assert_eq!(cost, Some(dollars("0.0000017250")));
        let tiny = Price::from_usd(0.000_000_4, 0.0, None, None).unwrap();
        assert_eq!(
            tiny.cost(&usage(1, None, Some(0))),
            Some(Cost::ZERO),
            "less than half of the smallest unit"
        );
    }

    #[test]
    fn what_is_not_known_is_never_zero() {
        let price = Price::from_usd(1.0, 2.0, None, None).unwrap();
        assert_eq!(price.cost(&Usage::default()), None);
        assert_eq!(price.cost(&usage(5, None, None)), None);
        assert_eq!(price.cost(&usage(5, Some(6), Some(1))), None);
        let embedding = listed("openai", "text-embedding-3-small", 0).unwrap();
        assert!(embedding.cost(&usage(5, None, None)).is_some());
        assert_eq!(embedding.cost(&usage(5, None, Some(1))), None);
        assert_eq!(listed("openai", "smollm2-135m-instruct", 0), None);
        assert_eq!(listed("nobody", "gpt-4o", 0), None);
        assert_eq!(listed("openai", "gpt-4o", i64::MAX), None);
    }

    #[test]
    fn where_nothing_costs_anything_no_count_matters() {
        let free = Price::from_usd(0.0, 0.0, None, Some(0.0)).unwrap();
        assert_eq!(free.cost(&Usage::default()), Some(Cost::ZERO));
    }

    #[test]
    fn cached_tokens_have_their_own_price_or_that_of_input() {
        let cached = Usage {
            input: Some(10),
            cache_read: Some(4),
            cache_write: Some(3),
            output: Some(0),
            reasoning: None,
        };
        let own = Price::from_usd(10.0, 1.0, Some(1.0), Some(20.0)).unwrap();
        assert_eq!(own.cost(&cached), Some(dollars("0.000094")));
        let none = Price::from_usd(10.0, 1.0, None, None).unwrap();
        assert_eq!(none.cost(&cached), Some(dollars("0.0001")));
    }

    #[test]
    fn an_answer_of_a_batch_costs_half_and_a_failure_nothing_that_is_known() {
        let price = Price::from_usd(0.15, 0.6, None, None).unwrap();
        let mut response = Response::of("x");
        response.usage = usage(40, None, Some(10));
        let mut answered = Answered {
            reply: Reply::Response(Box::new(response)),
            attempts: 1,
            latency_ms: None,
            first_token_ms: None,
            sent_at: 0,
            batch: false,
        };
        assert_eq!(price.paid(&answered), Some(dollars("0.000012")));
        answered.batch = true;
        assert_eq!(price.paid(&answered), Some(dollars("0.000006")));
        answered.reply = Reply::Failure(Failure {
            kind: FailureKind::Server,
            status: None,
            message: String::new(),
            retryable: false,
        });
        assert_eq!(price.paid(&answered), None);
        assert_eq!(Cost::from_picodollars(3).half(), Cost::from_picodollars(2));
    }

    #[test]
    fn a_price_that_is_none_is_refused() {
        for bad in [-0.1, f64::NAN, f64::INFINITY, 1e7] {
            assert_eq!(Price::from_usd(bad, 1.0, None, None), None);
            assert_eq!(Price::from_usd(1.0, 1.0, None, Some(bad)), None);
        }
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let price = Price::from_usd(1e6, 1e6, None, None).unwrap();
        assert_eq!(price.cost(&usage(u64::MAX, None, Some(u64::MAX))), None);
    }

    #[test]
    fn the_host_tells_the_vendor() {
        for (url, name) in [
            ("https://api.openai.com/v1", "openai"),
            ("http://127.0.0.1:8080/v1", "openai"),
            ("https://x.openai.azure.com/openai/v1?a=b", "azure"),
            ("https://user@API.DeepSeek.com:443", "deepseek"),
            ("https://notgroq.com", "openai"),
            ("", "openai"),
        ] {
            assert_eq!(vendor(WireFormat::Openai, url), name, "{url}");
        }
        assert_eq!(vendor(WireFormat::Anthropic, "http://h"), "anthropic");
    }
}
