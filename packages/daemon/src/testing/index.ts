export { type FakeSvid, FakeTrustDomain } from './ca.ts'
export { FakeProcess } from './process.ts'
export { FakeTime, settled } from './time.ts'
export { type FakeIdentity, FakeWorkloads, type Who } from './workloads.ts'
