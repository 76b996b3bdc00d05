// The list of cases. Text comes to the page as text nodes and as attributes of a fixed list of names; there is no
// markup made of it, no style attribute, no request of any kind.

const SVG = 'http://www.w3.org/2000/svg';
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with attributes, listeners under `on`, and children: nodes, texts, lists of them, or nothing. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const icon = (name) => s('svg', { class: 'ic', 'aria-hidden': 'true' }, s('use', { href: `#i-${name}` }));

/** Adds a text; controls and direction marks are drawn as boxes and never acted on. */
function addText(element, text) {
  for (const [name, piece] of controls(text)) {
    element.append(name === null ? piece : h('span', { class: 'ctl' }, name));
  }
  return element;
}

const line = (tag, attributes, text) => addText(h(tag, { dir: 'auto', ...attributes }), text);

/** What a reader chose stays in this browser, where it may. */
const store = {
  get(key) {
    try { return localStorage.getItem(`regauge.${key}`); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(`regauge.${key}`, value); } catch { /* a private window */ }
  },
};

// ---- data ----------------------------------------------------------------------------------------------------------

const META = JSON.parse($('#meta').textContent);
let INDEX = null;
let HAY = [];
const byKey = new Map();
const blocks = new Map();
const KEPT_BLOCKS = 6;

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

async function unpack(element) {
  const stream = new Blob([bytesOf(element.textContent.trim())]).stream();
  return JSON.parse(await new Response(stream.pipeThrough(new DecompressionStream('gzip'))).text());
}

/** When all of the page is there: blocks stand behind the script. */
const parsed = new Promise((done) => {
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', done);
  else done();
});

/** All that is known of a case; null where the file has no room for it. */
async function detail(i) {
  const at = Math.floor(i / META.chunk);
  if (!blocks.has(at)) {
    if (!$(`#d${at}`)) await parsed;
    const element = $(`#d${at}`);
    if (!element) return null;
    blocks.set(at, unpack(element));
    if (blocks.size > KEPT_BLOCKS) blocks.delete(blocks.keys().next().value);
  }
  return (await blocks.get(at))[i - at * META.chunk];
}

// ---- state: every view is a link -----------------------------------------------------------------------------------

const start = { ...START };
let state = { ...START };

function keep(changes, isNew) {
  Object.assign(state, changes);
  const fragment = fragmentOf(state, start);
  if (fragment === location.hash || (fragment === '#' && location.hash === '')) return;
  history[isNew ? 'pushState' : 'replaceState'](null, '', fragment);
}

// ---- drawings ------------------------------------------------------------------------------------------------------

const MOST_DOTS = 10;

/** Trials: filled where they passed, hollow where not; the shape carries the meaning. */
function dots(passed, trials) {
  if (passed < 0) return '–';
  if (trials > MOST_DOTS) return `${passed}/${trials}`;
  const drawn = s('svg', { width: trials * 10, height: 10, viewBox: `0 0 ${trials * 10} 10`, 'aria-hidden': 'true' });
  for (let k = 0; k < trials; k += 1) {
    const isPassed = k < passed;
    drawn.append(s('circle', { cx: k * 10 + 4.5, cy: 5, r: isPassed ? 3.6 : 2.9, class: isPassed ? 'p-ok' : 'p-no' }));
  }
  return drawn;
}

function runWords(step) {
  if (step === null) return 'not there';
  if (step < 0) return 'no result';
  return step === ALL_PASSED ? 'all passed' : step === 0 ? 'none passed' : 'some passed';
}

/** A bar for each of the newest runs: its height is the share of trials that passed. */
function bars(steps, width = 7, height = 18) {
  const words = `last runs, oldest first: ${steps.map(runWords).join(', ')}`;
  const drawn = s('svg', {
    width: steps.length * width, height, viewBox: `0 0 ${steps.length * width} ${height}`, role: 'img', 'aria-label': words,
  });
  steps.forEach((step, k) => {
    const share = step === null || step < 0 ? 0.18 : 0.22 + (0.78 * step) / ALL_PASSED;
    const size = Math.max(2, Math.round(share * height));
    const kind = step === null ? 'h-na' : step < 0 ? 'h-err' : step === ALL_PASSED ? 'h-ok' : step > 0 ? 'h-part' : 'h-no';
    drawn.append(s('rect', { x: k * width, y: height - size, width: width - 2, height: size, rx: 1, class: kind }));
  });
  return drawn;
}

const pill = (verdict) => h('span', { class: `pill ${verdict}` }, icon(verdict), label(verdict));
const probability = (p) => (p < 0.001 ? '< 0.001' : p.toFixed(3));
const verdictOf = (i) => META.verdicts[INDEX.v[i]];
const suiteOf = (i) => META.suites[META.subjects[INDEX.su[i]].suite];
const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

function trialsOf(passed, trials, none) {
  return passed < 0 ? none : `${passed} of ${trials}`;
}

function trialsText(i) {
  const before = trialsOf(INDEX.bp[i], INDEX.bt[i], 'no result');
  return `passed ${before} trials before, ${trialsOf(INDEX.cp[i], INDEX.ct[i], 'no result')} now`;
}

function signed(number, digits) {
  const text = Math.abs(number).toFixed(digits);
  return Number(text) === 0 ? text : `${number < 0 ? '−' : '+'}${text}`;
}

// ---- rows ----------------------------------------------------------------------------------------------------------

