export { type ProxyOptions, type ProxyServer, serveProxy } from './serve.ts'
