// How far off a share of a few trials may be.

/** The 95 % Wilson score interval of `hits` out of `trials`; the whole range where nothing was tried. */
export function wilson(hits: number, trials: number): { low: number; high: number } {
  if (trials === 0) return { low: 0, high: 1 }
  const z = 1.959963984540054
  const share = hits / trials
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))
  const scale = 1 + (z * z) / trials
  const middle = share + (z * z) / (2 * trials)
  // All or none reach the end of the range exactly, whatever rounding says.
  return {
    low: hits === 0 ? 0 : (middle - spread) / scale,
    high: hits === trials ? 1 : (middle + spread) / scale,
  }
}