/** Rows up to which all are in the page, so that the browser finds in them; above it a window between two spacers. */
const MOST_ROWS = 500;
const MARGIN_ROWS = 15;
const body = $('#rows');
const columns = $$('#table thead th').length;
let order = [];
let rows = [];
let current = -1;
let drawn = '';

const many = META.subjects.length > 1;
const isShort = META.suites.every((suite) => suite.runs.length < 2);
$('#table').classList.toggle('no-course', isShort);

function rowOf(i) {
  const verdict = verdictOf(i);
  const score = INDEX.jb[i] === null || INDEX.js[i] === null ? '' : signed(INDEX.js[i] - INDEX.jb[i], 2);
  const first = INDEX.first[i] === null ? null : suiteOf(i).runs[INDEX.first[i]];
  const below = [many ? subjectName(META, INDEX.su[i]) : '', INDEX.marks[i], INDEX.prev[i]].filter(Boolean).join(' · ');
  return h('tr', { class: 'r', 'data-i': i, 'aria-current': i === current ? 'true' : null },
    h('td', { class: `v ${verdict}` }, h('span', {}, icon(verdict), label(verdict))),
    h('td', { class: 'id' },
      line('a', { href: fragmentOf({ ...state, c: INDEX.keys[i] }, start) }, INDEX.ids[i]),
      line('p', {}, below || '\u00a0')),
    h('td', { class: 'why c-why' }, line('p', {}, INDEX.why[i])),
    h('td', { class: 'c-trials' }, h('span', { class: 'vh' }, trialsText(i)),
      h('span', { class: 'dots', 'aria-hidden': 'true' },
        dots(INDEX.bp[i], INDEX.bt[i]), h('span', {}, '→'), dots(INDEX.cp[i], INDEX.ct[i]))),
    h('td', { class: 'num c-p' }, INDEX.p[i] === null ? '' : probability(INDEX.p[i])),
    h('td', { class: 'num c-score' }, score),
    h('td', { class: 'c-hist' }, isShort ? null : bars(course(INDEX, i))),
    h('td', { class: 'num c-since faint', title: first ? `run ${first[0]}` : null }, first ? first[1].slice(5) : ''));
}

/** Draws the list for the state. */
function render() {
  if (!INDEX) return;
  const found = visible(INDEX, HAY, META.verdicts, state);
  const groups = grouped(found, titles(INDEX, META, state.g));
  order = groups.flatMap(([, cases]) => cases);
  rows = groups.flatMap(([title, cases]) => (title === null ? cases : [{ title, size: cases.length }, ...cases]));
  const shown = state.v.split(',');
  for (const chip of $$('.chip[data-v]')) {
    const verdict = chip.dataset.v;
    chip.setAttribute('aria-pressed', String(verdict === 'all' ? state.v === 'all' : shown.includes(verdict)));
  }
  if ($('#q').value !== state.q) $('#q').value = state.q;
  $('#gsel').value = state.g;
  $('#osel').value = state.o;
  if (many) $('#ssel').value = state.u;
  $('#count').textContent = order.length === INDEX.n ? `all ${INDEX.n}` : `${order.length} of ${INDEX.n} shown`;
  const limits = [META.groups[state.x], META.clusters[state.f]?.[0]].filter(Boolean);
  $('#limit').hidden = limits.length === 0;
  $('#limit span').replaceChildren();
  addText($('#limit span'), limits.join(' · '));
  $('#table').setAttribute('aria-rowcount', String(rows.length + 1));
  drawn = '';
  paint();
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 46;

/** The rows that are in sight, and some more. */
function windowOf() {
  if (rows.length <= MOST_ROWS) return [0, rows.length];
  const above = Math.floor(-body.getBoundingClientRect().top / rowHeight()) - MARGIN_ROWS;
  const first = Math.min(Math.max(0, above - (above % 10)), rows.length - 1);
  return [first, Math.min(rows.length, first + Math.ceil(innerHeight / rowHeight()) + 3 * MARGIN_ROWS)];
}

function spacer(size) {
  const cell = h('td', { colspan: columns });
  cell.style.height = `${size * rowHeight()}px`;
  return h('tr', { 'aria-hidden': 'true' }, cell);
}

function paint() {
  if (rows.length === 0) {
    drawn = '';
    body.replaceChildren(h('tr', {}, h('td', { colspan: columns, class: 'empty' }, 'No case matches. ',
      h('a', { href: '#v=all' }, 'Show all cases'))));
    return;
  }
  const [first, end] = windowOf();
  if (drawn === `${first}-${end}`) return;
  drawn = `${first}-${end}`;
  const made = rows.slice(first, end).map((row, k) => {
    const element = typeof row === 'number' ? rowOf(row) : h('tr', { class: 'group' },
      h('th', { colspan: columns, scope: 'rowgroup' }, addText(h('span'), row.title),
        h('small', {}, counted(row.size, 'case', 'cases'))));
    element.setAttribute('aria-rowindex', String(first + k + 2));
    return element;
  });
  if (first > 0) made.unshift(spacer(first));
  if (end < rows.length) made.push(spacer(rows.length - end));
  body.replaceChildren(...made);
}

function reveal(i) {
  const row = $(`tr[data-i="${i}"]`, body);
  if (row) {
    row.scrollIntoView({ block: 'nearest' });
    return;
  }
  const at = rows.indexOf(i);
  if (at >= 0) scrollTo(0, body.getBoundingClientRect().top + scrollY + at * rowHeight() - innerHeight / 2);
}

function mark(i) {
  for (const row of $$('tr.r', body)) {
    if (Number(row.dataset.i) === i) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
}
