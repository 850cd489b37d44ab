export * from './config.ts'
export * from './config-text.ts'
export * from './load-config.ts'
export * from './settings.ts'
