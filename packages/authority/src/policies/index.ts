export * from './dead-subject.ts'
export * from './versions.ts'
