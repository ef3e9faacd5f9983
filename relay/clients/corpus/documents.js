// Documents for a schema: some that it is likely to accept, and what becomes of documents by small changes.

const TEXTS = ['', 'a', 'text', '1', 'é', '2026-01-02', '2026-01-02T03:04:05Z', 'a@b.example', 'https://a.example/b?c#d', 'x'.repeat(300)];
const FORMATS = {
  date: '2026-01-02', 'date-time': '2026-01-02T03:04:05Z', time: '03:04:05Z', duration: 'PT1H', email: 'a@b.example',
  hostname: 'b.example', ipv4: '127.0.0.1', ipv6: '::1', uri: 'https://a.example/b', 'uri-reference': '/b', iri: 'https://a.example/é',
  'iri-reference': '/é', 'uri-template': 'https://a.example{/b}', uuid: '123e4567-e89b-12d3-a456-426614174000', regex: '^a$',
  'json-pointer': '/a', 'idn-email': 'a@b.example',
};
const DEEPEST = 8;
const MOST = 300; // schemas of which a document is made

// Maker makes documents for one schema. resolve returns the schema that a $ref of the root leads to, or undefined.
export class Maker {
  #resolve;
  #random;
  #left = 0; // of MOST

  constructor(resolve, random) {
    this.#resolve = resolve;
    this.#random = random;
  }

  document(schema) {
    this.#left = MOST;
    return this.make(schema, 0);
  }

  make(schema, depth) {
    if (this.#left-- <= 0) return null;
    if (typeof schema !== 'object' || schema === null) return this.#random.pick([null, 1, 'a', true]);
    if (schema.$ref !== undefined && depth < 4 * DEEPEST) {
      const target = this.#resolve(schema.$ref);
      if (target !== undefined) return this.make(target, depth + 0.5);
    }
    if ('const' in schema) return schema.const;
    if (Array.isArray(schema.enum)) return this.#random.pick(schema.enum);
    const known = [...(Array.isArray(schema.examples) ? schema.examples : []), ...('default' in schema ? [schema.default] : [])];
    if (known.length > 0 && this.#random.below(2) === 0) return this.#random.pick(known);
    const branches = schema.oneOf ?? schema.anyOf;
    let made = Array.isArray(branches) ? this.make(this.#random.pick(branches), depth + 0.5) : undefined;
    for (const part of Array.isArray(schema.allOf) ? schema.allOf : []) made = merge(made, this.make(part, depth + 0.5));
    if (schema.type === undefined && schema.properties === undefined && schema.items === undefined) return made ?? {};
    return merge(made, this.#ofType(schema, depth));
  }

  #ofType(schema, depth) {
    const type = Array.isArray(schema.type) ? this.#random.pick(schema.type) : schema.type;
    switch (type ?? (schema.items ? 'array' : 'object')) {
      case 'null':
        return null;
      case 'boolean':
        return this.#random.below(2) === 0;
      case 'integer':
        return Math.ceil(schema.minimum ?? this.#random.below(5));
      case 'number':
        return schema.minimum ?? this.#random.below(5) + 0.5;
      case 'string':
        return this.#text(schema);
      case 'array':
        return this.#array(schema, depth);
      default:
        return this.#object(schema, depth);
    }
  }

  #text(schema) {
    const text = FORMATS[schema.format] ?? this.#random.pick(TEXTS.slice(1, 5));
    return text.padEnd(schema.minLength ?? 0, 'a').slice(0, schema.maxLength ?? undefined);
  }

  #array(schema, depth) {
    const items = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : undefined);
    if (items) return items.map((item) => this.make(item, depth + 1));
    const count = depth > DEEPEST ? 0 : Math.max(schema.minItems ?? 0, this.#random.below(3));
    return Array.from({ length: count }, () => this.make(schema.items ?? {}, depth + 1));
  }

  #object(schema, depth) {
    const made = {};
    const required = Array.isArray(schema.required) ? schema.required : [];
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const optional = depth <= DEEPEST && this.#random.below(3) === 0;
      if (required.includes(name) || optional) made[name] = this.make(property, depth + 1);
    }
    for (const name of required) if (!(name in made)) made[name] = 'a';
    return made;
  }
}

function merge(a, b) {
  return isObject(a) && isObject(b) ? { ...a, ...b } : (b ?? a);
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// mutate returns a copy of the document with one small change, or with several.
export function mutate(document, random) {
  let changed = structuredClone(document);
  for (let changes = 1 + (random.below(4) === 0 ? random.below(3) : 0); changes > 0; changes--) {
    const places = [];
    collect({ root: changed }, places);
    const { parent, key } = random.pick(places);
    if (key === 'root') changed = other(changed, random);
    else change(parent, key, random);
  }
  return changed;
}

// collect lists all places of a document.
function collect(parent, places) {
  for (const key of Object.keys(parent)) {
    places.push({ parent, key });
    if (typeof parent[key] === 'object' && parent[key] !== null) collect(parent[key], places);
  }
}

function change(parent, key, random) {
  switch (random.below(6)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 1:
      if (Array.isArray(parent)) parent.push(structuredClone(parent[key]));
      else parent[`${key}x`] = structuredClone(parent[key]);
      break;
    case 2:
      if (isObject(parent[key])) parent[key]['x-more'] = 1;
      else parent[key] = other(parent[key], random);
      break;
    default:
      parent[key] = other(parent[key], random);
  }
}

// other returns another value, mostly of the same type.
function other(value, random) {
  if (random.below(3) > 0) {
    switch (typeof value) {
      case 'string':
        return random.pick([...TEXTS, `${value}x`, value.slice(1), value.toUpperCase(), ` ${value}`, value.replace(/[0-9]/, 'x')]);
      case 'number':
        return random.pick([0, -1, 1, value + 1, -value, value + 0.5, 1e10, value / 2]);
      case 'boolean':
        return !value;
    }
  }
  return random.pick([null, true, 0, 1.5, 'text', [], {}, [1], { a: 1 }]);
}
