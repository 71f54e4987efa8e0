/**
 * Numbers, shares, durations and amounts as people read them, the same in every sentence and both languages:
 * three significant digits, thousands set apart, no exponents for usual sizes.
 */
import { US_PER_MS, US_PER_SECOND } from './time.ts';

const UNKNOWN = '–';
const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 0.08123 → `0.0812`, 96 → `96`, 1380.4 → `1,380`; a dash for what is no finite number. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? GROUPED.format(value) : String(rounded);
}

/** 0.0743 → `7.4 %`; shares that round to 0 or 100 % without being so keep a sign of it. */
export function formatPercent(ratio: number): string {
  if (!Number.isFinite(ratio)) return UNKNOWN;
  if (ratio > 0 && ratio < 0.001) return '<0.1 %';
  if (ratio < 1 && ratio > 0.999) return '>99.9 %';
  const percent = 100 * ratio;
  return `${percent < 10 ? formatNumber(Number(percent.toPrecision(2))) : formatNumber(Number(percent.toFixed(1)))} %`;
}

/** A p-value: `p = 0.0018`, `p = 3e-7`; below 1e-12 only that. */
export function formatP(p: number): string {
  if (p < 1e-12) return 'p < 1e-12';
  return `p = ${p < 0.001 ? p.toExponential(0) : Number(p.toPrecision(2))}`;
}

/** `850 µs` · `12.3 ms` · `8.2 s` · `2 min 17 s`; a dash for what is not known. */
export function formatUs(us: number): string {
  if (!Number.isFinite(us)) return UNKNOWN;
  const size = Math.abs(us);
  // Bounds lie where three digits round up to the next unit: 999.6 µs is 1 ms.
  if (size < 999.5) return `${formatNumber(us)} µs`;
  if (size < 999.5 * US_PER_MS) return `${formatNumber(us / US_PER_MS)} ms`;
  if (size < 119.5 * US_PER_SECOND) return `${formatNumber(us / US_PER_SECOND)} s`;
  const seconds = Math.round(size / US_PER_SECOND);
  return `${us < 0 ? '-' : ''}${GROUPED.format(Math.floor(seconds / 60))} min ${seconds % 60} s`;
}

const US_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 0.001,
  us: 1,
  µs: 1,
  ms: US_PER_MS,
  s: US_PER_SECOND,
  min: 60 * US_PER_SECOND,
};

const BYTE_STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/**
 * A metric's value with its UCUM unit: 0.0000265 `s` → `26.5 µs`, 4 `{connection}` → `4`, 3145728 `By` →
 * `3 MiB`. Annotations in braces count as no unit; other units stand as they were sent.
 */
export function formatQuantity(value: number, unit: string): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const bare = unit.replace(/\{[^{}]*\}/g, '');
  const usPerUnit = US_PER_UNIT[bare];
  if (usPerUnit !== undefined) return value === 0 ? `0 ${bare}` : formatUs(value * usPerUnit);
  if (bare === 'By') return formatBytes(value);
  if (bare === '' || bare === '1') return formatNumber(value);
  return bare.startsWith('/') ? `${formatNumber(value)}${bare}` : `${formatNumber(value)} ${bare}`;
}

function formatBytes(bytes: number): string {
  let scaled = bytes;
  let step = 0;
  while (Math.abs(scaled) >= 1024 && step < BYTE_STEPS.length - 1) {
    scaled /= 1024;
    step += 1;
  }
  return `${formatNumber(scaled)} ${BYTE_STEPS[step]}`;
}
