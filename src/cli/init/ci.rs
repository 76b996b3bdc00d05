//! The pipelines of `regauge init --ci`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Diagnostic, Place, Result};
use crate::files::replace_file;
use crate::git;
use crate::workspace;

/// A CI server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Ci {
    /// GitHub Actions: .github/workflows/regauge.yml
    Github,
    /// GitLab: .gitlab-ci.yml
    Gitlab,
}

impl Ci {
    fn path(self) -> &'static str {
        match self {
            Self::Github => ".github/workflows/regauge.yml",
            Self::Gitlab => ".gitlab-ci.yml",
        }
    }
}

/// A pipeline that is not written yet.
pub(super) struct Pipeline {
    path: PathBuf,
    text: String,
}

impl Pipeline {
    /// The pipeline for the workspace in `folder`; it stands at the root of the repository. A file that is there is an
    /// error.
    pub(super) fn new(ci: Ci, folder: &Path) -> Result<Self> {
        let prefix = git::prefix(folder);
        let inside = prefix.trim_end_matches('/');
        let up = inside
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|_| "..");
        let root: PathBuf = up.fold(folder.to_owned(), |path, up| path.join(up));
        let path = root.join(ci.path());
        if path.exists() {
            return Err(
                Diagnostic::new(format!("there is a file `{}` already", ci.path()))
                    .at(Place::file(path.display().to_string()))
                    .help("move it away, and take what you need of it into the new one")
                    .into(),
            );
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        if !inside.chars().all(is_plain) {
            return Err(Diagnostic::new(format!(
                "the path `{inside}` does not fit into a pipeline"
            ))
            .help("name the folder with letters, digits, `.`, `_` and `-`")
            .into());
        }
        let config = std::fs::read_to_string(folder.join(workspace::FILE)).unwrap_or_default();
        let (template, keys) = match ci {
            Ci::Github => (include_str!("github.yml"), github_keys(&config)),
            Ci::Gitlab => (include_str!("gitlab.yml"), gitlab_keys(&config)),
        };
        let text = template
            .replace("{folder}", if inside.is_empty() { "." } else { inside })
            .replace("{version}", env!("CARGO_PKG_VERSION"))
            .replace("{keys}", &keys);
        Ok(Self { path, text })
    }

    /// Writes it, and says where.
    pub(super) fn write(&self) -> Result<&Path> {
        replace_file(&self.path, self.text.as_bytes())?;
        Ok(&self.path)
    }
}

/// The variables of the environment that a configuration names, as in `${OPENAI_API_KEY}`.
fn variables(config: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for line in config.lines() {
        let code = line.split(" #").next().unwrap_or_default();
        if code.trim_start().starts_with('#') {
            continue;
        }
        for part in code.split("${").skip(1) {
            let name = part.split('}').next().unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.is_empty() && name.chars().all(is_name) && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

fn github_keys(config: &str) -> String {
    let variables = variables(config);
    if variables.is_empty() {
        return "        # Keys that regauge.yaml asks for go here, as `env: NAME: ${{ secrets.NAME }}`.\n"
            .to_owned();
    }
    let mut text = "        env:\n".to_owned();
    for name in variables {
        let _ = writeln!(text, "          {name}: ${{{{ secrets.{name} }}}}");
    }
    text
}

fn gitlab_keys(config: &str) -> String {
    let variables = variables(config);
    if variables.is_empty() {
        return "Keys that regauge.yaml asks for are masked variables of the project.".to_owned();
    }
    let names = variables.join(", ");
    format!("Masked variables of the project that regauge.yaml asks for: {names}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_the_configuration_names() {
        let config =
            "api_key: ${A_KEY}\n# ${NOT}\nhistory: postgres://u:${B}@h/${A_KEY} # ${NOT}\n";
        assert_eq!(variables(config), ["A_KEY", "B"]);
        assert_eq!(
            github_keys(config),
            "        env:\n          A_KEY: ${{ secrets.A_KEY }}\n          B: ${{ secrets.B }}\n"
        );
    }
}
