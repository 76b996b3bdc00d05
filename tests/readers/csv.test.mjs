// The tables, read back by another library.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { World, number, questions } from './world.mjs';

const ANSWERS = [
  'plain',
  'a "quoted" word, and a comma',
  'two\nlines',
  'three\r\nlines\r\nthat end as on Windows',
  '=HYPERLINK("http://example.invalid","x")',
  '-5',
  '@SUM(A1)',
  '\tindented',
  ' spaces around ',
  'größer als – “ever” 🦀',
  '"',
  ',,,',
];

let world;
before(async () => {
  world = await World.of({
    cases: questions(ANSWERS.length),
    answer: ({ user }) => ANSWERS[number(user) - 1],
    trials: 1,
  });
  await world.run('v1');
});
after(() => world.end());

const table = async (name) => parse(await world.read(`reports/${name}.csv`), { columns: true });
const isFormula = (text) => /^[=+\-@\t\r]/.test(text);

test('each answer comes back as it was, behind an apostrophe where it would be a formula', async () => {
  for (const row of await table('trials')) {
    const answer = ANSWERS[Number(row.case.split('-')[1]) - 1];
    assert.equal(row.output, isFormula(answer) ? `'${answer}` : answer);
  }
});

test('each row says what report.json says', async () => {
  const { suites } = JSON.parse(await world.read('reports/report.json'));
  const cases = suites[0].subjects[0].cases;
  const rows = await table('cases');
  assert.equal(rows.length, cases.length);
  for (const [k, row] of rows.entries()) {
    assert.equal(row.case, cases[k].id);
    assert.equal(row.verdict, cases[k].verdict);
    assert.deepEqual(JSON.parse(row.input), cases[k].input);
    assert.equal(row.expected, cases[k].expected);
    assert.equal(Number(row.passed), cases[k].passed.passed);
  }
});
