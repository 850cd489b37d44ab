import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type FieldDescriptorProto_Label,
  type FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  StructSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { JwtBundlesResponse, JwtSvidRequest, WitBundlesResponse, X509SvidResponse } from './messages.ts'
import { WireError } from './protobuf.ts'
import { jsonOf, Struct } from './struct.ts'

// A second opinion: the same messages, as another implementation of protobuf reads and writes them.
const field = (
  name: string,
  number: number,
  type: FieldDescriptorProto_Type,
  label: FieldDescriptorProto_Label = Label.OPTIONAL,
  typeName = '',
) => ({ name, number, type, label, ...(typeName === '' ? {} : { typeName }) })
const entry = (type: FieldDescriptorProto_Type) => ({
  name: 'BundlesEntry',
  field: [field('key', 1, Type.STRING), field('value', 2, type)],
  options: { mapEntry: true },
})
const mapOf = (name: string, no: number, of: string) =>
  field(name, no, Type.MESSAGE, Label.REPEATED, `.${of}.BundlesEntry`)

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'second-opinion.proto',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Svid',
        field: [
          field('spiffe_id', 1, Type.STRING),
          field('chain', 2, Type.BYTES),
          field('key', 3, Type.BYTES),
          field('bundle', 4, Type.BYTES),
          field('hint', 5, Type.STRING),
        ],
      },
      {
        name: 'X509',
        field: [
          field('svids', 1, Type.MESSAGE, Label.REPEATED, '.Svid'),
          field('crl', 2, Type.BYTES, Label.REPEATED),
          mapOf('federated_bundles', 3, 'X509'),
        ],
        nestedType: [entry(Type.BYTES)],
      },
      { name: 'Jwt', field: [field('audience', 1, Type.STRING, Label.REPEATED), field('spiffe_id', 2, Type.STRING)] },
      { name: 'JwtBundles', field: [mapOf('bundles', 1, 'JwtBundles')], nestedType: [entry(Type.BYTES)] },
      { name: 'WitBundles', field: [mapOf('bundles', 1, 'WitBundles')], nestedType: [entry(Type.STRING)] },
    ],
  }),
  () => undefined,
)
const descriptor = (name: string): DescMessage => registry.getMessage(name)!

const text = fc.string({ unit: 'grapheme' })
const octets = fc.uint8Array({ maxLength: 300 })
const svid = fc.record(
  { spiffeId: text, chain: octets, key: octets, bundle: octets, hint: text },
  { noNullPrototype: true },
)

