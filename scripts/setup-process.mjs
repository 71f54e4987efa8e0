/** What the steps of the set-up share: the project's folder, progress lines, child processes with a time limit. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');

/** How much of a failed command's output a message shows. */
const OUTPUT_LINES_MAX = 25;
/** How often a running step says that it still runs. */
const ALIVE_MS = 20_000;

/** A failure whose message says what to do about it. */
export class SetupError extends Error {}

export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

export function formatSeconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Runs a step, says before and after what it does and how long it took. */
export async function step(title, run) {
  const startMs = performance.now();
  say(`${title} …`);
  const alive = setInterval(
    () => say(`${title}: ${formatSeconds(performance.now() - startMs)} so far`),
    ALIVE_MS,
  );
  try {
    const result = await run();
    say(`${title}: ${formatSeconds(performance.now() - startMs)}`);
    return result;
  } finally {
    clearInterval(alive);
  }
}

/**
 * Runs a program without a shell and without standard input. Resolves with its exit code (undefined when it was
 * ended by the time limit or could not start) and its output.
 */
export function run(command, args, options = {}) {
  const { cwd = ROOT, env = process.env, timeoutMs = 15 * 60_000 } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-64 * 1024);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => {
      output += `\nended after ${formatSeconds(timeoutMs)}`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: undefined, output: `${command}: ${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? undefined, output });
    });
  });
}

/** The end of a command's output, indented, for a message. */
export function tailOf(output) {
  const lines = output.trimEnd().split('\n').slice(-OUTPUT_LINES_MAX);
  return lines.map((line) => `  ${line}`).join('\n');
}
