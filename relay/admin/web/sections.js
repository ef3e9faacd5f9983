// The sections below what is wrong: each shows one part of a status.

import { carried } from './problems.js';
import { byId, element, Facts, List, setAttribute, setText } from './dom.js';
import { advice, brief, bytes, clock, day, duration, name, number, one, rate, who } from './format.js';
import { sparkline } from './charts.js';
import { Table } from './tables.js';

// tiles returns a function that shows the figures of this moment.
export function tiles() {
  const facts = new Facts(byId('tiles'));
  return (s) => facts.update([
    ...(s.upstreams ?? [{ ...s.redis, required: true }]).map(redisTile),
    ['Lag', brief(s.redis.lag_seconds), 'publish, Redis, delivery'],
    ['From Redis', `${rate(s.rate.received)}/s`, `${bytes(s.rate.received_bytes)}/s, ${number(s.total.received)} in all`],
    ['Published here', `${rate(s.rate.published)}/s`, `${bytes(s.rate.published_bytes)}/s, ${number(s.total.published)} in all`],
    ['Delivered', `${rate(s.rate.delivered)}/s`, `to listeners, ${number(s.total.delivered)} in all`],
    ['Refused', `${rate(s.rate.refused)}/s`, `${number(s.total.refused)} in all`, s.rate.refused > 0 ? 'warn' : undefined],
    ['Missed', `${rate(s.rate.dropped)}/s`, `by listeners, ${number(s.total.dropped)} in all`, s.rate.dropped > 0 ? 'warn' : undefined],
    ['Clients', number(s.clients.connected), `${bytes(s.process.queued_bytes)} wait for them`],
  ]);
}

const redisTile = (r) => [
  r.upstream ? `Redis ${name(r.upstream)}` : 'Redis', r.up ? 'connected' : 'away', redisDetail(r),
  r.up ? 'good' : r.required ? 'bad' : 'warn',
];

const redisDetail = (r) => `${name(r.name.replace(/^rediss?:\/\//, ''), 40)}, ${one(r.connections, 'connection')} made`;

const flow = (field) => ({ text: (item) => `${rate(item.rate[field])}/s` });

// What channels can be sorted by.
const orders = {
  messages: (c) => [carried(c.rate), carried(c.total)],
  bytes: (c) => [Math.max(c.rate.received_bytes, c.rate.published_bytes), Math.max(c.total.received_bytes, c.total.published_bytes)],
  refused: (c) => [c.rate.refused, c.total.refused],
  dropped: (c) => [c.rate.dropped ?? 0, c.total.dropped ?? 0],
};

// channels returns a function that shows those with the most of something.
export function channels() {
  const table = new Table(byId('channel-table'), {
    caption: 'Channels with the most messages, bytes, refused or missed messages', key: (c) => c.name,
    empty: 'No channel has carried anything yet.',
    columns: [
      { head: 'Channel', first: true, text: (c) => name(c.name) + (c.cut ? '…' : '') },
      { head: 'Last minute', draw: (cell, c) => sparkline(cell, c.seconds ?? []) },
      { head: 'Messages', number: true, text: (c) => `${rate(carried(c.rate))}/s` },
      { head: 'Usually', number: true, text: (c) => `${rate(carried(c.usual))}/s` },
      { head: 'Bytes', number: true, text: (c) => `${bytes(Math.max(c.rate.received_bytes, c.rate.published_bytes))}/s` },
      { head: 'Largest', number: true, text: (c) => bytes(c.largest_bytes) },
      { head: 'Refused', number: true, text: (c) => number(c.total.refused) },
      { head: 'Missed', number: true, text: (c) => number(c.total.dropped) },
      { head: 'Listeners', number: true, text: (c) => number(c.listeners) },
      { head: 'Last publisher', text: (c) => who(c.publisher) || 'not on this host' },
    ],
  });
  let by = 'messages';
  let last;
  const show = (status) => {
    last = status ?? last;
    if (!last) return;
    const wanted = byId('channel-filter').value;
    const sorted = [...(last.channels ?? [])].filter((c) => c.name.includes(wanted)).sort((a, b) => compare(orders[by](a), orders[by](b)));
    table.update(sorted.slice(0, 25), wanted ? 'No channel that is watched has that in its name.' : 'No channel has carried anything yet.');
  };
  for (const order of Object.keys(orders)) {
    const button = element('button', { type: 'button', 'aria-pressed': order === by }, order);
    button.addEventListener('click', () => {
      by = order;
      for (const other of byId('channel-order').querySelectorAll('button')) setAttribute(other, 'aria-pressed', other === button);
      show();
    });
    byId('channel-order').append(button);
  }
  byId('channel-filter').addEventListener('input', () => show());
  return show;
}

