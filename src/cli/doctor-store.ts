/** The store's part of `taproot doctor`: days, damage, repair, dead letters, as findings and as text. */
import { messageOf } from '../base/errors.ts';
import { formatTime } from '../base/time.ts';
import { type DeadLetterSummary, summariseDeadLetters } from '../pipeline/dead-letter.ts';
import type { DeadLetterExport } from '../pipeline/dead-letter-export.ts';
import type { CheckOptions, DamagedRows, DayCheck, StoreRepair } from '../store/api/maintenance.ts';
import { checkTelemetry } from '../store/open.ts';

/** One line of the examination. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'bad';
  readonly message: string;
}

export interface StoreExamination {
  readonly findings: readonly Finding[];
  readonly days: readonly DayCheck[];
  readonly deadLetters: DeadLetterSummary | undefined;
}

export function examineStore(options: CheckOptions): StoreExamination {
  const findings: Finding[] = [];
  const examine = <T>(check: string, body: () => T, describe: (found: T) => readonly Finding[]) => {
    try {
      const found = body();
      findings.push(...describe(found));
      return found;
    } catch (thrown) {
      findings.push({ check, state: 'bad', message: messageOf(thrown) });
      return undefined;
    }
  };
  const days = examine('store', () => checkTelemetry(options), describeDays);
  const letters = () => summariseDeadLetters(options.dataDir);
  const deadLetters = examine('dead letters', letters, (found) => [describeLetters(found)]);
  return { findings, days: days ?? [], deadLetters };
}

function describeDays(days: readonly DayCheck[]): readonly Finding[] {
  const sum = (numberOf: (day: DayCheck) => number) =>
    days.reduce((total, day) => total + numberOf(day), 0);
  const total: Finding = {
    check: 'store',
    state: 'ok',
    message:
      `${sum(({ rows }) => rows.traces)} spans, ${sum(({ rows }) => rows.logs)} logs, ` +
      `${sum(({ rows }) => rows.metrics)} points, ` +
      `${sum(({ rows }) => rows.profiles)} profiles in ${days.length} days, ` +
      `${megabytes(sum(({ sizeBytes }) => sizeBytes))}, log ${megabytes(sum(({ walBytes }) => walBytes))}`,
  };
  return [total, ...days.map(describeDay)];
}

function describeDay(day: DayCheck): Finding {
  const { rows, state, damagedRows, faults } = day;
  const size =
    `${rows.traces} spans, ${rows.logs} logs, ${rows.metrics} points, ` +
    `${rows.profiles} profiles, ${megabytes(day.sizeBytes)}, log ${megabytes(day.walBytes)}`;
  const check = `day ${day.day}`;
  switch (state) {
    case 'ok':
      return { check, state: 'ok', message: size };
    case 'other version':
      return { check, state: 'bad', message: faults.join('; ') };
    case 'unreadable':
    case 'damaged': {
      const damage = [...damagedRows.map(describeRows), ...faults];
      const remedy = 'stop the service and run "taproot doctor --repair"';
      return { check, state: 'bad', message: [`${state}, ${size}`, ...damage, remedy].join('; ') };
    }
  }
}

function describeRows({ signal, rowCount, minUs, maxUs, message }: DamagedRows): string {
  const what = `${rowCount ?? 'an unknown number of'} rows of ${signal ?? 'an unknown signal'}`;
  const isTimed = isTime(minUs) && isTime(maxUs);
  const when = isTimed ? ` from ${formatTime(minUs)} to ${formatTime(maxUs)}` : '';
  return `${what}${when}: ${message}`;
}

/** A damaged header may hold any number. */
function isTime(timeUs: number | undefined): timeUs is number {
  return timeUs !== undefined && Math.abs(timeUs) <= 8.64e18;
}

function describeLetters(letters: DeadLetterSummary): Finding {
  const { count, sizeBytes, oldestUs, reasons, damaged } = letters;
  const parts = [`${count}, ${megabytes(sizeBytes)}`];
  if (oldestUs !== undefined) parts.push(`the oldest of ${formatTime(oldestUs)}`);
  parts.push(...reasons.map((entry) => `${entry.count} × ${entry.code}: ${entry.reason}`));
  parts.push(...damaged.map(describePart));
  const state = damaged.length > 0 ? 'bad' : count > 0 ? 'warning' : 'ok';
  return { check: 'dead letters', state, message: parts.join('; ') };
}

function describePart(part: DeadLetterSummary['damaged'][number]): string {
  return `${part.file}: ${part.sizeBytes} bytes at ${part.offset} are damaged`;
}

export function describeExport({ letters, damaged }: DeadLetterExport, outDir: string): string {
  const lines = letters.map(({ file, time, reason }) => `${file}  ${time}  ${reason}`);
  const end = `${letters.length} dead letters in ${outDir}`;
  return `${[...lines, ...damaged.map(describePart), end].join('\n')}\n`;
}

export function describeRepair({ soundDays, skippedDays, repairedDays }: StoreRepair): string {
  const lines = repairedDays.flatMap(({ day, keptRows, lostRows, notes, asideDir }) => [
    `day ${day} is repaired: ${keptRows.traces} spans, ${keptRows.logs} logs, ${keptRows.metrics} points, ${keptRows.profiles} profiles kept`,
    ...lostRows.map((rows) => `  lost: ${describeRows(rows)}`),
    ...notes.map((note) => `  ${note}`),
    `  the file as it was: ${asideDir}`,
  ]);
  for (const day of skippedDays) lines.push(`day ${day} is left alone: another version wrote it`);
  lines.push(`${soundDays.length} days are sound, ${repairedDays.length} were repaired`);
  return `${lines.join('\n')}\n`;
}

function megabytes(sizeBytes: number): string {
  return `${(sizeBytes / 1e6).toFixed(1)} MB`;
}
