//! One entry of `scorers` as it was written, its options found and checked.

use serde_json::{Map, Value};

use crate::document::{Data, Document, Node};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::shape::check_record;
use crate::text::suggest;
use crate::units::parse_share;
use crate::workspace::model::Model;

use super::registry::{Expects, KINDS, Kind};
use super::{Scorer, Surroundings, compile_entry};

/// A scorer with its options, not yet compiled.
pub(super) struct Entry<'a> {
    pub(super) kind: &'static Kind,
    pub(super) surroundings: &'a Surroundings<'a>,
    /// In how many other entries it stands.
    pub(super) depth: usize,
    document: &'a Document,
    /// Where the entry stands: its name, or all of it.
    place: Place,
    form: Form<'a>,
}

/// How the options were written.
enum Form<'a> {
    /// `- exact`
    Bare(&'a Node),
    /// `- contains: hi`; the value fills the main option.
    Main(&'a Node),
    /// `- contains: { expected: hi }`
    Options(&'a Node),
}

impl<'a> Entry<'a> {
    pub(super) fn read(
        document: &'a Document,
        node: &'a Node,
        surroundings: &'a Surroundings<'a>,
    ) -> Result<Self> {
        let entry = |name: &str, place: Place, form: Form<'a>| match Kind::named(name) {
            Some(kind) => Ok(Self {
                kind,
                surroundings,
                depth: 0,
                document,
                place,
                form,
            }),
            None => Err(unknown(name, place).into()),
        };
        match &node.data {
            Data::Text(name) => entry(name, document.place(node), Form::Bare(node)),
            Data::Map(entries) if entries.len() == 1 => {
                let (key, value) = &entries[0];
                let form = match &value.data {
                    Data::Null => Form::Bare(value),
                    Data::Map(_) => Form::Options(value),
                    Data::Bool(_) | Data::Number(_) | Data::Text(_) | Data::List(_) => {
                        Form::Main(value)
                    }
                };
                entry(&key.name, document.source.place(key.span.clone()), form)
            }
            _ => Err(malformed(document, node).into()),
        }
    }

    /// Compiles an entry that stands in this one.
    pub(super) fn compile(&self, node: &'a Node) -> Result<Scorer> {
        let mut entry = Self::read(self.document, node, self.surroundings)?;
        entry.depth = self.depth + 1;
        let scorer = compile_entry(&entry)?;
        if scorer.asks().is_some() {
            let (inner, outer) = (entry.kind.name, self.kind.name);
            return Err(self
                .problem(
                    node,
                    format!("`{inner}` asks a model and cannot stand in `{outer}`"),
                )
                .help("let it stand by itself; with `only_if` it is asked only where others pass")
                .into());
        }
        Ok(scorer)
    }

    /// Notes all options that are not as the registry says.
    pub(super) fn check(&self, problems: &mut Problems) {
        let fields = self.kind.fields();
        let no_options = |node: &Node| Node {
            data: Data::Map(Vec::new()),
            span: node.span.clone(),
        };
        match self.form {
            Form::Bare(node) => {
                check_record(
                    &fields,
                    self.document,
                    &no_options(node),
                    self.kind.name,
                    problems,
                );
            }
            Form::Options(node) => {
                check_record(&fields, self.document, node, self.kind.name, problems);
            }
            Form::Main(node) => match fields
                .iter()
                .find(|field| Some(field.name) == self.kind.main)
            {
                Some(field) => field
                    .shape
                    .check(self.document, node, self.kind.name, problems),
                None => problems.push(self.refuse_main(node)),
            },
        }
    }

    fn refuse_main(&self, node: &Node) -> Diagnostic {
        let names: Vec<&str> = self.kind.fields().iter().map(|field| field.name).collect();
        Diagnostic::new(format!("`{}` takes options by name", self.kind.name))
            .at(self.document.place(node))
            .help(format!("its options are {}", names.join(", ")))
    }

    /// An option as it was written.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        match self.form {
            Form::Bare(_) => None,
            Form::Main(node) => (self.kind.main == Some(name)).then_some(node),
            Form::Options(node) => node.get(name),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.text()
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.number()
    }

    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.count()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Node::bool).unwrap_or_default()
    }

    /// One text or a list of them; empty where the option is not there.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let node = self.get(name);
        let one = node.and_then(Node::text);
        let several = node.map(Node::items).unwrap_or_default();
        one.into_iter()
            .chain(several.iter().filter_map(Node::text))
            .map(str::to_owned)
            .collect()
    }

    /// One text or a list of them, each with its place.
    pub(super) fn named(&self, name: &str) -> Vec<(String, Place)> {
        let Some(node) = self.get(name) else {
            return Vec::new();
        };
        let nodes = std::iter::once(node).chain(node.items());
        nodes
            .filter_map(|node| Some((node.text()?.to_owned(), self.place_of(node))))
            .collect()
    }

    /// The options that are its own, as they were written: what a fingerprint is made of. Null where there are none.
    pub(super) fn written(&self) -> Value {
        const SHARED: &[&str] = &[
            "metric",
            "weight",
            "informational",
            "agreement",
            "tags",
            "reduce",
            "negate",
            "normalize",
            "transform",
            "column",
            "name",
        ];
        let expected = match self.kind.expects {
            Expects::Nothing => None,
            Expects::Texts(option)
            | Expects::Data(option)
            | Expects::Items(option)
            | Expects::Optional(option) => Some(option),
        };
        let own = self.kind.fields().into_iter().filter_map(|field| {
            let is_shared = SHARED.contains(&field.name) || expected == Some(field.name);
            let node = self.get(field.name).filter(|_| !is_shared)?;
            Some((field.name.to_owned(), node.to_json()))
        });
        let own: Map<String, Value> = own.collect();
        if own.is_empty() {
            Value::Null
        } else {
            Value::Object(own)
        }
    }

    /// A share written as `0.8` or `80%`.
    pub(super) fn share(&self, name: &str) -> Option<f64> {
        let node = self.get(name)?;
        node.number().or_else(|| node.text().and_then(parse_share))
    }

    /// The model that the option `model` names, with its alias.
    pub(super) fn model(&self) -> Result<(String, Model)> {
        let Some(node) = self.get("model") else {
            // That it is missing was noted with the other options.
            return Err(self
                .problem_of_all(format!("`{}` needs `model`", self.kind.name))
                .help("name the model that it asks by its alias in regauge.yaml")
                .into());
        };
        let alias = node.text().unwrap_or_default().to_owned();
        let Some(workspace) = self.surroundings.workspace else {
            let message = format!(
                "`{}` asks a model, and there is no workspace",
                self.kind.name
            );
            return Err(self
                .problem(node, message)
                .help("run it in a folder with a regauge.yaml that has the model")
                .into());
        };
        let model = workspace.model(&alias, self.place_of(node))?;
        Ok((alias, model.clone()))
    }

    /// Where an option stands.
    pub(super) fn place_of(&self, node: &Node) -> Place {
        self.document.place(node)
    }

    /// A mistake in the value of an option.
    pub(super) fn problem(&self, node: &Node, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at(self.place_of(node))
    }

    /// A mistake in the entry as a whole.
    pub(super) fn problem_of_all(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at(self.place.clone())
    }

    /// The name of an option as people see it: `regex.pattern`, or `regex` where it was written short.
    pub(super) fn path(&self, option: &str) -> String {
        match self.form {
            Form::Main(_) => self.kind.name.to_owned(),
            Form::Bare(_) | Form::Options(_) => format!("{}.{option}", self.kind.name),
        }
    }
}

fn unknown(name: &str, place: Place) -> Diagnostic {
    let names = KINDS.iter().map(|kind| kind.name);
    let help = match suggest(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`regauge scorers` lists them".to_owned(),
    };
    Diagnostic::new(format!("unknown scorer `{name}`"))
        .at(place)
        .help(help)
}

fn malformed(document: &Document, node: &Node) -> Diagnostic {
    const FORMS: &str = "write a name, `name: value` or `name: { option: value }`";
    let [(first, _), (second, _), ..] = node.entries() else {
        return Diagnostic::new("a scorer has a name")
            .at(document.place(node))
            .help(FORMS);
    };
    let is_option = Kind::named(&first.name)
        .is_some_and(|kind| kind.fields().iter().any(|field| field.name == second.name));
    let help = if is_option {
        format!("indent `{}` under `{}:`", second.name, first.name)
    } else if Kind::named(&second.name).is_some() {
        format!("give `{}` a `-` of its own", second.name)
    } else {
        FORMS.to_owned()
    };
    Diagnostic::new(format!(
        "a scorer has one name, found `{}` and `{}`",
        first.name, second.name
    ))
    .at(document.source.place(second.span.clone()))
    .help(help)
}
