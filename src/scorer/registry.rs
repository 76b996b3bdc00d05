//! The scorers that there are, as data.

use serde_json::{Value, json};

use crate::shape::{Field, record_schema};

use super::entry::Entry;
use super::{
    Built, answers, compose, fields, formats, judge, labels, likeness, markup, matching, meaning,
    measure, moderation, overlap, own, refusal, structure, style, tools,
};

/// All scorers, in the order of the documentation.
pub const KINDS: &[Kind] = &[
    matching::EXACT,
    matching::CONTAINS,
    matching::ICONTAINS,
    matching::CONTAINS_ANY,
    matching::CONTAINS_ALL,
    matching::STARTS_WITH,
    matching::ENDS_WITH,
    matching::REGEX,
    structure::IS_JSON,
    structure::EQUALS_JSON,
    structure::JSON_SCHEMA,
    structure::CONTAINS_JSON,
    fields::JSON_PATH,
    fields::JSON_FIELDS,
    fields::JSON_DIFF,
    structure::IS_YAML,
    markup::IS_XML,
    markup::CONTAINS_XML,
    markup::IS_HTML,
    markup::CONTAINS_HTML,
    formats::IS_SQL,
    formats::IS_CSV,
    likeness::LEVENSHTEIN,
    likeness::OSA,
    likeness::DAMERAU_LEVENSHTEIN,
    likeness::HAMMING,
    likeness::INDEL,
    likeness::LCS,
    likeness::JARO,
    likeness::JARO_WINKLER,
    likeness::PARTIAL_RATIO,
    likeness::TOKEN_SORT_RATIO,
    likeness::TOKEN_SET_RATIO,
    likeness::DIFF_RATIO,
    overlap::ROUGE_N,
    overlap::ROUGE_L,
    overlap::ROUGE_LSUM,
    overlap::BLEU,
    overlap::GLEU,
    overlap::METEOR,
    overlap::CHRF,
    overlap::TER_ACCURACY,
    overlap::WER_ACCURACY,
    overlap::CER_ACCURACY,
    overlap::TOKEN_F1,
    overlap::SQUAD_EXACT,
    meaning::SIMILAR,
    meaning::NEAREST_GOLDEN,
    answers::NUMBER,
    answers::NUMERIC_DIFF,
    answers::CHOICE,
    answers::MATH,
    answers::LIST,
    answers::DATE,
    labels::CLASSIFICATION,
    labels::ENTITIES,
    style::LANGUAGE,
    style::FORBIDDEN,
    style::NO_PII,
    style::READABILITY,
    refusal::REFUSAL,
    moderation::MODERATION,
    tools::TOOL_CALLS,
    tools::TOOL_CALL_F1,
    tools::TOOL_COUNT,
    measure::LENGTH,
    measure::WORD_COUNT,
    measure::LATENCY,
    measure::FIRST_TOKEN,
    measure::TOKENS_PER_SECOND,
    measure::COST,
    measure::TOKENS,
    measure::FINISH_REASON,
    judge::JUDGE,
    judge::FACTUALITY,
    judge::CLOSED_QA,
    judge::GEVAL,
    judge::PAIRWISE,
    judge::FAITHFULNESS,
    judge::ANSWER_RELEVANCE,
    judge::CONTEXT_PRECISION,
    judge::CONTEXT_RECALL,
    own::COMMAND,
    own::HTTP,
    compose::ALL,
    compose::ANY,
    compose::NOT,
    compose::WEIGHTED,
    compose::EXPR,
];

/// What there is to know of one scorer before it is used.
#[derive(Debug)]
pub struct Kind {
    /// Its name in suites.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// How the score is reached, with its edge cases.
    pub definition: &'static str,
    /// The option that a bare value fills: `contains: hi` is `contains: { expected: hi }`.
    pub main: Option<&'static str>,
    /// Its options, in groups that scorers share.
    pub options: &'static [&'static [Field]],
    pub(super) expects: Expects,
    /// Raised when the same options give another score than before, so that old scores are not compared with new ones.
    pub(super) version: u32,
    pub(super) build: fn(&Entry<'_>) -> Built,
}

/// What a scorer compares the answer with, and the option that gives it in place of the case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expects {
    Nothing,
    Texts(&'static str),
    Data(&'static str),
    /// A list as a whole, which may be empty, or a text that is parted.
    Items(&'static str),
    /// A value as it is, and only where an option gives it.
    Optional(&'static str),
}

impl Kind {
    /// The scorer of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// All its options.
    pub fn fields(&self) -> Vec<Field> {
        self.options.concat()
    }

    /// Whether its name alone is an entry.
    pub(super) fn can_be_bare(&self) -> bool {
        self.fields().iter().all(|field| !field.required)
    }

    /// What may stand behind its name.
    pub(super) fn entry_schema(&self) -> Value {
        let fields = self.fields();
        let mut forms = vec![record_schema(&fields)];
        forms.extend(
            fields
                .iter()
                .find(|field| Some(field.name) == self.main)
                .map(|field| field.shape.json_schema()),
        );
        if self.can_be_bare() {
            forms.push(json!({"type": "null"}));
        }
        json!({"description": self.summary, "anyOf": forms})
    }
}
