//! `regauge review`: what a run proposes as goldens, decided by a person or by a file of decisions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::calls::block_on;
use super::console::Console;
use super::outcome::Comparison;
use super::{Context, Exit};
use crate::compare;
use crate::compare::summary::SuiteSummary;
use crate::document::Source;
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::history::store::History;
use crate::report::terminal::{Question, Subject, render_question};
use crate::report::{iso_time, one_line};
use crate::review::apply::{Approval, apply};
use crate::review::decision::Decisions;
use crate::review::proposal::{self, Proposal, as_text};
use crate::review::session::{Session, Step};
use crate::suite::{self, Suite};
use crate::units::count;
use crate::workspace::Workspace;

/// What can be pressed.
const KEYS: &[&str] = &[
    "a accept as golden   r reject, keep the golden   s skip   e edit in $EDITOR   n note",
    "←→ previous, next   u undo   q save and quit   Ctrl-C quit, write nothing",
    "A accept all left of this kind   C accept all left of this cluster   (after a question)",
];

#[derive(Debug, Args)]
pub(super) struct ReviewArgs {
    /// The run: its id, the start or end of it, or `latest` [default: the run of the decisions, else the latest].
    run: Option<String>,
    /// Only subjects whose name contains this, such as a model alias.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// What to compare with: a run, a run file, or `none` [default: by rule, which the report prints].
    #[arg(long, value_name = "RUN|FILE|none")]
    baseline: Option<String>,
    /// Only list what is proposed.
    #[arg(long)]
    list: bool,
    /// List it as JSON, with the digests that a file of decisions names.
    #[arg(long, requires = "list")]
    json: bool,
    /// Carry out the decisions of a file, all or none.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    apply: Option<PathBuf>,
    /// Who decides [default: $USER].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why, for decisions that do not say it themselves.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// What is reviewed.
struct Review<'a> {
    comparison: &'a Comparison,
    suite: Suite,
    summary: &'a SuiteSummary<'a>,
    proposals: Vec<Proposal>,
}

pub(super) fn run(
    args: &ReviewArgs,
    workspace: &Workspace,
    context: &Context,
    console: &Console,
) -> Result<Exit> {
    if !args.list {
        refuse_in_ci(context)?;
    }
    let decisions = args.apply.as_deref().map(read_decisions).transpose()?;
    let named = args.run.as_deref();
    let named = named.or(decisions.as_ref().map(|decisions| decisions.run.as_str()));
    let comparison = block_on(async {
        let history = History::open(workspace).await?;
        let baseline = args.baseline.as_deref();
        let run = named.unwrap_or("latest");
        Box::pin(Comparison::find(workspace, &history, run, baseline)).await
    })?;
    let header = &comparison.run.header;
    let suite = suite::read(workspace, &header.file)?;
    let deciding = Deciding {
        args,
        workspace,
        context,
        console,
    };
    if let Some(decisions) = decisions {
        if (&decisions.suite, &decisions.run) != (&header.suite, &header.id) {
            return Err(Diagnostic::new(format!(
                "the decisions are about run {} of suite {}, not about run {} of {}",
                decisions.run, decisions.suite, header.id, header.suite
            ))
            .help("leave the run out, and it is the one of the decisions")
            .into());
        }
        return deciding.carry_out(&suite, &comparison, &decisions);
    }
    let compared = [comparison.for_review()];
    let summary = compare::summarize(&compared, false);
    let cases = suite.cases(workspace)?.cases;
    let wanted = args.subject.as_deref();
    let proposals = proposal::find(&summary.suites[0], header, &cases, wanted);
    let review = Review {
        comparison: &comparison,
        suite,
        summary: &summary.suites[0],
        proposals,
    };
    deciding.decide(&review)
}

/// Nothing becomes right because a pipeline ran.
fn refuse_in_ci(context: &Context) -> Result<()> {
    let ci = context.environment.get("CI");
    if ci.is_none_or(|ci| ci.is_empty() || ci == "false") {
        return Ok(());
    }
    Err(Diagnostic::new("goldens are approved by people, never in CI")
        .help("`regauge review --list` shows what there is to decide; CI is set in this environment")
        .into())
}

fn read_decisions(path: &Path) -> Result<Decisions> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::from(
            Diagnostic::new("cannot read the decisions")
                .at(Place::file(shown.clone()))
                .because(&error),
        )
    })?;
    Decisions::parse(&Source::new(shown, text))
}

/// Someone who decides.
#[derive(Clone, Copy)]
struct Deciding<'a> {
    args: &'a ReviewArgs,
    workspace: &'a Workspace,
    context: &'a Context,
    console: &'a Console,
}

