//! Reads the data of a page as a browser does.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use scraper::{Html, Selector};
use serde_json::Value;

/// The value that was packed.
pub(in crate::report) fn unpacked(text: &str) -> Value {
    let bytes = STANDARD.decode(text.trim()).expect("it is base64");
    let mut json = String::new();
    GzDecoder::new(&*bytes)
        .read_to_string(&mut json)
        .expect("it is gzip");
    serde_json::from_str(&json).expect("it is JSON")
}

/// The data of a page.
pub(in crate::report) struct PageData {
    pub(in crate::report) meta: Value,
    pub(in crate::report) index: Value,
    pub(in crate::report) blocks: Vec<Value>,
}

impl PageData {
    pub(in crate::report) fn of(page: &str) -> Self {
        let page = Html::parse_document(page);
        let text = |selector: &str| -> Vec<String> {
            let selector = Selector::parse(selector).expect("it is a selector");
            page.select(&selector)
                .map(|element| element.text().collect())
                .collect()
        };
        Self {
            meta: serde_json::from_str(&text("#meta")[0]).expect("it is JSON"),
            index: unpacked(&text("#index")[0]),
            blocks: text("script[id^=d]")
                .iter()
                .map(|block| unpacked(block))
                .collect(),
        }
    }

    /// All of it as one value.
    pub(in crate::report) fn whole(&self) -> Value {
        serde_json::json!({"meta": self.meta, "index": self.index, "blocks": self.blocks})
    }
}
