/** Libraries for LD_PRELOAD, built by gcc on the spot. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './child.ts';
import { controlFaults, type FaultControl } from './fault-control.ts';
import { findPart } from './parts.ts';

/** Undefined without gcc; throws without it where parts are required. */
export function buildShim(name: 'kill-shim' | 'fault-shim', dir: string): string | undefined {
  const gcc = findPart('gcc');
  if (gcc === undefined) return undefined;
  const library = join(dir, `${name}.so`);
  const source = join(ROOT, `test/e2e/${name}.c`);
  execFileSync(gcc, ['-O1', '-Wall', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  return library;
}

/** Undefined without gcc. */
export function openFaults(
  dir: string,
): { readonly control: FaultControl; readonly env: Readonly<Record<string, string>> } | undefined {
  const shim = buildShim('fault-shim', dir);
  if (shim === undefined) return undefined;
  const file = join(dir, 'fault-control');
  return { control: controlFaults(file), env: { LD_PRELOAD: shim, FAULT_CONTROL: file } };
}
