//! summary.md and comment.md: the summary of a CI step, and a shorter one for a pull request.
//!
//! The first lines name the suites in comments that nobody sees. A pipeline that finds the first of them in a comment
//! of its own writes over it, so that a pull request has one comment and not one for each push.
//!
//! What a model wrote stands only in fences that are longer than any run of backticks in them; ids stand in code spans;
//! names and sentences are escaped; table cells hold neither pipes nor line ends.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::show::{
    case_mark, change, drop, estimate, head, interval, mark, one_line, passed, run_size,
    subject_facts, tolerance, visible,
};
use super::{facts, labels, pick, show_time};
use crate::compare::summary::labels::LabelSummary;
use crate::compare::summary::{
    CaseSummary, CaseVerdict, SubjectSummary, SuiteSummary, Summary, Verdict,
};
use crate::text::diff::Diff;
use crate::units::count;

/// What CI servers take of a step summary, less some room: GitHub refuses one above one MiB.
const SUMMARY: Room = Room {
    largest: 900 * 1024,
    reserved: 32 * 1024,
    rows: 200,
};
/// GitHub refuses a comment above 65,536 characters.
const COMMENT: Room = Room {
    largest: 60_000,
    reserved: 6_000,
    rows: 20,
};
/// Groups of cases, and cases of a group, of which the difference is shown.
const GROUPS: usize = 4;
const CASES: usize = 3;
/// Characters of a text in a fence, of one in a line, and of a sentence.
const LONGEST: usize = 4_000;
const LONGEST_LINE: usize = 500;
const LONGEST_SENTENCE: usize = 1_000;

/// How much a page may hold.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Bytes of the page.
    largest: usize,
    /// Bytes kept free for what follows the cases of a suite.
    reserved: usize,
    /// Rows of a table of cases.
    rows: usize,
}

/// Writes the summary of a CI step.
pub fn write(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    out.write_all(render(summary).as_bytes())
}

/// Writes the body of a comment: in short where there is nothing to do.
pub fn write_comment(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    let page = match summary.verdict {
        Verdict::Improved | Verdict::Pass | Verdict::NoBaseline => short_page(summary, COMMENT),
        Verdict::Inconclusive | Verdict::Unmeasured | Verdict::Regressed => page(summary, COMMENT),
    };
    out.write_all(page.as_bytes())
}

/// The summary of a CI step.
pub fn render(summary: &Summary<'_>) -> String {
    page(summary, SUMMARY)
}

/// Comments that name the suites, a line each, in an order that no verdict changes.
fn markers(summary: &Summary<'_>) -> String {
    let suites = summary.suites.iter();
    let mut names: Vec<String> = suites.map(|suite| marker_name(suite.suite)).collect();
    names.sort();
    let lines = names
        .iter()
        .map(|name| format!("<!-- regauge:suite={name} -->\n"));
    lines.collect()
}

/// A name that ends no comment: letters, digits, `_` and single hyphens; anything else as its bytes in hex.
fn marker_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for byte in name.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || byte == b'_';
        if is_plain || (byte == b'-' && !shown.ends_with('-')) {
            shown.push(char::from(byte));
        } else {
            let _ = write!(shown, "%{byte:02x}");
        }
    }
    shown
}

/// The page as it fits: whole, else in short.
fn page(summary: &Summary<'_>, room: Room) -> String {
    let whole = whole_page(summary, room);
    if whole.len() <= room.largest {
        whole
    } else {
        short_page(summary, room)
    }
}

/// What came out of each suite in a few lines.
fn short_page(summary: &Summary<'_>, room: Room) -> String {
    let mut page = markers(summary);
    for (index, suite) in summary.suites.iter().enumerate() {
        if page.len() + room.reserved > room.largest {
            let more = count(summary.suites.len() - index, "more suite");
            paragraph(&mut page, &format!("{more} not shown."));
            break;
        }
        heading(
            &mut page,
            3,
            suite.verdict,
            suite.suite,
            suite.verdict.name(),
        );
        paragraph(&mut page, &sentence(&suite.headline));
        let mut facts = vec![format!("Run {}", code(suite.run.id))];
        facts.extend(
            suite
                .baseline
                .as_ref()
                .map(|run| format!("against {}", code(run.id))),
        );
        facts.extend(run_size(&suite.run));
        facts.extend(counts(suite));
        paragraph(&mut page, &facts.join(" · "));
    }
    paragraph(&mut page, &exit_line(summary));
    page
}

