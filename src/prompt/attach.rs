//! Images and documents of a prompt: files of the workspace, which travel with the request, or addresses that the
//! endpoint asks itself.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Value};

use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::exchange::media::{Media, MediaKind, MediaSource};
use crate::shape::{Field, Shape};
use crate::workspace::Workspace;

/// Bytes of a file that is sent; endpoints take less.
const LARGEST_FILE: u64 = 20 * 1024 * 1024;

/// Keys of the front matter.
pub(super) const IMAGES: Field = Field::optional(
    "images",
    Shape::List(&Shape::Text),
    "images that go with the last turn of the user: files of the workspace or https addresses, also from an input, as in \
    {{ photo }}; one that comes out empty is left out",
);
pub(super) const DOCUMENTS: Field = Field::optional(
    "documents",
    Shape::List(&Shape::Text),
    "the same for documents: PDF, text, Markdown, CSV or HTML",
);

/// One image or document, as a template for its place.
#[derive(Debug)]
pub(super) struct Attachment {
    kind: MediaKind,
    /// The name of its template.
    pub(super) template: String,
    /// Where it stands in the prompt.
    pub(super) place: Place,
}

/// Reads what a front matter attaches, and adds its templates.
pub(super) fn read(
    document: &Document,
    environment: &mut Environment<'static>,
) -> Result<Vec<Attachment>> {
    let mut problems = Problems::default();
    let mut attachments = Vec::new();
    for (key, kind) in [
        ("images", MediaKind::Image),
        ("documents", MediaKind::Document),
    ] {
        let nodes = document.root.get(key).map(Node::items).unwrap_or_default();
        for (index, node) in nodes.iter().enumerate() {
            let template = format!("{key} {index}");
            let text = node.text().unwrap_or_default().to_owned();
            let place = document.place(node);
            if let Err(error) = environment.add_template_owned(template.clone(), text) {
                problems.push(Diagnostic::new(error.to_string()).at(place.clone()));
            }
            attachments.push(Attachment {
                kind,
                template,
                place,
            });
        }
    }
    problems.finish()?;
    Ok(attachments)
}

impl Attachment {
    /// What is attached for a case; nothing where its place comes out empty.
    pub(super) fn load(
        &self,
        environment: &Environment<'_>,
        context: &Value,
        folder: &Path,
    ) -> Result<Option<Media>> {
        let rendered = environment
            .get_template(&self.template)
            .and_then(|template| template.render(context));
        let place = rendered.map_err(|error| {
            Diagnostic::new(error.detail().unwrap_or("it cannot be rendered").to_owned())
                .at(self.place.clone())
        })?;
        let place = place.trim();
        if place.is_empty() {
            return Ok(None);
        }
        let wrong = |what: String| Diagnostic::new(what).at(self.place.clone());
        let media_type = self.kind.type_of(place);
        let is_url = place.starts_with("https://") || place.starts_with("http://");
        let media_type = media_type
            .or_else(|| is_url.then_some(self.usual()))
            .ok_or_else(|| {
                wrong(format!("`{place}` is of no type that can be attached here"))
                    .help(format!("files end in {}", self.kind.endings()))
            })?;
        let source = if is_url {
            MediaSource::Url(place.to_owned())
        } else {
            Workspace::check_inside(place, self.place.clone())?;
            MediaSource::Data(STANDARD.encode(self.bytes(&folder.join(place), place)?))
        };
        let name = place.split(['?', '#']).next().unwrap_or(place);
        let name = name.rsplit('/').next().unwrap_or(name);
        Ok(Some(Media {
            kind: self.kind,
            media_type: media_type.to_owned(),
            name: name.to_owned(),
            source,
        }))
    }

