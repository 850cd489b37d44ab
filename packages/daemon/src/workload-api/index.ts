export type { GrpcLimits } from '../grpc/limits.ts'
export type { GrpcServer } from '../grpc/serve.ts'
export type { SdsNames } from '../sds/names.ts'
export { serveWorkloadApi, type WorkloadApiOptions } from './serve.ts'