fn exit_line(summary: &Summary<'_>) -> String {
    let exit = &summary.exit;
    format!("Exit code {}: {}", exit.code, sentence(&exit.cause))
}

/// Cases by verdict, each with its sign.
fn counts(suite: &SuiteSummary<'_>) -> Vec<String> {
    let counts = pick::counts(suite).into_iter();
    counts
        .map(|(verdict, number)| format!("{} {number} {}", case_mark(verdict), verdict.name()))
        .collect()
}

fn whole_page(summary: &Summary<'_>, room: Room) -> String {
    let mut page = markers(summary);
    let suites = &summary.suites;
    if suites.len() != 1 {
        heading(
            &mut page,
            2,
            summary.verdict,
            "Regauge",
            summary.verdict.name(),
        );
        paragraph(&mut page, &format!("**{}**", sentence(&summary.headline)));
    }
    for (index, suite) in suites.iter().enumerate() {
        let rest = suites.len() - index;
        if page.len() + room.reserved > room.largest {
            paragraph(
                &mut page,
                &format!("{} not shown.", count(rest, "more suite")),
            );
            break;
        }
        // Each suite may fill an equal part of what is left.
        let limit = page.len() + (room.largest - room.reserved - page.len()) / rest;
        suite_part(&mut page, suite, limit, room.rows);
    }
    paragraph(&mut page, &exit_line(summary));
    page
}

fn suite_part(page: &mut String, suite: &SuiteSummary<'_>, limit: usize, rows: usize) {
    heading(page, 2, suite.verdict, suite.suite, suite.verdict.name());
    paragraph(page, &format!("**{}**", sentence(&suite.headline)));
    for warning in &suite.warnings {
        paragraph(page, &format!("**Warning:** {}", escaped(warning)));
    }
    paragraph(page, &compared(suite));
    for subject in &suite.subjects {
        if page.len() > limit {
            paragraph(page, "More subjects are in the report.");
            return;
        }
        metrics(page, suite, subject);
    }
    let course = facts::course(suite);
    for note in &course {
        let _ = writeln!(page, "- {}", escaped(note));
    }
    if !course.is_empty() {
        page.push('\n');
    }
    paragraph(page, &counts(suite).join(" · "));
    findings(page, suite, limit);
    case_table(page, suite, limit, rows);
    for step in pick::next_steps(suite) {
        let command = step
            .command
            .map_or_else(String::new, |command| format!(" {}", code(&command)));
        let _ = writeln!(page, "- {}{command}", escaped(&step.what));
    }
    page.push('\n');
}

/// What was compared with what, and what differs.
fn compared(suite: &SuiteSummary<'_>) -> String {
    let mut facts = format!(
        "Run {}, {}, {}.",
        code(suite.run.id),
        show_time(suite.run.started_at),
        run_size(&suite.run).join(", ")
    );
    if let Some(reason) = suite.run.reason {
        let _ = write!(
            facts,
            " It is {}: {}.",
            suite.run.status.name(),
            escaped(reason)
        );
    }
    if let Some(baseline) = &suite.baseline {
        let _ = write!(facts, " Compared with {}", code(baseline.id));
        let _ = write!(facts, " ({}).", escaped(&suite.baseline_rule));
    } else {
        let _ = write!(facts, " No baseline: {}.", escaped(&suite.baseline_rule));
    }
    if !suite.changes.is_empty() {
        let changes: Vec<String> = suite
            .changes
            .iter()
            .map(|change| {
                let (what, from, to) = (&change.what, &change.from, &change.to);
                format!("{} {} → {}", escaped(what), code(from), code(to))
            })
            .collect();
        let _ = write!(facts, "\n\n**Changed:** {}.", changes.join(" · "));
    } else if suite.baseline.is_some() {
        facts.push_str("\n\nNothing that Regauge can see has changed but the answers.");
    }
    facts
}

