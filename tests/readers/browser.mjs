// Headless Chromium with one page of a file, and what it must never do.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 420, height: 900 };

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = process.env.REGAUGE_SCREENSHOTS;

/** Starts the browser that the machine has. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/**
 * Opens a report from the file system. `page.faults` collects what a report must never cause: requests, messages of
 * the console, errors of scripts, dialogs, new windows.
 */
export async function open(chrome, file, { size = WIDE, scheme = 'light', hash = '', ...options } = {}) {
  const context = await chrome.newContext({ viewport: size, colorScheme: scheme, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(file).href + hash;
  page.faults = [];
  const fault = (kind) => (what) => page.faults.push(`${kind}: ${what}`);
  context.on('request', (request) => {
    const known = request.url() === url.split('#')[0] || request.url().startsWith('blob:');
    if (!known) fault('request')(request.url());
  });
  context.on('page', (other) => other !== page && fault('window')(other.url()));
  page.on('console', (message) => fault('console')(message.text()));
  page.on('pageerror', (error) => fault('error')(error.message));
  page.on('dialog', async (dialog) => {
    fault('dialog')(dialog.message());
    await dialog.dismiss();
  });
  await page.goto(url);
  if (options.javaScriptEnabled !== false) {
    await page.waitForFunction(() => performance.getEntriesByName('ready').length > 0);
  }
  return page;
}

/** What an automatic checker of accessibility finds. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

/** Keeps a picture of the page where a folder for pictures is named. */
export async function picture(page, name, whole = true) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: whole });
}
