// Where the relay says otherwise than ajv, and why: by the specification.

// leftOut are files that are no schemas, by the specification: the relay refuses them, and so does ajv, unless it is lax.
export const leftOut = [
  // They hold the meta-schema of draft 4, which draft 7 does not take: exclusiveMinimum is a number there.
  { set: 'AsyncAPI', file: '2.0.0-rc1.json' },
  { set: 'AsyncAPI, without $id', file: '2.0.0-rc1-without-$id.json' },
  // The id of each definition makes "#/definitions/…" within it lead nowhere: draft 4, 7.2.
  { set: 'AsyncAPI, without $id', file: '1.0.0-without-$id.json' },
  { set: 'AsyncAPI, without $id', file: '1.1.0-without-$id.json' },
  { set: 'AsyncAPI, without $id', file: '1.2.0-without-$id.json' },
  // examples must be an array: draft 2020-12, validation 9.5. ajv does not look at what only a $ref makes a schema.
  { set: 'SchemaStore', file: 'meltano.json', lax: true },
  // The file that it refers to is not in the package.
  { set: 'SchemaStore', file: 'drone-ci.json' },
];

// ofDocuments say when a verdict may differ: holds gets what ajv says ([] if the document is valid) and what the relay
// says ('' if it passes).
export const ofDocuments = [
  {
    why: 'RFC 3986, 4.2: the first segment of a relative path has no colon, or it would be taken for a scheme',
    holds: ({ errors, reply }) => errors.length === 0 && /: '[^/?#]*:.*' is not valid 'uri-reference'$/.test(reply),
  },
];

// notCompiled are files that the relay examines.
export const notCompiled = {
  'GitHub webhooks/webhooks.json': /the 257th alternative for one value$/, // a oneOf of all events
  'SchemaStore/azure-pipelines.json': /the 257th alternative for one value$/, // an anyOf of all tasks
};
