import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openStage, type WorkloadStage } from '../../support/workload-stage.ts'
import { ask, skipUnless } from '../programs.ts'

describe('the socket, to other implementations of gRPC', () => {
  let stage: WorkloadStage
  before(async () => {
    stage = await openStage({ hint: 'main' })
  })
  after(() => stage?.remove())

  test('grpc-js gets everything, and every refusal has the code of the standard', skipUnless('grpc-js'), async () => {
    const got = await ask('grpc-js', stage.socket, [`unix://${stage.socket}`])
    assert.deepEqual(
      got.svids.map(({ id, hint }: { id: string; hint: string }) => [id, hint]),
      [[stage.id, 'main']],
    )
    const domain = `spiffe://${stage.domain}`
    assert.deepEqual(got.bundles, { x509: [domain], jwt: [domain] })
    assert.deepEqual([got.jwt.id, got.jwt.validated], [stage.id, stage.id])
    assert.deepEqual(got.codes, {
      noHeader: 'INVALID_ARGUMENT',
      twoHeaders: 'INVALID_ARGUMENT',
      wrongHeader: 'INVALID_ARGUMENT',
      noAudience: 'INVALID_ARGUMENT',
      foreignId: 'PERMISSION_DENIED',
      badToken: 'INVALID_ARGUMENT',
      otherAudience: 'INVALID_ARGUMENT',
    })
  })

  test(
    'a client learns the services by reflection alone, calls one, and asks for the health',
    skipUnless('python'),
    async () => {
      const { methods, ids, health } = await ask('python', stage.socket, [`unix://${stage.socket}`], 'reflection.py')
      assert.deepEqual(ids, [stage.id])
      assert.equal(health, 'SERVING')
      assert.deepEqual(Object.keys(methods).toSorted(), [
        'SpiffeWorkloadAPI',
        'envoy.service.secret.v3.SecretDiscoveryService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ])
      assert.ok(methods.SpiffeWorkloadAPI.includes('FetchX509SVID'))
    },
  )

  test('go-spiffe gets WIT-SVIDs and their bundles', skipUnless('go-spiffe'), async () => {
    assert.deepEqual(await ask('go-spiffe', stage.socket, ['wit']), { id: stage.id, bundles: [stage.domain] })
  })
})
