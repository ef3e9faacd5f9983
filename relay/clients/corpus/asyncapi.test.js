// redis-relay asyncapi, as the official parser reads what it prints; and documents for redis-relay init --asyncapi, which
// must be ones that the parser accepts, too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DiagnosticSeverity, Parser, fromFile } from '@asyncapi/parser';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { relayBinary } from '../node/daemon.js';
import { mutate } from './documents.js';
import { Random } from './random.js';
import { Reference } from './reference.js';
import { sets } from './sets.js';

const root = join(import.meta.dirname, '../../..');
const DRAFT7 = 'application/vnd.aai.asyncapi;version=3.0.0';

// parse returns a document, of which the parser must have nothing worse to say than advice, or what is given.
async function parse({ document, diagnostics }, worst = DiagnosticSeverity.Information) {
  const bad = diagnostics.filter(({ severity }) => severity < worst);
  assert.deepEqual(bad.map(({ code, path, message }) => `${code} ${path.join('/')} ${message}`), []);
  assert.ok(document);
  return document;
}

function print(config, ...args) {
  const env = { ...process.env, RELAY_REDIS_URL: 'rediss://user:s3cret@redis.example:6380/2' };
  return execFileSync(relayBinary(), ['asyncapi', '--config', config, ...args], { encoding: 'utf8', env, maxBuffer: 1 << 28 });
}

async function printed(config, ...args) {
  return parse(await new Parser().parse(print(config, ...args)));
}

