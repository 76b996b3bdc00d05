//! Where runs are kept: a file of the workspace, or a server that a team shares.

use super::setting::{self, Setting};
use super::{Environment, FILE};
use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Problems};
use crate::secret::MASK;
use crate::text::suggest;

const DEFAULT_FILE: &str = ".regauge/history.db";
/// What stands before the path of a file.
const SQLITE: &str = "sqlite:";
/// What stands before the address of a server.
const POSTGRES: &[&str] = &["postgres://", "postgresql://"];
/// What the address of a server may say after a `?`; another word there would be passed over, and `sslmod=require`
/// would leave the connection open to all.
const OPTIONS: &[&str] = &[
    "host",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "options",
];
/// What `sslmode` may be.
const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
const EXAMPLE: &str = "postgres://user:${HISTORY_PASSWORD}@host/database";

/// Where runs are kept.
#[derive(Debug, Clone)]
pub enum Location {
    /// In this file, relative to the folder of the workspace.
    File(String),
    /// On a server of PostgreSQL.
    Server {
        /// Its address; secret where a part of it comes from the environment.
        url: Setting,
        /// Where `regauge.yaml` names it.
        place: Place,
    },
}

impl Location {
    pub(super) fn read(document: &Document, environment: &Environment) -> Self {
        let Some((node, text)) = node_of(document) else {
            return Self::File(DEFAULT_FILE.to_owned());
        };
        if let Some(path) = text.strip_prefix(SQLITE) {
            return Self::File(path.to_owned());
        }
        Self::Server {
            url: Setting::filled(document, node, environment, |before, value, after| {
                // A password may hold any sign; in an address some of them would end it.
                if is_in_user(before, after) {
                    encoded(value)
                } else {
                    value.to_owned()
                }
            }),
            place: document.place(node),
        }
    }

    pub(super) fn setting(&self) -> Option<&Setting> {
        match self {
            Self::File(_) => None,
            Self::Server { url, .. } => Some(url),
        }
    }
}

fn node_of(document: &Document) -> Option<(&Node, &str)> {
    let node = document.root.get("history")?;
    Some((node, node.text()?))
}

/// Checks what can be known before the environment is.
pub(super) fn check(document: &Document, problems: &mut Problems) {
    let Some((node, text)) = node_of(document) else {
        return;
    };
    let is_file = |text: &str| {
        text.strip_prefix(SQLITE)
            .is_some_and(|path| !path.is_empty())
    };
    if is_file(text) || setting::is_reference(text) {
        return;
    }
    let place = masked_place(&document.place(node), text);
    let wrong = match password(text) {
        Some(password) if !setting::is_reference(password) => Some(
            Diagnostic::new("the password of the history must be a reference to the environment")
                .help(format!(
                    "write `history: {EXAMPLE}` and set HISTORY_PASSWORD in the environment or in a .env file"
                )),
        ),
        _ => wrong_address(&setting::blank(text)),
    };
    if let Some(wrong) = wrong {
        problems.push(wrong.at(place));
    }
}

/// What is wrong with the address of a server whose variables are filled in; the address itself is not shown.
pub fn wrong_address(url: &str) -> Option<Diagnostic> {
    let wanted = format!("write `{SQLITE}PATH`, as in {SQLITE}{DEFAULT_FILE}, or `{EXAMPLE}`");
    if !POSTGRES.iter().any(|scheme| url.starts_with(scheme)) {
        return Some(Diagnostic::new("this is no place for the history").help(wanted));
    }
    let Ok(url) = reqwest::Url::parse(url) else {
        return Some(Diagnostic::new("the address of the history cannot be read").help(wanted));
    };
    let says = |option: &str| url.query_pairs().any(|(name, _)| name == option);
    if url.path().len() < 2 && !says("dbname") {
        return Some(Diagnostic::new("the address of the history names no database").help(wanted));
    }
    url.query_pairs().find_map(|(name, value)| {
        if !OPTIONS.contains(&&*name) {
            Some(no_such("option", &name, OPTIONS))
        } else if name == "sslmode" && !SSL_MODES.contains(&&*value) {
            Some(no_such("`sslmode`", &value, SSL_MODES))
        } else {
            None
        }
    })
}

fn no_such(what: &str, word: &str, known: &[&str]) -> Diagnostic {
    let help = match suggest(word, known.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    Diagnostic::new(format!(
        "the address of the history knows no {what} `{word}`"
    ))
    .help(help)
}

/// Whether what stands between these texts belongs to the user and the password of an address.
fn is_in_user(before: &str, after: &str) -> bool {
    before.contains("://") && after.contains('@')
}

/// Every sign but letters and digits in the form that addresses have for it (RFC 3986, section 2.1).
fn encoded(text: &str) -> String {
    let sign = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(sign).collect()
}

/// The password that stands in a text of the form of an address, however wrong the rest is.
fn password(text: &str) -> Option<&str> {
    let start = text
        .find("://")
        .map_or_else(|| text.find(':').map(|at| at + 1), |at| Some(at + 3))?;
    let end = start + text[start..].rfind('@')?;
    let (_, password) = text[start..end].split_once(':')?;
    Some(password)
}

/// The place of an address without the password that may stand in it.
fn masked_place(place: &Place, text: &str) -> Place {
    let mut shown = match password(text) {
        Some(password) if !setting::is_reference(password) && !password.is_empty() => {
            text.replace(password, MASK)
        }
        _ => text.to_owned(),
    };
    if let Some(at) = shown.find('?').filter(|_| shown.contains("password")) {
        shown.replace_range(at + 1.., MASK);
    }
    let key = "history: ";
    let (line, _) = place.line_column().unwrap_or((1, 1));
    let span = key.len()..key.len() + shown.len();
    Place::span(FILE, format!("{key}{shown}").into(), line, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_may_hide() {
        assert_eq!(password("postgres://u:p@h/d"), Some("p"));
        assert_eq!(password("postgres://u:p:/@q@h/d"), Some("p:/@q"));
        assert_eq!(password("postgres:u:p@h/d"), Some("p"));
        assert_eq!(password("mysql://u:${P}@h/d"), Some("${P}"));
        assert_eq!(password("postgres://u@h:5432/d"), None);
        assert_eq!(password("sqlite:a.db"), None);
    }

    #[test]
    fn any_sign_of_a_password_survives_in_an_address() {
        let password = "p@:/?#[]% ü";
        let url = format!("postgres://u:{}@h/d", encoded(password));
        assert!(wrong_address(&url).is_none());
        let url = reqwest::Url::parse(&url).unwrap();
        assert_eq!(url.host_str(), Some("h"));
        let decoded = percent_encoding::percent_decode_str(url.password().unwrap());
        assert_eq!(decoded.decode_utf8().unwrap(), password);
    }

    #[test]
    fn an_address_without_database_or_with_a_mistyped_option_is_refused() {
        for (url, right) in [
            ("postgres://u@h/d", true),
            ("postgresql://h:5433/d?sslmode=verify-full", true),
            ("postgres:///d?host=/run/postgresql", true),
            ("postgres://u@h", false),
            ("postgres://u@h/", false),
            ("postgres://u@h:none/d", false),
            ("postgres://u@h/d?sslmod=require", false),
            ("postgres://u@h/d?sslmode=required", false),
            ("mysql://u@h/d", false),
        ] {
            assert_eq!(wrong_address(url).is_none(), right, "{url}");
        }
    }
}