impl Deciding<'_> {
    fn decide(self, review: &Review<'_>) -> Result<Exit> {
        if self.args.json {
            self.console.json(&listed_json(review));
            return Ok(Exit::Pass);
        }
        if review.proposals.is_empty() {
            self.console.line("nothing to decide");
            return Ok(Exit::Pass);
        }
        if self.args.list {
            self.console.print(&listed(review));
            return Ok(Exit::Pass);
        }
        if !self.context.stdin_is_terminal || !self.context.stdout_is_terminal {
            self.console.print(&listed(review));
            self.console.note(
                "this is no terminal: decide with `regauge review --list --json` and \
                 `regauge review --apply decisions.json`",
            );
            return Ok(Exit::Usage);
        }
        let mut session = Session::new(&review.proposals);
        self.go_through(review, &mut session)?;
        let header = &review.comparison.run.header;
        let decisions = session.decisions(&header.suite, &header.id);
        self.carry_out(&review.suite, review.comparison, &decisions)
    }

    /// One proposal after the other, until all are decided or the person has had enough.
    fn go_through(self, review: &Review<'_>, session: &mut Session<'_>) -> Result<()> {
        let mut said: Option<String> = None;
        loop {
            self.console
                .page(&page(review, session, said.take(), self.console));
            match session.press(self.console.key()?) {
                Step::Draw => {}
                Step::Done => return Ok(()),
                Step::Note => {
                    self.console.print("note: ");
                    session.note(&self.console.read_line()?);
                }
                Step::Edit => match self.edited(&as_text(&session.current().proposed)) {
                    Ok(text) => {
                        if session.edit(text) == Step::Done {
                            return Ok(());
                        }
                    }
                    Err(error) => said = Some(error.to_string()),
                },
            }
        }
    }

    /// The text as the editor of the person leaves it.
    fn edited(self, text: &str) -> Result<String> {
        let environment = &self.context.environment;
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| {
            let editor = environment.get(*name)?;
            (!editor.is_empty()).then_some(editor)
        });
        let Some(editor) = editor else {
            return Err(Diagnostic::new("there is no editor")
                .help("set EDITOR, such as EDITOR=vi")
                .into());
        };
        let failed = |error: &dyn std::error::Error| {
            Error::from(Diagnostic::new("cannot edit the text").because(error))
        };
        let file = tempfile::Builder::new()
            .prefix("golden-")
            .suffix(".txt")
            .tempfile()
            .map_err(|error| failed(&error))?;
        std::fs::write(file.path(), text).map_err(|error| failed(&error))?;
        // The editor may have options of its own, so the shell parts them.
        let status = Command::new("sh")
            .args(["-c", &format!("{editor} \"$1\""), "sh"])
            .arg(file.path())
            .status()
            .map_err(|error| failed(&error))?;
        if !status.success() {
            return Err(
                Diagnostic::new(format!("the editor `{editor}` ended with an error")).into(),
            );
        }
        let edited = std::fs::read_to_string(file.path()).map_err(|error| failed(&error))?;
        // Editors end the last line, though the text had no line end.
        let has_end = text.ends_with('\n');
        let trimmed = edited.strip_suffix('\n').filter(|_| !has_end);
        Ok(trimmed.unwrap_or(&edited).to_owned())
    }

    fn carry_out(
        self,
        suite: &Suite,
        comparison: &Comparison,
        decisions: &Decisions,
    ) -> Result<Exit> {
        let user = super::baseline::user(self.context);
        let approval = Approval {
            by: self.args.by.as_deref().unwrap_or(user),
            at: &iso_time(now_ms()),
            why: self.args.why.as_deref(),
        };
        let decided = &decisions.decisions;
        let applied = apply(self.workspace, suite, &comparison.run, decided, approval)?;
        let kept = decided.len() - applied.cases.len();
        self.console.line(&format!(
            "{} written into {}; {kept} left as they are",
            count(applied.cases.len(), "golden"),
            applied.file
        ));
        Ok(Exit::Pass)
    }
}

/// The screen of the proposal that a session is at.
fn page(
    review: &Review<'_>,
    session: &Session<'_>,
    said: Option<String>,
    console: &Console,
) -> String {
    let proposal = session.current();
    let subject = &review.summary.subjects[proposal.place.0];
    let shown = Subject {
        suite: review.summary,
        subject,
        case: &subject.cases[proposal.place.1],
    };
    let mut notes = vec![format!("cluster: {}", proposal.cluster)];
    notes.extend(facts(proposal));
    notes.extend(session.note_here().map(|note| format!("note: {note}")));
    notes.extend(said);
    let question = session.question();
    let keys: Vec<&str> = match &question {
        Some(question) => vec![question],
        None => KEYS.to_vec(),
    };
    let golden = proposal.golden.as_ref().map(as_text);
    let question = Question {
        title: &session.title(),
        golden: golden.as_deref(),
        proposed: &as_text(&proposal.proposed),
        notes: &notes,
        keys: &keys,
    };
    render_question(shown, &question, &console.style)
}

/// What is said of a proposal beside its texts.
fn facts(proposal: &Proposal) -> Vec<String> {
    let mut facts = Vec::new();
    if !proposal.moved.is_empty() {
        let moved = proposal.moved.join(", ");
        facts.push(format!(
            "stale: {moved} moved since the golden was approved"
        ));
    }
    if let Some(proposer) = &proposal.proposed_by {
        facts.push(format!(
            "proposed by {proposer}; it does not gate until a person approves it"
        ));
    }
    facts
}

fn listed(review: &Review<'_>) -> String {
    let mut page = String::new();
    for (index, proposal) in review.proposals.iter().enumerate() {
        let earlier = index.checked_sub(1).map(|index| &review.proposals[index]);
        let is_first = earlier
            .is_none_or(|other| (other.kind, &other.cluster) != (proposal.kind, &proposal.cluster));
        if is_first {
            let of = review
                .proposals
                .iter()
                .filter(|other| (other.kind, &other.cluster) == (proposal.kind, &proposal.cluster));
            let (name, number) = (one_line(&proposal.cluster), of.count());
            let _ = writeln!(page, "{}: {name}", count(number, "case"));
        }
        let mut facts = vec![proposal.subject.clone()];
        facts.extend(self::facts(proposal));
        let facts = one_line(&facts.join("; "));
        let _ = writeln!(page, "  {}  {facts}", one_line(&proposal.case));
    }
    page
}

fn listed_json(review: &Review<'_>) -> Value {
    let header = &review.comparison.run.header;
    json!({
        "format": proposal::FORMAT,
        "suite": header.suite,
        "run": header.id,
        "proposals": review.proposals,
    })
}
