//! The HTML page as its script reads it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

/// What is packed in a page: the index, then the blocks of cases, each as JSON.
pub(crate) fn packed(page: &str) -> Vec<String> {
    let elements = page.split("<script type=\"text/plain\"").skip(1);
    elements
        .map(|element| {
            let (_, rest) = element.split_once('>').expect("the tag ends");
            let (data, _) = rest.split_once("</script>").expect("the element ends");
            let bytes = STANDARD.decode(data.trim()).expect("it is base64");
            let mut json = String::new();
            GzDecoder::new(&*bytes)
                .read_to_string(&mut json)
                .expect("it is gzip");
            json
        })
        .collect()
}

/// The names of suites, subjects and more.
pub(crate) fn meta(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"meta\">")
        .expect("a page has it");
    let (json, _) = rest.split_once("</script>").expect("the element ends");
    serde_json::from_str(json).expect("it is JSON")
}
