// Every state that a report can be in, in both themes and at both widths.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NARROW, WIDE, browser, open, picture, violations } from './browser.mjs';
import { ROOT, World, number, questions, right, worse } from './world.mjs';

let chrome;
before(async () => {
  chrome = await browser();
});
after(() => chrome.close());

const same = ({ user }) => right(number(user));

/** Each state: how its report comes about, the exit code, and what the headline says. */
const STATES = {
  regressed: {
    async make(world) {
      await world.run('v1');
      return world.run('v2');
    },
    world: { cases: questions(48), answer: worse },
    code: 1,
    says: /fell .* points/,
  },
  pass: {
    async make(world) {
      await world.run('v1');
      return world.run('v1');
    },
    world: { cases: questions(120), answer: same },
    code: 0,
    says: /No regression/,
  },
  improved: {
    async make(world) {
      await world.run('v2');
      return world.run('v1');
    },
    world: { cases: questions(48), answer: worse },
    code: 0,
    says: /rose .* points/,
  },
  'first run': {
    make: (world) => world.run('v1'),
    world: { cases: questions(12), answer: same },
    code: 0,
    says: /No baseline/,
  },
  incomplete: {
    async make(world) {
      await world.run('v1');
      world.answer = ({ user }) => (number(user) % 2 ? 503 : right(number(user)));
      return world.run('v2');
    },
    world: { cases: questions(12), answer: same },
    code: 3,
    says: /No verdict/,
  },
  inconclusive: {
    async make(world) {
      await world.run('v1');
      return world.run('v2', '--strict');
    },
    world: {
      cases: questions(10),
      answer: ({ system, user, turn }) => {
        const flaky = number(user) % 2 && turn % 3 === (system.includes('First') ? 0 : 1);
        return flaky ? 'Perhaps tomorrow.' : right(number(user));
      },
    },
    code: 4,
    says: /Cannot tell yet/,
  },
  'not comparable': {
    async make(world) {
      await world.run('v1');
      world.scorers = ['exact: { normalize: [casefold, punctuation] }'];
      await world.run('v1', '--baseline', 'none');
      const { stdout } = await world.regauge('history', '--json');
      const [newer, older] = JSON.parse(stdout).map((run) => run.id);
      return world.regauge('compare', older, newer, '--report', 'html');
    },
    world: { cases: questions(12), answer: same },
    code: 3,
    says: /[Nn]ot comparable/,
  },
  'with the texts withheld': {
    async make(world) {
      await world.run('v1');
      return world.run('v2');
    },
    world: { cases: questions(48), answer: worse, more: 'privacy: { eyes_off: true }\n' },
    code: 1,
    says: /fell .* points/,
  },
  'of the example': {
    async make(world) {
      for (const part of ['prompts', 'suites', 'golden']) {
        await rm(join(world.folder, part), { recursive: true, force: true });
        await cp(join(ROOT, part), join(world.folder, part), { recursive: true });
      }
      await cp(join(ROOT, 'regauge.yaml'), join(world.folder, 'regauge.yaml'));
      return world.regauge('run', '--replay', '--progress', 'none');
    },
    world: { cases: questions(1), answer: same },
    code: 1,
    says: /fell .* points/,
  },
};

for (const [name, state] of Object.entries(STATES)) {
  describe(`a report that is ${name}`, () => {
    let world;
    let result;
    before(async () => {
      world = await World.of(state.world);
      result = await state.make(world);
    });
    after(() => world.end());

    test('says so in its headline, and the program ends with the code for it', async () => {
      assert.equal(result.code, state.code, result.stdout + result.stderr);
      const page = await open(chrome, world.page);
      assert.match(await page.locator('h1').innerText(), state.says);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    for (const [width, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      for (const scheme of ['light', 'dark']) {
        test(`is accessible in ${scheme} colours on a ${width} screen`, async () => {
          // The checker's own code is stopped by the policy of the page, so this page is opened without it.
          const page = await open(chrome, world.page, { size, scheme, bypassCSP: true });
          await picture(page, `${name}-${width}-${scheme}`);
          assert.deepEqual(await violations(page), []);
          const across = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(across <= 0, `the page is ${across} px wider than the screen`);
          await page.context().close();
        });
      }
    }
  });
}

