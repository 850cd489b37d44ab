export { createLaunches, type Launcher, type LaunchOptions, type LaunchRegistry } from './registry.ts'
