/**
 * A picture of an anomaly: the values of its minutes, the band they should have stayed in, and the moment they left
 * it. Drawn without script; as part of a page it takes the page's colours, as a file of its own it brings its own.
 */
import { html, type SafeHtml } from '../base/page.ts';
import { formatNumber, formatPercent, formatQuantity, formatUs } from '../base/quantity.ts';
import type { Anomaly, Picture } from '../model/anomaly.ts';
import type { Language } from '../model/text.ts';
import { secondOfDay } from './format.ts';

const WIDTH = 420;
const HEIGHT = 110;
/** Room for the numbers on the left and the times below. */
const LEFT = 64;
const BOTTOM = 20;
const TOP = 8;
const RIGHT = 8;
/** Values that differ by more than this factor are drawn by their logarithms: a small one would be a flat line. */
const LINEAR_FACTOR_MAX = 12;

export interface PictureOptions {
  readonly onsetUs: number;
  /** Makes it a file of its own; within a page the sentence beside it says the same. */
  readonly title?: string;
}

/** Undefined when there is nothing to draw: fewer than two values. */
export function pictureSvg(picture: Picture, options: PictureOptions): SafeHtml | undefined {
  const values = picture.values.filter(isNumber);
  if (values.length < 2) return undefined;
  const scale = scaleOf(picture);
  const last = Math.max(1, picture.values.length - 1);
  const x = (index: number): number => LEFT + (index * (WIDTH - LEFT - RIGHT)) / last;
  const onsetAt = (options.onsetUs - picture.fromUs) / picture.stepUs;
  const isOnsetInside = onsetAt >= 0 && onsetAt <= last;
  const toUs = picture.fromUs + last * picture.stepUs;
  const { title } = options;
  const naming =
    title === undefined ? html`aria-hidden="true"` : html`role="img" aria-label="${title}"`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="picture" ${naming} width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">
${title === undefined ? undefined : html`<title>${title}</title>${FILE_STYLE}`}
${runsOf(picture.low, picture.high).map((run) => bandSvg(picture, { run, x, scale }))}
${lineSvg(picture.expected, { name: 'expected', x, scale })}
${isOnsetInside ? html`<line class="onset" x1="${at(x(onsetAt))}" x2="${at(x(onsetAt))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>` : undefined}
${lineSvg(picture.values, { name: 'value', x, scale })}
${picture.values.map((value, index) => outsideSvg(picture, { index, value, x, scale }))}
${scale.marks.map((mark) => html`<text class="muted" text-anchor="end" x="${LEFT - 8}" y="${at(scale.y(mark) + 4)}">${amount(mark, picture.unit)}</text>`)}
<text class="muted" x="${LEFT}" y="${HEIGHT - 5}">${minuteOfDay(picture.fromUs)}</text>
<text class="muted" text-anchor="end" x="${WIDTH - RIGHT}" y="${HEIGHT - 5}">${minuteOfDay(toUs)}</text></svg>`;
}

/** Of an anomaly that has one. */
export function anomalyPicture({ picture, range }: Anomaly): SafeHtml | undefined {
  return picture && pictureSvg(picture, { onsetUs: range.fromUs });
}

/** The same as a file of its own. */
export function renderPicture(
  { picture, statement, range }: Anomaly,
  lang: Language,
): string | undefined {
  if (picture === undefined) return undefined;
  return pictureSvg(picture, { title: statement[lang], onsetUs: range.fromUs })?.markup;
}

interface Scale {
  y(value: number): number;
  /** Values that get a number beside them: the highest and the lowest. */
  readonly marks: readonly number[];
}

interface Place {
  readonly x: (index: number) => number;
  readonly scale: Scale;
}

function scaleOf({ values, expected, low, high }: Picture): Scale {
  const shown = [...values, ...expected].filter(isNumber);
  const top = Math.max(...shown);
  const bottom = Math.min(...shown);
  // The band shows as far as it does not squeeze the values flat.
  const spread = Math.max(top - bottom, 1e-9 * Math.abs(top), Number.MIN_VALUE);
  const bandTop = Math.max(top, ...high.filter(isNumber));
  const bandBottom = Math.min(bottom, ...low.filter(isNumber));
  const highest = Math.min(bandTop, top + spread);
  const lowest = Math.max(bandBottom, bottom - spread);
  const isLogarithmic = lowest > 0 && highest / lowest > LINEAR_FACTOR_MAX;
  const form = isLogarithmic ? Math.log : (value: number): number => value;
  const [from, to] = [form(lowest), form(highest)];
  const span = to - from || 1;
  const height = HEIGHT - TOP - BOTTOM;
  return {
    y: (value) => {
      const inside = Math.min(Math.max(value, lowest), highest);
      return TOP + height * (1 - (form(inside) - from) / span);
    },
    marks: highest === lowest ? [highest] : [highest, lowest],
  };
}

/** Runs of places where both bounds are known: [from, to], both included. */
function runsOf(low: Picture['low'], high: Picture['high']): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let index = 0; index < low.length; index++) {
    if (!isNumber(low[index]) || !isNumber(high[index])) continue;
    const run = runs.at(-1);
    if (run?.[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs;
}

function bandSvg(
  { low, high }: Picture,
  { run: [from, to], x, scale }: Place & { readonly run: readonly [number, number] },
): SafeHtml {
  const indices = Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
  // Both bounds are numbers within a run.
  const upper = indices.map((index) => `${at(x(index))},${at(scale.y(high[index]!))}`);
  const lower = indices.reverse().map((index) => `${at(x(index))},${at(scale.y(low[index]!))}`);
  return html`<polygon class="band" points="${[...upper, ...lower].join(' ')}"/>`;
}

function lineSvg(
  values: Picture['values'],
  { name, x, scale }: Place & { readonly name: 'expected' | 'value' },
): readonly SafeHtml[] {
  return runsOf(values, values)
    .filter(([from, to]) => to > from)
    .map(([from, to]) => {
      const points = values
        .slice(from, to + 1)
        .map((value, offset) => `${at(x(from + offset))},${at(scale.y(value!))}`); // no null in a run
      return html`<polyline class="${name}" points="${points.join(' ')}"/>`;
    });
}

function outsideSvg(
  { low, high }: Picture,
  { index, value, x, scale }: Place & { readonly index: number; readonly value: number | null },
): SafeHtml | undefined {
  if (!isNumber(value)) return undefined;
  const [least, most] = [low[index], high[index]];
  const isOutside = (isNumber(most) && value > most) || (isNumber(least) && value < least);
  return isOutside
    ? html`<circle class="outside" cx="${at(x(index))}" cy="${at(scale.y(value))}" r="2.4"/>`
    : undefined;
}

/** Colours of a file of its own; pages have theirs in the stylesheet. */
const FILE_STYLE = html`<style>
svg{background:#fff}.band{fill:#dfe8ee}.expected{stroke:#5c645f;fill:none;stroke-dasharray:3 3}.value{stroke:#0b5c8a;fill:none;stroke-width:1.6}.outside{fill:#a8271d}.onset{stroke:#a8271d;stroke-dasharray:2 3}.muted{fill:#5c645f;font:11px system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{background:#1b1f1d}.band{fill:#2d3a42}.expected{stroke:#a0aaa4}.value{stroke:#7cc0ea}.outside{fill:#ff9d92}.onset{stroke:#ff9d92}.muted{fill:#a0aaa4}}
</style>`;

/** An amount in the picture's unit. */
function amount(value: number, unit: string): string {
  if (unit === 'us') return formatUs(value);
  if (unit === '1') return formatPercent(value);
  return unit.endsWith('/min') ? `${formatNumber(value)}/min` : formatQuantity(value, unit);
}

function minuteOfDay(timeUs: number): string {
  return secondOfDay(timeUs).slice(0, 5);
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** A coordinate: a tenth of a pixel is more than anyone sees. */
function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}
