#!/usr/bin/env python3
"""Compares the scorers with the tools whose numbers they give, on pairs of texts made here.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install rouge-score sacrebleu rapidfuzz jiwer nltk jsonschema scikit-learn
    cargo build
    /tmp/venv/bin/python scripts/conformance.py target/debug/regauge

Prints a line for each scorer, and ends with 1 if any number differs by more than 1e-9.
"""

import json
import logging
import random
import re
import string
import subprocess
import sys
import warnings
from collections import Counter

import jiwer
import jsonschema
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import meteor_score
from rapidfuzz import distance, fuzz, fuzz_py
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sklearn import metrics

logging.getLogger("sacrebleu").setLevel(logging.ERROR)

PAIRS = 500
TOLERANCE = 1e-9

WORDS = (
    "the The a an cat cats sat mat running runner agreed happily relational 3.14 1,000 -5 "
    "don't well-known e.g. U.S.A. (yes) [no] \"quoted\" it's Straße naïve café ΣΑΣ İstanbul "
    "中文 字符 日本語 한국어 привет мир שלום مرحبا 🙂 👩‍👩‍👧 e\u0301 ﬁne &amp; &lt;b&gt; <skipped> x² $5 50% "
    "a/b http://x.y/z?q=1 -- … « » ¡hola! ¿qué? 2026-02-10 10-20 \u200b \u00a0"
).split(" ")
GAPS = [" "] * 12 + ["  ", "\n", " \n", "\t", ", ", ". ", "\u3000", "-\n", "\n\n"]


def text(rng):
    """A text of any kind: empty, of one character, of words, of signs, with repeats."""
    kind = rng.random()
    if kind < 0.04:
        return rng.choice(["", " ", "\n", "...", "  \t "])
    if kind < 0.12:
        return "".join(rng.choice("abcab 🙂éß.,-") for _ in range(rng.randint(1, 12)))
    if kind < 0.20:
        word = rng.choice(WORDS)
        return " ".join([word] * rng.randint(1, 12))
    size = rng.choice([1, 3, 8, 20, 60])
    return "".join(rng.choice(WORDS) + rng.choice(GAPS) for _ in range(size))


def changed(rng, source):
    """The text with words dropped, doubled, replaced, or moved in runs."""
    words = re.split(r"(\s+)", source)
    for _ in range(rng.randint(0, 6)):
        if not words:
            break
        at = rng.randrange(len(words))
        what = rng.random()
        if what < 0.25:
            del words[at]
        elif what < 0.4:
            words.insert(at, rng.choice(WORDS))
        elif what < 0.6:
            words[at] = rng.choice(WORDS)
        elif what < 0.7:
            words[at] = words[at][::-1]
        else:
            run = words[at : at + rng.randint(1, 8)]
            del words[at : at + len(run)]
            to = rng.randint(0, len(words))
            words[to:to] = run
    return "".join(words)


