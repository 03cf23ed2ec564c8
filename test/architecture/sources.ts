// The sources as the architecture test sees them: what each file imports, which globals it touches, what it exports.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { TOP_LEVEL } from './rules.js'

export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: number
  /** Specifiers of imports, dynamic imports and `new URL('./x.js', import.meta.url)`; project files as their paths. */
  readonly imports: readonly { readonly to: string; readonly kind: 'value' | 'type' | 'lazy' }[]
  /** Ambient things used: `Date.now`, `Math.random`, `process`, `setTimeout`, ... */
  readonly ambient: readonly string[]
  /** `process.argv`, `process.env`, `process.exit`, `process.exitCode`. */
  readonly worldly: readonly string[]
  readonly isAsync: boolean
  readonly defaultExport: boolean
  /** `export ... from`. */
  readonly reExports: boolean
}

const AMBIENT = /^(process|console|setTimeout|setInterval|setImmediate|fetch|performance|Date|Math|crypto)$/
/** Members of the globals above that are no clock and no chance. */
const HARMLESS = /^(Math\.(?!random$)|Date\.(parse|UTC)$|crypto\.subtle$)/
const WORLDLY = /^process\.(argv|env|exit|exitCode|abort)$/

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

export function readSources(): Source[] {
  const present = readdirSync('.', { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return TOP_LEVEL.folders
    .filter((folder) => present.some((entry) => entry.name === folder))
    .flatMap(filesUnder)
    .map((path) => sourceOf(path.replaceAll('\\', '/'), readFileSync(path, 'utf8')))
}

/** `./x.js` seen from a file, as the path of the project file. */
const resolved = (from: string, specifier: string): string =>
  specifier.startsWith('.')
    ? normalize(join(dirname(from), specifier))
        .replaceAll('\\', '/')
        .replace(/\.js$/, '.ts')
    : specifier

export function sourceOf(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const imports: { to: string; kind: 'value' | 'type' | 'lazy' }[] = []
  const ambient = new Set<string>()
  const worldly = new Set<string>()
  let isAsync = false
  let defaultExport = false
  let reExports = false
  const add = (specifier: ts.Node | undefined, kind: 'value' | 'type' | 'lazy'): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier))
      imports.push({ to: resolved(path, specifier.text), kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node) ? 'type' : 'value')
    if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      reExports = true
      add(node.moduleSpecifier, 'value')
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], 'lazy')
    if (
      ts.isNewExpression(node) &&
      node.expression.getText() === 'URL' &&
      node.arguments?.[1]?.getText() === 'import.meta.url'
    )
      if (/\.js['"]$/.test(node.arguments[0]?.getText() ?? '')) add(node.arguments[0], 'lazy')
    if (ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword) defaultExport ||= isExport(node)
    if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AsyncKeyword) isAsync = true
    if (ts.isIdentifier(node) && AMBIENT.test(node.text) && isReference(node)) {
      const used = usedAs(node)
      if (!HARMLESS.test(used)) ambient.add(used)
      if (WORLDLY.test(used)) worldly.add(used)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const lines = text.split('\n').length - 1
  return { path, text, lines, imports, ambient: [...ambient], worldly: [...worldly], isAsync, defaultExport, reExports }
}

/** Only types, so gone after compilation. */
function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false
  if (importClause.isTypeOnly) return true
  const { name, namedBindings } = importClause
  return (
    name === undefined &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  )
}

const isExport = (node: ts.Node): boolean =>
  ts.isExportAssignment(node) ||
  (ts.canHaveModifiers(node.parent) && node.parent.modifiers?.some((modifier) => modifier === node) === true)

/** A use of the global value, not a property, a declaration or a type of the same name. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent)) return false
  if (ts.isNewExpression(parent) || ts.isCallExpression(parent)) return true
  if (ts.isTypeQueryNode(parent) || ts.isBindingElement(parent) || ts.isImportSpecifier(parent)) return false
  return !('name' in parent && parent.name === node)
}

/** `Date.now` for a member, `new Date` for a construction, else the name alone. */
function usedAs(node: ts.Identifier): string {
  if (ts.isPropertyAccessExpression(node.parent)) return node.parent.getText()
  return ts.isNewExpression(node.parent) ? `new ${node.text}` : node.text
}
