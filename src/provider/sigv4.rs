//! Signatures of requests to AWS, version 4, as its own clients make them for the service `bedrock`.
//!
//! Source: AWS General Reference, "Signature Version 4 signing process". The parts of the path are escaped once in the
//! address and once more in what is signed.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::utf8_percent_encode;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use super::UNRESERVED;
use crate::workspace::aws::Credentials;

const SERVICE: &str = "bedrock";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a request is signed with.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// Whose request it is.
    pub credentials: &'a Credentials,
    /// The region of the endpoint, such as `us-east-1`.
    pub region: &'a str,
    /// The time, such as `20260115T123045Z`.
    pub time: &'a str,
}

/// The headers that a POST of this JSON body to this address bears beside its content type.
pub fn headers(signing: Signing<'_>, url: &Url, body: &[u8]) -> Vec<(&'static str, String)> {
    let to_sign = string_to_sign(signing, &canonical_request(signing, url, body));
    let Signing {
        credentials,
        region,
        time,
    } = signing;
    let start = format!("AWS4{}", credentials.secret_access_key.expose());
    let key = [date(time), region, SERVICE, "aws4_request"]
        .into_iter()
        .fold(start.into_bytes(), |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &to_sign));
    let names = signed_headers(signing, url).map(|(name, _)| name);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        scope(signing),
        names.collect::<Vec<_>>().join(";"),
    );
    let token = credentials.session_token.as_ref();
    [
        ("x-amz-date", time.to_owned()),
        ("authorization", authorization),
    ]
    .into_iter()
    .chain(token.map(|token| ("x-amz-security-token", token.expose().to_owned())))
    .collect()
}

fn canonical_request(signing: Signing<'_>, url: &Url, body: &[u8]) -> String {
    let parts: Vec<String> = url
        .path()
        .split('/')
        .map(|part| utf8_percent_encode(part, UNRESERVED).to_string())
        .collect();
    let mut query: Vec<&str> = url.query().into_iter().flat_map(|q| q.split('&')).collect();
    query.sort_unstable();
    let (names, headers): (Vec<&str>, Vec<String>) = signed_headers(signing, url)
        .map(|(name, value)| (name, format!("{name}:{value}\n")))
        .unzip();
    format!(
        "POST\n{}\n{}\n{}\n{}\n{}",
        parts.join("/"),
        query.join("&"),
        headers.concat(),
        names.join(";"),
        hex(&Sha256::digest(body)),
    )
}

/// The headers that are signed, by name.
fn signed_headers<'a>(
    signing: Signing<'a>,
    url: &Url,
) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
    let host = url.host_str().unwrap_or_default();
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let token = signing.credentials.session_token.as_ref();
    [
        ("content-type", "application/json".to_owned()),
        ("host", host),
        ("x-amz-date", signing.time.to_owned()),
    ]
    .into_iter()
    .chain(token.map(|token| ("x-amz-security-token", token.expose().to_owned())))
}

fn string_to_sign(signing: Signing<'_>, canonical: &str) -> String {
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    format!(
        "{ALGORITHM}\n{}\n{}\n{digest}",
        signing.time,
        scope(signing)
    )
}

fn scope(signing: Signing<'_>) -> String {
    let date = date(signing.time);
    format!("{date}/{}/{SERVICE}/aws4_request", signing.region)
}

fn date(time: &str) -> &str {
    time.split_once('T').map_or(time, |(date, _)| date)
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn signatures_are_those_of_the_official_client() {
        let vectors = &recorded("bedrock-converse", "-vectors.json")["sigv4"];
        let vectors = vectors.as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let token = vector["session_token"].as_str();
            let credentials = Credentials {
                access_key_id: text("access_key_id").to_owned(),
                secret_access_key: Secret::new(text("secret_access_key").to_owned()),
                session_token: token.map(|token| Secret::new(token.to_owned())),
            };
            let signing = Signing {
                credentials: &credentials,
                region: text("region"),
                time: text("amz_date"),
            };
            let url = Url::parse(text("url")).unwrap();
            let body = text("body").as_bytes();
            let canonical = canonical_request(signing, &url, body);
            assert_eq!(canonical, text("canonical_request"));
            assert_eq!(string_to_sign(signing, &canonical), text("string_to_sign"));
            let headers = headers(signing, &url, body);
            let named = |name: &str| {
                let found = headers.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(named("authorization"), Some(text("authorization")));
            assert_eq!(named("x-amz-date"), Some(text("amz_date")));
            assert_eq!(named("x-amz-security-token"), token);
        }
    }

    #[test]
    fn a_port_that_is_not_the_usual_one_is_signed() {
        let credentials = Credentials {
            access_key_id: "A".into(),
            secret_access_key: Secret::new("s".into()),
            session_token: None,
        };
        let signing = Signing {
            credentials: &credentials,
            region: "r",
            time: "20260115T123045Z",
        };
        for (url, host) in [
            ("http://127.0.0.1:8080/a", "host:127.0.0.1:8080\n"),
            ("https://h:443/a?b=2&a=1", "host:h\n"),
        ] {
            let canonical = canonical_request(signing, &Url::parse(url).unwrap(), b"");
            assert!(canonical.contains(host), "{canonical}");
        }
    }
}
