// The connection to the relay: one status a second by server-sent events, and by asking where there is no room for more
// readers. It notices by itself when nothing comes any more, and tries again for ever.

const SILENCE = 3500; // milliseconds without a status, after which the connection counts as lost
const RENEW = 10_000; // milliseconds after which a silent stream is opened anew
const ASK = 2000; // milliseconds between two questions

export class Feed {
  #source;
  #opened = 0;
  #heard = 0;
  #asked = 0;
  #state;
  #refused = ''; // why the stream cannot be had

  // told(status) gets each status; changed({ state, since, reason }) gets how the connection stands, each second.
  constructor(told, changed) {
    Object.assign(this, { told, changed });
  }

  start() {
    this.#open();
    setInterval(() => this.#look(), 500);
  }

  #open() {
    this.#source?.close();
    this.#opened = Date.now();
    this.#source = new EventSource('api/v1/events');
    this.#source.addEventListener('status', (event) => this.#take(JSON.parse(event.data)));
    this.#source.addEventListener('open', () => { this.#refused = ''; });
  }

  #take(status) {
    this.#heard = Date.now();
    this.told(status);
    this.#report();
  }

  #look() {
    const now = Date.now();
    const closed = this.#source.readyState === EventSource.CLOSED; // the relay answered, but not with a stream
    if (closed && now - this.#asked > ASK) this.#ask();
    const silent = now - Math.max(this.#heard, this.#opened) > RENEW;
    if (silent || (closed && now - this.#opened > RENEW)) this.#open();
    this.#report();
  }

  async #ask() {
    this.#asked = Date.now();
    try {
      const answer = await fetch('api/v1/status?seconds=600', { cache: 'no-store', signal: AbortSignal.timeout(ASK) });
      this.#refused = answer.ok ? 'asking every 2 s' : (await answer.text()).trim();
      if (answer.ok) this.#take(await answer.json());
    } catch {
      this.#refused = '';
    }
  }

  #report() {
    const lost = Date.now() - (this.#heard || this.#opened) > SILENCE;
    const state = lost ? 'lost' : this.#heard ? 'live' : 'connecting';
    this.changed({ state, since: this.#heard, reason: this.#refused, fresh: state !== this.#state });
    this.#state = state;
  }
}

// Past keeps the last ten minutes of a relay, whatever of them each status has.
export class Past {
  #relay;
  #seconds = new Map();

  // add puts the seconds that are known in place of those that a status has.
  add(status) {
    if (this.#relay !== status.started) this.#seconds.clear();
    this.#relay = status.started;
    for (const second of status.seconds ?? []) this.#seconds.set(second.at, second);
    const newest = Math.max(...this.#seconds.keys());
    for (const at of this.#seconds.keys()) {
      if (at <= newest - 600) this.#seconds.delete(at);
    }
    return { ...status, seconds: [...this.#seconds.values()].sort((a, b) => a.at - b.at) };
  }
}
