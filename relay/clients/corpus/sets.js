// The schemas that packages bring. A set is what people put into one folder: files, those of them that are tested, and
// documents for some.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { models } from './models.js';

const require = createRequire(import.meta.url);
const DRAFT7 = 'http://json-schema.org/draft-07/schema#';

function readJSON(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function readFolder(folder, wanted = () => true) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json') && wanted(name));
  return Object.fromEntries(names.map((name) => [name, readJSON(join(folder, name))]));
}

function folderOf(package_) {
  return dirname(require.resolve(`${package_}/package.json`));
}

// python runs what the virtual environment of this suite has.
function python(...args) {
  const program = join(process.env.CORPUS_PYTHON ?? '', 'bin/python');
  return execFileSync(program, args, { encoding: 'utf8', cwd: import.meta.dirname, maxBuffer: 1 << 26 });
}

// GitHub's webhooks: one schema with a definition for each event, and a file for each event that refers to it.
function webhooks() {
  const all = require('@octokit/webhooks-schemas/schema.json');
  const examples = require('@octokit/webhooks-examples/api.github.com/index.json');
  const files = { 'webhooks.json': all };
  const documents = {};
  for (const { name, examples: given } of examples) {
    const definition = [`${name}_event`, `${name}$event`].find((key) => key in all.definitions);
    if (definition === undefined) continue;
    files[`${name}.json`] = { $schema: DRAFT7, $ref: `webhooks.json#/definitions/${definition}` };
    documents[`${name}.json`] = given.slice(0, 4);
  }
  return { files, documents, parts: ['webhooks.json'] };
}

// The schema of CloudEvents 1.0, as the SDK has it: in the program that ajv has made of it.
function cloudevents() {
  const program = readFileSync(join(folderOf('cloudevents'), 'dist/schema/v1.js'), 'utf8');
  const schema = JSON.parse(/const schema\w* = (\{ "\$schema".*?\});\n/s.exec(program)[1]);
  const event = { specversion: '1.0', id: '1', source: '/a', type: 'b' };
  const documents = [
    event,
    { ...event, time: '2026-01-02T03:04:05Z', datacontenttype: 'application/json', dataschema: 'https://a.example/b', data: { c: 1 } },
    { ...event, subject: 's', data_base64: 'aGk=', traceparent: 'x' },
  ];
  return { files: { 'cloudevents.json': schema }, documents: { 'cloudevents.json': documents } };
}

// CycloneDX names the files that it refers to by the $id that they have where they are published; the library has
// another one in its copies. The strict schemas share their $id with others.
function cyclonedx() {
  const folder = join(folderOf('@cyclonedx/cyclonedx-library'), 'res/schema');
  const files = readFolder(folder, (name) => !name.includes('strict'));
  const text = JSON.stringify(files).replaceAll('.SNAPSHOT.schema.json#', '.schema.json#').replaceAll(
    /"\$ref":"([\w.-]+)\.SNAPSHOT\.schema\.json/g, '"$ref":"$1.schema.json');
  const published = JSON.parse(text);
  const parts = Object.keys(files).filter((name) => !name.startsWith('bom'));
  return { files: published, documents: {}, parts };
}

function generated() {
  const lines = python('-B', 'models.py').trim().split('\n').map((line) => JSON.parse(line));
  const all = [...models, ...lines.map(({ name, ...rest }) => ({ name: `pydantic-${name}`, ...rest }))];
  return {
    files: Object.fromEntries(all.map(({ name, schema }) => [`${name}.json`, schema])),
    documents: Object.fromEntries(all.map(({ name, examples }) => [`${name}.json`, examples])),
  };
}

// What check-jsonschema brings of SchemaStore.
function store() {
  const script = 'import check_jsonschema, os; print(os.path.dirname(check_jsonschema.__file__))';
  const files = readFolder(join(python('-c', script).trim(), 'builtin_schemas/vendor'));
  return { files, documents: {}, parts: ['renovate.json'] }; // ajv takes many seconds to compile that one
}

export const sets = {
  'GitHub webhooks': webhooks,
  CloudEvents: cloudevents,
  AsyncAPI: () => ({ files: readFolder(join(folderOf('@asyncapi/specs'), 'schemas'), (name) => !/without|all/.test(name)), documents: {} }),
  'AsyncAPI, without $id': () => ({ files: readFolder(join(folderOf('@asyncapi/specs'), 'schemas'), (name) => name.includes('without')), documents: {} }),
  CycloneDX: cyclonedx,
  'pydantic, zod, TypeBox': generated,
  SchemaStore: store,
};
