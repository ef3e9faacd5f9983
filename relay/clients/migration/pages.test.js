// The pages of examples/migration, each run as it is written.
//
// A page's code is in fenced blocks whose first line names language and part:
//
//   before, after   how the app connects: to Redis, and to the relay
//   app             a program that is the same with both
//   relay           a program for what is different; it runs with the relay alone
//
// and what a program prints is in a text block of the same part. The address of Redis, localhost:6379,
// and of the relay, /run/relay/relay.sock, stand for those of the test.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../node/daemon.js';
import { Hosts } from '../node/hosts.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../../..');
const folder = join(root, 'examples/migration');
const python = join(root, '.cache/clients/migration/bin/python');

// How a program of each language is put together and run.
const languages = {
  js: { file: 'app.mjs', program: 'node', join: (connect, rest) => `${connect}\n${rest}` },
  python: { file: 'app.py', program: python, args: ['-B'], join: (connect, rest) => `${connect}\n${rest}` },
  go: { file: 'main.go', program: 'go', args: ['run'], join: (connect, rest) => `${rest}\n${connect}` },
  sh: { file: 'app.sh', program: 'bash', args: ['-eu'], join: (connect, rest) => `${connect}\n${rest}` },
};

let hosts, scratch;

before(async () => {
  hosts = await Hosts.start({ config: join(folder, 'relay.yaml'), relays: 1 });
  scratch = mkdtempSync('/tmp/rr-');
  symlinkSync(join(here, 'node_modules'), join(scratch, 'node_modules'));
});
after(async () => {
  await hosts?.close();
  rmSync(scratch, { recursive: true, force: true });
});

for (const name of readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md')) {
  const { language, code, output } = parse(readFileSync(join(folder, name), 'utf8'));
  test(`${name}: before`, () => check(language, code.before, code.app, output.app));
  test(`${name}: after`, () => check(language, code.after, code.app, output.app));
  test(`${name}: what is different`, () => check(language, code.after, code.relay, output.relay));
}

// parse returns the parts of a page: its language, and code and output by part.
function parse(page) {
  const code = {};
  const output = {};
  let language;
  for (const [, info, part, text] of page.matchAll(/^```(\w+) (\w+)\n(.*?)^```$/gms)) {
    if (info !== 'text') language = info;
    (info === 'text' ? output : code)[part] = text;
  }
  return { language, code, output };
}

async function check(language, connect, rest, output) {
  const { file, program, args = [], join: put } = languages[language];
  const path = join(scratch, file);
  const [port] = await freePorts(1);
  execFileSync('redis-cli', ['-u', hosts.redisURL, 'flushall']); // what the page before has kept
  writeFileSync(path, put(connect, rest)
    .replaceAll('localhost:6379', hosts.redisURL.slice('redis://'.length))
    .replaceAll('host="localhost", port=6379', `port=${new URL(hosts.redisURL).port}`)
    .replaceAll('/run/relay/relay.sock', hosts.relays[0].socket)
    .replaceAll('3000', String(port)));
  const { stdout } = await promisify(execFile)(program, [...args, path], { cwd: root, timeout: 60_000 });
  assert.equal(stdout, output);
}
