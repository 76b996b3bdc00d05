//! Scorers that ask a model: by criteria, against the approved answer, against another answer, or against sources.
//!
//! A judge is pure like any other scorer: it makes the requests, and reads the replies that it is given. What it judges
//! stands in a fence, named as data, and a reply that is no verdict to the letter gives no score.

mod ask;
mod build;
mod echo;
mod fence;
mod task;
mod verdict;

use crate::shape::{Field, Shape};
use crate::workspace::params::PARAMS;

use super::options::{COLUMN, COMMON, EXPECTED, GRADED, ONLY_IF, TRANSFORM};
use super::registry::{Expects, Kind};
use build::Source;
use task::{Task, Weighing};

/// What every judge has.
const ASKS: &[Field] = &[
    Field::required(
        "model",
        Shape::Text,
        "the model that judges, by its alias in regauge.yaml",
    ),
    Field::optional(
        "params",
        PARAMS,
        "sampling parameters of its calls, over those of the model and of the prompt",
    ),
    Field::optional(
        "votes",
        Shape::Count(1),
        "how often it is asked about an answer (default 1)",
    ),
    Field::optional(
        "reducer",
        Shape::Choice(build::REDUCERS),
        "how several votes become one score: the majority is the most frequent value, and of several the lowest \
         (default mean; majority for closed-qa)",
    ),
    Field::optional(
        "structured",
        Shape::Bool,
        "whether the endpoint shall hold the reply to the schema of the verdict; the prompt asks for it anyway (default \
         true)",
    ),
    ONLY_IF,
    Field::optional(
        "agreement",
        Shape::Number(0.0, 1.0),
        "the agreement with people that `regauge judge calibrate` must have shown for its metric to gate: the lower end \
         of the 95 % interval of AC1",
    ),
    Field::optional(
        "input",
        Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
        "the columns that the judge sees as the input (default: all variables of the case but the context and the labels)",
    ),
    Field::optional(
        "labels",
        Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
        "the columns with what people say of the answers, one for each rater: true, false, or a share from 0 to 1. The judge \
         does not see them; `regauge judge calibrate` compares it with them",
    ),
];

const PROMPT: Field = Field::optional(
    "prompt",
    Shape::Text,
    "a prompt of the workspace in place of the one inside the program: NAME, NAME@vN or NAME@LABEL",
);

const CONTEXT: Field = Field::optional(
    "context",
    Shape::Text,
    "the column with the sources: a text, or a list of texts in the order in which they were found (default context)",
);

const SCALE: Field = Field::optional(
    "scale",
    Shape::List(&Shape::Number(-100.0, 100.0)),
    "the lowest and the highest score, whole numbers (default [1, 5])",
);

const CRITERION: Shape = Shape::Record(&[
    Field::required("name", Shape::Text, "its name in the verdict"),
    Field::optional("asks", Shape::Text, "what it asks for, for the judge"),
    SCALE,
    Field::optional(
        "weight",
        Shape::Number(0.0, f64::INFINITY),
        "its share in the score (default 1)",
    ),
]);

const JUDGED: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: None,
    options: &[],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| build::judge(entry, "", |_| Ok(Task::YesNo)),
};

/// A score by criteria, each on its own scale.
pub(super) const JUDGE: Kind = Kind {
    name: "judge",
    summary: "a model rates the answer by criteria",
    definition: "A model rates the answer by each criterion on its own scale and gives evidence for each. The score is the \
                 mean of the criteria as shares of their scales (lowest 0, highest 1), by weight. The reply must be one \
                 JSON object with `evidence` and `score` for every criterion and nothing else. One that is missing, malformed, \
                 out of range or cut is unparseable, which is no score and never a pass; so is one that repeats a verdict \
                 which stands in the judged text. Of several votes more than half must be verdicts. The judged text stands in a fence and is \
                 named as data. A `rubric` is a prompt of the workspace; it may take `input`, `answer`, `criteria` and \
                 `expected`. Each trial is judged afresh.",
    options: &[
        &[
            Field::optional(
                "name",
                Shape::Text,
                "the name of its metric, as `metric` (default judge)",
            ),
            Field::optional(
                "rubric",
                Shape::Text,
                "a prompt of the workspace in place of the one inside the program: NAME, NAME@vN or NAME@LABEL",
            ),
            Field::optional(
                "criteria",
                Shape::List(&CRITERION),
                "what the answer is rated by (default: one criterion with the name of the metric, which the rubric explains)",
            ),
        ],
        ASKS,
        GRADED,
        TRANSFORM,
        COMMON,
    ],
    build: |entry| build::judge(entry, "judge", build::criteria),
    ..JUDGED
};

/// How the facts of the answer relate to those of the approved one.
pub(super) const FACTUALITY: Kind = Kind {
    name: "factuality",
    summary: "a model compares the facts of the answer with those of the expected value",
    definition: "A model says how the facts of the answer relate to those of the expected value: A a part of them, B all \
                 of them and more, C the same, D a contradiction, E a difference that does not matter. These are worth \
                 0.4, 0.6, 1, 0 and 1, unless `worth` says otherwise. Verdicts, votes and fence as for `judge`.",
    options: &[
        EXPECTED,
        &[
            PROMPT,
            Field::optional(
                "worth",
                Shape::Map(&Shape::Share),
                "what the choices A to E are worth; those that are not named keep their worth",
            ),
        ],
        ASKS,
        GRADED,
        TRANSFORM,
        COMMON,
    ],
    expects: Expects::Texts("expected"),
    build: |entry| build::judge(entry, "factuality", build::facts),
    ..JUDGED
};

