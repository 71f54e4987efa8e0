/** The report as Markdown (CommonMark with GitHub's tables). Telemetry text is escaped: it never becomes markup. */
import { unreachable } from '../base/errors.ts';
import { safeHref, singleLine, visibleText } from '../base/page.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { type Block, type ListItem, outlineOf } from './outline.ts';

export function renderMarkdown(report: Report, lang: Language): string {
  return `${outlineOf(report, lang).map(blockMarkdown).join('\n\n')}\n`;
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${escapeMarkdown(block.text)}`;
    case 'verdict':
      return [`**${escapeMarkdown(block.text)}**`, escapeMarkdown(block.note)]
        .filter(Boolean)
        .join(' · ');
    case 'paragraph':
      return escapeMarkdown(block.text);
    case 'facts':
      return tableMarkdown(['', ''], block.rows);
    case 'list':
      return block.items.map(itemMarkdown).join('\n');
    case 'table':
      return tableMarkdown(block.head, block.rows);
    case 'code':
      return codeMarkdown(block.text);
    default:
      return unreachable(block);
  }
}

function itemMarkdown(item: ListItem): string {
  const href = safeHref(item.href);
  const link = href === undefined ? '' : ` ([↗](<${href.replace(/[<>]/g, encodeURIComponent)}>))`;
  return `- ${escapeMarkdown(item.text)}${link}`;
}

function tableMarkdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A fence longer than any run of backticks inside. */
function codeMarkdown(text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `${fence}sh\n${visibleText(text)}\n${fence}`;
}

/**
 * One line on which no character is markup. `<` and `&` are escaped too, so that no renderer sees HTML; a
 * scheme's colon and a leading www are broken up, so that none makes a link of bare text.
 */
export function escapeMarkdown(text: string): string {
  return singleLine(text)
    .replace(/[\\`*_{}[\]#|~!<>&$^]/g, '\\$&')
    .replace(/^(\s*)([-+=])/, '$1\\$2')
    .replace(/^(\s*\d+)([.)])(?=\s|$)/, '$1\\$2')
    .replace(/\b(javascript|data|vbscript|https?|ftp|file|mailto)(:)/gi, '$1\\$2')
    .replace(/\bwww\./gi, 'www\\.');
}
