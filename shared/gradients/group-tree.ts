// The fixed tree of `reduce.mode exact`: its leaves are the groups of slots, and every sum of two neighbours is rounded to
// the wire, whoever computes it. A worker adds up the subtrees that lie wholly in its share, the owner of a bucket the rest;
// so the bits of the root do not depend on where the shares end. Nodes are numbered as in a heap: 1 is the root, the
// children of n are 2n and 2n + 1.
import type { ReduceConfig } from '../config/run-config.js'
import type { WorkerId } from '../ids.js'

export const groupsOf = (slots: number, { group }: Pick<ReduceConfig, 'group'>): number => Math.ceil(slots / group)

export class GroupTree {
  /** A power of two. */
  private readonly leaves: number
  private readonly levels: number

  constructor(readonly groups: number) {
    this.levels = Math.ceil(Math.log2(Math.max(1, groups)))
    this.leaves = 2 ** this.levels
  }

  leaf(group: number): number {
    return this.lift(this.leaves + group)
  }

  parent(node: number): number {
    return this.lift(node >> 1)
  }

  /** The fewest nodes that cover the groups from `from` to before `to`, from left to right. */
  cover(from: number, to: number): number[] {
    const nodes: number[] = []
    for (let group = from; group < to; group++) {
      let node = this.leaf(group)
      while (node !== 1 && node % 2 === 1 && nodes.at(-1) === node - 1) {
        nodes.pop()
        node = this.parent(node)
      }
      nodes.push(node)
    }
    return nodes
  }

  /** Where nothing lies to the right of a left child, its parent is the same sum: the higher of the two names counts. */
  private lift(node: number): number {
    while (node > 1 && node % 2 === 0 && this.firstGroup(node + 1) >= this.groups) node >>= 1
    return node
  }

  private firstGroup(node: number): number {
    const depth = 31 - Math.clz32(node)
    return node * 2 ** (this.levels - depth) - this.leaves
  }
}

/** Who adds up which nodes of the tree in one epoch. */
export interface TreeTeam {
  readonly tree: GroupTree
  readonly nodes: ReadonlyMap<WorkerId, readonly number[]>
}

/**
 * @param shares slots of each member, which own them one after the other; whole groups, but for the last
 * @returns undefined in mode fast, where every member sends one part
 */
export function treeTeamOf(
  reduce: Pick<ReduceConfig, 'mode' | 'group'>,
  members: readonly WorkerId[],
  shares: readonly number[],
): TreeTeam | undefined {
  if (reduce.mode === 'fast') return undefined
  const ends: number[] = []
  for (const share of shares) ends.push((ends.at(-1) ?? 0) + share)
  const tree = new GroupTree(groupsOf(ends.at(-1) ?? 0, reduce))
  const edge = (end: number): number => Math.ceil(end / reduce.group)
  return { tree, nodes: new Map(members.map((id, i) => [id, tree.cover(edge(ends[i - 1] ?? 0), edge(ends[i] ?? 0))])) }
}