fn metrics(page: &mut String, suite: &SuiteSummary<'_>, subject: &SubjectSummary<'_>) {
    if suite.subjects.len() > 1 {
        heading(
            page,
            3,
            subject.verdict,
            &subject.name,
            subject.verdict.name(),
        );
    }
    paragraph(page, &escaped(&subject_facts(subject)));
    page.push_str(
        "| metric | before | now | change | 90 % interval | other scope | allowed drop | seen from | verdict |\n\
         |---|--:|--:|--:|:-:|:-:|--:|--:|---|\n",
    );
    for metric in facts::rows(subject) {
        let change = change(metric);
        let interval = match (&change, metric.now) {
            (Some(change), _) => change.interval.clone(),
            (None, Some(now)) => interval(metric.unit, now),
            (None, None) => String::new(),
        };
        let verdict = metric.verdict.map_or_else(String::new, |verdict| {
            format!("{} {}", mark(verdict), verdict.name())
        });
        let seen = metric.visible_drop.filter(|_| metric.gate.is_some());
        row(
            page,
            &[
                code(&facts::name(metric)),
                estimate(metric.unit, metric.before),
                estimate(metric.unit, metric.now),
                change.map_or_else(String::new, |change| change.value),
                interval,
                facts::other_interval(metric).unwrap_or_default(),
                tolerance(metric).unwrap_or_default(),
                seen.map_or_else(String::new, |seen| drop(metric, seen)),
                verdict,
            ],
        );
    }
    page.push('\n');
    for metric in facts::open_gates(subject) {
        let _ = writeln!(page, "- {}", escaped(&metric.sentence));
    }
    for note in facts::notes(subject) {
        let _ = writeln!(page, "- {}", escaped(&note));
    }
    page.push('\n');
    for table in labels::tables(&subject.labels) {
        matrix(page, table);
    }
}

/// What labels were given to what.
fn matrix(page: &mut String, table: &LabelSummary<'_>) {
    let _ = writeln!(
        page,
        "<details><summary>What {} takes for what, in cases</summary>\n",
        escaped(table.metric)
    );
    let titles = table.columns.iter().map(|name| code(name));
    let titles: Vec<String> = std::iter::once("expected ↓ given →".to_owned())
        .chain(titles)
        .chain(labels::SCORES.map(str::to_owned))
        .collect();
    row(page, &titles);
    let _ = writeln!(page, "|---|{}", "--:|".repeat(titles.len() - 1));
    for of in &table.rows {
        let counts = of.cells.iter().map(|cell| {
            let change = labels::difference(cell);
            let change = change.map_or_else(String::new, |change| format!(" ({change})"));
            format!("{}{change}", labels::number(cell.now))
        });
        let scores = labels::scores(of).map(|(before, now)| match before {
            Some(before) => format!("{before} → {now}"),
            None => now,
        });
        let cells: Vec<String> = std::iter::once(code(of.label))
            .chain(counts)
            .chain(scores)
            .collect();
        row(page, &cells);
    }
    page.push_str("\n</details>\n\n");
}

/// Cases that got worse by the check that they fail, with differences.
fn findings(page: &mut String, suite: &SuiteSummary<'_>, limit: usize) {
    let groups = pick::groups(suite);
    if groups.is_empty() {
        return;
    }
    page.push_str("### What went wrong\n\n");
    for group in groups.iter().take(GROUPS) {
        let check = group
            .check
            .map_or_else(|| "no check fails, the score is lower".to_owned(), code);
        let cases = count(group.cases.len(), "case");
        paragraph(page, &format!("**{cases}:** {check}, {}", group.change));
        for found in group.cases.iter().take(CASES) {
            let part = difference(found.case);
            if page.len() + part.len() > limit {
                break;
            }
            page.push_str(&part);
        }
        if group.cases.len() > CASES {
            paragraph(page, &format!("… {} more", group.cases.len() - CASES));
        }
    }
    if groups.len() > GROUPS {
        let more = count(groups.len() - GROUPS, "more group");
        paragraph(page, &format!("… {more}, all in the report"));
    }
}

