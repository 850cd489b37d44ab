export { openPipeline, type Pipeline } from './pipeline.ts'
