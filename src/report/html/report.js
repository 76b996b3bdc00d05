// Filters, links to cases, copying, light and dark. The page is complete without any of it.
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const input = document.getElementById('q');
  const count = document.getElementById('count');
  const chips = all('.chip[data-v]');
  const cases = all('tbody.case').map((body) => ({
    body,
    verdict: body.dataset.v,
    text: body.querySelector('tr.r').textContent.toLowerCase(),
  }));
  const parts = all('.part').map((part) => ({ part, shown: 0 }));
  const partOf = new Map(parts.map((entry) => [entry.part, entry]));
  for (const entry of cases) entry.part = partOf.get(entry.body.closest('.part'));
  const chosen = new Set();

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => words.every((word) => (
      word.length > 1 && word.startsWith('-') ? !text.includes(word.slice(1)) : text.includes(word)));
    let shown = 0;
    for (const entry of parts) entry.shown = 0;
    for (const { body, verdict, text, part } of cases) {
      const keep = (chosen.size === 0 || chosen.has(verdict)) && fits(text);
      body.hidden = !keep;
      shown += keep ? 1 : 0;
      part.shown += keep ? 1 : 0;
    }
    for (const entry of parts) entry.part.hidden = entry.shown === 0;
    root.classList.toggle('filtered', shown < cases.length);
    count.textContent = `${shown} of ${cases.length} listed cases shown`;
  };

  for (const chip of chips) {
    chip.addEventListener('click', () => {
      const verdict = chip.dataset.v;
      if (verdict === 'all') chosen.clear();
      else if (!chosen.delete(verdict)) chosen.add(verdict);
      for (const other of chips) {
        const on = other.dataset.v === 'all' ? chosen.size === 0 : chosen.has(other.dataset.v);
        other.setAttribute('aria-pressed', String(on));
      }
      filter();
    });
  }
  let waiting = 0;
  input.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 60);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    input.focus();
  });

  // A link to a case opens it, also where the filter hides it.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.closest('tbody.case details');
    if (!details) return;
    details.open = true;
    const body = details.closest('tbody');
    body.hidden = false;
    body.closest('.part').hidden = false;
    body.scrollIntoView();
    details.querySelector('summary').focus({ preventScroll: true });
  };
  addEventListener('hashchange', follow);
  follow();

  for (const button of all('.copy')) {
    button.addEventListener('click', () => {
      const text = button.previousElementSibling.textContent;
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => button.classList.add('done'), () => {});
    });
  }

  document.getElementById('theme').addEventListener('click', () => {
    const dark = getComputedStyle(root).colorScheme === 'dark'
      || (root.dataset.theme === undefined && matchMedia('(prefers-color-scheme: dark)').matches);
    root.dataset.theme = dark ? 'light' : 'dark';
  });

  // What is closed is printed too.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details.data:not([open])');
    for (const details of closed) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of closed) details.open = false;
  });
})();
