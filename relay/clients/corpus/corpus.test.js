// Schemas as people have them load, compile, and give ajv's verdict on messages and on what becomes of these by small
// changes. exceptions.js has the exceptions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Maker, mutate } from './documents.js';
import { leftOut, notCompiled, ofDocuments } from './exceptions.js';
import { Random } from './random.js';
import { Reference } from './reference.js';
import { startRelay } from './relay.js';
import { sets } from './sets.js';

const MADE = 12; // documents for a schema without any
const MUTATIONS = 150; // for each schema

for (const [name, make] of Object.entries(sets)) {
  test(name, { timeout: 600_000 }, async (t) => {
    const { files, documents, parts = [] } = make();
    const reference = new Reference(Object.fromEntries(parts.map((part) => [part, files[part]])));
    const out = leftOut.filter(({ set }) => set === name).map(({ file }) => file);
    for (const { file, lax } of leftOut.filter(({ set }) => set === name)) {
      if (!lax) assert.throws(() => reference.compile(files[file]), `ajv takes ${file}`);
    }
    const texts = Object.fromEntries(Object.entries(files).filter(([file]) => !out.includes(file)).map(
      ([file, schema]) => [file, JSON.stringify(schema)]));
    const relay = await startRelay(texts);
    try {
      checkCompiled(name, relay.checked(), Object.keys(texts));
      const total = { documents: 0, valid: 0, differ: 0 };
      for (const file of Object.keys(texts)) {
        if (parts.includes(file)) continue;
        const all = makeDocuments(`${name}/${file}`, files, file, documents[file]);
        await compare({ set: name, file }, all, reference.compile(files[file]), relay, total);
      }
      t.diagnostic(`${Object.keys(texts).length} schemas, ${total.documents} documents, ${total.valid} of them valid, ` +
        `${total.differ} judged otherwise for a reason in exceptions.js`);
      assert.ok(total.valid > 0 && total.valid < total.documents, 'documents are all valid, or none: they show nothing');
    } finally {
      await relay.close();
    }
  });
}

function checkCompiled(set, checked, names) {
  assert.deepEqual([...checked.keys()].toSorted(), names.toSorted());
  for (const [file, how] of checked) {
    const expected = notCompiled[`${set}/${file}`] ?? /^compiled$/;
    assert.match(how, expected, `${set}, ${file}`);
  }
}

async function compare(from, all, says, relay, total) {
  const replies = await relay.judge(from.file, all);
  for (const [n, document] of all.entries()) {
    const errors = says(document);
    total.documents++;
    total.valid += errors.length === 0;
    if ((errors.length === 0) === (replies[n] === '')) continue;
    total.differ++;
    const argued = ofDocuments.some(({ holds }) => holds({ ...from, document, errors, reply: replies[n] }));
    assert.ok(argued, `${from.set}, ${from.file}: ajv says ${JSON.stringify(errors)}, the relay ${replies[n] || 'nothing'}, of ` +
      JSON.stringify(document).slice(0, 2000));
  }
}

// makeDocuments returns the documents given, or some that are made for the schema, and mutations of them.
function makeDocuments(seed, files, file, given) {
  const random = new Random(seed);
  const maker = new Maker((ref) => resolve(files, file, ref), random);
  const originals = given ?? Array.from({ length: MADE }, () => maker.document(files[file]));
  return [...originals, ...Array.from({ length: MUTATIONS }, () => mutate(random.pick(originals), random))];
}

// resolve finds what a $ref leads to, as far as documents need it: a pointer into the same file or another one, or an $id.
function resolve(files, file, ref) {
  const [url, pointer = ''] = ref.split('#');
  let found = url === '' ? files[file] : files[url] ?? Object.values(files).find((other) => (other.$id ?? '').endsWith(url));
  found ??= Object.values(files[file].definitions ?? {}).find((part) => part.$id === url);
  for (const token of pointer.split('/').slice(1)) {
    found = found?.[decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return found;
}
