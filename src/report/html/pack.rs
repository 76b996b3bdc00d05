//! Data as it stands in the page: JSON that ends no element, and JSON packed so that it is text without a sign of
//! markup.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::GzBuilder;
use serde::Serialize;

use super::super::show::is_control;

/// JSON for an element of its own: what could end it, and what a reader of the source does not see, stands as its
/// number.
pub(super) fn plain(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => shown.push_str("\\u003c"),
            '>' => shown.push_str("\\u003e"),
            '&' => shown.push_str("\\u0026"),
            c if is_control(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            c => shown.push(c),
        }
    }
    Ok(shown)
}

/// JSON, packed with gzip and written in base64. The header has no time, so that equal values are equal texts.
pub(super) fn packed(value: &impl Serialize) -> io::Result<String> {
    let mut packer = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    packer.write_all(&serde_json::to_vec(value)?)?;
    Ok(STANDARD.encode(packer.finish()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::unpacked;
    use super::*;

    #[test]
    fn json_ends_no_element_and_means_what_it_meant() {
        let text = "</script><!-- & \u{2028}\u{202e}\u{e0041} -->";
        let shown = plain(&text).unwrap();
        assert!(
            shown.is_ascii() && !shown.contains(['<', '>', '&']),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn packed_values_are_unpacked_as_they_were_and_know_no_time() {
        let text = "the same words ".repeat(100);
        let shown = packed(&text).unwrap();
        assert_eq!(unpacked(&shown), serde_json::json!(text));
        assert_eq!(shown, packed(&text).unwrap());
        let bytes = STANDARD.decode(&shown).unwrap();
        assert_eq!(bytes[4..8], [0; 4], "the time in the header of gzip");
    }
}