const compare = ([a, aTotal], [b, bTotal]) => b - a || bTotal - aTotal;

// routes returns a function that shows the routes of relay.yaml.
export function routes() {
  const table = new Table(byId('route-table'), {
    caption: 'Routes with their rates', key: (r) => r.name, empty: 'There are no routes.',
    state: (r) => (r.rate.refused > 0 ? 'warn' : undefined),
    columns: [
      { head: 'Route', first: true, text: (r) => name(r.name) },
      { head: 'Schema', text: (r) => name(r.schema ?? '–') },
      { head: 'From Redis', number: true, ...flow('received') },
      { head: 'Delivered', number: true, ...flow('delivered') },
      { head: 'Published here', number: true, ...flow('published') },
      { head: 'Refused', number: true, ...flow('refused') },
      { head: 'Refused in all', number: true, text: (r) => number(r.total.refused) },
    ],
  });
  return (s) => table.update(s.routes ?? []);
}

// rejects returns a function that shows the last refused messages.
export function rejects() {
  const table = new Table(byId('reject-table'), {
    caption: 'The last refused messages of each route, newest first', empty: 'No message has been refused.',
    key: (r) => `${r.time} ${r.channel} ${r.code}`,
    columns: [
      { head: 'Channel', first: true, text: (r) => name(r.channel) },
      { head: 'Time', keep: true, text: (r) => clock(r.time) },
      { head: 'Reason', draw: reason },
      { head: 'Came from', text: (r) => who(r) || (r.direction === 'inbound' ? 'Redis' : 'this host') },
      { head: 'Size', number: true, text: (r) => (r.size ? bytes(r.size) : 'not known') },
      { head: 'Route', text: (r) => name(r.route) },
    ],
  });
  return (s) => table.update((s.rejects ?? []).slice(0, 50));
}

// reason is the code and the words, and the payload where it is shown.
function reason(cell, r) {
  if (!cell.firstChild) cell.append(element('b'), ' ', element('span'), element('code', { class: 'payload' }));
  setText(cell.children[0], r.code + (r.let_through ? ' (let through)' : ''));
  setText(cell.children[1], name(r.reason, 300));
  setText(cell.children[2], r.payload ? name(r.payload, 512) : '');
}

// clients returns a function that shows the connections on the socket.
export function clients() {
  const table = new Table(byId('client-table'), {
    caption: 'Clients, those with the most that waits first', key: (c) => c.client, empty: 'Nobody is connected to the socket.',
    state: (c) => (c.queued_seconds >= 1 ? 'bad' : c.dropped ? 'warn' : undefined),
    columns: [
      { head: 'Client', first: true, text: (c) => (c.name ? name(c.name, 40) : `client ${c.client}`) },
      { head: 'pid', number: true, text: (c) => String(c.pid ?? '–') },
      { head: 'uid', number: true, text: (c) => String(c.uid ?? '–') },
      { head: 'Waits for it', number: true, text: (c) => bytes(c.queued_bytes) },
      { head: 'Since', number: true, text: (c) => (c.queued_bytes ? duration(c.queued_seconds) : '–') },
      { head: 'Missed', number: true, text: (c) => number(c.dropped) },
      { head: 'Listens to', number: true, text: (c) => number(c.subscriptions) },
      { head: 'Connected', number: true, text: (c) => duration(c.age_seconds) },
      { head: 'Last command', text: (c) => `${name(c.command, 24)}, ${duration(c.idle_seconds)} ago` },
      { head: 'Library', text: (c) => name(c.library || '–', 40) },
    ],
  });
  return (s) => {
    const { connected, list = [] } = s.clients;
    const all = `${one(connected, 'client is', 'clients are')} connected`;
    setText(byId('client-count'), connected > list.length ? `${all}; these are the ${list.length} for which the most waits.` : `${all}.`);
    table.update(list);
  };
}

