import { NAME_PATTERN } from '@lanyard/protocol'
import { z } from 'zod'
import { ROLES, type RoleName } from './permissions.ts'

export const TIERS = ['platinum', 'gold', 'silver', 'bronze', 'restricted'] as const
export const LIFECYCLES = ['pending', 'active', 'degraded', 'restricted', 'quarantined', 'retired'] as const
export const KEY_POLICIES = ['rsa-only', 'modern'] as const

export const Tier = z.enum(TIERS)
export const Lifecycle = z.enum(LIFECYCLES)
export const KeyPolicy = z.enum(KEY_POLICIES)
/** The name of a role, built-in or defined. */
export const RoleText = z
  .string()
  .regex(/^[a-z][a-z0-9._-]{0,62}$/, 'expected a role: a-z, 0-9, dot, underscore, hyphen')
/** The built-in roles that can be given; `agent` and `node` are held by those alone. */
export const KeyRole = z.enum(
  Object.keys(ROLES).filter(role => role !== 'agent' && role !== 'node') as Exclude<RoleName, 'agent' | 'node'>[],
)

export type Tier = z.output<typeof Tier>
export type Lifecycle = z.output<typeof Lifecycle>
export type KeyPolicy = z.output<typeof KeyPolicy>
export type KeyRole = z.output<typeof KeyRole>

/** A name in a request. Its form is judged once, by the name rule of the authority, which answers `name_invalid`. */
export const Name = z.string().max(256).meta({ pattern: NAME_PATTERN.source })
/** RFC 3339, in UTC. */
export const Time = z.string().meta({ format: 'date-time' })
/** Sixteen bytes, as ids of ours and serials are written. */
export const HexId = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits')
export const Serial = HexId
/** Whether every database keeps a text as it came: PostgreSQL takes no U+0000, and none takes half a character. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Text that every database keeps as it came. */
export const Text = z.string().refine(isStorable, 'expected text without U+0000 and without half characters')
export const Reason = Text.min(1).max(500)
export const Labels = z
  .record(z.string().min(1).max(63), z.string().max(255))
  .refine(labels => Object.keys(labels).length <= 32, 'expected at most 32 labels')
  // They stand in every list of agents, and twice in the event of each change.
  .refine(labels => JSON.stringify(labels).length <= 4096, 'expected labels of at most 4096 characters, as JSON')
export const Owner = Text.max(255)
export const Description = Text.max(1000)
/** The longest grace that a tenant can have: whoever must remember ended certificates, or prove them, counts on it. */
export const MAX_GRACE_SEC = 86_400
/** Seconds a certificate may be expired and still renew. */
export const Grace = z.int().min(0).max(MAX_GRACE_SEC)
/** Calls per minute; 0: none is counted. */
export const RateLimit = z.int().min(0).max(1_000_000)
/** A pattern of agent names: `*` stands for any run of characters. */
export const AgentPattern = z
  .string()
  .regex(/^[a-z0-9._*-]{1,63}$/, 'expected a name in which * stands for any characters')

/** Query fields of every list. */
export const page = {
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(512).optional(),
}

/** A list: its items, and the cursor of the next page or null at the end. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() })

/** A boolean in a query. */
export const Flag = z.enum(['true', 'false']).transform(text => text === 'true')

/** A certificate request, PKCS #10 in PEM; what is in it is judged later. */
export const Csr = z.string().max(8192)