def pairs(seed, count=PAIRS):
    """Output, and one to three references: most of them near the output."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        output = text(rng)
        references = [
            changed(rng, output) if rng.random() < 0.7 else text(rng)
            for _ in range(rng.choice([1, 1, 1, 2, 3]))
        ]
        made.append((output, references))
    return made


def best(score):
    return lambda output, references: max(score(reference, output) for reference in references)


def rouge(kind, part="fmeasure", stemmer=False):
    scorer = rouge_scorer.RougeScorer([kind], use_stemmer=stemmer)
    return lambda output, references: getattr(scorer.score_multi(references, output)[kind], part)


def sacre(metric):
    return lambda output, references: metric.sentence_score(output, references).score / 100


def accuracy(rate):
    return best(lambda reference, output: max(0.0, 1 - rate(reference, output)))


def ter(**options):
    metric = TER(**options)
    return lambda output, references: max(0.0, 1 - metric.sentence_score(output, references).score / 100)


def squad_plain(answer):
    """normalize_answer of the official script of SQuAD 2.0."""
    answer = "".join(c for c in answer.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def squad_f1(reference, output):
    """compute_f1 of the official script of SQuAD 2.0."""
    gold, found = squad_plain(reference).split(), squad_plain(output).split()
    same = sum((Counter(gold) & Counter(found)).values())
    if not gold or not found:
        return float(gold == found)
    if same == 0:
        return 0.0
    precision, recall = same / len(found), same / len(gold)
    return 2 * precision * recall / (precision + recall)


class NoWordNet:
    """A dictionary without a word, so that METEOR pairs no synonyms."""

    @staticmethod
    def synsets(_):
        return []


def meteor(**options):
    return lambda output, references: meteor_score(
        [reference.split() for reference in references], output.split(), wordnet=NoWordNet, **options
    )


def fuzzy(score):
    return best(lambda reference, output: score(reference, output) / 100)


SUBJECTS = {
    "rouge-n": rouge("rouge1"),
    "rouge-n: {n: 2}": rouge("rouge2"),
    "rouge-n: {n: 3, value: recall}": rouge("rouge3", "recall"),
    "rouge-n: {stemmer: true}": rouge("rouge1", stemmer=True),
    "rouge-l": rouge("rougeL"),
    "rouge-l: {value: precision, stemmer: true}": rouge("rougeL", "precision", True),
    "rouge-lsum": rouge("rougeLsum"),
    "rouge-lsum: {value: recall}": rouge("rougeLsum", "recall"),
    "bleu": sacre(BLEU(effective_order=True)),
    "bleu: {effective-order: false}": sacre(BLEU()),
    "bleu: {smoothing: none}": sacre(BLEU(effective_order=True, smooth_method="none")),
    "bleu: {smoothing: floor, smoothing-value: 0.01}": sacre(
        BLEU(effective_order=True, smooth_method="floor", smooth_value=0.01)
    ),
    "bleu: {smoothing: add-k}": sacre(BLEU(effective_order=True, smooth_method="add-k")),
    "bleu: {tokenizer: intl}": sacre(BLEU(effective_order=True, tokenize="intl")),
    "bleu: {tokenizer: char, order: 2}": sacre(
        BLEU(effective_order=True, tokenize="char", max_ngram_order=2)
    ),
    "bleu: {tokenizer: none}": sacre(BLEU(effective_order=True, tokenize="none")),
    "gleu": lambda output, references: sentence_gleu([r.split() for r in references], output.split()),
    "gleu: {min: 2, max: 3}": lambda output, references: sentence_gleu(
        [r.split() for r in references], output.split(), 2, 3
    ),
    "meteor": meteor(),
    "meteor: {alpha: 0.5, beta: 1, gamma: 0.2}": meteor(alpha=0.5, beta=1, gamma=0.2),
    "chrf": sacre(CHRF()),
    "chrf: {words: 2}": sacre(CHRF(word_order=2)),
    "chrf: {beta: 3, whitespace: true, eps-smoothing: true}": sacre(
        CHRF(beta=3, whitespace=True, eps_smoothing=True)
    ),
    "ter-accuracy": ter(),
    "ter-accuracy: {normalized: true, no-punctuation: true}": ter(normalized=True, no_punct=True),
    "ter-accuracy: {case-sensitive: true}": ter(case_sensitive=True),
    "wer-accuracy": accuracy(jiwer.wer),
    "cer-accuracy": accuracy(jiwer.cer),
    "token-f1": best(squad_f1),
    "squad-exact": best(lambda reference, output: float(squad_plain(reference) == squad_plain(output))),
    "levenshtein": best(distance.Levenshtein.normalized_similarity),
    "osa": best(distance.OSA.normalized_similarity),
    "damerau-levenshtein": best(distance.DamerauLevenshtein.normalized_similarity),
    "hamming": best(lambda a, b: distance.Hamming.normalized_similarity(a, b, pad=True)),
    "indel": fuzzy(fuzz.ratio),
    "lcs": best(distance.LCSseq.normalized_similarity),
    "jaro": best(distance.Jaro.similarity),
    "jaro-winkler": best(distance.JaroWinkler.similarity),
    "partial-ratio": fuzzy(fuzz.partial_ratio),
    # The compiled forms of these take a no-break space for a letter, but only in texts that are all Latin-1.
    "token-sort-ratio": fuzzy(fuzz_py.token_sort_ratio),
    "token-set-ratio": fuzzy(fuzz_py.token_set_ratio),
}


def graded(program, rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    run = subprocess.run(
        [program, "score", "--cases", "-"], input=lines, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(program, scorer, made, wanted):
    rows = [{"scorer": scorer, "output": o, "expected": r} for o, r in made]
    differ = [
        (pair, want, got)
        for pair, want, got in zip(made, wanted, graded(program, rows), strict=True)
        if abs(got.get("value", float("nan")) - want) > TOLERANCE or "error" in got
    ]
    print(f"{scorer}: {len(made) - len(differ)} of {len(made)} agree")
    for pair, want, got in differ[:3]:
        print(f"  {pair!r}: reference {want}, here {got}")
    return not differ


def schemas(seed):
    """Pairs of a small schema and a value, for draft-07 and 2020-12."""
    rng = random.Random(seed)
    value = lambda depth=0: rng.choice(
        [
            lambda: rng.randint(-3, 3),
            lambda: rng.choice([0.5, 1.0, -2.5, 1e300]),
            lambda: rng.choice(["", "a", "ab", "é", "🙂🙂", "2026-02-30"]),
            lambda: rng.choice([True, False, None]),
            lambda: [value(depth + 1) for _ in range(rng.randint(0, 3))] if depth < 2 else [],
            lambda: {rng.choice("abc"): value(depth + 1) for _ in range(rng.randint(0, 3))} if depth < 2 else {},
        ]
    )()

    def schema(depth=0):
        made = {}
        if rng.random() < 0.6:
            made["type"] = rng.choice(
                ["integer", "number", "string", "boolean", "null", "array", "object", ["integer", "null"]]
            )
        for key, make in {
            "minimum": lambda: rng.randint(-2, 2),
            "maxLength": lambda: rng.randint(0, 2),
            "pattern": lambda: rng.choice(["^a", "b$", "."]),
            "minItems": lambda: rng.randint(0, 2),
            "uniqueItems": lambda: True,
            "required": lambda: [rng.choice("abc")],
            "enum": lambda: [value() for _ in range(3)],
            "const": lambda: value(),
            "multipleOf": lambda: rng.choice([1, 0.5, 2]),
        }.items():
            if rng.random() < 0.12:
                made[key] = make()
        if depth < 2:
            for key, make in {
                "items": lambda: schema(depth + 1),
                "properties": lambda: {k: schema(depth + 1) for k in "ab"},
                "additionalProperties": lambda: rng.choice([False, schema(depth + 1)]),
                "not": lambda: schema(depth + 1),
                "anyOf": lambda: [schema(depth + 1), schema(depth + 1)],
                "oneOf": lambda: [schema(depth + 1), schema(depth + 1)],
                "if": lambda: schema(depth + 1),
                "then": lambda: schema(depth + 1),
                "contains": lambda: schema(depth + 1),
            }.items():
                if rng.random() < 0.12:
                    made[key] = make()
        return made

    drafts = {
        "http://json-schema.org/draft-07/schema#": jsonschema.Draft7Validator,
        "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
    }
    for uri, validator in drafts.items():
        for _ in range(PAIRS):
            made = {"$schema": uri} | schema()
            yield made, value(), validator


def compare_schemas(program):
    agree, rows, wanted = True, [], []
    for schema, value, validator in schemas(7):
        rows.append(
            {"scorer": {"json-schema": {"schema": schema, "formats": False}}, "output": json.dumps(value)}
        )
        wanted.append(validator(schema).is_valid(value))
    differ = 0
    for row, want, got in zip(rows, wanted, graded(program, rows), strict=True):
        if got.get("passed") != want:
            agree, differ = False, differ + 1
            if differ <= 3:
                print(f"  {json.dumps(row)}: reference {want}, here {got}")
    print(f"json-schema: {len(rows) - differ} of {len(rows)} agree")
    return agree


def averages(truth, given, kinds, labels):
    """Precision, recall and F1 of scikit-learn, by the names that they have here."""
    for kind in kinds:
        found = metrics.precision_recall_fscore_support(
            truth, given, labels=labels, average=kind, zero_division=0
        )
        yield from zip((f"{kind}-{part}" for part in ("precision", "recall", "f1")), found[:3])


def classes(rng):
    """Cases with answers of which some are no class and some abstain, and what scikit-learn says of them."""
    names = [f"class {i}" for i in range(rng.randint(2, 6))]
    # Labels that are rare, that never stand in a case, and that are never given.
    cases = rng.choices(names, [rng.random() ** 3 + 1e-3 for _ in names], k=rng.randint(1, 60))
    others = ["of no class", "unknown"]
    given = [
        case if rng.random() < 0.6 else rng.choice(names + others * rng.randint(0, 1))
        for case in cases
    ]
    present = [name for name in names if name in cases or name in given]
    wanted = {
        "balanced-accuracy": metrics.balanced_accuracy_score(cases, given),
        "mcc": metrics.matthews_corrcoef(cases, given),
        "coverage": sum(answer != "unknown" for answer in given) / len(given),
        **dict(averages(cases, given, ("macro", "weighted"), present)),
    }
    answered = [pair for pair in zip(cases, given) if pair[1] != "unknown"]
    if answered:
        wanted["selective-accuracy"] = metrics.accuracy_score(*zip(*answered))
    options = {"classes": names, "abstain": "unknown", "metrics": sorted(wanted)}
    return "classification", options, list(zip(given, cases)), wanted


def entities(rng):
    """Lists of entities, and what scikit-learn says of each place that either side has."""
    types = ["person", "place", "date"][: rng.randint(1, 3)]
    rows, truth, given = [], [], []
    for _ in range(rng.randint(1, 12)):
        draw = lambda: {(rng.choice(types), rng.choice("abcdef")) for _ in range(rng.randint(0, 5))}
        wanted = draw()
        found = {one for one in wanted if rng.random() < 0.7} | (draw() if rng.random() < 0.4 else set())
        for kind, text in sorted(wanted | found):
            truth.append(kind if (kind, text) in wanted else "none")
            given.append(kind if (kind, text) in found else "none")
        listed = lambda some: [{"type": kind, "text": text} for kind, text in sorted(some)]
        rows.append((json.dumps(listed(found)), listed(wanted)))
    present = sorted({kind for kind in truth + given if kind != "none"})
    wanted = dict(averages(truth, given, ("micro", "macro"), present)) if present else {}
    return "entities", {"types": types}, rows, wanted


def compare_labels(program):
    agree = True
    for make in (classes, entities):
        rng = random.Random(11)
        datasets = [make(rng) for _ in range(PAIRS)]
        rows = [
            # The name tells one dataset from the next.
            {"scorer": {name: options | {"metric": f"d{i}"}}, "output": output, "expected": expected}
            for i, (name, options, cases, _) in enumerate(datasets)
            for output, expected in cases
        ]
        found = [line["measures"] for line in graded(program, rows) if "measures" in line]
        differ = [
            (dataset, {name: found.get(name) for name in dataset[3]})
            for dataset, found in zip(datasets, found, strict=True)
            if any(
                found.get(name) is None or abs(found[name] - want) > TOLERANCE
                for name, want in dataset[3].items()
            )
        ]
        agree &= not differ
        print(f"{datasets[0][0]}: {PAIRS - len(differ)} of {PAIRS} datasets agree")
        for dataset, got in differ[:3]:
            print(f"  {dataset!r}: here {got}")
    return agree


def main():
    warnings.filterwarnings("ignore", module="sklearn")
    program = sys.argv[1] if len(sys.argv) > 1 else "target/debug/regauge"
    chosen = sys.argv[2:]
    agree = True
    for seed, (scorer, reference) in enumerate(SUBJECTS.items()):
        if chosen and not any(scorer.startswith(name) for name in chosen):
            continue
        made = pairs(seed)
        agree &= compare(program, scorer, made, [reference(o, r) for o, r in made])
    if not chosen or "json-schema" in chosen:
        agree &= compare_schemas(program)
    if not chosen or "labels" in chosen:
        agree &= compare_labels(program)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