    /// The type of an address that does not say it.
    fn usual(&self) -> &'static str {
        match self.kind {
            MediaKind::Image => "image/jpeg",
            MediaKind::Document => "application/pdf",
        }
    }

    fn bytes(&self, path: &PathBuf, shown: &str) -> Result<Vec<u8>> {
        let cannot = |error: &dyn std::error::Error| {
            Diagnostic::new(format!("cannot read `{shown}`"))
                .at(self.place.clone())
                .because(error)
                .help("paths are relative to the folder of regauge.yaml")
        };
        let length = fs::metadata(path).map_err(|error| cannot(&error))?.len();
        if length > LARGEST_FILE {
            let message = format!("`{shown}` is larger than {LARGEST_FILE} bytes");
            return Err(Diagnostic::new(message).at(self.place.clone()).into());
        }
        Ok(fs::read(path).map_err(|error| cannot(&error))?)
    }
}

/// The inputs that attachments use; a name that is none is a mistake.
pub(super) fn check(
    attachments: &[Attachment],
    environment: &Environment<'_>,
    inputs: &[(String, Place)],
    problems: &mut Problems,
) -> Vec<String> {
    let mut used = Vec::new();
    for attachment in attachments {
        let Ok(template) = environment.get_template(&attachment.template) else {
            continue;
        };
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.sort();
        for name in &names {
            if !inputs.iter().any(|(input, _)| input == name) {
                problems.push(
                    Diagnostic::new(format!("undefined variable `{name}`"))
                        .at(attachment.place.clone())
                        .help(format!("add it to the front matter: `inputs: [{name}]`")),
                );
            }
        }
        used.extend(names);
    }
    used
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::super::{Prompt, read as read_prompt};
    use super::*;
    use crate::exchange::Message;

    const TEXT: &str = "---\ninputs: [photo, question]\nimages: [\"{{ photo }}\"]\ndocuments: [files/terms.pdf]\n---\n\
                        user:\nFirst.\nassistant:\nYes?\nuser:\n{{ question }}\n";

    /// The prompt with the folder that it attaches files from.
    fn prompt(text: &str) -> Result<(TempDir, Prompt)> {
        let folder = tempfile::tempdir().unwrap();
        for (path, body) in [
            ("regauge.yaml", "version: 1\nmodels: {}\n"),
            ("prompts/p/v1.md", text),
            ("files/cat.png", "cat"),
            ("files/terms.pdf", "terms"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, body).unwrap();
        }
        let workspace = Workspace::load(folder.path(), &crate::workspace::Environment::default())?;
        Ok((folder, read_prompt(&workspace, "p", 1)?))
    }

    fn attached(text: &str, photo: &str) -> Result<Vec<Media>> {
        let json = json!({"photo": photo, "question": "What is it?"});
        let (_folder, prompt) = prompt(text)?;
        let messages = prompt.render("c-1", json.as_object().unwrap())?;
        assert!(
            messages[..2]
                .iter()
                .all(|message| message.media().is_empty())
        );
        Ok(messages.last().map(Message::media).unwrap().to_vec())
    }

    #[test]
    fn files_travel_with_the_last_turn_of_the_user() {
        let media = attached(TEXT, "files/cat.png").unwrap();
        assert_eq!(media[0].url(), "data:image/png;base64,Y2F0");
        assert_eq!(
            (media[1].name.as_str(), media[1].is_image()),
            ("terms.pdf", false)
        );
        let remote = attached(TEXT, "https://h.invalid/cat").unwrap();
        assert_eq!(
            remote[0].source,
            MediaSource::Url("https://h.invalid/cat".into())
        );
        assert_eq!(attached(TEXT, " ").unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_attached_is_named() {
        let refused = |photo: &str| attached(TEXT, photo).unwrap_err().render(false);
        let all = [
            "../cat.png",
            "/etc/passwd",
            "files/dog.png",
            "files/terms.pdf",
        ]
        .map(refused);
        insta::assert_snapshot!(all.join("\n\n"));
        let unknown = prompt(&TEXT.replace("{{ photo }}", "{{ foto }}")).unwrap_err();
        assert!(unknown.render(false).contains("undefined variable `foto`"));
    }
}
