// What is wrong, in words, worst first. Each rule looks at a status and returns problems:
// { key, level: 'bad' | 'warn', text, detail, todo }. The key says what it is about, so that an alert of the relay about
// the same thing is not told twice.

import { advice, brief, bytes, clock, duration, name, number, one, rate, who } from './format.js';

// Bounds of the rules.
const SPIKE = 8; // times the usual rate
const FLOOR = 50; // messages/s below which nothing is a spike
const STUCK = 1; // seconds for which output waits for a client,
const MUCH = 256 * 1024; // bytes of it, for which a quarter of that time is enough
const RECENT = 60; // seconds for which something that is over is still told
const LAG = 0.5; // seconds from a publish to its delivery
const FULL = 0.8; // share of limits.memory

const ago = (status, time) => (Date.parse(status.time) - Date.parse(time)) / 1000;
const recent = (status, time) => ago(status, time) < RECENT;
const list = (of) => of ?? [];

// problems returns all that is wrong.
export function problems(status) {
  const rules = [redis, relay, config, channels, slow, rejects, drops, lag, memory, history, gaps];
  const found = rules.flatMap((rule) => rule(status));
  for (const alert of list(status.alerts)) addAlert(status, found, alert);
  return found.sort((a, b) => (a.level === 'bad' ? 0 : 1) - (b.level === 'bad' ? 0 : 1));
}

function redis(status) {
  if (status.redis.up) return [];
  const last = list(status.events).find((e) => isMain(e) && (e.event === 'upstream_up' || e.event === 'upstream_down'));
  const down = last?.event === 'upstream_down' ? last : undefined;
  const why = status.redis.missing || down?.cause || 'no connection yet';
  const since = duration(ago(status, down?.time ?? status.started));
  return [{
    key: 'redis', level: 'bad', text: `Redis cannot be reached since ${since}: ${name(shortened(why), 200)}`,
    detail: `${name(status.redis.name)}${down ? `; the connection ended by: ${name(down.cause ?? '', 200)}` : ''}`,
    todo: 'Look whether Redis runs, and at the network and the password. The relay connects again by itself; publishes wait.',
  }];
}

// isMain tells whether an event is about the first upstream, or the only one.
const isMain = (e) => !e.upstream || e.upstream === 'main';

// shortened is the last part of why a connection cannot be made.
const shortened = (why) => why.replace(/^not connected to Redis: /, '').replace(/^dial \S+ \S+: (connect: )?/, '');

function relay(status) {
  return list(status.checks).filter((c) => !c.ok && c.name !== 'redis' && c.name !== 'config').map((c) => ({
    key: `check:${c.name}`, level: c.vital ? 'bad' : 'warn', text: `${name(c.name)}: ${name(c.text, 300)}`,
    detail: c.vital ? 'The relay is not ready.' : '',
  }));
}

function config(status) {
  if (!status.config.refused) return [];
  return [{
    key: 'config', level: 'warn',
    text: `A changed configuration was refused at ${clock(status.config.refused)}: ${name(status.config.cause, 300)}`,
    detail: `The relay goes on with the one of ${clock(status.config.loaded)}.`, todo: 'Correct what is named.',
  }];
}

// carried is how many messages/s a channel carries. What is published here comes back from Redis.
export const carried = (flow) => Math.max(flow?.received ?? 0, flow?.published ?? 0);

function channels(status) {
  return list(status.channels).filter((c) => {
    const now = carried(c.rate);
    return now >= FLOOR && now >= SPIKE * carried(c.usual);
  }).map((c) => ({ key: `channel:${c.name}`, level: 'bad', ...noisy(c.name, carried(c.rate), carried(c.usual), c.publisher) }));
}

function noisy(channel, now, usual, publisher) {
  const by = who(publisher);
  return {
    text: `${name(channel)} carries ${rate(now)} messages/s, usually ${rate(usual)}${by ? `; published by ${by}` : ''}`,
    detail: by ? '' : 'Nobody on this host publishes it.',
    todo: 'Look at its publisher, a loop perhaps. rate.limit of its route bounds it.',
  };
}

function slow(status) {
  const stuck = list(status.clients.list).filter((c) => c.queued_bytes > 0
    && c.queued_seconds >= (c.queued_bytes >= MUCH ? STUCK / 4 : STUCK));
  const gone = list(status.events).filter((e) => e.event === 'slow_listener' && recent(status, e.time)
    && !stuck.some((c) => c.client === e.client));
  const seen = new Set();
  return [
    ...stuck.map((c) => ({
      key: `client:${c.client}`, level: c.queued_seconds >= 5 ? 'bad' : 'warn',
      text: `${clientName(c)} has taken nothing for ${(c.queued_seconds < 2 ? brief : duration)(c.queued_seconds)}: `
        + `${bytes(c.queued_bytes)} wait`,
      detail: c.dropped ? `It has missed ${one(c.dropped, 'message')}.` : '',
      todo: 'Look whether the process hangs. It is disconnected, or misses messages, as its route says (slow).',
    })),
    ...gone.filter((e) => !seen.has(e.client) && seen.add(e.client)).map((e) => ({
      key: `client:${e.client}`, level: 'warn',
      text: `${clientName(e)} did not keep up ${duration(ago(status, e.time))} ago: `
        + (e.disconnected ? `it was disconnected (${name(e.reason ?? '')})` : `it missed ${one(e.messages ?? 0, 'message')}`),
      detail: e.queued ? `${bytes(e.queued)} waited for it.` : '', todo: advice(e.do),
    })),
  ];
}

