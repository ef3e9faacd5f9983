// ajv, as the reference: what it says about a schema and about documents.

import { createRequire } from 'node:module';
import Ajv from 'ajv';
import Ajv2019 from 'ajv/dist/2019.js';
import Ajv2020 from 'ajv/dist/2020.js';
import Ajv4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';

const DRAFT6 = createRequire(import.meta.url)('ajv/dist/refs/json-schema-draft-06.json');

// Formats are annotations in files that name 2019-09 or 2020-12.
const DRAFTS = [
  { named: /draft-04/, Class: Ajv4.default, formats: true },
  { named: /draft-0[67]/, Class: Ajv.default, formats: true },
  { named: /2019-09/, Class: Ajv2019.default, formats: false },
  { named: /2020-12/, Class: Ajv2020.default, formats: false },
];
const UNNAMED = { Class: Ajv2020.default, formats: true };

// Reference is ajv with the schemas of one set to which others refer, by their $id or by the names of their files.
export class Reference {
  #parts;
  #shared = new Map(); // by draft, if there are parts: ajv takes long to read them

  constructor(parts) {
    this.#parts = Object.entries(parts);
  }

  // compile returns a function that says what is wrong with a document, [] if nothing is. It throws what ajv says about
  // a schema that it does not take.
  compile(schema) {
    const draft = schema.$schema === undefined ? UNNAMED : DRAFTS.find(({ named }) => named.test(schema.$schema));
    const ajv = this.#parts.length === 0 ? make(draft, schema) : this.#with(draft);
    const validate = (schema.$id && ajv.getSchema(schema.$id)) || this.#compileWith(ajv, draft, schema);
    return (document) => (validate(document) ? [] : validate.errors);
  }

  // A backslash before any sign is no ECMA-262 with the flag u, and what people write.
  #compileWith(ajv, draft, schema) {
    try {
      return ajv.compile(schema);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return make(draft, schema, { unicodeRegExp: false }).compile(schema);
    }
  }

  #with(draft) {
    if (!this.#shared.has(draft)) {
      const ajv = make(draft, {});
      for (const [name, part] of this.#parts) ajv.addSchema(part, part.$id === undefined ? name : undefined, false, false);
      this.#shared.set(draft, ajv);
    }
    return this.#shared.get(draft);
  }
}

// make makes an ajv of a draft. A schema that brings the draft's own meta-schema must be the only one to do so.
function make({ Class, formats }, schema, options = {}) {
  const bringsMeta = /"(\$?id)":"http:\/\/json-schema\.org\/draft-0[47]\/schema#?"/.test(JSON.stringify(schema));
  const ajv = new Class({
    strict: false, validateFormats: formats, logger: false, meta: !bringsMeta, validateSchema: !bringsMeta, ...options,
  });
  addFormats.default(ajv);
  if (Class === Ajv.default && !bringsMeta) ajv.addMetaSchema(DRAFT6);
  return ajv;
}
