// One case in the drawer, decisions on it, and what connects the page with its keys.

const drawer = $('#drawer');
const keysDialog = $('#keys');
const TABS = [
  ['golden', 'Golden'], ['baseline', 'Baseline'], ['output', 'Output'], ['prompt', 'Prompt'], ['scores', 'Scores'],
  ['trials', 'Trials'], ['history', 'History'], ['details', 'Details'],
];
/** How the open case is looked at: which answer, which layout of differences, formatted or not. */
const look = { key: '', answer: 0, layout: store.get('layout') === 'side' ? 'side' : 'inline', formatted: false };
/** Decisions by suite and case. A case has one golden, so that it is decided once for all subjects. */
const decisions = new Map();
let cameFrom = null;

// ---- texts ---------------------------------------------------------------------------------------------------------

const textOf = (text) => (typeof text === 'string' ? text : text.t);

function prose(text, isCode) {
  const shown = addText(h('div', { class: isCode ? 'prose code' : 'prose', dir: 'auto' }), textOf(text));
  if (typeof text === 'string') return shown;
  return h('div', {}, shown, h('p', { class: 'note' }, `The first ${textOf(text).length} of ${text.n} characters are shown.`));
}

const box = (...children) => h('div', { class: 'box' }, ...children);
const note = (text) => h('p', { class: 'note' }, text);

