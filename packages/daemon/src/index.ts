export { DAEMON_SETTINGS, type DaemonConfig, type DaemonSetting, type DeliverySetting, daemonConfig } from './config.ts'
export { createLog, type LogLevel, type LogOptions } from './log.ts'
export { type DaemonIo, type RunningDaemon, startDaemon } from './main.ts'
export * from './ports.ts'
