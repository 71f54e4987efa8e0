/** Reads the project's own tree for the tests that hold the house: files, imports, functions. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { ROOMS, type Room } from './floors.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Not ours: installed, built or produced. */
const SKIPPED_FOLDERS = ['node_modules', 'dist', 'data', '.git', '.cache', '.vitest', 'coverage'];

/** Paths of files below a folder, relative to the project, with forward slashes. */
export function listFiles(folder: string, endings: readonly string[] = ['']): readonly string[] {
  const found: string[] = [];
  const pending = [join(ROOT, folder)];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && !SKIPPED_FOLDERS.includes(entry.name)) pending.push(path);
      if (entry.isFile() && endings.some((ending) => path.endsWith(ending))) {
        found.push(relative(ROOT, path).replaceAll('\\', '/'));
      }
    }
  }
  return found.sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function exists(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined;
}

export interface Import {
  /** As written: `../base/time.ts`, `zod`, `node:fs`. */
  readonly from: string;
  /** The file it names, relative to the project; undefined for packages and Node. */
  readonly file: string | undefined;
  /** Erased by the compiler. */
  readonly isType: boolean;
}

/** Everything that a file imports or re-exports, also `import()`. */
export function importsOf(path: string): readonly Import[] {
  const text = readText(path);
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`Cannot parse ${path}: ${errors[0]?.message}`);
  const found: Import[] = [];
  const add = (from: string, isType: boolean) => {
    const isOwn = from.startsWith('.');
    const file = isOwn ? join(dirname(path), from).replaceAll('\\', '/') : undefined;
    found.push({ from, file, isType });
  };
  for (const { moduleRequest, entries } of module.staticImports) {
    add(moduleRequest.value, entries.length > 0 && entries.every(({ isType }) => isType));
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest) add(moduleRequest.value, isType);
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const quoted = text.slice(moduleRequest.start, moduleRequest.end);
    if (/^['"]/.test(quoted)) add(quoted.slice(1, -1), false);
  }
  return found;
}

/** The room of a file of src, or undefined when the plan has none. */
export function roomOf(path: string): Room | undefined {
  const inSource = path.replace(/^src\//, '');
  const matching = ROOMS.filter(({ name }) => inSource === name || inSource.startsWith(`${name}/`));
  return matching.sort((a, b) => b.name.length - a.name.length)[0];
}

/** `@scope/name` or `name` of an import that is neither ours nor Node's. */
export function packageOf(from: string): string | undefined {
  if (from.startsWith('.') || from.startsWith('node:')) return undefined;
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly lineCount: number;
}

/** Functions and methods of a file with their length in lines. */
export function functionsOf(path: string): readonly FunctionSize[] {
  const text = readText(path);
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length;
  const found: FunctionSize[] = [];
  const visit = (node: unknown, name: string) => {
    if (Array.isArray(node)) for (const inner of node) visit(inner, name);
    if (!isNode(node)) return;
    const ownName = nameOf(node) ?? name;
    if (/Function(Declaration|Expression)$/.test(node.type)) {
      const line = lineOf(node.start);
      found.push({ name: ownName, line, lineCount: lineOf(node.end) - line + 1 });
    }
    for (const [key, inner] of Object.entries(node)) if (key !== 'parent') visit(inner, ownName);
  };
  visit(parseSync(path, text).program, '');
  return found;
}

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Name that a declaration, property or variable gives to what it holds. */
function nameOf(node: SyntaxNode): string | undefined {
  for (const key of ['id', 'key'] as const) {
    const named: unknown = key in node ? Reflect.get(node, key) : undefined;
    if (isNode(named) && 'name' in named && typeof named.name === 'string') return named.name;
  }
  return undefined;
}