/** Emphasis and code as nodes. Links and images stay text: an answer sends the reader nowhere. */
function addInline(element, text) {
  let at = 0;
  for (const found of text.matchAll(/`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\n]+)\*/g)) {
    addText(element, text.slice(at, found.index));
    const [whole, code, strong, emphasis] = found;
    if (code) element.append(addText(h('code'), code));
    else if (strong) element.append(addText(h('strong'), strong));
    else element.append(addText(h('em'), emphasis));
    at = found.index + whole.length;
  }
  addText(element, text.slice(at));
}

/** A little Markdown: headings, lists, emphasis, code. */
function formatted(text) {
  const root = h('div', { class: 'prose', dir: 'auto' });
  text.split('```').forEach((part, k) => {
    if (k % 2 === 1) {
      root.append(addText(h('pre', { class: 'prose code' }), part.replace(/^\w*\n/, '')));
      return;
    }
    for (const source of part.split('\n')) {
      const [, start, rest] = /^(#{1,4} |[-*] |\d+\. )?(.*)$/s.exec(source);
      const shown = h('div');
      if (start && start.startsWith('#')) {
        const heading = h('strong');
        addInline(heading, rest);
        shown.append(heading);
      } else {
        if (start) shown.append(/\d/.test(start) ? start : '• ');
        addInline(shown, rest || '\u00a0');
      }
      root.append(shown);
    }
  });
  return root;
}

function segments(name, choices, chosen, choose) {
  return h('div', { class: 'seg', role: 'group', 'aria-label': name }, choices.map(([value, text]) => (
    h('button', { type: 'button', 'aria-pressed': String(value === chosen), on: { click: () => choose(value) } }, text))));
}

const again = () => openCase(current, false);

function layoutSwitch() {
  if (META.eyesOff) return null;
  return segments('Layout of differences', [['inline', 'Inline'], ['side', 'Side by side']], look.layout, setLayout);
}

function setLayout(layout) {
  look.layout = layout;
  store.set('layout', layout);
  again();
}

// ---- differences ---------------------------------------------------------------------------------------------------

function marked(found, signs, isCode) {
  const shown = h('div', { class: isCode ? 'prose code' : 'prose', dir: 'auto' });
  for (const { sign, text, run } of found) {
    if (!signs.includes(sign)) continue;
    if (sign === '-') shown.append(addText(h('del', { 'data-run': run }), text));
    else if (sign === '+') shown.append(addText(h('ins', { 'data-run': run }), text));
    else addText(shown, text);
  }
  return shown;
}

function sideBySide(one, other, names) {
  const figure = (text, name) => h('figure', { class: 'box' }, addText(h('figcaption'), name), text);
  return h('div', { class: 'side-by' }, figure(one, names[0]), figure(other, names[1]));
}

const SAME = {
  same: 'The same text.',
  'same-data': 'The same data, in another form.',
};

/** A difference that was found when the report was written: `edits` is its form, or the share of changed words. */
function difference(old, now, edits, names, isCode) {
  if (typeof edits === 'number') {
    const share = `${Math.round(edits * 100)} % of the characters differ. The texts are withheld.`;
    return [h('p', { class: 'bar' }, share), sideBySide(prose(old), prose(now), names)];
  }
  const [a, b] = [edits?.a ?? textOf(old), edits?.b ?? textOf(now)];
  if (!edits) return [note('Not compared: this page holds too many long differences.'), sideBySide(prose(a, isCode), prose(b, isCode), names)];
  if (SAME[edits.k]) return [h('p', { class: 'bar' }, SAME[edits.k]), box(prose(b, isCode))];
  if (edits.k === 'rewritten') {
    return [h('p', { class: 'bar' }, 'Mostly rewritten: both texts stand whole.'), sideBySide(prose(a, isCode), prose(b, isCode), names)];
  }
  const found = pieces(a, b, edits.o);
  const inSign = (sign) => found.filter((piece) => piece.sign === sign);
  const words = (sign) => inSign(sign).reduce((sum, piece) => sum + countWords(piece.text), 0);
  const runs = Math.max(0, ...found.map((piece) => piece.run));
  const blanks = inSign('_').length + inSign('~').length;
  const what = edits.k === 'white-space' ? 'The same words; only white space differs.'
    : `${counted(runs, 'change', 'changes')}: ${counted(words('-'), 'word', 'words')} removed, ${words('+')} added.${blanks ? ' White space differs too.' : ''}`;
  const legend = h('p', { class: 'bar' }, h('span', {}, what), h('span', {}, addText(h('del'), names[0]), ' ', addText(h('ins'), names[1])));
  if (look.layout === 'side') return [legend, sideBySide(marked(found, '=-_', isCode), marked(found, '=+~', isCode), names)];
  return [legend, box(marked(found, '=-+~', isCode))];
}

/** Picks an answer where trials gave several. */
function answers(found, extra) {
  const name = (out) => `${out.pass === false ? '✗ ' : out.pass ? '✓ ' : ''}trial ${out.in.join(', ')}`;
  const choices = found.outs.map((out, k) => [k, name(out)]);
  const choose = (k) => { look.answer = k; again(); };
  return h('div', { class: 'bar' }, found.outs.length > 1 ? segments('Which answer', choices, look.answer, choose) : null, extra);
}

function said(out, isCode) {
  if (out.fail) return addText(h('p', { class: 'prose unmeasured', dir: 'auto' }), out.fail);
  const calls = (out.calls ?? []).flatMap(([name, given]) => [addText(h('p', { class: 'note' }, 'Calls '), `${name} with`), prose(given, true)]);
  const text = textOf(out.t) === '' ? [note('No text.')] : [prose(out.t, isCode)];
  return [...text, ...calls];
}

// ---- tabs ----------------------------------------------------------------------------------------------------------

function checkRow(check) {
  const [name, word] = check.ok === null ? ['unmeasured', 'no score'] : check.ok ? ['check', 'passed'] : ['close', 'failed'];
  const verdict = check.ok === null ? 'unmeasured' : check.ok ? 'unchanged' : 'regressed';
  return h('li', {}, h('span', { class: verdict }, icon(name)),
    h('div', { class: 'row' }, h('span', {}, addText(h('b'), check.name), ` ${word}`), h('span', { class: 'faint nowrap' }, check.note)),
    check.why ? line('p', {}, check.why) : null);
}

const noAnswer = () => note('There is no answer of this run to compare.');

function goldenTab(i, found, out, isCode) {
  const checks = found.checks.length ? h('ul', { class: 'checks' }, found.checks.map(checkRow)) : null;
  if (found.golden === null) return [checks, note('This case has no golden; the checks decide.'), out ? box(said(out, isCode)) : noAnswer()];
  if (!out || out.fail) return [checks, noAnswer(), h('h3', {}, 'Golden'), box(prose(found.golden, isCode))];
  return [checks, answers(found, layoutSwitch()), ...difference(found.golden, out.t, out.dg, ['golden', 'this run'], isCode),
    note('The golden is a reference; where other words are allowed, the checks decide.')];
}

function baselineTab(i, found, out, isCode) {
  if (found.base === null) return [note('The baseline has no answer to this case.')];
  if (!out || out.fail) return [noAnswer(), h('h3', {}, 'Baseline'), box(prose(found.base, isCode))];
  return [answers(found, layoutSwitch()), ...difference(found.base, out.t, out.db, ['baseline', 'this run'], isCode)];
}

function outputTab(i, found, out, isCode) {
  const choices = [[false, 'Plain'], [true, 'Formatted']];
  const choose = (value) => { look.formatted = value; again(); };
  const shown = out && look.formatted && !isCode && !out.fail ? formatted(textOf(out.t)) : out ? said(out, isCode) : noAnswer();
  return [...found.input.flatMap(([name, text]) => [addText(h('h3', {}, 'Input '), name), box(prose(text))]),
    h('h3', {}, 'Output'), answers(found, segments('Rendering', choices, look.formatted, choose)), box(shown)];
}

function promptTab(i, found) {
  const prompt = META.prompts[META.subjects[INDEX.su[i]].prompt];
  const isOther = prompt.b !== null;
  const title = isOther ? `${prompt.before} → ${prompt.now}` : `${prompt.now}, the same template as in the baseline`;
  const edits = prompt.o === null ? null : typeof prompt.o === 'number' ? prompt.o : { k: 'words', o: prompt.o };
  return [h('div', { class: 'bar' }, addText(h('b'), title), isOther ? layoutSwitch() : null),
    ...(isOther ? difference(prompt.b, prompt.c, edits, [prompt.before ?? 'before', prompt.now], true) : [box(prose(prompt.c, true))]),
    ...found.input.flatMap(([name, text]) => [addText(h('h3', {}, 'With '), name), box(prose(text))])];
}

const heads = (names) => h('thead', {}, h('tr', {}, names.map(([name, isNumber]) => h('th', { scope: 'col', class: isNumber ? 'num' : null }, name))));

function scoresTab(i, found) {
  const reasons = found.checks.filter((check) => check.why);
  const shown = { true: 'passed', false: 'failed', null: '–' };
  return [h('table', { class: 'grid' }, heads([['Scorer'], ['Baseline', true], ['This run', true], ['Trials passed', true], ['Result']]),
    h('tbody', {}, found.scores.map(([name, before, now, passing, ok]) => h('tr', {},
      addText(h('th', { scope: 'row' }), name), h('td', { class: 'num' }, before), h('td', { class: 'num' }, now),
      h('td', { class: 'num faint' }, passing), h('td', { class: ok === false ? 'regressed' : 'unchanged' }, shown[ok]))))),
  note('Of one trial a side: the first that passed in the baseline, the first that failed now.'),
  ...reasons.flatMap((check) => [addText(h('h3', {}, 'What is said by '), check.name), box(prose(check.why))])];
}

function side(title, trials, outs, isCode) {
  if (trials.length === 0) return [];
  const word = (trial) => (trial.pass === true ? '✓ passed' : trial.pass === false ? '✗ failed' : trial.outcome);
  const facts = (trial) => [trial.ms === null ? '' : `${trial.ms} ms`, trial.cost, trial.tokens && `${trial.tokens} tokens`,
    trial.attempts > 1 ? `${trial.attempts} attempts` : '', trial.origin, trial.fresh ? 'drawn to confirm' : ''].filter(Boolean);
  return [h('h3', {}, title), ...trials.map((trial, k) => {
    const first = trials.findIndex((other) => other.o === trial.o);
    const isRepeated = trial.o !== null && first !== k;
    return h('div', { class: 'trial' },
      h('p', { class: 'th' }, h('b', {}, `Trial ${trial.n}`), h('span', { class: trial.pass === false ? 'regressed' : 'unchanged' }, word(trial)),
        facts(trial).map((fact) => addText(h('span'), fact)), isRepeated ? h('span', {}, `same answer as trial ${trials[first].n}`) : null),
      trial.o === null ? note('This answer is in trials.csv.') : isRepeated ? null : said(outs[trial.o], isCode));
  })];
}

function historyTab(i, found) {
  const { runs } = suiteOf(i);
  if (runs.length < 2) return [note('This is the first run of its suite that can be told.')];
  const steps = course(INDEX, i).slice(-runs.length);
  const large = bars(steps, 40, 90);
  const shown = (past) => (past === null ? 'not there' : past === 'unmeasured' ? 'no result' : `${Math.round(past * 100)} %`);
  const role = (id, k) => (k === runs.length - 1 ? ' (this run)' : id === suiteOf(i).base ? ' (baseline)' : '');
  const row = ([id, day, changes], k) => h('tr', {},
    h('th', { scope: 'row', class: 'nowrap' }, day, role(id, k)),
    addText(h('td', { class: 'mono' }), id),
    h('td', { class: 'num' }, shown(found.history[k] ?? null)),
    addText(h('td', { class: 'faint' }), changes.join(', ')));
  return [box(large), h('table', { class: 'grid' }, heads([['Day'], ['Run'], ['Trials passed', true], ['What changed']]),
    h('tbody', {}, runs.map(row).reverse()))];
}

function detailsTab(i, found) {
  const suite = suiteOf(i);
  const row = ([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), addText(h('td', { class: 'mono' }), value));
  return [h('table', { class: 'grid' }, h('tbody', {}, found.meta.map(row))),
    h('h3', {}, 'Look at it again'), command(`regauge show ${shellWord(suite.run)} ${shellWord(INDEX.ids[i])}`),
    h('h3', {}, 'Run it again'), command(`regauge run ${shellWord(suite.name)} --filter ${shellWord(INDEX.ids[i])} --trials 20`)];
}

function view(tab, i, found) {
  const isCode = found.lang === 'json';
  const out = found.outs[look.answer];
  switch (tab) {
    case 'baseline': return baselineTab(i, found, out, isCode);
    case 'output': return outputTab(i, found, out, isCode);
    case 'prompt': return promptTab(i, found);
    case 'scores': return scoresTab(i, found);
    case 'trials': return [...side('This run', found.c, found.outs, isCode), ...side('Baseline', found.before.c, found.before.outs, isCode)];
    case 'history': return historyTab(i, found);
    case 'details': return detailsTab(i, found);
    default: return goldenTab(i, found, out, isCode);
  }
}

function notHere(i) {
  const why = 'The texts of this case are not in this file: it was written with a limit on its size, and cases that '
    + 'changed come first. Its row is complete.';
  return [h('p', {}, why),
    h('h3', {}, 'Show it from the history'), command(`regauge show ${shellWord(suiteOf(i).run)} ${shellWord(INDEX.ids[i])}`)];
}

// ---- the drawer ----------------------------------------------------------------------------------------------------

const tool = (name, text, press) => h('button', { class: 'tb', type: 'button', 'aria-label': text, title: text, on: { click: press } }, icon(name));

function command(text) {
  const button = h('button', { type: 'button', 'aria-label': 'Copy the command', title: 'Copy', on: { click: () => copy(text, button) } }, icon('copy'));
  return h('div', { class: 'cmd' }, h('span', {}, text), button);
}

function facts(i) {
  const side = (passed, trials) => trialsOf(passed, trials, 'no result').replace(' of ', '/');
  const before = INDEX.bp[i] < 0 && INDEX.jb[i] === null ? '–' : side(INDEX.bp[i], INDEX.bt[i]);
  const first = INDEX.first[i] === null ? null : suiteOf(i).runs[INDEX.first[i]];
  const fact = (name, value) => h('span', {}, `${name} `, h('b', {}, value));
  return [fact('Passed', `${before} → ${side(INDEX.cp[i], INDEX.ct[i])}`),
    INDEX.p[i] === null ? null : fact('Noise alone', `p ${probability(INDEX.p[i])}`),
    first ? fact('Bad since', first[1]) : null, many ? addText(h('span'), subjectName(META, INDEX.su[i])) : null];
}

function header(i, found, tab) {
  const at = order.indexOf(i);
  const distinct = found && found.c.length > 1 ? (found.outs.length > 1 ? `${found.outs.length} distinct` : 'identical') : null;
  const place = at >= 0 ? `${at + 1} of ${order.length}` : '';
  const tabButton = ([key, name], k) => {
    const isShown = key === tab;
    const attributes = {
      type: 'button', role: 'tab', id: `tab-${key}`, 'aria-selected': String(isShown), 'aria-controls': 'panel',
      tabindex: isShown ? 0 : -1, title: `Key ${k + 1}`, on: { click: () => setTab(key) },
    };
    return h('button', attributes, name, key === 'trials' && distinct ? h('i', {}, distinct) : null);
  };
  return h('div', { class: 'dh' },
    h('div', { class: 'dh-1' }, pill(verdictOf(i)), h('span', { class: 'sp' }), h('span', { class: 'faint nowrap' }, place),
      tool('prev', 'Previous case (k)', () => step(-1)),
      tool('next', 'Next case (j)', () => step(1)),
      tool('link', 'Copy link (y)', copyLink),
      tool('close', 'Close (Esc)', closeCase)),
    line('h2', { id: 'dt', tabindex: -1 }, INDEX.ids[i]),
    h('p', { class: 'sum' }, facts(i)),
    h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views of the case', on: { keydown: tabKeys } },
      TABS.map(tabButton)));
}

