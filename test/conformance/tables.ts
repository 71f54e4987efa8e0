/** Results and checks as text: for a terminal, and as the Markdown tables of docs/conformance.md. */
import { type Check, WIRES } from './check.ts';
import { countVerdicts, type Result, type Verdict } from './suite.ts';

const MARKS: Readonly<Record<Verdict, string>> = {
  pass: 'pass',
  fail: 'FAIL',
  warning: 'warning',
  skipped: 'skipped',
};

/** A line per result; what was sent, demanded and got below those that did not pass. */
export function renderTerminal(results: readonly Result[]): string {
  const lines = results.flatMap((result) => {
    const { verdict, id, wire, signal, level, got, sent, title, clause, clauseUrl } = result;
    const head = `${MARKS[verdict].padEnd(8)}${id.padEnd(34)}${wire.padEnd(15)}${signal.padEnd(10)}`;
    if (verdict === 'pass') return [head.trimEnd()];
    if (verdict === 'skipped') return [`${head}${got}`];
    return [
      head.trimEnd(),
      `          the receiver ${level}: ${title}`,
      `          sent: ${sent}`,
      `          got: ${got}`,
      `          clause: ${clause} ${clauseUrl}`,
    ];
  });
  return `${lines.join('\n')}\n\n${renderCounts(results)}\n`;
}

export function renderCounts(results: readonly Result[]): string {
  const { pass, fail, warning, skipped } = countVerdicts(results);
  return `${pass} passed, ${fail} failed, ${warning} warnings, ${skipped} skipped`;
}

/** Every check: a row each. */
export function renderChecks(checks: readonly Check[]): string {
  const rows = checks.map(({ id, level, title, sends, clause, wires, signals }) => {
    const where = `${wires.join(', ')} · ${signals.join(', ')}`;
    return `| \`${id}\` | ${level} | ${escaped(title)} | ${escaped(sends)} | [${clause.name}](${clause.url}) | ${where} |`;
  });
  return [
    '| check | level | the receiver … | what is sent | clause | wires · signals |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** Every check with its verdicts over each wire, the signals together. */
export function renderResults(results: readonly Result[]): string {
  const ids = [...new Set(results.map(({ id }) => id))];
  const rows = ids.map((id) => {
    const cells = WIRES.map((wire) =>
      cellOf(results.filter((result) => result.id === id && result.wire === wire)),
    );
    return `| \`${id}\` | ${cells.join(' | ')} |`;
  });
  return [`| check | ${WIRES.join(' | ')} |`, '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** `pass`, `skipped: logs · pass: traces, metrics`, or nothing where the check does not apply. */
function cellOf(results: readonly Result[]): string {
  const verdicts = [...new Set(results.map(({ verdict }) => verdict))];
  if (verdicts.length === 0) return '–';
  if (verdicts.length === 1) return MARKS[verdicts[0]!];
  return verdicts
    .map((verdict) => {
      const signals = results.filter((r) => r.verdict === verdict).map(({ signal }) => signal);
      return `${MARKS[verdict]}: ${signals.join(', ')}`;
    })
    .join(' · ');
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
