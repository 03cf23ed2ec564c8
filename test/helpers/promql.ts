// What a PromQL expression asks for: metrics with their label matchers. Enough of the language for our own expressions.

export interface Matcher {
  readonly label: string
  readonly op: '=' | '!=' | '=~' | '!~'
  readonly value: string
}

export interface Selection {
  readonly metric: string
  readonly matchers: readonly Matcher[]
}

/** Words before a `{` or alone that name metrics; functions are followed by `(`, labels stand in `by (...)` and the like. */
export function selectionsOf(expr: string): Selection[] {
  const bare = expr.replaceAll(/\b(by|on|group_left|group_right|without|ignoring)\s*\([^)]*\)/g, ' ')
  const found = bare.matchAll(/\b((?:trmesh|process|nodejs|up|DCGM_FI|gnatsd)(?:_\w+)?)\b(?!\s*\()(?:\{([^}]*)\})?/g)
  return [...found].map(([, metric = '', inside = '']) => ({
    metric,
    matchers: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', op, value = '']) => ({
      label,
      op: op as Matcher['op'],
      value,
    })),
  }))
}

/** Labels that an expression groups or joins by. */
export const groupingsOf = (expr: string): string[] =>
  [...expr.matchAll(/\b(?:by|on|group_left|group_right)\s*\(([^)]*)\)/g)].flatMap(([, labels = '']) =>
    labels
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  )

/** Replaces Grafana's variables, so that Prometheus understands the expression. */
export const substituted = (expr: string, run: string, window: string): string =>
  expr.replaceAll('$__rate_interval', window).replaceAll('$run', run).replaceAll('$worker', '.+')
