import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFileRegistry, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { Health } from '../../gen/grpc/health/v1/health_pb.js'
import {
  type FileDescriptorResponse,
  ServerReflection,
  type ServerReflectionRequestSchema,
} from '../../gen/grpc/reflection/v1/reflection_pb.js'
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.js'
import { STATUS, world } from '../workload-api/world.suite.ts'

const SERVICES = [
  'SpiffeWorkloadAPI',
  'envoy.service.secret.v3.SecretDiscoveryService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>

for (const service of [ServerReflection, ServerReflectionAlpha])
  test(`${service.typeName} describes all services, itself too`, async t => {
    const { client } = await world(t)
    const call = client.converse(
      service.method.serverReflectionInfo as typeof ServerReflection.method.serverReflectionInfo,
    )
    const ask = async (messageRequest: Question) => {
      call.send({ host: 'here', messageRequest })
      const { validHost, originalRequest, messageResponse } = await call.next()
      assert.deepEqual([validHost, originalRequest?.messageRequest.value], ['here', messageRequest.value])
      return messageResponse
    }
    const list = await ask({ case: 'listServices', value: '*' })
    assert.ok(list.case === 'listServicesResponse')
    assert.deepEqual(
      list.value.service.map(({ name }) => name),
      SERVICES,
    )
    for (const name of SERVICES) {
      const found = await ask({ case: 'fileContainingSymbol', value: name })
      assert.ok(found.case === 'fileDescriptorResponse')
      assert.equal(registryOf(found.value).getService(name)?.typeName, name)
    }
    const symbols = ['SpiffeWorkloadAPI.FetchX509SVID', 'X509SVID.hint', 'X509SVIDResponse', 'google.protobuf.Struct']
    for (const symbol of symbols)
      assert.equal((await ask({ case: 'fileContainingSymbol', value: symbol })).case, 'fileDescriptorResponse', symbol)
    assert.equal((await ask({ case: 'fileByFilename', value: 'workload.proto' })).case, 'fileDescriptorResponse')
    for (const [question, value] of [
      ['fileContainingSymbol', 'a.B'],
      ['fileByFilename', '/etc/passwd'],
    ] as const) {
      const refused = await ask({ case: question, value })
      assert.ok(refused.case === 'errorResponse')
      assert.equal(refused.value.errorCode, STATUS.notFound)
    }
    call.raw.stream.end()
    assert.equal((await call.ended).code, STATUS.ok)
  })

// Complete: nothing has to be asked for again.
function registryOf({ fileDescriptorProto }: FileDescriptorResponse) {
  const file = fileDescriptorProto.map(bytes => fromBinary(FileDescriptorProtoSchema, bytes))
  return createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file: file.toReversed() })
}

test('health answers for each service, without the security header', async t => {
  const { client } = await world(t)
  for (const service of ['', ...SERVICES])
    assert.equal((await client.call(Health.method.check, { service }).next()).status, 1)
  assert.equal((await client.call(Health.method.check, { service: 'a.B' }).ended).code, STATUS.notFound)
  const { statuses } = await client.call(Health.method.list, {}).next()
  assert.deepEqual(Object.keys(statuses).sort(), ['', ...SERVICES].sort())
})

test('health that is watched lasts until the server stops', async t => {
  const { client, close } = await world(t)
  const [known, unknown] = [client.call(Health.method.watch, {}), client.call(Health.method.watch, { service: 'a.B' })]
  assert.deepEqual([(await known.next()).status, (await unknown.next()).status], [1, 3])
  await close()
  assert.deepEqual([(await known.ended).code, (await unknown.ended).code], [STATUS.unavailable, STATUS.unavailable])
})
