// Workspaces with a loopback endpoint, run by the real binary, so that every page under test is a real report.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const BINARY = process.env.REGAUGE_BINARY ?? join(TARGET, 'debug', 'regauge');

/** Runs the binary in a folder. */
export function regauge(folder, args, environment = {}) {
  const options = {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, LANG: 'C.UTF-8', ...environment },
    maxBuffer: 1 << 28,
  };
  return new Promise((done) => {
    execFile(BINARY, args, options, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      done({ code, stdout, stderr });
    });
  });
}

/** An endpoint that answers what `answer({ system, user, turn })` says: a text, or a status as a number. */
async function endpoint(answer) {
  const turns = new Map();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { messages, model } = JSON.parse(Buffer.concat(parts));
    const said = (role) => messages.filter((m) => m.role === role).map((m) => m.content).join('\n');
    const [system, user] = [said('system'), said('user')];
    const turn = turns.get(system + user) ?? 0;
    turns.set(system + user, turn + 1);
    const content = answer({ system, user, turn });
    const failed = typeof content === 'number';
    response.writeHead(failed ? content : 200, { 'content-type': 'application/json' });
    const reply = {
      id: 'chat-1',
      object: 'chat.completion',
      created: 1,
      model,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      usage: { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 },
    };
    response.end(JSON.stringify(failed ? { error: { message: 'the server is on fire' } } : reply));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}/v1` };
}

const config = (url, more) => `version: 1
models:
  small:
    provider: openai
    base_url: ${url}
    model: test-model
    params: { temperature: 0.7, seed: 7 }
    limits: { concurrency: 8 }
    timeout: 10s
    retries: 0
    price: { input: 0.15, output: 0.60 }
${more}`;

const prompt = (system) => `---
description: Answer a customer
inputs: [question]
---
system:
${system}
user:
{{ question }}
`;

const suite = (prompts, trials, tolerance, scorers) => `name: support
description: Answer customers of a shop.
prompts: [${prompts}]
models: [small]
dataset: golden/support.jsonl
trials: ${trials}
scorers:
${scorers.map((scorer) => `  - ${scorer}`).join('\n')}
gates:
  - { metric: exact, tolerance: ${tolerance} }
`;

/** A folder with a workspace of one suite. It is gone, with its endpoint, when `end` is called. */
export class World {
  static async of({ cases, answer, trials = 3, tolerance = 0.05, scorers = ['exact'], more = '' }) {
    const world = new World();
    world.folder = await mkdtemp(join(tmpdir(), 'regauge-browser-'));
    world.answer = answer;
    const { server, url } = await endpoint((asked) => world.answer(asked));
    Object.assign(world, { server, trials, tolerance, scorers });
    await world.write('regauge.yaml', config(url, more));
    await world.write('prompts/support/v1.md', prompt('You answer customers of a shop. First version.'));
    await world.write('prompts/support/v2.md', prompt('You answer customers of a shop. Second version.'));
    await world.cases(cases);
    return world;
  }

  async write(path, text) {
    const whole = join(this.folder, path);
    await mkdir(dirname(whole), { recursive: true });
    await writeFile(whole, text);
  }

  read(path) {
    return readFile(join(this.folder, path), 'utf8');
  }

  cases(cases) {
    return this.write('golden/support.jsonl', cases.map((row) => JSON.stringify(row) + '\n').join(''));
  }

  /** Runs the suite with this version of the prompt. */
  async run(version, ...args) {
    await this.write('suites/support.yaml', suite(`support@${version}`, this.trials, this.tolerance, this.scorers));
    return this.regauge('run', 'support', '--report', 'html,json,csv', '--progress', 'none', ...args);
  }

  regauge(...args) {
    return regauge(this.folder, args);
  }

  get page() {
    return join(this.folder, 'reports', 'report.html');
  }

  async end() {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const TOPICS = ['refund', 'delivery', 'account', 'warranty'];

/** Cases about the topics of a shop, each with one right answer. */
export function questions(count) {
  return Array.from({ length: count }, (_, n) => {
    const topic = TOPICS[n % TOPICS.length];
    return {
      id: `${topic}-${String(n + 1).padStart(3, '0')}`,
      question: `Question ${n + 1}: how long do I have to wait for my ${topic}?`,
      expected: right(n + 1),
      tags: [topic],
    };
  });
}

/** The right answer to question `n`. */
export const right = (n) => `You will hear from us within ${n + 2} working days, and there is nothing that you need to do until then.`;

/** The number of the question that is asked. */
export const number = (user) => Number(/Question (\d+)/.exec(user)[1]);

/** What goes wrong with the second version of the prompt: each third question, in one of four ways. */
export function worse({ system, user }) {
  const n = number(user);
  if (system.includes('First') || n % 3) return right(n);
  return [
    `You will hear from us within ${n + 9} working days, and there is nothing that you need to do until then.`,
    'I am sorry, but I cannot help with that request.',
    `{"days": ${n + 2}, "action": null}`,
    'Soon.',
  ][(n / 3) % 4];
}
