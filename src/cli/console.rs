//! The terminal: results to stdout, all else to stderr, colours only where they are wanted.
#![expect(clippy::print_stderr, reason = "this is where the program prints")]

use std::io::Write as _;

use super::actions::Actions;
use super::{Context, Exit, When};
use crate::error::{Diagnostic, Error, Result};
use crate::report::terminal::Style;
use crate::review::session::Key;

/// Columns where the terminal does not say.
const WIDTH: usize = 80;
/// Columns at most: longer lines are hard to read.
const WIDEST: usize = 100;

/// The way to the terminal.
#[derive(Debug)]
pub(super) struct Console {
    /// How results are written.
    pub(super) style: Style,
    /// Whether diagnostics are in colour.
    colour_errors: bool,
    /// Whether a live progress bar makes sense.
    pub(super) is_live: bool,
    /// The runner of GitHub Actions, where that started the program.
    pub(super) actions: Option<Actions>,
}

impl Console {
    pub(super) fn new(context: &Context, when: When) -> Self {
        let set = |name: &str| {
            context
                .environment
                .get(name)
                .is_some_and(|value| !value.is_empty())
        };
        let forced = |name: &str| {
            context
                .environment
                .get(name)
                .is_some_and(|value| !value.is_empty() && value != "0")
        };
        let dumb = context
            .environment
            .get("TERM")
            .is_some_and(|term| term == "dumb");
        let colour = |is_terminal: bool| match when {
            When::Always => true,
            When::Never => false,
            When::Auto if set("NO_COLOR") => false,
            When::Auto => {
                forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") || (is_terminal && !dumb)
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| context.environment.get(*name));
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.is_empty() || locale.contains("utf-8") || locale.contains("utf8")
        });
        let style = Style {
            colour: colour(context.stdout_is_terminal),
            width: context.width.unwrap_or(WIDTH).min(WIDEST),
            unicode,
        };
        Self {
            style,
            colour_errors: colour(context.stderr_is_terminal),
            is_live: context.stderr_is_terminal && !dumb && !set("CI"),
            actions: Actions::find(&context.environment),
        }
    }

    pub(super) fn plain(context: &Context) -> Self {
        Self::new(context, When::Auto)
    }

    /// Prints a result.
    #[expect(
        clippy::unused_self,
        reason = "who has the console may print; nobody else can"
    )]
    pub(super) fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough, such as `head`, is no error.
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Prints a result and ends the line.
    pub(super) fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Says something beside the results.
    #[expect(
        clippy::unused_self,
        reason = "who has the console may print; nobody else can"
    )]
    pub(super) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Says what went wrong.
    pub(super) fn error(&self, error: &Error) {
        eprintln!("{}", error.render(self.colour_errors));
    }

    /// Answers a command line that was wrong, or that asked for help.
    #[expect(
        clippy::unused_self,
        reason = "who has the console may print; nobody else can"
    )]
    pub(super) fn usage(&self, error: &clap::Error) -> Exit {
        drop(error.print());
        if error.use_stderr() {
            Exit::Usage
        } else {
            Exit::Pass
        }
    }

    /// Prints a page on an empty screen.
    pub(super) fn page(&self, text: &str) {
        drop(console::Term::stdout().clear_screen());
        self.print(text);
    }

    /// Waits for a key. Ctrl-C ends the program.
    #[expect(
        clippy::unused_self,
        reason = "who has the console may ask; nobody else can"
    )]
    pub(super) fn key(&self) -> Result<Key> {
        let key = console::Term::stdout()
            .read_key()
            .map_err(|error| no_key(&error))?;
        Ok(match key {
            console::Key::Char(c) => Key::Char(c),
            console::Key::ArrowLeft => Key::Left,
            console::Key::ArrowRight => Key::Right,
            _ => Key::Other,
        })
    }

    /// Waits for a line.
    #[expect(
        clippy::unused_self,
        reason = "who has the console may ask; nobody else can"
    )]
    pub(super) fn read_line(&self) -> Result<String> {
        console::Term::stdout()
            .read_line()
            .map_err(|error| no_key(&error))
    }

    /// Prints a value as JSON.
    pub(super) fn json(&self, value: &serde_json::Value) {
        self.line(&format!("{value:#}"));
    }
}

fn no_key(error: &std::io::Error) -> Error {
    Diagnostic::new("cannot read from the terminal")
        .because(error)
        .into()
}
