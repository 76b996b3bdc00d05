'use strict';
// The script of the report, in three parts that stand in the page as one. This one is pure: the state in the fragment,
// the filter, the order of the list, the pieces of texts and differences, files of decisions. It touches no page, so
// that it can be tested without one.

/** The newest form of the data that this script can read. */
const FORMAT = 'report/1';
/** Verdicts that want attention; the list begins with them. */
const ATTENTION = 'regressed,suspect,unmeasured,flaky';
/** The state of a view and how it begins: verdicts, filter, grouping, sorting, subject, group, cluster, case, tab. */
const START = { v: ATTENTION, q: '', g: 'cause', o: 'worst', u: '', x: '', f: '', c: '', t: 'golden' };
/** Runs of which the list shows what became of a case. */
const RUNS = 12;
/** The largest sign of a run: all trials passed. */
const ALL_PASSED = 9;
/** What may hide or move text: as the other reports have it. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/u;

function stateOf(fragment, start) {
  const given = new URLSearchParams(fragment.replace(/^#/, ''));
  return Object.fromEntries(Object.keys(start).map((key) => [key, given.get(key) ?? start[key]]));
}

function fragmentOf(state, start) {
  const given = new URLSearchParams();
  for (const key of Object.keys(start)) {
    if (state[key] !== start[key] && (key !== 't' || state.c)) given.set(key, state[key]);
  }
  return `#${given.toString().replace(/%2C/g, ',').replace(/%2F/g, '/')}`;
}

/** Whether a text has all words and none of those behind a minus. */
function fits(text, words) {
  return words.every((word) => (
    word.length > 1 && word.startsWith('-') ? !text.includes(word.slice(1)) : text.includes(word)));
}

const wordsOf = (query) => query.toLowerCase().split(/\s+/).filter(Boolean);

/** What sorts the list; the smaller comes first. The index itself is ordered from the worst on. */
const SORTS = {
  worst: (index, i) => i,
  id: (index, i) => index.ids[i],
  score: (index, i) => change(index.jb[i], index.js[i]),
  cost: (index, i) => -change(index.cb[i], index.cc[i]),
  latency: (index, i) => -change(index.lb[i], index.lc[i]),
};

function change(before, now) {
  return before === null || now === null ? 0 : now - before;
}

/** The cases that a state shows, in its order. `hay` has for each case the text that is searched. */
function visible(index, hay, verdicts, state) {
  const shown = new Set(state.v === 'all' ? verdicts : state.v.split(','));
  const isShown = verdicts.map((verdict) => shown.has(verdict));
  const words = wordsOf(state.q);
  const wanted = (key, value) => state[key] === '' || Number(state[key]) === value;
  const found = [];
  for (let i = 0; i < index.n; i += 1) {
    if (isShown[index.v[i]] && wanted('u', index.su[i]) && wanted('x', index.g[i]) && wanted('f', index.check[i])
      && (words.length === 0 || fits(hay[i], words))) found.push(i);
  }
  const key = SORTS[state.o] ?? SORTS.worst;
  if (key === SORTS.worst) return found;
  const keys = new Map(found.map((i) => [i, key(index, i)]));
  return found.sort((a, b) => {
    const [one, other] = [keys.get(a), keys.get(b)];
    return one < other ? -1 : one > other ? 1 : a - b;
  });
}

/** The cases in groups: `[title, cases]` each. Without grouping one group without a title. */
function grouped(order, titleOf) {
  if (!titleOf) return [[null, order]];
  const groups = new Map();
  for (const i of order) {
    const title = titleOf(i);
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push(i);
  }
  return [...groups];
}

/** By what the list is grouped. What did not get worse is grouped by its verdict even where causes are asked for. */
function titles(index, meta, grouping) {
  const isWorse = (i) => index.v[i] < 2;
  switch (grouping) {
    case 'cause': return (i) => (
      isWorse(i) && index.check[i] !== null ? meta.clusters[index.check[i]][0] : label(meta.verdicts[index.v[i]]));
    case 'group': return (i) => (index.g[i] === null ? 'No group' : meta.groups[index.g[i]]);
    case 'subject': return (i) => subjectName(meta, index.su[i]);
    default: return null;
  }
}

