//! Where an approved output came from: what stands in the column `golden` beside it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Case;
use crate::digest::Digest;

/// Who approved an output, when and why, and what gave it. Other keys that stand there are nobody's business here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Who approved it; `None`: nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, in ISO 8601, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The model or the program that proposed it, where no person wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed_by: Option<String>,
    /// The run that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The prompt version that gave it, such as `triage@v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The first digits of the digest of that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_digest: Option<String>,
    /// The alias of the model that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The first digits of the digest of the model as it served, with its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<String>,
    /// The first digits of the digest of the dataset that the run read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The first digits of the digest of the variables of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Whether a person changed what the model gave.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
}

/// What an output of today would be approved from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// The name of the prompt.
    pub prompt: String,
    /// As in [`Provenance::prompt_digest`].
    pub prompt_digest: String,
    /// As in [`Provenance::model`].
    pub model: String,
    /// As in [`Provenance::model_digest`].
    pub model_digest: String,
    /// As in [`Provenance::input`].
    pub input: String,
}

impl Provenance {
    /// What stands in the column of a case; a CSV cell holds it as the text of its JSON.
    pub fn of(case: &Case) -> Option<Self> {
        let value = case.golden.as_ref()?;
        match value {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => serde_json::from_value(other.clone()).ok(),
        }
    }

    /// What has moved since the output was approved: `prompt`, `model`, `input`. The dataset itself moves with each
    /// golden that is written into it, so only the variables of the case count.
    pub fn moved(&self, now: &Origins) -> Vec<&'static str> {
        let name = |prompt: &str| prompt.split('@').next().unwrap_or_default().to_owned();
        let same_prompt = self
            .prompt
            .as_deref()
            .is_some_and(|prompt| name(prompt) == now.prompt);
        let same_model = self.model.as_deref() == Some(now.model.as_str());
        let differs =
            |old: &Option<String>, new: &str| old.as_deref().is_some_and(|old| old != new);
        [
            (
                "prompt",
                same_prompt && differs(&self.prompt_digest, &now.prompt_digest),
            ),
            (
                "model",
                same_model && differs(&self.model_digest, &now.model_digest),
            ),
            ("input", differs(&self.input, &now.input)),
        ]
        .into_iter()
        .filter_map(|(what, moved)| moved.then_some(what))
        .collect()
    }
}

impl Case {
    /// Who proposed its approved output, where no person has approved it yet.
    pub fn proposer(&self) -> Option<String> {
        self.expected.as_ref()?;
        let provenance = Provenance::of(self)?;
        provenance.proposed_by.filter(|_| provenance.by.is_none())
    }

    /// The first digits of the digest of its variables.
    pub fn input_digest(&self) -> String {
        Digest::of(&self.vars).short()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(golden: &Value) -> Case {
        serde_json::from_value(json!({
            "id": "a", "vars": {"q": 1}, "expected": "x", "golden": golden,
        }))
        .unwrap()
    }

    #[test]
    fn what_a_model_proposed_is_approved_by_a_person_or_not_at_all() {
        let proposed = json!({"proposed_by": "large"});
        assert_eq!(case(&proposed).proposer().as_deref(), Some("large"));
        let text = Value::String(proposed.to_string());
        assert_eq!(case(&text).proposer().as_deref(), Some("large"), "in CSV");
        assert_eq!(
            case(&json!({"proposed_by": "large", "by": "reviewer"})).proposer(),
            None
        );
        assert_eq!(case(&json!("a note of a person")).proposer(), None);
        let mut without = case(&proposed);
        without.expected = None;
        assert_eq!(without.proposer(), None);
    }

    #[test]
    fn a_golden_is_stale_when_what_gave_it_moves() {
        let golden = Provenance {
            prompt: Some("triage@v1".into()),
            prompt_digest: Some("1".into()),
            model: Some("small".into()),
            model_digest: Some("2".into()),
            input: Some("3".into()),
            ..Provenance::default()
        };
        let now = |prompt: &str, alias: &str, digest: &str| Origins {
            prompt: prompt.into(),
            prompt_digest: digest.into(),
            model: alias.into(),
            model_digest: digest.into(),
            input: "3".into(),
        };
        assert_eq!(
            golden.moved(&now("triage", "small", "9")),
            ["prompt", "model"]
        );
        assert_eq!(golden.moved(&now("triage", "large", "1")), [""; 0]);
        let mut moved = now("other", "large", "9");
        moved.input = "4".into();
        assert_eq!(golden.moved(&moved), ["input"]);
    }
}
