// The size table of the HTML report: bytes of the file, and what a reader waits for in headless Chromium.
//
//     cargo build --release && (cd tests/readers && npm ci) && node benches/report-size.mjs [CASES ...]
//
// Every report is a real one: two runs of a suite against an endpoint on loopback, the second with one answer in ten
// worse. Times count from navigation; each is the median of five. It ends with 1 where a figure is twice its target.
import { stat } from 'node:fs/promises';

process.env.REGAUGE_BINARY ??= new URL('../target/release/regauge', import.meta.url).pathname;
const { WIDE, browser, open } = await import('../tests/readers/browser.mjs');
const { World, number, questions, right } = await import('../tests/readers/world.mjs');

const REPEATS = 5;
const TARGETS = {
  200: { file: 0.2, paint: 400, usable: 400, heap: 3, filter: 40, open: 100 },
  1000: { file: 2, paint: 400, usable: 600, heap: 5, filter: 50, open: 100 },
  10000: { file: 18, paint: 400, usable: 800, heap: 15, filter: 60, open: 100 },
  100000: { file: 35, paint: 500, usable: 2000, heap: 90, filter: 100, open: 100 },
};
const UNITS = { file: 'MB', paint: 'ms', usable: 'ms', heap: 'MB', filter: 'ms', open: 'ms' };

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function answer({ system, user }) {
  const n = number(user);
  return system.includes('Second') && n % 10 === 0 ? `Perhaps within ${n} days, perhaps never.` : right(n);
}

/** Waits until what was asked for is drawn, in milliseconds. */
const timed = (page, act) =>
  page.evaluate(
    ({ act }) =>
      new Promise((done) => {
        const start = performance.now();
        new Function(act)();
        const drawn = () => {
          const drawer = document.querySelector('#drawer');
          const settled = act.includes('location') ? !drawer.hidden : true;
          if (settled) done(performance.now() - start);
          else requestAnimationFrame(drawn);
        };
        requestAnimationFrame(() => requestAnimationFrame(drawn));
      }),
    { act },
  );

async function visit(chrome, file, id) {
  const page = await open(chrome, file, { size: WIDE, bypassCSP: true });
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  const times = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    usable: performance.getEntriesByName('ready')[0].startTime,
  }));
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const filter = await timed(
    page,
    "const q = document.querySelector('#q'); q.value = 'warranty'; q.dispatchEvent(new Event('input', { bubbles: true }))",
  );
  const opened = await timed(page, `location.hash = '#c=${id}'`);
  await page.context().close();
  return { ...times, heap: usedSize / 1e6, filter, open: opened };
}

async function measure(chrome, count) {
  const world = await World.of({ cases: questions(count), answer, trials: count > 10_000 ? 1 : 3 });
  try {
    await world.run('v1');
    const { code, stderr } = await world.run('v2');
    if (code !== 1) throw new Error(`the run ended with ${code}: ${stderr}`);
    const visits = [];
    for (let k = 0; k < REPEATS; k++) visits.push(await visit(chrome, world.page, questions(10)[9].id));
    const of = (name) => median(visits.map((visit) => visit[name]));
    const file = (await stat(world.page)).size / 1e6;
    return { file, paint: of('paint'), usable: of('usable'), heap: of('heap'), filter: of('filter'), open: of('open') };
  } finally {
    await world.end();
  }
}

const chrome = await browser();
const counts = process.argv.slice(2).map(Number);
let missed = false;
console.log(['cases', ...Object.keys(UNITS)].join('\t'));
for (const count of counts.length ? counts : Object.keys(TARGETS).map(Number)) {
  const found = await measure(chrome, count);
  const cell = ([name, value]) => {
    const target = TARGETS[count]?.[name];
    missed ||= value > 2 * target;
    return `${value.toFixed(value < 10 ? 1 : 0)} ${UNITS[name]} (${target ?? '–'})`;
  };
  console.log([count, ...Object.entries(found).map(cell)].join('\t'));
}
await chrome.close();
process.exitCode = missed ? 1 : 0;
