//! OpenAI chat completions as Azure serves them: the deployment stands where the model does, the key in its own header.

use serde_json::{Map, Value};

use super::{Codec, Path, openai, path_part};
use crate::exchange::Request;
use crate::exchange::feature::Feature;
use crate::exchange::form::Form;

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::RemoteDocuments],
    unsupported: |_| Vec::new(),
    path: |request| path(request, openai::PATH),
    body,
    response: openai::response,
    streaming: openai::STREAMING,
};

/// The dated interface names the deployment in the path; the interface v1 is OpenAI's.
pub(super) fn path(request: &Request, rest: &str) -> Path {
    match &request.form {
        Some(Form::ApiVersion(version)) => Path {
            version: "/openai",
            rest: format!("/deployments/{}{rest}", path_part(&request.model)),
            query: Some(format!("api-version={}", path_part(version))),
        },
        _ => Path {
            version: "/openai/v1",
            rest: rest.to_owned(),
            query: None,
        },
    }
}

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let mut body = openai::body(request, repeat);
    if request.form.is_some() {
        // The path has said it.
        body.shift_remove("model");
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{normal, recorded, request, sent};
    use super::super::{auth, bearer, encode, unsupported};
    use super::*;
    use crate::exchange::WireFormat;
    use crate::secret::Secret;

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("azure-openai", ".request.json") {
            let mut neutral = json!({
                "provider": "azure-openai",
                "model": "my-gpt-4o-mini",
                "messages": [{"role": "user", "text": "What is the capital of Japan?"}],
            });
            if name.starts_with("dated") {
                neutral["form"] = json!({"api-version": "2024-10-21"});
            }
            if name == "dated-key" {
                neutral["params"] = json!({"temperature": 0, "max_tokens": 16});
            }
            let request = request(neutral);
            let query = file["query"].as_str().map(|query| format!("?{query}"));
            let path = file["path"].as_str().unwrap().to_owned() + &query.unwrap_or_default();
            let url = encode(&request, 1).url("https://x.openai.azure.com");
            assert_eq!(url, format!("https://x.openai.azure.com{path}"), "{name}");
            assert_eq!(normal(&sent(&request)), normal(&file["body"]), "{name}");
            assert_eq!(unsupported(&request), [""; 0], "{name}");
            let headers = &file["headers"];
            if name.ends_with("entra") {
                let token = headers["authorization"].as_str().unwrap();
                let token = Secret::new(token.strip_prefix("Bearer ").unwrap().into());
                let (header, value) = bearer(&token);
                assert_eq!(headers[header], value, "{name}");
            } else {
                let (header, value) =
                    auth(WireFormat::AzureOpenai, &Secret::new("azure-key".into()));
                assert_eq!(headers[header], value, "{name}");
            }
        }
    }

    #[test]
    fn the_interface_may_stand_in_the_base_url() {
        let url = |form: Value, base| {
            encode(
                &request(json!({
                    "provider": "azure-openai", "model": "a b/c", "messages": [], "form": form,
                })),
                1,
            )
            .url(base)
        };
        for base in ["https://h", "https://h/openai/v1/", "https://h/openai/v1"] {
            let v1 = url(json!(null), base);
            assert_eq!(v1, "https://h/openai/v1/chat/completions");
        }
        for base in ["https://h/", "https://h/openai"] {
            let dated = url(json!({"api-version": "2024-10-21"}), base);
            let path = "openai/deployments/a%20b%2Fc/chat/completions?api-version=2024-10-21";
            assert_eq!(dated, format!("https://h/{path}"));
        }
    }
}