fn difference(case: &CaseSummary<'_>) -> String {
    let mut part = String::new();
    let trials = format!(
        "{} → {}",
        passed(case.passed_before),
        passed(Some(case.passed))
    );
    let mut title = format!("{} {} {trials}", case_mark(case.verdict), code(case.id));
    let marks = facts::marks(case);
    if !marks.is_empty() {
        let _ = write!(title, " · {}", escaped(&marks));
    }
    paragraph(&mut part, &title);
    let now = case.output();
    let mut text = head(&case.why, LONGEST_LINE).0.to_owned();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    match case.baseline_output() {
        Some(before) => {
            let (old, new) = (head(&before, LONGEST).0, head(&now, LONGEST).0);
            text.push_str(&Diff::of(old, new).marked());
        }
        None => text.push_str(head(&now, LONGEST).0),
    }
    part.push_str(&fence(&text));
    part
}

/// The cases that want attention, as far as there is room.
fn case_table(page: &mut String, suite: &SuiteSummary<'_>, limit: usize, rows: usize) {
    let wanted = |verdict| {
        matches!(
            verdict,
            CaseVerdict::Regressed
                | CaseVerdict::Suspect
                | CaseVerdict::Unmeasured
                | CaseVerdict::Flaky
        )
    };
    let cases = || {
        suite.subjects.iter().flat_map(|subject| {
            let cases = subject.cases.iter().filter(|case| wanted(case.verdict));
            cases.map(move |case| (subject, case))
        })
    };
    let all = cases().count();
    if all == 0 {
        return;
    }
    let _ = write!(
        page,
        "<details><summary>{}</summary>\n\n\
         | verdict | case | subject | trials passed | fails |\n|---|---|---|---|---|\n",
        count(all, "case to look at").replace("case to look ats", "cases to look at")
    );
    let mut shown = 0;
    for (subject, case) in cases().take(rows) {
        if page.len() > limit {
            break;
        }
        let check = case.failing_check(&suite.metric_names);
        row(
            page,
            &[
                format!("{} {}", case_mark(case.verdict), case.verdict.name()),
                match facts::marks(case) {
                    marks if marks.is_empty() => code(case.id),
                    marks => format!("{} {}", code(case.id), escaped(&marks)),
                },
                escaped(&subject.name),
                format!(
                    "{} → {}",
                    passed(case.passed_before),
                    passed(Some(case.passed))
                ),
                check.map_or_else(String::new, code),
            ],
        );
        shown += 1;
    }
    page.push('\n');
    if all > shown {
        let command = format!(
            "regauge report {} --report csv",
            pick::shell_word(suite.run.id)
        );
        paragraph(page, &format!("{} more: {}", all - shown, code(&command)));
    }
    page.push_str("</details>\n\n");
}

fn heading(page: &mut String, level: usize, verdict: Verdict, name: &str, word: &str) {
    let sign = mark(verdict);
    let _ = writeln!(
        page,
        "{} {sign} {}: {word}\n",
        "#".repeat(level),
        escaped(name)
    );
}

fn paragraph(page: &mut String, text: &str) {
    page.push_str(text);
    page.push_str("\n\n");
}

fn row(page: &mut String, cells: &[String]) {
    for cell in cells {
        // In a table a pipe ends the cell even inside of a code span, but for one behind a backslash.
        let cell = cell.replace("\\|", "|").replace('|', "\\|");
        let _ = write!(page, "| {cell} ");
    }
    page.push_str("|\n");
}

/// A sentence of bounded length that is no markup.
fn sentence(text: &str) -> String {
    escaped(head(text, LONGEST_SENTENCE).0)
}