// inFolder calls f with the configuration of a folder that has these schemas, and a route for each.
async function inFolder(files, f, more = {}, settings = {}) {
  const folder = mkdtempSync('/tmp/rc-');
  try {
    mkdirSync(join(folder, 'schemas'));
    for (const [name, schema] of Object.entries(files)) writeFileSync(join(folder, 'schemas', name), JSON.stringify(schema));
    const routes = Object.keys(files).map((schema, n) => ({ prefix: `${n}:`, schema, ...more[schema] }));
    writeFileSync(join(folder, 'relay.yaml'), JSON.stringify({ ...settings, routes })); // JSON is YAML
    await f(join(folder, 'relay.yaml'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const config of ['relay.yaml', 'examples/chat/relay.yaml', 'examples/documents/relay.yaml', 'examples/notifications/relay.yaml']) {
  for (const format of ['yaml', 'json']) {
    test(`${config} as ${format}`, async () => {
      const text = print(join(root, config), '--format', format, '--title', 'T: #1', '--api-version', '2.0.0');
      assert.ok(!text.includes('s3cret') && !text.includes('user:s'), 'it has credentials');
      const document = await parse(await new Parser().parse(text));
      assert.equal(document.info().title(), 'T: #1');
      assert.equal(document.info().version(), '2.0.0');
      assert.ok(document.channels().all().length > 0);
      for (const channel of document.channels().all()) {
        assert.match(channel.address(), /^[^{}]+\{name\}$/);
        assert.ok(channel.parameters().get('name'));
        assert.ok(channel.messages().all().length > 0);
        assert.ok(channel.bindings().get('redis'));
      }
    });
  }
}

test('the shipped routes are channels, messages, operations and a server', async () => {
  const document = await printed(join(root, 'relay.yaml'));
  const chat = document.channels().all().find((channel) => channel.address() === 'chat:{name}');
  assert.deepEqual(chat.messages().all().map((message) => message.name()), ['message', 'typing']);
  assert.deepEqual(chat.operations().all().map((operation) => operation.action()), ['send', 'receive']);
  const [server] = document.servers().all();
  assert.deepEqual([server.host(), server.pathname(), server.protocol()], ['redis.example:6380', '/2', 'rediss']);
  const typing = chat.messages().all()[1];
  const valid = ajv().compile(typing.payload().json());
  assert.ok(valid({ type: 'typing', userId: 'a', roomId: '1' }));
  assert.ok(!valid({ type: 'typing', userId: 'a' }));
  assert.ok(!valid({ type: 'message', userId: 'a', roomId: '1', id: '1', message: 'x', timestamp: 0 }));
});

// ajv compiles what the parser has made of a schema, its own notes included.
function ajv() {
  return addFormats(new Ajv({ strict: false, validateFormats: true, logger: false }));
}

test('who may send and receive', async () => {
  const files = { 'a.json': {}, 'b.json': {}, 'c.json': {}, 'd.json': {} };
  const more = { 'b.json': { publish: false }, 'c.json': { subscribe: false }, 'd.json': { publish: false, subscribe: false } };
  await inFolder(files, async (config) => {
    const document = await printed(config);
    const actions = document.channels().all().map((channel) => channel.operations().all().map((operation) => operation.action()));
    assert.deepEqual(actions, [['send', 'receive'], ['receive'], ['send'], []]);
  }, more);
});

test('several Redises: a channel says on which it is', async () => {
  const settings = { unrouted: 'deny', upstreams: { eu: { url: 'rediss://user:s3cret@eu.example:6380/1' } } };
  const more = { 'b.json': { upstream: 'eu' }, 'c.json': { rename: 'v:{name}', upstream: 'eu', also_subscribe: ['main'] } };
  await inFolder({ 'a.json': {}, 'b.json': {}, 'c.json': {} }, async (config) => {
    assert.ok(!print(config).includes('s3cret'), 'it has credentials');
    const document = await printed(config);
    assert.deepEqual(document.servers().all().map((server) => server.host()), ['redis.example:6380', 'eu.example:6380']);
    const at = document.channels().all().map((channel) => channel.servers().all().map((server) => server.id()));
    assert.deepEqual(at, [['redis'], ['eu'], ['redis', 'eu']]); // the parser has the order of the servers
  }, more, settings);
});

test('drafts', async () => {
  const draft = (version, rest) => ({ $schema: `https://json-schema.org/draft/${version}/schema`, ...rest });
  await inFolder({
    'none.json': { type: 'string', format: 'uuid' },
    'seven.json': { $schema: 'http://json-schema.org/draft-07/schema#', $id: 'https://x.example/7', properties: { a: { $ref: '#/definitions/a' } }, definitions: { a: { type: 'string' } } },
    'four.json': { $schema: 'http://json-schema.org/draft-04/schema#', id: 'https://x.example/4', type: 'integer', minimum: 1, exclusiveMinimum: true },
    'new.json': draft('2020-12', { $id: 'https://x.example/new', prefixItems: [{ $ref: '#x' }, { $ref: '7' }], $defs: { x: { $anchor: 'x', type: 'string' } } }),
    'mid.json': draft('2019-09', { $recursiveAnchor: true, properties: { a: { $ref: '#' } }, dependentRequired: { a: ['b'] } }),
  }, async (config) => {
    const document = await printed(config);
    const formats = document.channels().all().map((channel) => channel.messages().all()[0].schemaFormat());
    const other = 'application/schema+json;version=';
    assert.deepEqual(formats, [DRAFT7, DRAFT7, `${other}draft-04`, `${other}2020-12`, `${other}2019-09`]);
  });
});

// What programs and people write: each set is one document with all its schemas. Each example, and what becomes of it by
// small changes, is valid by the file if it is by the payload of one of the channel's messages, and only then. The
// parser takes minutes for GitHub's.
for (const [name, parsed] of [['CloudEvents', true], ['pydantic, zod, TypeBox', true], ['GitHub webhooks', false]]) {
  test(name, { timeout: 600_000 }, async (t) => {
    const { files, documents, parts = [] } = sets[name]();
    const reference = new Reference(Object.fromEntries(parts.map((part) => [part, files[part]])));
    const random = new Random(name);
    const seen = { valid: 0, invalid: 0 };
    await inFolder(files, async (config) => {
      const text = print(config, '--format', 'json');
      if (parsed) await parse(await new Parser().parse(text));
      const document = JSON.parse(text);
      const checks = ajv().addSchema(document, 'document');
      for (const [n, file] of Object.keys(files).entries()) {
        const payloads = Object.values(document.channels[n].messages).map(({ $ref }) => `document${$ref}/payload`);
        if (isWrapped(document, payloads[0])) continue;
        const examples = documents[file] ?? [];
        const errors = reference.compile(files[file]);
        for (const document of [...examples, ...examples.flatMap((one) => Array.from({ length: 5 }, () => mutate(one, random)))]) {
          const valid = errors(document).length === 0;
          seen[valid ? 'valid' : 'invalid']++;
          assert.equal(payloads.some((payload) => checks.validate(payload, document)), valid, `${file}: ${JSON.stringify(document)}`);
        }
      }
    });
    t.diagnostic(`${Object.keys(files).length} schemas, ${JSON.stringify(seen)}`);
    assert.ok(seen.valid > 0 && seen.invalid > 0);
  });
}

// isWrapped tells whether a payload, or what it refers to, is of another draft than 7.
function isWrapped(document, pointer) {
  const payload = pointer.split('/').slice(1).reduce((at, key) => at[key], document);
  return 'schemaFormat' in payload || ('$ref' in payload && isWrapped(document, payload.$ref));
}

for (const name of ['v3.yaml', 'v2.json']) {
  test(`relay/asyncapi/testdata/${name} is what it says`, async () => {
    await parse(await fromFile(new Parser(), join(root, 'relay/asyncapi/testdata', name)).parse(), DiagnosticSeverity.Warning);
  });
}

test('the parser finds what is wrong', async () => {
  const text = print(join(root, 'relay.yaml')).replace('action: send', 'action: shout');
  await assert.rejects(async () => parse(await new Parser().parse(text)), /action/);
});