describe('the codec', () => {
  it('writes what others read, and reads what others write', () => {
    const x509 = fc.record({
      svids: fc.array(svid, { maxLength: 4 }),
      crl: fc.array(octets, { maxLength: 3 }),
      federatedBundles: fc.dictionary(text, octets, { maxKeys: 3 }),
    })
    fc.assert(
      fc.property(x509, value => {
        const ours = { ...value, federatedBundles: new Map(Object.entries(value.federatedBundles)) }
        const theirs = toBinary(descriptor('X509'), create(descriptor('X509'), value))
        assert.deepEqual(X509SvidResponse.decode(theirs), ours)
        const back = fromBinary(descriptor('X509'), X509SvidResponse.encode(ours))
        assert.deepEqual(toBinary(descriptor('X509'), back), theirs)
      }),
    )
  })

  it('agrees on requests and bundles', () => {
    fc.assert(
      fc.property(fc.array(text), text, fc.dictionary(text, text), (audience, spiffeId, named) => {
        const asked = { audience, spiffeId }
        assert.deepEqual(
          Buffer.from(JwtSvidRequest.encode(asked)),
          Buffer.from(toBinary(descriptor('Jwt'), create(descriptor('Jwt'), asked))),
        )
        const texts = new Map(Object.entries(named))
        const wit = toBinary(descriptor('WitBundles'), create(descriptor('WitBundles'), { bundles: named }))
        assert.deepEqual(WitBundlesResponse.decode(wit).bundles, texts)
        const bytes = Object.fromEntries(Object.entries(named).map(([name, each]) => [name, Buffer.from(each)]))
        const jwt = toBinary(descriptor('JwtBundles'), create(descriptor('JwtBundles'), { bundles: bytes }))
        const read = JwtBundlesResponse.decode(jwt).bundles
        assert.deepEqual(
          Array.from(read, ([name, each]) => [name, Buffer.from(each).toString()]),
          [...texts],
        )
      }),
    )
  })

  it('reads a Struct as others write it', () => {
    const claims = fc.dictionary(text, fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), { maxKeys: 5 })
    fc.assert(
      fc.property(claims, value => {
        const json = JSON.parse(JSON.stringify(value))
        const fields = toBinary(StructSchema, structOf(json))
        assert.deepEqual(JSON.parse(JSON.stringify(jsonOf(Struct.decode(fields)))), json)
      }),
    )
  })

  it('never fails in another way than it says, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        try {
          X509SvidResponse.decode(bytes)
          jsonOf(Struct.decode(bytes))
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  const hostile: readonly [hex: string, why: string][] = [
    ['0a', 'a length that is missing'],
    ['0a05616263', 'a length beyond the end'],
    ['0affffffffffffffffff01', 'a length of 64 bits'],
    ['0affffffffffffffffffff01', 'a number of eleven bytes'],
    ['0affffffffffffffffff7f', 'a number beyond 64 bits'],
    ['0001', 'field 0'],
    ['08', 'half a field'],
    ['0801', 'a number where a message should be'],
    ['0b0c', 'a group'],
    ['0e', 'a wire type that does not exist'],
    ['0a030a01ff', 'text that is not UTF-8'],
    ['3d0000', 'four bytes of which two are there'],
  ]
  for (const [hex, why] of hostile)
    it(`refuses ${why}`, () => assert.throws(() => X509SvidResponse.decode(Buffer.from(hex, 'hex')), WireError))

  it('skips fields of later versions', () => {
    const later = Buffer.from('f83f01' + 'f93f0000000000000000' + 'fa3f0161' + 'fd3f00000000', 'hex')
    assert.deepEqual(X509SvidResponse.decode(later), X509SvidResponse.decode(new Uint8Array()))
  })

  it('refuses a Struct that is a thousand deep', () => {
    let bytes: Buffer = Buffer.alloc(0)
    // { "": [[[…]]] }
    for (let depth = 0; depth < 1_000; depth++) bytes = delimited(0x32, delimited(0x0a, bytes))
    const struct = delimited(0x0a, Buffer.concat([delimited(0x12, bytes)]))
    assert.throws(() => Struct.decode(struct), WireError)
  })

  it('refuses a value of two kinds', () => {
    const both = Buffer.concat([Buffer.from('2001', 'hex'), Buffer.from('1a0161', 'hex')])
    const struct = delimited(0x0a, delimited(0x12, both))
    assert.throws(() => jsonOf(Struct.decode(struct)), WireError)
  })
})

function delimited(tag: number, body: Buffer): Buffer {
  const length: number[] = []
  for (let rest = body.length; ; rest >>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) return Buffer.concat([Buffer.of(tag, ...length), body])
  }
}

type Json = null | number | string | boolean | readonly Json[] | { readonly [name: string]: Json }

function structOf(json: { readonly [name: string]: Json }) {
  const fields = Object.fromEntries(Object.entries(json).map(([name, value]) => [name, protoValueOf(value)]))
  return create(StructSchema, { fields: fields as never })
}

function protoValueOf(json: Json): unknown {
  if (json === null) return { kind: { case: 'nullValue', value: 0 } }
  if (typeof json === 'number') return { kind: { case: 'numberValue', value: json } }
  if (typeof json === 'string') return { kind: { case: 'stringValue', value: json } }
  if (typeof json === 'boolean') return { kind: { case: 'boolValue', value: json } }
  if (Array.isArray(json)) return { kind: { case: 'listValue', value: { values: json.map(protoValueOf) } } }
  return { kind: { case: 'structValue', value: structOf(json as { readonly [name: string]: Json }) } }
}
