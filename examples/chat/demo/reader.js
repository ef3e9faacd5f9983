// A reader of prices that waits for a word, and then hangs: the whole process stands, and takes nothing from its socket.

import { once } from 'node:events';
import { connect } from '../relay.js';

const MINUTE = 60_000;

process.once('disconnect', () => process.exit()); // the demo has gone
const relay = await connect({ name: 'price-board' });
await relay.subscribe('ticker:prices', () => {});
await once(process, 'message');

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MINUTE);
process.exit();
