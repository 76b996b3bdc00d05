//! Writes a [`Summary`] for people and for machines, one file per format.
//!
//! Reports compute nothing: what they say was found by `compare`. All text that comes from outside, the names in it
//! included, is hostile: each format has its own way to make it inert, and a test that looks for it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::compare::summary::Summary;
use crate::error::{Diagnostic, Error, Result};
use crate::files::replace_file_with;

pub mod csv;
pub mod ctrf;
mod facts;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod json;
pub mod junit;
mod labels;
pub mod markdown;
mod pick;
mod show;
mod standing;
pub mod terminal;
#[cfg(test)]
mod testing;

/// Bytes of the data of cases in the HTML page, where nothing else is asked for.
pub const DATA_BUDGET: usize = 25_000_000;

/// A kind of report that is written as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One page for people, without any request.
    Html,
    /// Cases and trials as tables.
    Csv,
    /// The whole summary.
    Json,
    /// Cases and gates as tests, for CI.
    Junit,
    /// The summary of a CI step.
    Markdown,
    /// The body of a comment on a pull request, which the next run writes over.
    Comment,
    /// Annotations of GitHub Actions.
    Github,
    /// The code-quality report of GitLab.
    Gitlab,
    /// Cases and gates as tests, as CTRF has them.
    Ctrf,
}

impl Format {
    /// All of them, in the order in which they are written.
    pub const ALL: &[Self] = &[
        Self::Html,
        Self::Csv,
        Self::Json,
        Self::Junit,
        Self::Markdown,
        Self::Comment,
        Self::Github,
        Self::Gitlab,
        Self::Ctrf,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Comment => "comment",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Ctrf => "ctrf",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::ALL.iter().copied();
        all.clone()
            .find(|format| format.name() == name)
            .ok_or_else(|| {
                let names: Vec<&str> = all.map(Self::name).collect();
                Diagnostic::new(format!("there is no report `{name}`"))
                    .help(format!("reports are {}", names.join(", ")))
                    .into()
            })
    }

    /// The files that it writes.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Html => &["report.html"],
            Self::Csv => &["cases.csv", "trials.csv"],
            Self::Json => &["report.json"],
            Self::Junit => &["junit.xml"],
            Self::Markdown => &["summary.md"],
            Self::Comment => &["comment.md"],
            Self::Github => &["annotations.txt"],
            Self::Gitlab => &["gl-code-quality-report.json"],
            Self::Ctrf => &["ctrf-report.json"],
        }
    }
}

/// Where reports are written, and what they are about.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The folder for the files.
    pub folder: &'a Path,
    /// The path of the workspace inside of its repository, empty or with a slash at its end: CI servers look for files
    /// from the root of it.
    pub prefix: &'a str,
    /// Bytes of the data of cases in the HTML page.
    pub budget: usize,
}

/// Writes the files of `formats`, each as a whole or not at all, and says which.
pub fn write(
    summary: &Summary<'_>,
    formats: &[Format],
    target: Target<'_>,
) -> Result<Vec<PathBuf>> {
    let wanted = Format::ALL.iter().filter(|format| formats.contains(format));
    let files: Vec<(Format, &str)> = wanted
        .flat_map(|format| format.files().iter().map(|name| (*format, *name)))
        .collect();
    // No file needs another, so all of them are written at once.
    std::thread::scope(|scope| {
        let writers: Vec<_> = files
            .iter()
            .map(|(format, name)| scope.spawn(move || write_file(summary, *format, name, target)))
            .collect();
        let panicked = || Err(Error::new("a report could not be written"));
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or_else(|_| panicked()))
            .collect()
    })
}

fn write_file(
    summary: &Summary<'_>,
    format: Format,
    name: &str,
    target: Target<'_>,
) -> Result<PathBuf> {
    let (path, prefix) = (target.folder.join(name), target.prefix);
    replace_file_with(&path, |file| match format {
        Format::Html => html::write(summary, target.budget, file),
        Format::Csv if name == "trials.csv" => csv::write_trials(summary, file),
        Format::Csv => csv::write_cases(summary, file),
        Format::Json => json::write(summary, file),
        Format::Junit => junit::write(summary, file),
        Format::Markdown => markdown::write(summary, file),
        Format::Comment => markdown::write_comment(summary, file),
        Format::Github => file.write_all(github::render(summary, prefix).as_bytes()),
        Format::Gitlab => gitlab::write(summary, prefix, file),
        Format::Ctrf => ctrf::write(summary, file),
    })?;
    Ok(path)
}

/// A moment, given in milliseconds since 1970, to the minute in UTC.
pub fn show_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A moment as ISO 8601 has it.
pub fn iso_time(milliseconds: i64) -> String {
    show::iso_time(milliseconds)
}

/// A text in one line without anything that a terminal would obey.
pub fn one_line(text: &str) -> String {
    show::one_line(&show::stripped(text))
}

#[cfg(test)]
mod tests {
    mod hostile;

    use super::testing::World;
    use super::*;

    #[test]
    fn each_format_has_a_name_and_its_files() {
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Ok(*format));
        }
        let error = Format::named("pdf").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no report `pdf` (reports are html, csv, json, junit, markdown, comment, github, gitlab, ctrf)"
        );
    }

    #[test]
    fn files_are_written_in_one_order_whatever_was_asked_first() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new();
        let formats = [Format::Markdown, Format::Json, Format::Csv, Format::Csv];
        let target = Target {
            folder: &folder.path().join("out"),
            prefix: "",
            budget: DATA_BUDGET,
        };
        let written = write(&world.summary(), &formats, target).unwrap();
        let names: Vec<&str> = written
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["cases.csv", "trials.csv", "report.json", "summary.md"]
        );
        assert!(
            written
                .iter()
                .all(|path| path.metadata().unwrap().len() > 100)
        );
        let entries = std::fs::read_dir(folder.path().join("out")).unwrap();
        assert_eq!(entries.count(), 4, "nothing is left beside them");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(show_time(1_768_480_245_000), "2026-01-15 12:30 UTC");
        assert_eq!(show_time(i64::MAX), "at an unknown time");
    }
}
