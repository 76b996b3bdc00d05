//! Credentials of AWS, found where its own clients look: the environment, the files of a profile, and the container.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::Environment;
use super::setting::Setting;
use crate::document::Node;
use crate::error::{Diagnostic, Place, Result};
use crate::secret::Secret;

/// Where a container finds its credentials if it is given only a path.
const CONTAINER_HOST: &str = "http://169.254.170.2";

/// A key pair of AWS.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name of the key, which is no secret.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What temporary keys need beside them.
    pub session_token: Option<Secret>,
}

/// Where the credentials of a model come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// They are here.
    Known(Credentials),
    /// The container gives them to who asks.
    Container {
        /// Where to ask.
        url: String,
        /// What to show there.
        token: Option<Secret>,
    },
    /// There are none.
    Missing {
        /// Why, and what to do.
        help: String,
        /// The alias that needs them.
        place: Place,
    },
}

/// How requests of a model are signed.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The region of the endpoint; `None` where nothing says it.
    pub region: Option<String>,
    /// Whose requests they are.
    pub source: Source,
}

/// Sections of a file by name, each with its keys.
type Sections = BTreeMap<String, BTreeMap<String, String>>;

impl Credentials {
    /// What of them is secret.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret_access_key).chain(&self.session_token)
    }
}

impl Signer {
    /// Finds what the entry of a model leaves to the environment.
    pub(super) fn read(node: &Node, place: Place, environment: &Environment) -> Self {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
        let var = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let profile = text("profile");
        let name = profile.clone().or_else(|| var("AWS_PROFILE").cloned());
        let name = name.unwrap_or_else(|| "default".to_owned());
        let config = sections_of(environment, "AWS_CONFIG_FILE", "config");
        let configured = ["profile ", ""].into_iter().find_map(|prefix| {
            config
                .get(&format!("{prefix}{name}"))?
                .get("region")
                .cloned()
        });
        let region = text("region")
            .or_else(|| var("AWS_REGION").cloned())
            .or_else(|| var("AWS_DEFAULT_REGION").cloned())
            .or(configured);
        let files = || {
            let kept = sections_of(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
            of_profile(&kept, &config, &name)
        };
        let known = if profile.is_some() {
            files()
        } else {
            of_environment(environment).or_else(files)
        };
        let source = known.map(Source::Known);
        let container = || of_container(environment).filter(|_| profile.is_none());
        let missing = || {
            Source::Missing {
            help: match &profile {
                Some(name) => format!(
                    "the profile `{name}` of ~/.aws/credentials holds no `aws_access_key_id` and \
                    `aws_secret_access_key`"
                ),
                None => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_BEARER_TOKEN_BEDROCK, or name a \
                        `profile`"
                    .to_owned(),
            },
            place,
        }
        };
        Self {
            region,
            source: source.or_else(container).unwrap_or_else(missing),
        }
    }

    /// The address of the endpoint, where the entry gives none.
    pub(super) fn base_url(&self, place: &Place, environment: &Environment) -> Setting {
        for name in ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"] {
            if let Some(url) = environment.get(name).filter(|url| !url.is_empty()) {
                return Setting::Plain(url.clone());
            }
        }
        match &self.region {
            Some(region) => {
                Setting::Plain(format!("https://bedrock-runtime.{region}.amazonaws.com"))
            }
            None => Setting::Unset {
                name: "AWS_REGION".to_owned(),
                place: place.clone(),
            },
        }
    }

    /// That there are no credentials, if so.
    pub fn check(&self) -> Result<()> {
        match &self.source {
            Source::Known(_) | Source::Container { .. } => Ok(()),
            Source::Missing { help, place } => {
                Err(Diagnostic::new("there are no credentials for Bedrock")
                    .at(place.clone())
                    .help(help.clone())
                    .into())
            }
        }
    }

    /// What of the credentials is known and secret.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let (known, token) = match &self.source {
            Source::Known(credentials) => (Some(credentials), None),
            Source::Container { token, .. } => (None, token.as_ref()),
            Source::Missing { .. } => (None, None),
        };
        known
            .into_iter()
            .flat_map(Credentials::secrets)
            .chain(token)
    }
}

fn of_environment(environment: &Environment) -> Option<Credentials> {
    let var = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    Some(Credentials {
        access_key_id: var("AWS_ACCESS_KEY_ID")?.clone(),
        secret_access_key: Secret::new(var("AWS_SECRET_ACCESS_KEY")?.clone()),
        session_token: var("AWS_SESSION_TOKEN").cloned().map(Secret::new),
    })
}

fn of_profile(kept: &Sections, config: &Sections, name: &str) -> Option<Credentials> {
    let in_config = || {
        let named = config.get(&format!("profile {name}"));
        named.or_else(|| config.get(name))
    };
    let keys = kept
        .get(name)
        .filter(|keys| keys.contains_key("aws_access_key_id"))
        .or_else(in_config)?;
    Some(Credentials {
        access_key_id: keys.get("aws_access_key_id")?.clone(),
        secret_access_key: Secret::new(keys.get("aws_secret_access_key")?.clone()),
        session_token: keys.get("aws_session_token").cloned().map(Secret::new),
    })
}

