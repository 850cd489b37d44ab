export { type Answer, type CallOptions, type ClientTls, send } from './client.ts'
export { csrOf, HandClock, type Held, type HttpHarness, openHttp, pemOf } from './http.ts'
export { openPipeline, type Pipeline } from './pipeline.ts'