/// A text in one line that is no markup.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in visible(&one_line(text)).chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// A text in one line as a code span, whose delimiter is longer than any run of backticks in it.
fn code(text: &str) -> String {
    let text = visible(&one_line(head(text, LONGEST_LINE).0));
    let ticks = "`".repeat(longest_run(&text) + 1);
    if text.is_empty() {
        String::new()
    } else if text.starts_with('`') || text.ends_with('`') {
        format!("{ticks} {text} {ticks}")
    } else {
        format!("{ticks}{text}{ticks}")
    }
}

/// A text in a fence that nothing in it can close.
fn fence(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}\n\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    /// The page without what stands in its fences, read as GitHub reads it.
    fn outside_of_fences(page: &str) -> String {
        let mut outside = String::new();
        let mut open: Option<usize> = None;
        for line in page.lines() {
            let ticks = line.len() - line.trim_start_matches('`').len();
            match open {
                Some(length) if ticks >= length && line.len() == ticks => open = None,
                Some(_) => {}
                None if ticks >= 3 => open = Some(ticks),
                None => {
                    outside.push_str(line);
                    outside.push('\n');
                }
            }
        }
        assert!(open.is_none(), "every fence is closed");
        outside
    }

    #[test]
    fn the_page_says_what_happened() {
        insta::assert_snapshot!(render(&World::new().summary()));
    }

    #[test]
    fn what_a_model_wrote_stands_only_in_fences() {
        let world = World::new();
        let outside = outside_of_fences(&render(&world.summary()));
        for bit in [
            "pwned",
            "onerror",
            "HYPERLINK",
            "a heading",
            "javascript:",
            "7 * 7",
            "Amara",
        ] {
            assert!(!outside.contains(bit), "{bit}");
        }
        assert!(!outside.contains("<script") && !outside.contains("<img"));
        assert!(outside.contains("`=cmd"), "ids stand in code spans");
    }

    #[test]
    fn tables_have_as_many_cells_in_each_row_and_no_controls() {
        let page = render(&World::new().summary());
        assert!(!page.contains(|c: char| c != '\n' && super::super::show::is_control(c)));
        for block in outside_of_fences(&page).split("\n\n") {
            let rows = block.lines().filter(|line| line.starts_with('|'));
            let widths: Vec<usize> = rows
                .map(|row| row.replace("\\|", "").matches('|').count())
                .collect();
            assert!(widths.windows(2).all(|two| two[0] == two[1]), "{block}");
        }
    }

    #[test]
    fn the_page_stays_below_its_limit_and_counts_what_it_leaves_out() {
        let world = World::large(30_000);
        let page = render(&world.summary());
        assert!(page.len() < SUMMARY.largest, "{}", page.len());
        assert!(page.contains("1300 more: `regauge report"), "{page}");
        let page = render(&World::with_long_line().summary());
        assert!(page.len() < 100_000, "{}", page.len());
    }

    #[test]
    fn a_comment_is_short_whatever_happened() {
        for world in [World::new(), World::large(30_000), World::with_long_line()] {
            let page = page(&world.summary(), COMMENT);
            assert!(page.chars().count() < COMMENT.largest, "{}", page.len());
        }
    }

    #[test]
    fn a_comment_says_little_where_there_is_nothing_to_do() {
        let world = World::new();
        let mut summary = world.summary();
        summary.verdict = Verdict::Pass;
        summary.suites.remove(0);
        let mut bytes = Vec::new();
        write_comment(&summary, &mut bytes).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
    }

    #[test]
    fn the_first_lines_name_the_suites_whatever_their_verdicts() {
        let mut suites = Vec::from(["b --> <script>", "a--b"]);
        let world = World::new();
        for _ in 0..2 {
            let mut summary = world.summary();
            for (suite, name) in summary.suites.iter_mut().zip(&suites) {
                suite.suite = name;
            }
            let found = markers(&summary);
            assert_eq!(
                found,
                "<!-- regauge:suite=a-%2db -->\n<!-- regauge:suite=b%20-%2d%3e%20%3cscript%3e -->\n"
            );
            suites.reverse();
        }
    }

    #[test]
    fn backticks_cannot_close_what_they_stand_in() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(fence("x\n````\ny"), "`````text\nx\n````\ny\n`````\n\n");
    }
}
