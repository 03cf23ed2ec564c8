// Sums in the fixed tree of group-tree.ts. `ShareSums` adds up one worker's groups as they are computed, with as many buffers
// as the tree is deep; `TreeSum` puts the nodes of all workers together at the owner of a bucket, in whatever order they come.
import { bytesOf } from '../bytes.js'
import type { ReduceConfig } from '../config/run-config.js'
import { WireError } from '../errors.js'
import { addWire, decodeWire, roundToWire } from './bf16.js'
import { wireLength } from './buckets.js'
import type { GroupTree, TreeTeam } from './group-tree.js'
import type { Offered } from './reduce.js'
import type { WorkerId } from '../ids.js'

type Wire = ReduceConfig['wire']

/** The one sum of the tree: left += right, rounded. Commutative but for which of two NaNs stays. */
function join(left: Float32Array, right: Float32Array, wire: Wire): void {
  addWire(bytesOf(right), 'f32', left)
  roundToWire(left, wire)
}

export interface TreeNode {
  readonly node: number
  /** f32, every value as it travels on the wire. */
  readonly values: Float32Array
}

export class ShareSums {
  private readonly free: Float32Array[] = []
  private stack: TreeNode[] = []

  constructor(
    private readonly tree: GroupTree,
    private readonly wire: Wire,
    private readonly allocate: () => Float32Array,
  ) {}

  /** Forgets the last step; its buffers are used again. */
  begin(): void {
    this.free.push(...this.stack.map(({ values }) => values))
    this.stack = []
  }

  /** @param fill writes the gradient of the group into a cleared buffer; groups come from left to right */
  add(group: number, fill: (leaf: Float32Array) => void): void {
    let values = this.free.pop() ?? this.allocate()
    values.fill(0)
    fill(values)
    roundToWire(values, this.wire)
    let node = this.tree.leaf(group)
    for (let left = this.stack.at(-1); left !== undefined && isPair(left.node, node); left = this.stack.at(-1)) {
      this.stack.pop()
      join(left.values, values, this.wire)
      this.free.push(values)
      values = left.values
      node = this.tree.parent(node)
    }
    this.stack.push({ node, values })
  }

  /** What the share amounts to, from left to right; valid until the next step. */
  get nodes(): readonly TreeNode[] {
    return this.stack
  }
}

const isPair = (left: number, right: number): boolean => right % 2 === 1 && right === left + 1

export class TreeSum {
  private team: TreeTeam | undefined
  private readonly given = new Set<number>()
  /** Sums that wait for their neighbour. */
  private readonly held = new Map<number, Float32Array>()
  private readonly free: Float32Array[] = []
  private complete = false

  /** @param into the sum of all, f32 [bucket]; meaningful once `done` */
  constructor(
    private readonly into: Float32Array,
    private readonly wire: Wire,
  ) {}

  /** Forgets the last sum and awaits the nodes of this team. */
  begin(team: TreeTeam): void {
    this.team = team
    this.given.clear()
    this.free.push(...this.held.values())
    this.held.clear()
    this.complete = false
  }

  get done(): boolean {
    return this.complete
  }

  /** What has not been offered yet. */
  missing(): { readonly source: WorkerId; readonly node: number }[] {
    return [...(this.team?.nodes ?? [])].flatMap(([source, nodes]) =>
      nodes.filter((node) => !this.given.has(node)).map((node) => ({ source, node })),
    )
  }

  /** @throws WireError when the length is not that of the bucket; the source may then offer again */
  offer(source: WorkerId, node: number, bytes: Uint8Array): Offered {
    if (this.team?.nodes.get(source)?.includes(node) !== true) return 'unknown'
    if (this.given.has(node)) return 'duplicate'
    const due = wireLength(this.into.length, this.wire)
    if (bytes.length !== due) {
      throw new WireError(
        `the part of ${source} has ${bytes.length} bytes, the bucket ${due}`,
        'start every process from the same version and run',
      )
    }
    this.given.add(node)
    const values = this.free.pop() ?? new Float32Array(this.into.length)
    decodeWire(bytes, this.wire, values)
    return this.climb(this.team.tree, node, values)
  }

  private climb(tree: GroupTree, from: number, arrived: Float32Array): Offered {
    let [node, values] = [from, arrived]
    while (node !== 1) {
      const twin = this.held.get(node ^ 1)
      if (twin === undefined) {
        this.held.set(node, values)
        return 'waiting'
      }
      this.held.delete(node ^ 1)
      const [left, right] = node % 2 === 0 ? [values, twin] : [twin, values]
      join(left, right, this.wire)
      this.free.push(right)
      values = left
      node = tree.parent(node)
    }
    this.into.set(values)
    this.free.push(values)
    this.complete = true
    return 'added'
  }
}
