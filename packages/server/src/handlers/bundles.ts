import type { FederatedBundle, Handlers, Routes } from '@lanyard/api'
import { type Caller, type FederatedBundleState, isoTime, removeBundle, setBundle, shared } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act } from './call.ts'

type Mine = 'setBundle' | 'listBundles' | 'removeBundle'

/** Bundles of other trust domains. */
export function bundleHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, authorities, nodeNews } = ports
  return {
    async setBundle(call) {
      const { trust_domain: trustDomain, bundle } = call.body
      const step = (told: Parameters<typeof setBundle>[3]) =>
        setBundle(rows, { trustDomain, bundle }, authorities.trustDomain, told)
      const state = await act(ports, call, shared(), step)
      nodeNews.tell()
      return showBundle(state)
    },

    async listBundles() {
      return { items: (await store.read(() => rows.federatedBundles.list())).map(showBundle) }
    },

    async removeBundle(call) {
      await act(ports, call, shared(), told => removeBundle(rows, call.params.trust_domain, told))
      nodeNews.tell()
      return undefined
    },
  }
}

const showBundle = (state: FederatedBundleState): FederatedBundle => ({
  trust_domain: state.trustDomain,
  bundle: state.bundle,
  updated_at: isoTime(state.updatedAt),
})
