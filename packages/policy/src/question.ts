/**
 * An entity of Cedar. A type of ours stands without its namespace (`Agent`), one of an application with it
 * (`Todo::User`).
 */
export interface Entity {
  readonly type: string
  readonly id: string
}

/** An entity with what is known of it. `labels` of an agent become its tags; what is null or undefined is left out. */
export interface EntityFacts extends Entity {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly parents: readonly Entity[]
}

/** What is asked: may this principal do this to this resource? */
export interface Question {
  readonly principal: Entity
  /**
   * Id of a route, `issue`, `call` or a permission; an action of an application with its type: `Todo::Action::"read"`.
   */
  readonly action: string
  readonly resource: Entity
  /** `source`: an IP address as text; `node`: the id of a node. What is null or undefined is left out. */
  readonly context: Readonly<Record<string, unknown>>
  /** What is known of principal, resource and what they are in. */
  readonly entities: readonly EntityFacts[]
}

/** What was decided, and by which policies. */
export interface Decision {
  readonly allowed: boolean
  /** Ids of the policies that decided: `acme@3:no-kills-at-night`. None, and no error: no policy permits it. */
  readonly policies: readonly string[]
  /** What could not be evaluated; not empty: a deny. */
  readonly errors: readonly string[]
}

/** A version of the policies of one scope, as it is saved. */
export interface PolicyText {
  /** Null: the trust domain. */
  readonly tenant: string | null
  readonly version: number
  /** Cedar. */
  readonly policies: string
  /** Cedar schema of what one's own applications add to ours; empty: nothing. */
  readonly schema: string
  /** Entities of one's own applications, in Cedar's JSON form. */
  readonly entities: readonly unknown[]
}
