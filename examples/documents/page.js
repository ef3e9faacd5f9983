// An open page, as its server sees it.

const SILENCE = 10_000; // ms; a page answers each ping, also in a tab whose timers the browser slows down
const BACKLOG = 8 << 20; // bytes

export class Page {
  #socket;
  #cursors = new Map(); // userId: the newest message that is still to be sent
  #sending = false;
  #heard = Date.now();

  constructor(socket, user) {
    this.#socket = socket;
    this.user = user;
    socket.on('message', () => (this.#heard = Date.now()));
  }

  // send tells the page something that it needs. One that has stopped reading is let go; when it comes
  // back it is shown the text as it is then.
  send(message) {
    this.#socket.send(message);
    if (this.#socket.bufferedAmount > BACKLOG) this.#socket.terminate();
  }

  // sendCursor tells the page where somebody is. What it has no room for waits, and the newest replaces
  // it: a stalled page finds one cursor for each user, never a backlog.
  sendCursor(userId, message) {
    this.#cursors.set(userId, message);
    if (!this.#sending) this.#sendCursors();
  }

  #sendCursors() {
    const messages = [...this.#cursors.values()];
    this.#cursors.clear();
    this.#sending = messages.length > 0;
    messages.forEach((message, i) => {
      const isLast = i === messages.length - 1;
      this.#socket.send(message, isLast ? () => this.#sendCursors() : undefined); // called when it is in the socket
    });
  }

  // check lets the page know that its server is there, and lets it go when it says nothing itself.
  check() {
    if (Date.now() - this.#heard > SILENCE) this.#socket.terminate();
    else this.send(JSON.stringify({ type: 'ping' }));
  }

  close() {
    this.#socket.close(1013, 'try again later');
  }
}
