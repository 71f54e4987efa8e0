#!/usr/bin/env node
// Builds the OpenTelemetry Collector of examples/collector/builder.yaml with the official builder into
// .cache/collector and prints the binary's path. Skips the work when the manifest has not changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILDER = 'go.opentelemetry.io/collector/cmd/builder@v0.158.0';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = join(root, 'examples', 'collector', 'builder.yaml');
const cache = join(root, '.cache', 'collector');
const binary = join(cache, 'build', `taproot-otelcol${process.platform === 'win32' ? '.exe' : ''}`);
const stampFile = join(cache, 'built-from');
const stamp = createHash('sha256').update(BUILDER).update(readFileSync(manifest)).digest('hex');

if (existsSync(binary) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
  console.log(binary);
  process.exit(0);
}

const go = process.env.TAPROOT_GO ?? 'go';
const version = spawnSync(go, ['version'], { encoding: 'utf8' });
if (version.status !== 0) {
  console.error(`Cannot build the Collector: no Go compiler answers to "${go} version".`);
  console.error('Install Go (https://go.dev/dl) or set TAPROOT_GO to its path.');
  process.exit(1);
}

console.error(
  `Building the Collector with ${version.stdout.trim()}: the first time takes minutes.`,
);
mkdirSync(cache, { recursive: true });
const startedAt = Date.now();
const build = spawnSync(go, ['run', BUILDER, `--config=${manifest}`], {
  cwd: root,
  // The builder's progress goes to stderr so that stdout holds the path alone.
  stdio: ['ignore', 2, 2],
  env: { ...process.env, CGO_ENABLED: '0' },
});
if (build.status !== 0 || !existsSync(binary)) {
  console.error(
    `Cannot build the Collector: the builder ended with ${build.status ?? build.signal}.`,
  );
  process.exit(1);
}
writeFileSync(stampFile, stamp);
console.error(`Built in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
console.log(binary);
