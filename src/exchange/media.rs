//! Images and documents that go with what the user says.

use serde::{Deserialize, Serialize};

/// An image or a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// The name of its file.
    pub name: String,
    /// Where it is.
    pub source: MediaSource,
}

/// What a piece of media is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// An image.
    Image,
    /// A document.
    Document,
}

/// Where a piece of media is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaSource {
    /// At an address that the endpoint asks itself.
    Url(String),
    /// Here, in base64.
    Data(String),
}

/// Endings of file names with what they stand for.
const TYPES: &[(&str, MediaKind, &str)] = &[
    ("png", MediaKind::Image, "image/png"),
    ("jpg", MediaKind::Image, "image/jpeg"),
    ("jpeg", MediaKind::Image, "image/jpeg"),
    ("gif", MediaKind::Image, "image/gif"),
    ("webp", MediaKind::Image, "image/webp"),
    ("pdf", MediaKind::Document, "application/pdf"),
    ("txt", MediaKind::Document, "text/plain"),
    ("md", MediaKind::Document, "text/markdown"),
    ("csv", MediaKind::Document, "text/csv"),
    ("html", MediaKind::Document, "text/html"),
];

impl MediaKind {
    /// The media type of a file or an address of this kind by the ending of its name.
    pub fn type_of(self, name: &str) -> Option<&'static str> {
        let path = name.split(['?', '#']).next().unwrap_or(name);
        let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
        let found = TYPES
            .iter()
            .find(|(other, kind, _)| *kind == self && *other == ending);
        found.map(|(_, _, media_type)| *media_type)
    }

    /// The endings that it takes, in words.
    pub fn endings(self) -> String {
        let own = TYPES.iter().filter(|(_, kind, _)| *kind == self);
        own.map(|(ending, _, _)| *ending)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Media {
    /// Its address, or its data in one.
    pub fn url(&self) -> String {
        match &self.source {
            MediaSource::Url(url) => url.clone(),
            MediaSource::Data(data) => format!("data:{};base64,{data}", self.media_type),
        }
    }

    /// Whether it is an image.
    pub fn is_image(&self) -> bool {
        self.kind == MediaKind::Image
    }

    /// Whether the endpoint is to fetch it.
    pub fn is_remote(&self) -> bool {
        matches!(self.source, MediaSource::Url(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_told_by_the_ending_of_the_name() {
        let image = |name| MediaKind::Image.type_of(name);
        assert_eq!(image("a/b.PNG"), Some("image/png"));
        assert_eq!(image("https://h/x.jpg?size=2"), Some("image/jpeg"));
        assert_eq!(image("terms.pdf"), None);
        assert_eq!(image("png"), None);
        let document = |name| MediaKind::Document.type_of(name);
        assert_eq!(document("terms.pdf"), Some("application/pdf"));
        assert_eq!(MediaKind::Image.endings(), "png, jpg, jpeg, gif, webp");
    }
}
