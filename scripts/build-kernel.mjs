#!/usr/bin/env node
// Compiles the WebAssembly kernel to dist/span-kernel.wasm. AssemblyScript takes files that end in .ts only, which
// the TypeScript compiler and the linter would take for theirs; so the source ends in .as and is copied.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'dist/kernel');
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, 'src/otlp/span-kernel.as'), join(folder, 'span-kernel.ts'));
const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
const options = ['-O3', '--runtime', 'stub', '--noAssert', '--outFile', 'span-kernel.wasm'];
execFileSync(process.execPath, [compiler, 'span-kernel.ts', ...options], {
  cwd: folder,
  stdio: 'inherit',
});
// At once: a service that starts meanwhile sees the old one or the new one.
renameSync(join(folder, 'span-kernel.wasm'), join(root, 'dist/span-kernel.wasm'));
