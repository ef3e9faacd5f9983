// The programs of a page, as they are written there.
//
// A page's code is in fenced blocks whose first line names language and part:
//
//   before, after   how the app connects: to Redis, and to the relay
//   both            what all programs of the page have behind that, if anything
//   app             a program that is the same with both
//   relay           a program for what is different; it runs with the relay alone
//   outage          a program that goes on for ever, and prints a number for each message it hears
//   anything else   a program that connects by itself
//
// and what a program prints is in a text block of the same part. The address of Redis, localhost:6379,
// and of the relay, /run/relay/relay.sock, stand for those of the test.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../node/ports.js';

const here = fileURLToPath(new URL('.', import.meta.url));

// root is the repository, where programs run.
export const root = join(here, '../../..');

// python has the libraries of the pages.
export const python = join(root, '.cache/clients/migration/bin/python');

const folder = join(root, 'examples/migration');

// config is the relay.yaml that the pages use.
export const config = join(folder, 'relay.yaml');

// How a program of each language is put together and run.
const behind = (connect, rest) => `${connect}\n${rest}`;
const languages = {
  js: { file: 'app.mjs', program: 'node', args: [], join: behind },
  python: { file: 'app.py', program: python, args: ['-B', '-u'], join: behind },
  go: { file: 'main.go', program: 'go', args: ['run'], join: (connect, rest) => `${rest}\n${connect}` },
  sh: { file: 'app.sh', program: 'bash', args: ['-eu'], join: behind },
};

// pages returns all pages, each with name, code and output: texts by part.
export function pages() {
  const names = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');
  return names.map((name) => ({ name, ...parse(readFileSync(join(folder, name), 'utf8')) })).filter((page) => page.language);
}

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

// alone returns the parts of a page that are programs by themselves.
export function alone({ code }) {
  return Object.keys(code).filter((part) => !['before', 'after', 'both', 'app', 'relay', 'outage'].includes(part));
}

// write makes a program of two parts of a page, the first of which may be '', in a folder of its own in scratch,
// against the hosts, and returns how it is run: a program and its arguments.
export async function write({ language, code }, connect, rest, hosts, scratch) {
  const { file, program, args, join: put } = languages[language];
  const place = join(scratch, `${connect}-${rest}-${counter++}`);
  const [port] = await freePorts(1);
  mkdirSync(place);
  symlinkSync(join(here, 'node_modules'), join(place, 'node_modules'));
  const path = join(place, file);
  writeFileSync(path, put((code[connect] ?? '') + (code.both ? `\n${code.both}` : ''), code[rest])
    .replaceAll(/\b3000\b/g, String(port))
    .replaceAll('localhost:6379', hosts.redisURL.slice('redis://'.length))
    .replaceAll('host="localhost", port=6379', `port=${new URL(hosts.redisURL).port}`)
    .replaceAll('/run/relay/relay.sock', hosts.relays[0]?.socket));
  return { program, args: [...args, path] };
}

let counter = 0;
