/** The report for a terminal: plain lines, colour only when asked for, no byte of telemetry acts on the terminal. */
import { unreachable } from '../base/errors.ts';
import { singleLine, visibleText } from '../base/page.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { type Block, outlineOf, type Tone } from './outline.ts';

export interface TextOptions {
  readonly isColour: boolean;
}

const ESCAPE = String.fromCharCode(27);
const TONE_CODES: Readonly<Record<Tone, string>> = {
  good: '32;1',
  warn: '33;1',
  bad: '31;1',
  mute: '36;1',
};
const TABLE_CELL_COLUMNS_MAX = 76;

export function renderText(report: Report, lang: Language, options: TextOptions): string {
  const paint = (code: string, text: string) =>
    options.isColour ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text;
  return `${outlineOf(report, lang)
    .map((block) => blockText(block, paint))
    .join('\n')}\n`;
}

type Paint = (code: string, text: string) => string;

function blockText(block: Block, paint: Paint): string {
  switch (block.kind) {
    case 'heading':
      return headingText(block.level, singleLine(block.text), paint);
    case 'verdict':
      return `${paint(TONE_CODES[block.tone], `● ${singleLine(block.text)}`)}  ${singleLine(block.note)}`.trimEnd();
    case 'paragraph':
      return singleLine(block.text);
    case 'facts':
      return factsText(block.rows, paint);
    case 'list':
      return block.items
        .map((item) => {
          const text = `  • ${singleLine(item.text)}`;
          return item.tone ? paint(TONE_CODES[item.tone], text) : text;
        })
        .join('\n');
    case 'table':
      return tableText([block.head, ...block.rows]);
    case 'code':
      return visibleText(block.text)
        .split('\n')
        .map((line) => `    $ ${line}`)
        .join('\n');
    default:
      return unreachable(block);
  }
}

function headingText(level: number, text: string, paint: Paint): string {
  if (level <= 2) return `\n${paint('1', text)}\n${'─'.repeat(Math.min(72, columnsOf(text)))}`;
  return level === 3 ? `\n${paint('1', text)}` : `  ${text}`;
}

function factsText(rows: readonly (readonly [string, string])[], paint: Paint): string {
  const width = Math.max(...rows.map(([label]) => columnsOf(label)));
  return rows
    .map(([label, value]) => `  ${paint('2', padded(label, width))}  ${singleLine(value)}`)
    .join('\n');
}

function tableText(rows: readonly (readonly string[])[]): string {
  const cut = rows.map((row) => row.map((cell) => shortened(singleLine(cell))));
  const widths = (cut[0] ?? []).map((_, column) =>
    Math.max(...cut.map((row) => columnsOf(row[column] ?? ''))),
  );
  return cut
    .map((row) =>
      `  ${row.map((cell, column) => padded(cell, widths[column] ?? 0)).join('  ')}`.trimEnd(),
    )
    .join('\n');
}

function shortened(text: string): string {
  const chars = [...text];
  return chars.length > TABLE_CELL_COLUMNS_MAX
    ? `${chars.slice(0, TABLE_CELL_COLUMNS_MAX - 1).join('')}…`
    : text;
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** Columns on a terminal: Chinese, Japanese, Korean and full-width forms take two. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text) columns += WIDE.test(char) ? 2 : 1;
  return columns;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
