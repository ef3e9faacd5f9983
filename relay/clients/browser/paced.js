// Preloaded, it has the model of the tokens example speak slowly while the file SLOWLY is there.

import { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

const { SLOWLY, TOKENS_PER_SECOND } = process.env;
const TOKEN = 1000 / Number(TOKENS_PER_SECOND); // ms; nothing else waits for so long
const { setTimeout: pause } = timers;

timers.setTimeout = (delay, ...rest) => pause(delay === TOKEN && existsSync(SLOWLY) ? 200 : delay, ...rest);
syncBuiltinESMExports();
