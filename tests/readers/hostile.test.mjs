// Hostile answers, ids and names, through every tab: nothing of them runs, loads, or changes the page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, open } from './browser.mjs';
import { World, number } from './world.mjs';

const ANSWERS = [
  '<script>document.title="pwned"</script>',
  '</script><script>document.title="pwned"</script>',
  '</style></title></textarea><img src=x onerror="document.title=\'pwned\'">',
  '<svg onload="document.title=\'pwned\'"><a href="javascript:alert(1)">x</a></svg>',
  '[link](javascript:alert(1)) ![image](http://127.0.0.1:9/pwned.png) <http://127.0.0.1:9/>',
  '" autofocus onfocus="document.title=\'pwned\'" x="',
  '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">',
  '<iframe srcdoc="<script>top.document.title=\'pwned\'</script>"></iframe>',
  '\u202edenwp\u202c \u2066x\u2069 \u200b\ufeff \u0000 \u001b]0;pwned\u0007',
  '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}',
  '```\n<b>fence</b>\n# heading **strong** `code` <i>x</i>',
  '&lt;script&gt;document.title="pwned"&lt;/script&gt;',
];

let chrome;
let world;
before(async () => {
  chrome = await browser();
  const cases = ANSWERS.map((text, n) => ({
    id: `<img src=x onerror=alert(${n})> #c=${n} "quoted" & more`,
    question: `Question ${n + 1}: ${text}`,
    expected: 'A harmless answer.',
    tags: ['<b>tag</b>', text.slice(0, 40)],
  }));
  const answer = ({ system, user }) => (system.includes('First') ? 'A harmless answer.' : ANSWERS[number(user) - 1]);
  world = await World.of({ cases, answer });
  await world.run('v1');
  const { code, stdout, stderr } = await world.run('v2');
  assert.equal(code, 1, stdout + stderr);
});
after(async () => {
  await chrome.close();
  await world.end();
});

test('every tab of every case shows hostile text as text', async () => {
  const page = await open(chrome, world.page, { hash: '#v=all' });
  const title = await page.title();
  const elements = () => page.evaluate(() => document.querySelectorAll('script, iframe, img, object, embed, form, meta, [onload], [onerror], [onfocus]').length);
  const own = await elements();
  const shown = [];
  for (let n = 0; n < ANSWERS.length; n++) {
    if (n) await page.keyboard.press('j');
    else await page.locator('#rows tr.r').first().click();
    await page.waitForFunction((k) => document.querySelectorAll('#rows tr.r')[k].ariaCurrent === 'true', n);
    for (let tab = 8; tab >= 1; tab--) {
      await page.keyboard.press(String(tab));
      await page.waitForFunction((k) => document.querySelectorAll('#drawer [role=tab]')[k].ariaSelected === 'true', tab - 1);
      if (tab === 3) {
        await page.getByRole('button', { name: 'Formatted' }).click();
        shown.push(await page.locator('#panel').innerText());
      }
    }
  }
  assert.equal(await elements(), own);
  assert.equal(await page.evaluate(() => ({}).polluted), undefined);
  assert.ok(shown.some((text) => text.includes('document.title')), 'the text itself is shown');
  assert.ok((await page.title()).includes(title.slice(0, 10)) || !(await page.title()).includes('pwned'));
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