/** The name of a subject; with its suite where another suite has one of that name. */
function subjectName(meta, at) {
  const subject = meta.subjects[at];
  const isAlone = meta.subjects.every((other, k) => k === at || other.name !== subject.name);
  return isAlone ? subject.name : `${meta.suites[subject.suite].name} · ${subject.name}`;
}

const label = (verdict) => verdict.charAt(0).toUpperCase() + verdict.slice(1);

/** What became of a case in the newest runs: null where it was not there, -1 without a result, else 0 to 9. */
function course(index, i) {
  return [...index.hist.slice(i * RUNS, (i + 1) * RUNS)]
    .map((sign) => (sign === '.' ? null : sign === 'U' ? -1 : Number(sign)));
}

/** A text in pieces: `[name, text]`, where a control has a name and stands for so many of itself. */
function controls(text) {
  const pieces = [];
  const signs = [...text.replace(/\r\n/g, '\n')];
  const isSpelled = (sign) => sign !== undefined && sign.codePointAt(0) > 0x7f && !CONTROL.test(sign);
  let run = '';
  for (let i = 0; i < signs.length; i += 1) {
    const sign = signs[i];
    const joins = (sign === '\u200c' || sign === '\u200d') && isSpelled(signs[i - 1]) && isSpelled(signs[i + 1]);
    if (joins || !CONTROL.test(sign)) {
      run += sign;
      continue;
    }
    if (run) pieces.push([null, run]);
    run = '';
    let times = 1;
    while (signs[i + 1] === sign) {
      i += 1;
      times += 1;
    }
    const name = `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    pieces.push([times === 1 ? name : `${name} × ${times}`, sign.repeat(times)]);
  }
  if (run) pieces.push([null, run]);
  return pieces;
}

/** Edits such as `=12-3+5`: `[sign, length]` each. */
const parseEdits = (edits) => [...edits.matchAll(/([=+\-_~])(\d+)/g)].map((edit) => [edit[1], Number(edit[2])]);

/** Two texts in pieces: `{ sign, text, run }`, where edits without a common word between them share a run. */
function pieces(old, now, edits) {
  const found = [];
  let [i, j, run, before] = [0, 0, 0, '='];
  for (const [sign, length] of parseEdits(edits)) {
    const isOld = sign === '-' || sign === '_';
    const text = isOld ? old.slice(i, i + length) : now.slice(j, j + length);
    if (sign === '=' || isOld) i += length;
    if (!isOld) j += length;
    const isEdit = sign === '-' || sign === '+';
    if (isEdit && before !== '-' && before !== '+') run += 1;
    found.push({ sign, text, run: isEdit ? run : 0 });
    before = sign;
  }
  return found;
}

const countWords = (text) => text.split(/\s+/).filter(Boolean).length;

/** A word as a shell takes it back. */
function shellWord(word) {
  const text = controls(word).filter(([name]) => name === null).map((piece) => piece[1]).join('').replace(/\n/g, ' ');
  return /^[\w./@:-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** Files for `regauge review --apply`, one for each run: `{ name, text }`. */
function decisionFiles(meta, decisions) {
  return meta.suites.flatMap((suite, at) => {
    const own = decisions.filter((decision) => decision.suite === at);
    if (own.length === 0) return [];
    const list = own.map(({ case: id, action, old, output }) => ({ case: id, action, old, output }));
    const file = { format: 'regauge-decisions/1', suite: suite.name, run: suite.run, decisions: list };
    return [{ name: `decisions-${suite.run}.json`, text: `${JSON.stringify(file, null, 2)}\n` }];
  });
}

if (typeof module === 'object') {
  module.exports = {
    START, controls, course, decisionFiles, fits, fragmentOf, grouped, parseEdits, pieces, shellWord, stateOf,
    subjectName, titles, visible, wordsOf,
  };
}
