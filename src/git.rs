//! What git says of the folder that a workspace lies in, where there is git.

use std::path::Path;
use std::process::{Command, Output};

/// The commit of the source tree around a folder, and whether files differ from it.
pub fn head(folder: &Path) -> Option<(String, bool)> {
    let commit = text(&run(folder, &["rev-parse", "HEAD"])?)?;
    let changes = run(folder, &["status", "--porcelain", "--untracked-files=no"]);
    let is_dirty = changes.is_some_and(|changes| text(&changes).is_some());
    Some((commit, is_dirty))
}

/// The path of a folder inside of its repository, with a slash at its end; empty for the root, and without git.
pub fn prefix(folder: &Path) -> String {
    let output = run(folder, &["rev-parse", "--show-prefix"]);
    output.as_ref().and_then(text).unwrap_or_default()
}

/// Whether a commit is an ancestor of another, or the same; `None` where git does not know one of them.
pub fn is_ancestor(folder: &Path, old: &str, new: &str) -> Option<bool> {
    // A name from a file must not be read as an option.
    let is_commit = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_commit(old) || !is_commit(new) {
        return None;
    }
    let output = run(folder, &["merge-base", "--is-ancestor", old, new])?;
    match output.status.code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).output().ok()
}

/// What a command printed, where it succeeded and printed something.
fn text(output: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
