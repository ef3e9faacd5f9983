// Schemas of zod and TypeBox, with messages.

import { Type } from '@sinclair/typebox';
import { z } from 'zod';

const ID = '123e4567-e89b-12d3-a456-426614174000';

const zodMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('message'), id: z.uuid(), text: z.string().min(1).max(2000), at: z.iso.datetime() }),
  z.object({ type: z.literal('typing'), user: z.email(), until: z.int().positive().optional() }),
  z.object({ type: z.literal('file'), url: z.url(), tags: z.array(z.string().regex(/^[a-z]+$/)).max(3), size: z.number().nonnegative() }),
  z.object({ type: z.literal('seen'), by: z.record(z.string(), z.iso.date()), ip: z.ipv4().nullable(), at: z.tuple([z.number(), z.number()]) }),
]);
const zodTree = z.object({
  value: z.enum(['a', 'b']),
  get children() {
    return z.array(zodTree).optional();
  },
});

const zodExamples = [
  { type: 'message', id: ID, text: 'hi', at: '2026-01-02T03:04:05Z' },
  { type: 'typing', user: 'ann@b.example', until: 5 },
  { type: 'file', url: 'https://a.example/b', tags: ['a', 'b'], size: 1.5 },
  { type: 'seen', by: { ann: '2026-01-02' }, ip: null, at: [1, 2] },
];

const typeboxOrder = Type.Object({
  id: Type.String({ format: 'uuid' }),
  lines: Type.Array(Type.Object({ sku: Type.String({ pattern: '^[A-Z]{2}-\\d+$' }), count: Type.Integer({ minimum: 1 }) }), { minItems: 1 }),
  total: Type.Number({ multipleOf: 0.5 }),
  note: Type.Optional(Type.Union([Type.String({ maxLength: 10 }), Type.Null()])),
  meta: Type.Record(Type.String({ pattern: '^x-' }), Type.Unknown()),
}, { additionalProperties: false });
const typeboxNode = Type.Recursive((This) => Type.Object({ name: Type.String(), nodes: Type.Array(This, { uniqueItems: true }) }));
const typeboxBoth = Type.Intersect([
  Type.Object({ a: Type.Number() }), Type.Object({ b: Type.Literal('b') }),
], { unevaluatedProperties: false });

const plain = (schema) => JSON.parse(JSON.stringify(schema));
const drafts = ['draft-2020-12', 'draft-7', 'draft-4'];

export const models = [
  ...drafts.map((target) => ({ name: `zod-${target}`, schema: z.toJSONSchema(zodMessage, { target }), examples: zodExamples })),
  {
    name: 'zod-tree', schema: z.toJSONSchema(zodTree, { target: 'draft-7' }),
    examples: [{ value: 'a', children: [{ value: 'b', children: [] }, { value: 'a' }] }],
  },
  {
    name: 'typebox-order', schema: plain(typeboxOrder),
    examples: [{ id: ID, lines: [{ sku: 'AB-12', count: 2 }], total: 1.5, note: null, meta: { 'x-a': 1 } }],
  },
  { name: 'typebox-node', schema: plain(typeboxNode), examples: [{ name: 'a', nodes: [{ name: 'b', nodes: [] }, { name: 'c', nodes: [] }] }] },
  { name: 'typebox-both', schema: plain(typeboxBoth), examples: [{ a: 1, b: 'b' }] },
];
