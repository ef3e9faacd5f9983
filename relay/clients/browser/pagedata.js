// What a relay would say of the status page's rarer subjects: statuses in the shape of schemas/status.json.

// flow counts nothing but what it is given.
const flow = (counts = {}) => ({
  received: 0, received_bytes: 0, delivered: 0, published: 0, published_bytes: 0, refused: 0, dropped: 0, ...counts,
});

// channel carries so many messages/s, and usually others.
export function channel(name, { now = 1, usual = 1, refused = 0, dropped = 0, size = 100, publisher } = {}) {
  const count = (n) => flow({ received: n, published: n, received_bytes: n * size, published_bytes: n * size });
  return {
    name, route: 'chat:', total: { ...count(now * 60), refused, dropped }, rate: count(now), usual: count(usual),
    mean_bytes: size, largest_bytes: 2 * size, publisher, listeners: 3, seconds: Array.from({ length: 60 }, (_, i) => (i < 55 ? usual : now)),
  };
}

// status is that of a relay that is well, with what a test changes; times are so many seconds ago.
export function status(changes = {}) {
  const now = Date.now();
  const at = Math.floor(now / 1000);
  const seconds = Array.from({ length: 600 }, (_, i) => ({
    at: at - 599 + i, up: true, lag_seconds: 0.0008 + (i % 7) / 1e4,
    rate: flow({ received: 80 + (i % 30), published: 40 + (i % 20), delivered: 300 + (i % 90) }),
  }));
  const base = {
    version: 'v1.2.3', host: 'app-7', pid: 4242, time: ago(0), started: ago(7200), ready: true,
    checks: [
      { name: 'socket', ok: true, vital: true, text: 'clients can connect' },
      { name: 'redis', ok: true, vital: true, text: 'all subscriptions are confirmed' }, { name: 'config', ok: true, vital: false, text: 'loaded' },
    ],
    redis: { name: 'redis://redis.internal:6379', up: true, connections: 1, lag_seconds: 0.0009 },
    total: flow({ received: 812345, received_bytes: 9e8, published: 301234, published_bytes: 3e8, delivered: 2438217 }),
    rate: flow({ received: 104, received_bytes: 52e3, published: 51, published_bytes: 22e3, delivered: 371 }),
    seconds, routes: [{ name: 'chat:', schema: 'chat.json', total: flow({ received: 700000 }), rate: flow({ received: 80 }) }],
    channels: [channel('chat:42', { now: 3, usual: 3 }), channel('chat:7', { now: 2, usual: 2, size: 900 })],
    clients: { connected: 2, list: [client(5, 'web'), client(6, 'bot')] },
    rejects: [], events: [{ event: 'upstream_up', time: ago(7200), level: 'info', text: 'connected to Redis' }], alerts: [],
    history: { channels: 2, behind: 0, readers: 1, healed: 12, gaps: 0 },
    nats: { clients: 4, subscriptions: 9, delivered: 1234, dropped: 0, leaf: true },
    config: { file: '/etc/redis-relay/relay.yaml', loaded: ago(3600), changes: ['limits.queue: 16MiB, was 8MiB', 'route "room:" added'] },
    process: {
      cpu_seconds: 93.2, resident_bytes: 41e6, goroutines: 27, queued_bytes: 0, subscription_bytes: 81234, limit_bytes: 512 * 2 ** 20,
      longest_turn_seconds: 0.004,
    },
  };
  return { ...base, ...changes };
}

// client is a connection on the socket.
export function client(id, name, changes = {}) {
  return {
    client: id, name, pid: 70 + id, uid: 1000, library: 'node-redis 5.12.1', age_seconds: 500, idle_seconds: 2, queued_bytes: 0, queued_seconds: 0,
    kept_bytes: 800, dropped: 0, subscriptions: 4, command: 'subscribe', ...changes,
  };
}

// ago is a time, as the relay writes it.
export const ago = (seconds) => new Date(Date.now() - 1000 * seconds).toISOString();

// troubles is a status with everything wrong that there can be, under names that are long or mean.
export function troubles() {
  const long = 'Donaudampfschifffahrtsgesellschaftskapitaen'.repeat(4);
  const mean = '<img src=x onerror=alert(1)>\u202egnp.exe';
  const bot = { client: 9, name: long, pid: 123, uid: 1000 };
  return status({
    ready: false,
    redis: {
      name: 'redis://redis.internal:6379', up: false, connections: 3,
      missing: 'not connected to Redis: dial tcp 10.0.0.5:6379: connect: connection refused',
    },
    channels: [channel(`chat:${long}`, { now: 5000, usual: 3, publisher: bot, dropped: 88 }), channel(mean, { refused: 9 })],
    clients: { connected: 120, list: [client(5, long, { queued_bytes: 1.2 * 2 ** 20, queued_seconds: 8, dropped: 17 }), client(7, mean)] },
    rejects: [{
      time: ago(3), direction: 'outbound', channel: mean, route: long, code: 'INVALID', reason: `/${long}: expected string`, size: 42,
      ...bot, payload: mean,
    }],
    events: [
      { event: 'upstream_down', time: ago(12), cause: 'EOF', level: 'warn', text: 'connection to Redis lost; reconnecting', do: 'see `cause`' },
      {
        event: 'slow_listener', time: ago(20), client: 33, name: mean, pid: 8, uid: 0, reason: 'age', disconnected: true, queued: 9e6,
        level: 'warn', text: 'a client does not keep up',
      },
      { event: 'gap', time: ago(25), cause: long, prefixes: ['chat:', ''], since: ago(40), until: ago(30), level: 'warn', text: '' },
    ],
    alerts: [{
      kind: 'nats_leaf', since: ago(100), text: 'the relay is not a leaf node of the NATS cluster', do: 'see the reason',
      about: { event: '', time: ago(100), cause: long },
    }],
    history: { channels: 2, behind: 1, readers: 0, healed: 0, gaps: 3 }, nats: undefined,
    config: { file: `/etc/${long}.yaml`, loaded: ago(9), changes: [mean, long], refused: ago(5), cause: `relay.yaml:3: ${mean}` },
  });
}
