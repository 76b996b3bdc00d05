// How a reviewer uses the page: filter, sort, links, keys, the drawer, decisions; and what is left without a script.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { NARROW, browser, open, picture, violations } from './browser.mjs';
import { World, questions, worse } from './world.mjs';

let chrome;
let world;
before(async () => {
  chrome = await browser();
  world = await World.of({ cases: questions(48), answer: worse });
  await world.run('v1');
  await world.run('v2');
});
after(async () => {
  await chrome.close();
  await world.end();
});

/** Opens the page, does what is to be done with it, and finds no fault of the page. */
async function on(options, act) {
  const page = await open(chrome, world.page, options);
  await act(page);
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

const ids = (page) => page.locator('#rows tr.r .id a').allInnerTexts();
const drawer = (page) => page.locator('#drawer');

describe('the metrics', () => {
  for (const width of [660, 920, 1060, 1100, 1200, 1280, 1340, 1380, 1440]) {
    test(`have names that can be read on a screen of ${width} px`, () =>
      on({ size: { width, height: 900 } }, async (page) => {
        for (const name of await page.locator('.forest th[scope=row]').all()) {
          const box = await name.boundingBox();
          assert.ok(box.width >= 100, `a column of ${box.width} px`);
        }
      }));
  }
});

describe('the list of cases', () => {
  test('shows first what needs a look', () =>
    on({}, async (page) => {
      assert.equal((await ids(page)).length, 16);
      assert.match(await page.locator('#count').innerText(), /16 of 48/);
    }));

  test('is filtered by words, of which one with a minus excludes', () =>
    on({ hash: '#v=all' }, async (page) => {
      await page.fill('#q', 'refund');
      assert.deepEqual(new Set((await ids(page)).map((id) => id.split('-')[0])), new Set(['refund']));
      await page.fill('#q', '-refund -account');
      assert.deepEqual(new Set((await ids(page)).map((id) => id.split('-')[0])), new Set(['delivery', 'warranty']));
      await page.fill('#q', 'no-such-case');
      assert.match(await page.locator('#rows').innerText(), /No case matches/);
    }));

  test('takes cases of a verdict in and out', () =>
    on({}, async (page) => {
      await page.click('.chip[data-v=unchanged]');
      assert.equal((await ids(page)).length, 48);
      await page.click('.chip[data-v=suspect]');
      assert.equal((await ids(page)).length, 32);
    }));

  test('is sorted and grouped', () =>
    on({ hash: '#v=all&g=none&o=id' }, async (page) => {
      const sorted = await ids(page);
      assert.deepEqual(sorted, sorted.toSorted());
      await page.selectOption('#gsel', 'group');
      const groups = await page.locator('#rows tr.group').allInnerTexts();
      assert.ok(groups.some((group) => /refund/.test(group)), groups.join());
    }));

  test('keeps its state in the address, so that every view is a link', () =>
    on({}, async (page) => {
      await page.fill('#q', 'refund');
      await page.selectOption('#osel', 'id');
      const address = page.url();
      const shown = await ids(page);
      const other = await open(chrome, world.page, { hash: new URL(address).hash });
      assert.deepEqual(await ids(other), shown);
      await other.context().close();
    }));
});

describe('the drawer of a case', () => {
  test('opens by a click, walks by keys, and closes by the back button with the focus on its row', () =>
    on({}, async (page) => {
      const [first, second] = await ids(page);
      await page.locator('#rows tr.r').first().click();
      await page.waitForSelector('#drawer h2');
      assert.equal(await drawer(page).locator('h2').innerText(), first);
      await page.keyboard.press('j');
      await page.waitForFunction((id) => document.querySelector('#drawer h2').textContent === id, second);
      await page.keyboard.press('k');
      await page.waitForFunction((id) => document.querySelector('#drawer h2').textContent === id, first);
      await page.keyboard.press('Escape');
      await drawer(page).waitFor({ state: 'hidden' });
      assert.equal(await page.evaluate(() => document.activeElement.textContent), first);
    }));

  test('closes by the back button', () =>
    on({}, async (page) => {
      await page.locator('#rows tr.r').first().click();
      await drawer(page).waitFor();
      await page.goBack();
      await drawer(page).waitFor({ state: 'hidden' });
    }));

  test('opens from a link, also where filters hide its case', () =>
    on({ hash: '#c=refund-001' }, async (page) => {
      await drawer(page).waitFor();
      assert.equal(await drawer(page).locator('h2').innerText(), 'refund-001');
      assert.ok(!(await ids(page)).includes('refund-001'));
    }));

  test('has eight tabs, by key and by arrow, none of which faults or breaks a rule of accessibility', async () => {
    const page = await open(chrome, world.page, { hash: '#c=account-003', bypassCSP: true });
    await drawer(page).waitFor();
    const tabs = page.locator('#drawer [role=tab]');
    assert.equal(await tabs.count(), 8);
    for (let n = 1; n <= 8; n++) {
      await page.keyboard.press(String(n));
      await page.waitForFunction((k) => document.querySelectorAll('#drawer [role=tab]')[k].ariaSelected === 'true', n - 1);
      const panel = await page.locator('#drawer [role=tabpanel]').innerText();
      assert.ok(panel.length > 20, `tab ${n} shows: ${panel}`);
      assert.doesNotMatch(panel, /could not be drawn|undefined|NaN|\[object/);
      assert.deepEqual(await violations(page), [], `tab ${n}`);
      await picture(page, `drawer-${n}`, false);
    }
    await page.keyboard.press('1');
    await page.locator('#drawer [role=tab][aria-selected=true]').focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => document.querySelectorAll('#drawer [role=tab]')[1].ariaSelected === 'true');
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('marks what changed word by word', () =>
    on({ hash: '#c=warranty-012&t=baseline' }, async (page) => {
      await drawer(page).waitFor();
      await page.waitForSelector('#panel .prose del');
      assert.deepEqual(await page.locator('#panel .prose del').allInnerTexts(), ['14']);
      assert.deepEqual(await page.locator('#panel .prose ins').allInnerTexts(), ['21']);
    }));

  test('fills a narrow screen', async () => {
    const page = await open(chrome, world.page, { hash: '#c=account-003', size: NARROW, scheme: 'dark', bypassCSP: true });
    await drawer(page).waitFor();
    assert.deepEqual(await violations(page), []);
    await picture(page, 'drawer-narrow', false);
    await page.context().close();
  });
});

test('keys open the help and can be switched off', () =>
  on({}, async (page) => {
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await page.uncheck('#keyson');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    assert.ok(await drawer(page).isHidden());
  }));

test('decisions are downloaded, and carried out by `regauge review --apply`', () =>
  on({ hash: '#c=account-003', acceptDownloads: true }, async (page) => {
    await drawer(page).waitFor();
    await page.keyboard.press('a');
    await page.keyboard.press('j');
    await page.waitForFunction(() => document.querySelector('#drawer h2').textContent !== 'account-003');
    await page.keyboard.press('r');
    const download = page.waitForEvent('download');
    await page.click('#download');
    const file = join(world.folder, 'decisions.json');
    await (await download).saveAs(file);
    const { code, stdout, stderr } = await world.regauge('review', '--apply', 'decisions.json');
    assert.equal(code, 0, stdout + stderr);
    const golden = (await world.read('golden/support.jsonl')).split('\n').map((line) => line && JSON.parse(line));
    assert.equal(golden[2].expected, 'I am sorry, but I cannot help with that request.');
    assert.match(golden[5].expected, /within 8 working days/);
  }));

test('without a script the page answers what happened, how sure it is, why, and which cases', () =>
  on({ javaScriptEnabled: false }, async (page) => {
    const text = await page.locator('body').innerText();
    for (const said of [/fell 33\.3 points/, /90 % interval/, /v1.*→.*v2/, /account-003/, /warranty-048/, /What to do next/i]) {
      assert.match(text, said);
    }
    await picture(page, 'no-script');
  }));

test('on paper stand the summary, the findings and the cases that need a look', () =>
  on({}, async (page) => {
    await page.emulateMedia({ media: 'print' });
    const text = await page.locator('body').innerText();
    assert.match(text, /fell 33\.3 points/);
    assert.match(text, /account-003/);
    assert.ok(await page.locator('#q').isHidden());
    await picture(page, 'print');
  }));
