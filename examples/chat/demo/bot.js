// A bot that waits for a word, and then is in a loop: it says the same again and again, 2,000 times a second.

import { once } from 'node:events';
import { connect } from '../relay.js';

process.once('disconnect', () => process.exit()); // the demo has gone
const relay = await connect({ name: 'answer-bot' });
await once(process, 'message');

const begun = Date.now();
let said = 0;
setInterval(() => {
  const at = new Date().toISOString();
  for (const due = (Date.now() - begun) * 2; said < due; said++) {
    const message = { type: 'message', id: `${process.pid}-${said}`, room: 'bots', from: 'answer-bot', text: 'Did you mean me?', at };
    relay.publish('chat:bots', JSON.stringify(message)).catch(() => {}); // it does not look
  }
}, 10);