fn of_container(environment: &Environment) -> Option<Source> {
    let var = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let relative = var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = match relative {
        Some(path) => format!("{CONTAINER_HOST}{path}"),
        None => var("AWS_CONTAINER_CREDENTIALS_FULL_URI")?.clone(),
    };
    let in_file = || {
        let file = var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?;
        Some(fs::read_to_string(file).ok()?.trim().to_owned())
    };
    let token = var("AWS_CONTAINER_AUTHORIZATION_TOKEN").cloned();
    let token = token.or_else(in_file).map(Secret::new);
    Some(Source::Container { url, token })
}

fn sections_of(environment: &Environment, variable: &str, name: &str) -> Sections {
    let given = environment.get(variable).map(PathBuf::from);
    let home = environment.get("HOME").or(environment.get("USERPROFILE"));
    let usual = || Some(PathBuf::from(home?).join(".aws").join(name));
    let text = given
        .or_else(usual)
        .and_then(|path| fs::read_to_string(path).ok());
    text.as_deref().map(sections).unwrap_or_default()
}

/// The sections of a file of AWS. Lines that are none of its form say nothing.
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut open = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            name.trim().clone_into(&mut open);
        } else if let Some((key, value)) = trimmed.split_once('=')
            && !trimmed.starts_with(['#', ';'])
            && !line.starts_with([' ', '\t'])
        {
            let keys = sections.entry(open.clone()).or_default();
            keys.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, Source as Text};

    const KEPT: &str = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key=secret/one=\n\n# a comment = 1\n\
                        [work]\naws_access_key_id=AKIA2\naws_secret_access_key=secret2\naws_session_token=token2\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  region = none\n[profile work]\nregion=us-west-2\n\
                          [profile sso]\nsso_session = x\n";

    /// What is found for an entry in an environment, with the two files of [`KEPT`] and [`CONFIG`].
    fn found(entry: &str, environment: &[(&str, &str)]) -> Signer {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("credentials", KEPT), ("config", CONFIG)] {
            let path = folder.path().join(".aws");
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(name), text).unwrap();
        }
        let home = folder.path().display().to_string();
        let mut all: Environment = [("HOME".to_owned(), home)].into();
        all.extend(
            environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let document = Document::parse(Text::new("regauge.yaml", entry)).unwrap();
        Signer::read(&document.root, Place::file("regauge.yaml"), &all)
    }

    fn key(signer: &Signer) -> Option<&str> {
        match &signer.source {
            Source::Known(credentials) => Some(&credentials.access_key_id),
            Source::Container { url, .. } => Some(url),
            Source::Missing { .. } => None,
        }
    }

    #[test]
    fn credentials_are_found_where_the_official_clients_look_in_their_order() {
        let pair = [
            ("AWS_ACCESS_KEY_ID", "AKIA0"),
            ("AWS_SECRET_ACCESS_KEY", "secret0"),
        ];
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
        let no_files = [("HOME", "/nowhere"), relative];
        for (entry, environment, wanted) in [
            ("model: m", vec![], Some("AKIA1")),
            ("model: m", pair.to_vec(), Some("AKIA0")),
            ("profile: work", pair.to_vec(), Some("AKIA2")),
            ("model: m", vec![("AWS_PROFILE", "work")], Some("AKIA2")),
            ("profile: sso", vec![relative], None),
            (
                "model: m",
                no_files.to_vec(),
                Some("http://169.254.170.2/v2/x"),
            ),
        ] {
            let signer = found(entry, &environment);
            assert_eq!(key(&signer), wanted, "{entry} {environment:?}");
            assert_eq!(signer.check().is_ok(), wanted.is_some());
        }
    }

    #[test]
    fn a_region_is_found_in_the_entry_the_environment_or_the_profile() {
        let region = |entry, environment: &[(&str, &str)]| found(entry, environment).region;
        assert_eq!(region("model: m", &[]).as_deref(), Some("eu-west-1"));
        assert_eq!(region("profile: work", &[]).as_deref(), Some("us-west-2"));
        let set = [("AWS_DEFAULT_REGION", "ap-south-1")];
        assert_eq!(region("model: m", &set).as_deref(), Some("ap-south-1"));
        assert_eq!(
            region("region: sa-east-1", &set).as_deref(),
            Some("sa-east-1")
        );
    }

    #[test]
    fn all_that_is_secret_is_known_as_such() {
        let signer = found("profile: work", &[]);
        let secrets: Vec<&str> = signer.secrets().map(Secret::expose).collect();
        assert_eq!(secrets, ["secret2", "token2"]);
        assert!(!format!("{signer:?}").contains("secret2"));
    }
}
