/** Small inline drawings of the report page: how a fault travelled, and a bar for a share. */
import { html, type SafeHtml, singleLine } from '../base/page.ts';
import type { Culprit } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import { compareText } from './affected.ts';
import { percent } from './format.ts';

const BAR_WIDTH = 64;

export function shareBar(share: number): SafeHtml {
  const width = Math.max(1, Math.round(BAR_WIDTH * Math.min(1, Math.max(0, share))));
  return html`<svg width="${BAR_WIDTH}" height="8" viewBox="0 0 ${BAR_WIDTH} 8" aria-hidden="true"><rect class="track" width="${BAR_WIDTH}" height="8" rx="4"/><rect class="bar" width="${width}" height="8" rx="4"/></svg>`;
}

const NODE_WIDTH = 190;
const NODE_HEIGHT = 34;
const COLUMN_GAP = 96;
const ROW_GAP = 16;
const LABEL_CHARS_MAX = 24;
/** More edges than this make a drawing that nobody reads; the strongest are drawn. */
const EDGES_DRAWN_MAX = 14;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Callers left, callees right; a column is the longest way from a caller that nobody calls. */
export function propagationSvg(
  propagation: Report['propagation'],
  options: { readonly title: string; readonly culprit: Culprit | undefined },
): SafeHtml {
  const { culprit, title } = options;
  const edges = propagation.edges.slice(0, EDGES_DRAWN_MAX);
  const places = placeNodes(edges);
  const width = Math.max(...[...places.values()].map((place) => place.x)) + NODE_WIDTH + 2;
  const height = Math.max(...[...places.values()].map((place) => place.y)) + NODE_HEIGHT + 2;
  const lines = edges.map((edge) => edgeSvg(edge, places));
  const nodes = [...places].map(([name, place]) =>
    nodeSvg(name, place, name === culprit?.service || name === culprit?.dependency),
  );
  return html`<svg role="img" aria-label="${title}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${lines}${nodes}</svg>`;
}

function placeNodes(edges: Report['propagation']['edges']): Map<string, Place> {
  const columns = new Map<string, number>();
  for (const edge of edges) columns.set(edge.from, 0).set(edge.to, 0);
  // Longest path by repeated relaxation; as many rounds as nodes end it even where calls run in a circle.
  for (let round = 0; round < columns.size; round++) {
    for (const edge of edges) {
      if (edge.from === edge.to) continue;
      const column = Math.min(columns.size - 1, columns.get(edge.from)! + 1);
      if (columns.get(edge.to)! < column && round < columns.size - 1) columns.set(edge.to, column);
    }
  }
  const used = [...new Set(columns.values())].sort((a, b) => a - b);
  const fill = new Map<number, number>();
  const places = new Map<string, Place>();
  for (const [name, column] of [...columns].sort(([a], [b]) => compareText(a, b))) {
    const at = used.indexOf(column);
    const row = fill.get(at) ?? 0;
    fill.set(at, row + 1);
    places.set(name, {
      x: 1 + at * (NODE_WIDTH + COLUMN_GAP),
      y: 1 + row * (NODE_HEIGHT + ROW_GAP),
    });
  }
  return places;
}

function nodeSvg(name: string, { x, y }: Place, isCulprit: boolean): SafeHtml {
  return html`<g><title>${singleLine(name)}</title><rect class="node${isCulprit ? ' culprit' : ''}" x="${x}" y="${y}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="8"/><text x="${x + 12}" y="${y + 22}">${shortened(name)}</text></g>`;
}

function edgeSvg(
  edge: Report['propagation']['edges'][number],
  places: ReadonlyMap<string, Place>,
): SafeHtml {
  const from = places.get(edge.from)!; // every end of an edge has a place
  const to = places.get(edge.to)!;
  const isForward = to.x > from.x;
  const startX = isForward ? from.x + NODE_WIDTH : from.x;
  const endX = isForward ? to.x : to.x + NODE_WIDTH;
  const startY = from.y + NODE_HEIGHT / 2;
  const endY = to.y + NODE_HEIGHT / 2;
  const bend = (startX + endX) / 2;
  const hot = edge.anomalousShare > 0 ? ' hot' : '';
  const tip = isForward ? endX - 7 : endX + 7;
  return html`<g><title>${singleLine(edge.from)} → ${singleLine(edge.to)}: ${percent(edge.anomalousShare)} / ${edge.calls}</title>
<path class="edge${hot}" stroke-width="${(1 + 2 * edge.anomalousShare).toFixed(1)}" d="M${startX} ${startY} C${bend} ${startY} ${bend} ${endY} ${endX} ${endY}"/>
<path class="tip${hot}" d="M${endX} ${endY} L${tip} ${endY - 4} L${tip} ${endY + 4} Z"/>
<text class="muted" text-anchor="${isForward ? 'end' : 'start'}" x="${isForward ? endX - 12 : endX + 12}" y="${endY - 6}">${edge.anomalousShare > 0 ? percent(edge.anomalousShare) : ''}</text></g>`;
}

function shortened(name: string): string {
  const chars = [...singleLine(name)];
  return chars.length > LABEL_CHARS_MAX
    ? `${chars.slice(0, LABEL_CHARS_MAX - 1).join('')}…`
    : chars.join('');
}
