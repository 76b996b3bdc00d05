//! Who speaks a wire format: the names that `provider` takes, each with its address, its key and what it lacks.
//!
//! Addresses and key variables are those that the vendors document. A name without its own `base_url` in the file goes
//! to its own address and takes its own key; a name with one takes no key unasked, so that none goes to a stranger.

use crate::exchange::feature::Feature;
use crate::exchange::{Request, WireFormat};

/// A name that `provider` takes.
#[derive(Debug, PartialEq)]
pub struct Host {
    /// The name.
    pub name: &'static str,
    /// The wire format.
    pub format: WireFormat,
    /// Where it is, if it is at one place for all.
    pub base_url: Option<&'static str>,
    /// The environment variable that holds its key, if it wants one.
    pub key: Option<&'static str>,
    /// What its wire format has and it has not.
    pub lacks: &'static [Feature],
}

/// All names.
pub const HOSTS: &[Host] = &[
    host(WireFormat::Openai, "openai")
        .at("https://api.openai.com/v1")
        .with_key("OPENAI_API_KEY"),
    host(WireFormat::Anthropic, "anthropic")
        .at("https://api.anthropic.com")
        .with_key("ANTHROPIC_API_KEY"),
    host(WireFormat::OpenaiResponses, "openai-responses")
        .at("https://api.openai.com/v1")
        .with_key("OPENAI_API_KEY"),
    host(WireFormat::AzureOpenai, "azure-openai"),
    host(WireFormat::Gemini, "gemini")
        .at("https://generativelanguage.googleapis.com")
        .with_key("GEMINI_API_KEY"),
    host(WireFormat::Gemini, "vertex"),
    host(WireFormat::Ollama, "ollama").at("http://127.0.0.1:11434"),
    host(WireFormat::Mistral, "mistral")
        .at("https://api.mistral.ai")
        .with_key("MISTRAL_API_KEY"),
    host(WireFormat::Cohere, "cohere")
        .at("https://api.cohere.com")
        .with_key("CO_API_KEY"),
    host(WireFormat::Bedrock, "bedrock").with_key("AWS_BEARER_TOKEN_BEDROCK"),
    host(WireFormat::Http, "http"),
    host(WireFormat::Command, "command"),
    host(WireFormat::Openai, "cerebras")
        .at("https://api.cerebras.ai/v1")
        .with_key("CEREBRAS_API_KEY"),
    host(WireFormat::Openai, "dashscope")
        .at("https://dashscope-intl.aliyuncs.com/compatible-mode/v1")
        .with_key("DASHSCOPE_API_KEY"),
    host(WireFormat::Openai, "deepinfra")
        .at("https://api.deepinfra.com/v1/openai")
        .with_key("DEEPINFRA_API_KEY"),
    // Its `response_format` is JSON of any form.
    host(WireFormat::Openai, "deepseek")
        .at("https://api.deepseek.com/v1")
        .with_key("DEEPSEEK_API_KEY")
        .without(&[Feature::Schema]),
    host(WireFormat::Openai, "fireworks")
        .at("https://api.fireworks.ai/inference/v1")
        .with_key("FIREWORKS_API_KEY"),
    host(WireFormat::Openai, "groq")
        .at("https://api.groq.com/openai/v1")
        .with_key("GROQ_API_KEY"),
    host(WireFormat::Openai, "huggingface")
        .at("https://router.huggingface.co/v1")
        .with_key("HF_TOKEN"),
    host(WireFormat::Openai, "llama-cpp").at("http://127.0.0.1:8080/v1"),
    host(WireFormat::Openai, "lm-studio").at("http://127.0.0.1:1234/v1"),
    host(WireFormat::Openai, "moonshot")
        .at("https://api.moonshot.ai/v1")
        .with_key("MOONSHOT_API_KEY"),
    host(WireFormat::Openai, "nvidia")
        .at("https://integrate.api.nvidia.com/v1")
        .with_key("NVIDIA_API_KEY"),
    host(WireFormat::Openai, "openrouter")
        .at("https://openrouter.ai/api/v1")
        .with_key("OPENROUTER_API_KEY"),
    // It answers questions with a search, and calls no tools of others.
    host(WireFormat::Openai, "perplexity")
        .at("https://api.perplexity.ai")
        .with_key("PERPLEXITY_API_KEY")
        .without(&[Feature::Tools, Feature::Seed]),
    host(WireFormat::Openai, "sambanova")
        .at("https://api.sambanova.ai/v1")
        .with_key("SAMBANOVA_API_KEY"),
    host(WireFormat::Openai, "together")
        .at("https://api.together.xyz/v1")
        .with_key("TOGETHER_API_KEY"),
    host(WireFormat::Openai, "vllm").at("http://127.0.0.1:8000/v1"),
    host(WireFormat::Openai, "xai")
        .at("https://api.x.ai/v1")
        .with_key("XAI_API_KEY"),
];

/// The names, as `provider` takes them.
pub const NAMES: &[&str] = &names();

const fn host(format: WireFormat, name: &'static str) -> Host {
    Host {
        name,
        format,
        base_url: None,
        key: None,
        lacks: &[],
    }
}

const fn names() -> [&'static str; HOSTS.len()] {
    let mut names = [""; HOSTS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = HOSTS[at].name;
        at += 1;
    }
    names
}

impl Host {
    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        HOSTS.iter().find(|host| host.name == name)
    }

    /// What of the request it cannot do, one lower-case fragment each.
    pub fn unsupported(&self, request: &Request) -> Vec<String> {
        Feature::lacking(self.lacks, request, &format!("the host {}", self.name))
    }

    const fn at(mut self, base_url: &'static str) -> Self {
        self.base_url = Some(base_url);
        self
    }

    const fn with_key(mut self, variable: &'static str) -> Self {
        self.key = Some(variable);
        self
    }

    const fn without(mut self, features: &'static [Feature]) -> Self {
        self.lacks = features;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::is_address;
    use super::*;

    #[test]
    fn every_name_stands_once_and_every_format_has_its_own() {
        for (at, host) in HOSTS.iter().enumerate() {
            assert_eq!(NAMES[at], host.name);
            assert_eq!(
                Host::named(host.name),
                Some(host),
                "{} stands once",
                host.name
            );
        }
        for format in WireFormat::ALL {
            let host = Host::named(format.name()).expect("a format is a name");
            assert_eq!(host.format, *format);
        }
    }

    #[test]
    fn only_loopback_is_spoken_to_without_encryption() {
        for host in HOSTS {
            let Some(url) = host.base_url else { continue };
            assert!(is_address(url), "{url}");
            let is_local = url.starts_with("http://127.0.0.1:");
            assert!(is_local || url.starts_with("https://"), "{url}");
            assert_eq!(host.key.is_none(), is_local, "{} has a key", host.name);
        }
    }
}
