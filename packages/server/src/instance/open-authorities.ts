import type { Clock, Dice } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Log } from '../http/ports.ts'
import { Authorities } from './authorities.ts'
import type { Data } from './open-data.ts'
import type { Setup } from './setup.ts'

/** The authorities of the data folder, as the settings want them; made when they are not there. */
export async function openAuthorities(
  data: Data,
  { config, serverNames, dnsSuffixes }: Setup,
  { clock, dice, log }: { readonly clock: Clock; readonly dice: Dice; readonly log: Log },
): Promise<Authorities> {
  const { algorithm } = config.ca
  const { domain: trustDomain, instance, store, rows, keys } = data
  return await Authorities.open({ trustDomain, instance, algorithm, serverNames, dnsSuffixes }, data.newFacts, {
    store,
    rows,
    keys,
    crypto: nodeCrypto,
    clock,
    dice,
    log,
  })
}
