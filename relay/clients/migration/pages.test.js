// The pages of examples/migration, each run as it is written; page.js says how.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Hosts } from '../node/hosts.js';
import { alone, config, pages, root, write } from './page.js';

let hosts, scratch;

before(async () => {
  hosts = await Hosts.start({ config, relays: 1 });
  scratch = mkdtempSync('/tmp/rr-');
});
after(async () => {
  await hosts?.close();
  rmSync(scratch, { recursive: true, force: true });
});

for (const page of pages()) {
  for (const part of alone(page)) test(`${page.name}: ${part}`, () => check(page, '', part));
  if (!page.code.before) continue;
  test(`${page.name}: before`, () => check(page, 'before', 'app'));
  test(`${page.name}: after`, () => check(page, 'after', 'app'));
  test(`${page.name}: what is different`, () => check(page, 'after', 'relay'));
}

async function check(page, connect, rest) {
  execFileSync('redis-cli', ['-u', hosts.redisURL, 'flushall']); // what the page before has kept
  const { program, args } = await write(page, connect, rest, hosts, scratch);
  const { stdout } = await promisify(execFile)(program, args, { cwd: root, timeout: 300_000 });
  assert.equal(stdout, page.output[rest]);
}