function footer(i, found) {
  if (META.eyesOff) {
    return h('div', { class: 'df' },
      h('p', { class: 'faint' }, 'A golden cannot be accepted unread. Decide where the texts are:'),
      command(`regauge review ${shellWord(suiteOf(i).run)}`));
  }
  const made = decisionOf(i)?.action;
  const decide = (action, text, key) => {
    const press = () => setDecision(i, found, action);
    const attributes = { class: 'btn', type: 'button', 'aria-pressed': String(made === action), title: `Key ${key}`, on: { click: press } };
    return h('button', attributes, text);
  };
  const copyBug = () => copy(bugText(i, found), bug, 'Copy bug text');
  const bug = h('button', { class: 'btn', type: 'button', on: { click: copyBug } }, icon('copy'), 'Copy bug text');
  if (!found.outs[look.answer]?.h) return h('div', { class: 'df' }, bug);
  return h('div', { class: 'df' },
    decide('accept', 'Accept as golden', 'a'), decide('reject', 'Reject', 'r'), bug,
    h('span', { class: 'hint' }, 'Decisions stay in this page until you download them.'));
}

async function openCase(i, focus) {
  current = i;
  const found = await detail(i).catch(() => null);
  if (current !== i) return;
  if (look.key !== INDEX.keys[i]) {
    look.key = INDEX.keys[i];
    look.answer = found ? found.rep : 0;
  }
  const tab = TABS.some(([key]) => key === state.t) ? state.t : 'golden';
  const attributes = { class: 'db', role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab-${tab}`, tabindex: 0 };
  const panel = h('div', attributes, found ? view(tab, i, found) : notHere(i));
  drawer.replaceChildren(header(i, found, tab), panel, ...(found ? [footer(i, found)] : []));
  drawer.hidden = false;
  document.documentElement.classList.add('open');
  mark(i);
  document.title = `${INDEX.ids[i]} · ${META.title}`;
  if (focus !== false) $('#dt').focus({ preventScroll: true });
}

function closeCase() {
  const row = $(`tr[data-i="${current}"] a`, body);
  drawer.hidden = true;
  document.documentElement.classList.remove('open');
  current = -1;
  look.key = '';
  keep({ c: '', t: start.t });
  document.title = META.title;
  mark(-1);
  (row ?? cameFrom ?? $('#q')).focus({ preventScroll: true });
}

function step(by) {
  const at = order.indexOf(current);
  const next = order[at < 0 ? 0 : at + by];
  if (next === undefined) return;
  keep({ c: INDEX.keys[next] });
  openCase(next);
  reveal(next);
}

async function setTab(tab) {
  keep({ t: tab });
  await openCase(current, false);
  $(`#tab-${tab}`).focus();
}

function tabKeys(event) {
  const at = TABS.findIndex(([key]) => key === (TABS.some(([known]) => known === state.t) ? state.t : 'golden'));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  setTab(TABS[(to + TABS.length) % TABS.length][0]);
}

// ---- decisions, copies ---------------------------------------------------------------------------------------------

const decisionKey = (i) => JSON.stringify([META.subjects[INDEX.su[i]].suite, INDEX.ids[i]]);
const decisionOf = (i) => decisions.get(decisionKey(i));

function setDecision(i, found, action) {
  const out = found.outs[look.answer];
  if (!out?.h || META.eyesOff) return;
  const key = decisionKey(i);
  const made = { suite: META.subjects[INDEX.su[i]].suite, case: INDEX.ids[i], action, old: found.gh, output: out.h };
  if (JSON.stringify(decisions.get(key)) === JSON.stringify(made)) decisions.delete(key);
  else decisions.set(key, made);
  $('#decide').hidden = decisions.size === 0;
  $('#decide span').textContent = counted(decisions.size, 'decision', 'decisions');
  $('#live').textContent = $('#decide span').textContent;
  again();
}

function download() {
  for (const { name, text } of decisionFiles(META, [...decisions.values()])) {
    const link = h('a', { href: URL.createObjectURL(new Blob([text], { type: 'application/json' })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

function bugText(i, found) {
  const suite = suiteOf(i);
  const reasons = found.checks.filter((check) => check.ok === false).map((check) => `- ${check.name}: ${check.why}`);
  const again = `regauge run ${shellWord(suite.name)} --filter ${shellWord(INDEX.ids[i])} --trials 20`;
  return [`### ${INDEX.ids[i]}: ${verdictOf(i)}`, `Run ${suite.run} against ${suite.base ?? 'nothing'}: ${trialsText(i)}.`,
    ...(reasons.length ? [reasons.join('\n')] : []), `Reproduce: \`${again}\``].join('\n\n').concat('\n');
}

async function copy(text, button, words) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h('textarea', {}, text);
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  $('#live').textContent = 'Copied';
  if (!button) return;
  button.replaceChildren(icon('check'), ...(words ? ['Copied'] : []));
  setTimeout(() => button.replaceChildren(icon('copy'), ...(words ? [words] : [])), 1400);
}

const copyLink = () => copy(location.href, null);

// ---- wiring --------------------------------------------------------------------------------------------------------

/** Shows what the fragment says. A link to a case that the filters hide still opens it. */
function follow() {
  state = stateOf(location.hash, start);
  render();
  const i = byKey.get(state.c);
  if (i !== undefined) openCase(i, i !== current);
  else if (!drawer.hidden) closeCase();
}

function toggleVerdict(verdict) {
  if (verdict === 'all') return keep({ v: state.v === 'all' ? start.v : 'all' });
  const shown = new Set(state.v === 'all' ? [] : state.v.split(','));
  if (!shown.delete(verdict)) shown.add(verdict);
  return keep({ v: META.verdicts.filter((known) => shown.has(known)).join(',') || 'all' });
}

document.addEventListener('click', (event) => {
  const target = event.target;
  const copied = target.closest('button.copy');
  if (copied) copy(copied.previousElementSibling.textContent, copied);
  const chip = target.closest('.chip[data-v]');
  if (chip) {
    toggleVerdict(chip.dataset.v);
    render();
  }
  const shown = target.closest('[data-show]');
  if (shown) showSubject(shown);
  const row = target.closest('tr.r');
  if (row && getSelection().toString() === '' && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    cameFrom = row;
    keep({ c: INDEX.keys[row.dataset.i] }, true);
    openCase(Number(row.dataset.i));
  }
  const link = target.closest('main a[href^="#v="]');
  if (link) setTimeout(() => $('#cases').scrollIntoView());
});

/** One subject of a suite at a time; all of them where there is no script. */
function showSubject(button) {
  const suite = button.closest('section');
  for (const other of $$('[data-show]', suite)) other.setAttribute('aria-pressed', String(other === button));
  for (const part of $$('[data-of]', suite)) part.classList.toggle('other', part.dataset.of !== button.dataset.show);
}

let waiting = 0;
$('#q').addEventListener('input', (event) => {
  clearTimeout(waiting);
  const type = () => { keep({ q: event.target.value }); render(); };
  waiting = setTimeout(type, INDEX && INDEX.n > 5000 ? 60 : 0);
});
$('#gsel').addEventListener('change', (event) => { keep({ g: event.target.value }); render(); });
$('#osel').addEventListener('change', (event) => { keep({ o: event.target.value }); render(); });
$('#limit').addEventListener('click', () => { keep({ x: '', f: '' }); render(); });
if (many) {
  const names = [['', 'all subjects'], ...META.subjects.map((subject, at) => [String(at), subjectName(META, at)])];
  $('#ssel').append(...names.map(([value, name]) => h('option', { value }, name)));
  $('#ssel').addEventListener('change', (event) => { keep({ u: event.target.value }); render(); });
}
$('#download').addEventListener('click', download);
$('#help').addEventListener('click', () => keysDialog.showModal());
$('#keyson').addEventListener('change', (event) => store.set('keys', event.target.checked ? '' : 'off'));
$('#classic').addEventListener('change', (event) => {
  const colours = event.target.checked ? 'classic' : '';
  document.documentElement.dataset.diff = colours;
  store.set('diff', colours);
});

function toggleTheme() {
  const root = document.documentElement;
  const now = root.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  store.set('theme', root.dataset.theme);
}

$('#theme').addEventListener('click', toggleTheme);

/** Moves to the next or previous change of the difference that is shown. */
function moveToChange(by) {
  const found = $$('#panel [data-run]').filter((element, k, all) => k === 0 || element.dataset.run !== all[k - 1].dataset.run);
  if (found.length === 0) return;
  const at = found.indexOf(document.activeElement);
  const next = found[at < 0 ? (by > 0 ? 0 : found.length - 1) : (at + by + found.length) % found.length];
  next.tabIndex = -1;
  next.focus();
}

function openFirst() {
  if (order.length === 0) return;
  keep({ c: INDEX.keys[order[0]] }, true);
  openCase(order[0]);
}

const decideByKey = (action) => {
  const i = current;
  detail(i).then((found) => found && i === current && setDecision(i, found, action));
};

/** What keys do everywhere, and what they do while a case is open. */
const KEYS = {
  '/': () => $('#q').focus(),
  '?': () => keysDialog.showModal(),
  t: toggleTheme,
  j: () => (drawer.hidden ? openFirst() : step(1)),
  k: () => (drawer.hidden ? openFirst() : step(-1)),
};
const CASE_KEYS = {
  d: () => setLayout(look.layout === 'side' ? 'inline' : 'side'),
  n: () => moveToChange(1),
  p: () => moveToChange(-1),
  a: () => decideByKey('accept'),
  r: () => decideByKey('reject'),
  y: copyLink,
};

document.addEventListener('keydown', (event) => {
  if (keysDialog.open) return;
  if (event.key === 'Escape' && !drawer.hidden) {
    closeCase();
    return;
  }
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (isTyping || !INDEX || event.ctrlKey || event.metaKey || event.altKey || store.get('keys') === 'off') return;
  const tab = /^[1-8]$/.test(event.key) ? TABS[Number(event.key) - 1][0] : null;
  const ofCase = tab ? () => setTab(tab) : Object.hasOwn(CASE_KEYS, event.key) ? CASE_KEYS[event.key] : null;
  const press = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : drawer.hidden ? null : ofCase;
  if (!press) return;
  event.preventDefault();
  press();
});

addEventListener('hashchange', follow);
addEventListener('scroll', () => { if (rows.length > MOST_ROWS) requestAnimationFrame(paint); }, { passive: true });
addEventListener('resize', () => { drawn = ''; paint(); });

// What is folded is printed too.
let folded = [];
addEventListener('beforeprint', () => {
  folded = $$('details:not([open])');
  for (const details of folded) details.open = true;
});
addEventListener('afterprint', () => { for (const details of folded) details.open = false; });

function begin() {
  const theme = store.get('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (store.get('diff') === 'classic') {
    document.documentElement.dataset.diff = 'classic';
    $('#classic').checked = true;
  }
  $('#keyson').checked = store.get('keys') !== 'off';
  document.documentElement.classList.add('js');
}

/** Reads the index and draws the list. Where that fails, what stands in the page without a script stays. */
async function load() {
  begin();
  try {
    if (META.format !== FORMAT) throw new Error(`the data has format ${META.format}`);
    const index = await unpack($('#index'));
    index.keys.forEach((key, i) => byKey.set(key, i));
    HAY = index.ids.map((id, i) => [id, index.prev[i], index.why[i], index.marks[i], many ? subjectName(META, index.su[i]) : '',
      index.check[i] === null ? '' : META.clusters[index.check[i]][0]].join(' ').toLowerCase());
    INDEX = index;
  } catch (error) {
    $('#fail').textContent = `The list of cases could not be read (${error.message}). The summary above is complete; `
      + 'the list needs a browser of 2023 or later.';
    $('#fail').hidden = false;
    document.documentElement.classList.remove('js');
    return;
  }
  const attention = ATTENTION.split(',').map((verdict) => META.verdicts.indexOf(verdict));
  if (!INDEX.v.some((verdict) => attention.includes(verdict))) start.v = 'all';
  follow();
  performance.mark('ready');
}

load();
