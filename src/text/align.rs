//! Two texts laid side by side: which parts of them are the same.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

/// A part of the old text beside a part of the new one.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) same: bool,
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// Aligns the items of `old` and `new`, which are the parts of `within` in order.
pub(super) fn aligned(within: &Segment, old: &[&str], new: &[&str]) -> Vec<Segment> {
    let old_ends = ends(within.old.start, old);
    let new_ends = ends(within.new.start, new);
    let mut segments = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        let (old, new) = (op.old_range(), op.new_range());
        let segment = Segment {
            same: matches!(op, DiffOp::Equal { .. }),
            old: old_ends[old.start]..old_ends[old.end],
            new: new_ends[new.start]..new_ends[new.end],
        };
        push(&mut segments, segment);
    }
    segments
}

/// Where each item starts, and where the last one ends.
fn ends(start: usize, items: &[&str]) -> Vec<usize> {
    let mut at = start;
    let mut ends = Vec::with_capacity(items.len() + 1);
    ends.push(at);
    for item in items {
        at += item.len();
        ends.push(at);
    }
    ends
}

/// Adds a segment; one of the same kind as the last grows that one.
pub(super) fn push(segments: &mut Vec<Segment>, segment: Segment) {
    if segment.old.is_empty() && segment.new.is_empty() {
        return;
    }
    match segments.last_mut() {
        Some(last) if last.same == segment.same => {
            last.old.end = segment.old.end;
            last.new.end = segment.new.end;
        }
        _ => segments.push(segment),
    }
}

/// The text in units that change as a whole: the segments of UAX #29, where numbers with what is tied to them by a
/// hyphen, slash or colon are one (`2026-02-10`, `ORD-1234`, `12:30`).
pub(super) fn units(text: &str) -> Vec<&str> {
    let segments: Vec<(usize, &str)> = text.split_word_bound_indices().collect();
    let mut units = Vec::with_capacity(segments.len());
    let mut at = 0;
    while let Some(&(start, first)) = segments.get(at) {
        let mut end = start + first.len();
        let mut last = first;
        at += 1;
        while let [(_, tie), (_, next), ..] = segments[at..]
            && is_tied(last, tie, next)
        {
            end += tie.len() + next.len();
            last = next;
            at += 2;
        }
        units.push(&text[start..end]);
    }
    units
}

fn is_tied(left: &str, tie: &str, right: &str) -> bool {
    let ends_in_digit = left.ends_with(char::is_numeric);
    let starts_with_digit = right.starts_with(char::is_numeric);
    let is_word = left.ends_with(char::is_alphanumeric) && right.starts_with(char::is_alphanumeric);
    is_word
        && match tie {
            "-" | "‐" | "‑" | "–" | "/" => ends_in_digit || starts_with_digit,
            ":" => ends_in_digit && starts_with_digit,
            _ => false,
        }
}