// facts returns a function that shows history, NATS, the configuration and the process.
export function facts() {
  const parts = Object.fromEntries(['history', 'nats', 'config', 'process'].map((id) => [id, new Facts(byId(`${id}-list`))]));
  const changes = new List(byId('changes'), (text) => text, (text) => element('li', {}, name(text, 300)), () => {});
  return (s) => {
    const h = s.history;
    parts.history.update([
      ['Channels followed', number(h.channels)], ['Entries missing now', one(h.behind, 'channel'), '', h.behind ? 'warn' : undefined],
      ['Healed', one(h.healed, 'entry', 'entries'), 'that a lost connection had kept'],
      ['Lost', one(h.gaps, 'gap'), 'that could not be healed', h.gaps ? 'warn' : undefined], ['Readers that wait', number(h.readers)],
    ]);
    const n = s.nats;
    parts.nats.update(n ? [
      ['Clients', number(n.clients)], ['Subscriptions', number(n.subscriptions)], ['Delivered', number(n.delivered)],
      ['Missed', number(n.dropped), '', n.dropped ? 'warn' : undefined], ['Leaf node of a cluster', n.leaf ? 'this relay' : 'not this relay'],
    ] : [['State', 'off']]);
    const c = s.config;
    parts.config.update([
      ['File', name(c.file ?? 'built-in defaults', 200)], ['Loaded', day(c.loaded)],
      ...(c.refused ? [['Refused', day(c.refused), name(c.cause, 300), 'warn']] : []),
      ['The last reload changed', c.changes?.length ? one(c.changes.length, 'thing') : 'nothing yet'],
    ]);
    changes.update([...new Set(c.changes ?? [])]);
    const p = s.process;
    parts.process.update([
      ['Runs since', day(s.started), duration((Date.parse(s.time) - Date.parse(s.started)) / 1000)],
      ['Memory', p.resident_bytes ? bytes(p.resident_bytes) : 'not known'], ['Waits for clients', bytes(p.queued_bytes), `of ${bytes(p.limit_bytes)}`],
      ['Kept for subscriptions', bytes(p.subscription_bytes)], ['CPU', duration(p.cpu_seconds), 'since the start'],
      ['Longest turn of the loop', brief(p.longest_turn_seconds)], ['Goroutines', number(p.goroutines)],
    ]);
  };
}

// happened puts what is known of an event into one line.
const happened = (e) => [
  name(e.text || '', 200), name(e.channel || e.pattern || '', 80), name(e.cause || e.reason || '', 200), who(e),
].filter(Boolean).join(' · ');

// events returns a function that shows what relay:events told.
export function events() {
  const table = new Table(byId('event-table'), {
    caption: 'The last events, newest first', key: (e) => `${e.time} ${e.event} ${e.text} ${e.client ?? ''} ${e.channel ?? ''}`,
    empty: 'Nothing has happened yet.', state: (e) => ({ error: 'bad', warn: 'warn' })[e.level],
    columns: [
      { head: 'Event', first: true, text: (e) => e.event },
      { head: 'Time', keep: true, text: (e) => day(e.time) },
      { head: 'What happened', text: happened },
      { head: 'What to do', text: (e) => advice(e.do || '–') },
    ],
  });
  return (s) => table.update(s.events ?? []);
}
