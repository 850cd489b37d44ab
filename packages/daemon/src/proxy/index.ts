export { type ProxyOptions, type ProxyServer, serveProxy, serveProxyBeside } from './serve.ts'