const clientName = (c) => (c.name ? `client ${who(c)}` : who(c));

function rejects(status) {
  const routes = new Map();
  for (const r of list(status.rejects)) { // newest first
    if (recent(status, r.time) && !routes.has(r.route)) routes.set(r.route, r);
  }
  const refused = new Map(list(status.routes).map((r) => [r.name, r.rate.refused]));
  return [...routes.values()].map((r) => {
    const by = who(r);
    const now = refused.get(r.route) ?? 0;
    return {
      key: `reject:${r.route}`, level: 'warn',
      text: `A message on ${name(r.channel)} was ${r.let_through ? 'invalid' : 'refused'} ${duration(ago(status, r.time))} ago: `
        + `${name(r.reason, 200)}${by ? `; published by ${by}` : ''}`,
      detail: `${r.code}, ${r.direction === 'inbound' ? 'from Redis' : 'from this host'}, route ${name(r.route)}`
        + (now > 0 ? `; ${rate(now)} refused each second` : ''),
      todo: 'Look at the publisher, the schema or the route; the list of refused messages has more.',
    };
  });
}

function drops(status) {
  if (!(status.rate.dropped > 0)) return [];
  return [{
    key: 'drops', level: 'warn', text: `Listeners miss ${rate(status.rate.dropped)} messages/s, because they are slow`,
    detail: 'The list of clients has who.',
  }];
}

function lag(status) {
  const seconds = status.redis.lag_seconds;
  if (!status.redis.up || !(seconds >= LAG)) return [];
  return [{ key: 'lag', level: 'warn', text: `A message takes ${brief(seconds)} through Redis`, todo: 'Look at the load of Redis and at the network.' }];
}

function memory(status) {
  const { queued_bytes: queued, subscription_bytes: kept, limit_bytes: limit } = status.process;
  if (!(limit > 0) || queued + kept < FULL * limit) return [];
  return [{
    key: 'memory', level: 'bad', text: `${bytes(queued + kept)} of ${bytes(limit)} (limits.memory) are taken`,
    todo: 'The client with the most is disconnected next. Look who is slow.',
  }];
}

function history(status) {
  if (!status.history.behind) return [];
  return [{
    key: 'history', level: 'warn', text: `Entries of ${one(status.history.behind, 'channel')} with history are missing, and being read`,
    todo: 'If it lasts, Redis does not give them: look at the rights of the relay’s user.',
  }];
}

function gaps(status) {
  const gap = list(status.events).find((e) => e.event === 'gap' && recent(status, e.time));
  if (!gap) return [];
  const about = gap.channel || gap.pattern || list(gap.prefixes).map((p) => p || 'channels without a route').join(', ');
  return [{
    key: 'gap', level: 'warn',
    text: `Messages may be lost${about ? ` on ${name(about, 120)}` : ''}: ${name(gap.cause, 200)}`,
    detail: gap.since && gap.until ? `From ${clock(gap.since)} to ${clock(gap.until)}. Listeners were told.` : 'Listeners were told.',
    todo: advice(gap.do),
  }];
}

// addAlert adds what the relay itself says is wrong.
function addAlert(status, found, alert) {
  const { about = {} } = alert;
  const key = alertKey(alert);
  const hears = alert.kind === 'stuck_reader' && about.channel ? `The busiest channel that it hears is ${name(about.channel)}.` : '';
  const same = found.find((p) => p.key === key);
  if (same) {
    same.detail = `${same.detail} ${hears}`.trim();
    same.todo ||= advice(alert.do);
    return;
  }
  const seconds = ago(status, alert.since);
  const problem = about.channel && about.rate
    ? noisy(about.channel, about.rate, about.usual ?? 0, about)
    : { text: `${name(alert.text, 300)}${about.cause ? `: ${name(about.cause, 200)}` : ''}`, detail: who(about), todo: '' };
  found.push({
    ...problem, key, level: 'bad', detail: `${problem.detail} Since ${duration(seconds)}. ${hears}`.trim(), todo: advice(alert.do) || problem.todo,
  });
}

function alertKey({ kind, about = {} }) {
  if (about.channel && about.rate) return `channel:${about.channel}`;
  if (about.client) return `client:${about.client}`;
  if (kind === 'upstream' && !isMain(about)) return `check:upstream ${about.upstream}`;
  const same = { upstream: 'redis', reload: 'config', config: 'config', gap: 'gap', socket: 'check:socket' };
  return same[kind] ?? `alert:${kind}:${about.channel ?? ''}`;
}

// summary is one line about them, for the title and for who hears the page.
export function summary(found) {
  if (found.length === 0) return 'All is well';
  return `${found.length === 1 ? 'One thing is' : `${number(found.length)} things are`} wrong`;
}