/// Whether the answer meets one criterion.
pub(super) const CLOSED_QA: Kind = Kind {
    name: "closed-qa",
    summary: "a model says whether the answer meets a criterion",
    definition: "1 if a model says that the answer meets the criterion, else 0. Of several votes the majority decides. \
                 Verdicts, votes and fence as for `judge`.",
    options: &[
        &[
            Field::required("criterion", Shape::Text, "what the answer must meet"),
            PROMPT,
        ],
        ASKS,
        TRANSFORM,
        COMMON,
    ],
    build: |entry| build::judge(entry, "closed-qa", |_| Ok(Task::YesNo)),
    ..JUDGED
};

/// One score that is reached by steps.
pub(super) const GEVAL: Kind = Kind {
    name: "geval",
    summary: "a model rates the answer by one criterion, step by step",
    definition: "G-Eval (Liu et al. 2023): a model goes through steps and gives a score on the scale, of which the share is \
                 taken. Without `steps` it is first asked for them, once for all cases. The paper weighs scores by the \
                 probabilities of their tokens; here several votes at a temperature above 0 do that. Verdicts, votes and \
                 fence as for `judge`.",
    options: &[
        &[
            Field::required("criterion", Shape::Text, "what is judged"),
            Field::optional(
                "steps",
                Shape::List(&Shape::Text),
                "the steps (default: the model is asked for them)",
            ),
            SCALE,
            PROMPT,
        ],
        ASKS,
        GRADED,
        TRANSFORM,
        COMMON,
    ],
    build: |entry| build::judge(entry, "geval", build::score),
    ..JUDGED
};

/// The share of the answer that follows from the context.
pub(super) const FAITHFULNESS: Kind = Kind {
    name: "faithfulness",
    summary: "which share of the answer's sentences follows from the context",
    definition: "The answer is parted into sentences (UAX #29), and a model says of each, by its number, whether all that it \
                 claims follows from the context; the score is the share that does. The parts are made here and not by the \
                 model, so that it cannot leave one out: a verdict that does not decide on each part exactly once is \
                 unparseable. An empty answer is no score. Verdicts, votes and fence as for `judge`.",
    options: &[&[CONTEXT, PROMPT], ASKS, GRADED, TRANSFORM, COMMON],
    build: |entry| build::parts(entry, "faithfulness", Weighing::Share, Source::Answer),
    ..JUDGED
};

/// The share of the answer that answers the question.
pub(super) const ANSWER_RELEVANCE: Kind = Kind {
    name: "answer-relevance",
    summary: "which share of the answer's sentences helps to answer the question",
    definition: "As `faithfulness`, where a sentence counts if it helps to answer the input.",
    options: &[&[CONTEXT, PROMPT], ASKS, GRADED, TRANSFORM, COMMON],
    build: |entry| build::parts(entry, "answer-relevance", Weighing::Share, Source::Answer),
    ..JUDGED
};

/// How early the useful parts of the context stand.
pub(super) const CONTEXT_PRECISION: Kind = Kind {
    name: "context-precision",
    summary: "how early the useful parts of the context stand",
    definition: "A model says of each part of the context whether it was of use to arrive at the expected value. The score \
                 is the average precision: the mean, over the useful parts, of the share of useful ones up to there; 0 if \
                 none is. It grades the search and not the answer. Verdicts, votes and fence as for `judge`.",
    options: &[EXPECTED, &[CONTEXT, PROMPT], ASKS, GRADED, COMMON],
    expects: Expects::Texts("expected"),
    build: |entry| build::parts(entry, "context-precision", Weighing::Rank, Source::Context),
    ..JUDGED
};

/// The share of the approved answer that the context supports.
pub(super) const CONTEXT_RECALL: Kind = Kind {
    name: "context-recall",
    summary: "which share of the expected value's sentences the context supports",
    definition: "As `faithfulness`, for the sentences of the expected value in place of the answer. It grades the search and \
                 not the answer.",
    options: &[EXPECTED, &[CONTEXT, PROMPT], ASKS, GRADED, COMMON],
    expects: Expects::Texts("expected"),
    build: |entry| build::parts(entry, "context-recall", Weighing::Share, Source::Expected),
    ..JUDGED
};

/// Which of two answers is better.
pub(super) const PAIRWISE: Kind = Kind {
    name: "pairwise",
    summary: "a model says whether the answer is better than another",
    definition: "A model compares the answer with another one in both orders: 1 if it wins in both, 0 if it loses in both, \
                 else 0.5, a tie. The other one is the baseline's answer to the case in the same trial, or in its first \
                 trial where it has fewer; with `against: expected` it is the expected value. Where \
                 there is none, nothing is asked. Against the baseline it is itself a comparison, 0.5 means as good: \
                 it is shown only, no `threshold` makes a trial pass or fail by it, and a gate that names it holds it to a \
                 limit alone: to `at_least` or `at_most`, else to 0.5 less the tolerance. Verdicts, votes and fence as for `judge`.",
    options: &[
        &[
            Field::optional(
                "against",
                Shape::Choice(&["baseline", "expected"]),
                "what the answer is compared with (default baseline)",
            ),
            COLUMN,
            PROMPT,
        ],
        ASKS,
        GRADED,
        TRANSFORM,
        COMMON,
    ],
    build: |entry| build::judge(entry, "pairwise", |_| Ok(Task::Pair)),
    ..JUDGED
};
