// The page: it puts each status where it belongs.

import { byId, element, List, setAttribute, setText } from './dom.js';
import { Chart, stretches } from './charts.js';
import { Feed, Past } from './feed.js';
import { brief, clock, duration, name, one, rate } from './format.js';
import { problems, summary } from './problems.js';
import * as sections from './sections.js';

const past = new Past();
let status; // the last one
let found = []; // what is wrong by it
let link = { state: 'connecting' };
let moment; // the second under the cursor; undefined: now

// What is wrong.
const list = new List(byId('problems'), (p) => p.key, () => {
  const text = element('strong');
  const detail = element('p', { class: 'detail' });
  const todo = element('p', { class: 'todo' });
  return Object.assign(element('li', {}, text, detail, todo), { parts: { text, detail, todo } });
}, ({ parts, dataset }, p) => {
  dataset.level = p.level;
  setText(parts.text, p.text);
  setText(parts.detail, p.detail ?? '');
  setText(parts.todo, p.todo ?? '');
});

function showProblems() {
  const all = lost() ? [away(), ...found] : found;
  list.update(all);
  const title = status || lost() ? summary(all) : 'Connecting to the relay';
  setText(byId('verdict-text'), title);
  byId('verdict').dataset.level = all.some((p) => p.level === 'bad') ? 'bad' : all.length > 0 ? 'warn' : status ? 'good' : '';
  document.title = `${all.length > 0 ? `(${all.length}) ` : ''}redis-relay${status ? ` · ${status.host}` : ''}`;
  announce(all, title);
}

// announce tells who hears the page what has become wrong, once, and when all is well again.
const announced = new Set();
function announce(all, title) {
  const fresh = all.filter((p) => !announced.has(p.key));
  const over = [...announced].filter((key) => !all.some((p) => p.key === key));
  for (const key of over) announced.delete(key);
  for (const p of fresh) announced.add(p.key);
  if (fresh.length > 0) setText(byId('announce'), fresh.map((p) => p.text).join('. '));
  else if (over.length > 0 && all.length === 0) setText(byId('announce'), title);
}

const lost = () => link.state === 'lost';

function away() {
  const lasts = duration((Date.now() - link.since) / 1000);
  const since = link.since ? `No connection to the relay since ${clock(link.since)} (${lasts})` : 'The relay cannot be reached';
  return {
    key: 'relay', level: 'bad', text: `${since}${link.reason ? `: ${name(link.reason, 200)}` : ''}`,
    detail: status ? 'What is below is as it was then.' : '', todo: 'Look whether the process runs. The page tries again by itself.',
  };
}

// The head.
function showLink() {
  byId('link').dataset.state = link.state;
  document.body.classList.toggle('old', lost());
  const words = {
    live: link.reason ? `live, ${link.reason}` : 'live', connecting: 'connecting',
    lost: link.since ? `no connection since ${clock(link.since)}` : 'no connection',
  };
  setText(byId('link-text'), words[link.state]);
}

function showHead() {
  setText(byId('host'), name(status.host));
  const up = duration((Date.parse(status.time) - Date.parse(status.started)) / 1000);
  setText(byId('about'), `${name(status.version)}, pid ${status.pid}, up ${up}`);
}

// The last ten minutes.
const perSecond = (n) => `${rate(n)}/s`;
const charts = [
  new Chart(byId('charts'), {
    title: 'Messages', shown: perSecond, series: [
      { label: 'from Redis', style: 'in', value: (s) => s.rate.received },
      { label: 'published here', style: 'out', value: (s) => s.rate.published },
    ],
  }),
  new Chart(byId('charts'), {
    title: 'Listeners', shown: perSecond, series: [
      { label: 'delivered', style: 'delivered', value: (s) => s.rate.delivered ?? 0 },
      { label: 'missed', style: 'dropped', rare: true, value: (s) => s.rate.dropped ?? 0 },
      { label: 'refused', style: 'refused', rare: true, value: (s) => s.rate.refused },
    ],
  }),
  new Chart(byId('charts'), {
    title: 'Lag', shown: brief, least: 0.001, series: [{ label: 'publish, Redis, delivery', style: 'lag', value: (s) => s.lag_seconds }],
  }),
];

function showCharts() {
  const { seconds } = status;
  const newest = seconds.at(-1)?.at ?? 0;
  for (const chart of charts) chart.update(seconds, newest, moment);
  const outages = stretches(seconds);
  const without = seconds.filter((s) => !s.up).length;
  setText(byId('uptime'), outages.length === 0
    ? `Redis was connected all the time (${duration(seconds.length)} are known).`
    : `Redis was away ${one(outages.length, 'time')}, for ${duration(without)} in all, last at ${clock(outages.at(-1)[1].at * 1000)}.`);
  setText(byId('moment-text'), moment === undefined ? 'now' : clock(moment * 1000));
  setAttribute(byId('moment'), 'aria-valuetext', moment === undefined ? 'now' : clock(moment * 1000));
}

// choose puts the cursor so many seconds before now; 0 is now.
function choose(before) {
  if (!status) return;
  const newest = status.seconds.at(-1)?.at ?? 0;
  moment = before > 0 ? newest - before : undefined;
  showCharts();
}

byId('moment').addEventListener('input', ({ target }) => choose(599 - target.value));
byId('charts').addEventListener('pointermove', (event) => {
  const plot = event.target.closest?.('.plot')?.getBoundingClientRect();
  if (!plot) return;
  const before = Math.round(599 * (1 - (event.clientX - plot.left) / plot.width));
  byId('moment').value = 599 - before;
  choose(before);
});
byId('charts').addEventListener('pointerleave', () => {
  byId('moment').value = 599;
  choose(0);
});

// All of it.
const parts = [sections.tiles(), sections.channels(), sections.routes(), sections.rejects(), sections.clients(), sections.facts(), sections.events()];

function told(next) {
  status = past.add(next);
  found = problems(status);
  showHead();
  showProblems();
  for (const show of parts) show(status);
  showCharts();
}

new Feed(told, (now) => {
  link = now;
  showLink();
  showProblems();
}).start();
