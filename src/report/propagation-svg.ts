/**
 * The propagation map as a drawing that a telephone can show: one row for each node, callees indented under
 * their caller, the way from the symptom to the cause drawn bold.
 */
import { html, type SafeHtml, singleLine } from '../base/page.ts';
import type { NodeRole } from '../model/report.ts';
import { count, percent } from './format.ts';
import type { MapEdge, PropagationMap } from './propagation-map.ts';
import type { Words } from './words.ts';

/** Fits a page of 390 px with its margins. */
const WIDTH = 356;
const ROW_HEIGHT = 52;
const BOX_HEIGHT = 42;
const INDENT = 20;
const INDENTS_MAX = 6;
/** Average width of a letter of 13 px, of which boxes are 20 px short. */
const LETTER_WIDTH = 7;
/** More edges than these make a drawing that nobody reads; the chain and the strongest are drawn. */
const EDGES_DRAWN_MAX = { all: 14, sound: 4 };

interface Row {
  readonly name: string;
  readonly depth: number;
  readonly index: number;
  /** Call that leads here, and the row of its caller; absent for a row that nobody calls. */
  readonly edge?: MapEdge;
  readonly caller?: Row;
  readonly otherCallers: number;
}

export function propagationSvg(map: PropagationMap, words: Words): SafeHtml {
  const roles = new Map(map.nodes.map(({ name, role }) => [name, role]));
  const rows = rowsOf(drawnOf(map.edges, roles));
  const height = rows.length * ROW_HEIGHT;
  const drawn = rows.map((row) => rowSvg(row, { role: roles.get(row.name) ?? 'sound', words }));
  return html`<svg class="map" role="img" aria-label="${words.labels.propagation}" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">${drawn}</svg>`;
}

function drawnOf(
  edges: readonly MapEdge[],
  roles: ReadonlyMap<string, NodeRole>,
): readonly MapEdge[] {
  const isQuiet = (name: string) => (roles.get(name) ?? 'sound') === 'sound';
  // Without calls, which is to say of a topology, the ends have to tell.
  const isSound = ({ isOnChain, calls, anomalousShare, from, to }: MapEdge) =>
    !isOnChain && (calls > 0 ? anomalousShare === 0 : isQuiet(from) && isQuiet(to));
  const sound = edges.filter(isSound).slice(0, EDGES_DRAWN_MAX.sound);
  return edges
    .filter((edge) => !isSound(edge) || sound.includes(edge))
    .slice(0, EDGES_DRAWN_MAX.all);
}

/** Depth first; a node stands under the caller whose edge comes first, and once only. */
function rowsOf(edges: readonly MapEdge[]): readonly Row[] {
  const entering = new Map<string, MapEdge>();
  for (const edge of edges) {
    if (entering.has(edge.to) || isAbove(edge.to, edge.from, entering)) continue;
    entering.set(edge.to, edge);
  }
  const rows: Row[] = [];
  const add = (name: string, above: Pick<Row, 'edge' | 'caller'>): void => {
    const callers = edges.filter(({ to }) => to === name).length;
    const row: Row = {
      name,
      depth: above.caller === undefined ? 0 : above.caller.depth + 1,
      index: rows.length,
      ...above,
      otherCallers: Math.max(0, callers - 1),
    };
    rows.push(row);
    for (const edge of edges) {
      if (edge.from === name && entering.get(edge.to) === edge) {
        add(edge.to, { edge, caller: row });
      }
    }
  };
  const names = new Set(edges.flatMap(({ from, to }) => [from, to]));
  for (const name of names) if (!entering.has(name)) add(name, {});
  return rows;
}

/** Whether `name` is `below` or one of its callers' callers: an edge from there to it would be a circle. */
function isAbove(name: string, below: string, entering: ReadonlyMap<string, MapEdge>): boolean {
  for (let at: string | undefined = below; at !== undefined; at = entering.get(at)?.from) {
    if (at === name) return true;
  }
  return false;
}

function rowSvg(
  row: Row,
  { role, words }: { readonly role: NodeRole; readonly words: Words },
): SafeHtml {
  const x = leftOf(row);
  const y = row.index * ROW_HEIGHT + 1;
  const width = WIDTH - x - 1;
  const letters = Math.floor((width - 20) / LETTER_WIDTH);
  const note = noteOf(row, { role, words });
  return html`<g><title>${singleLine(row.name)} · ${note}</title>${edgeSvg(row)}<rect class="node ${role}" x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="8"/>
<text x="${x + 10}" y="${y + 17}">${shortened(row.name, letters)}</text><text class="muted" x="${x + 10}" y="${y + 34}">${shortened(note, letters)}</text></g>`;
}

function noteOf(
  { edge, otherCallers }: Row,
  { role, words }: { readonly role: NodeRole; readonly words: Words },
): string {
  const calls =
    edge === undefined || edge.calls === 0
      ? []
      : [words.phrases.mapEdge(percent(edge.anomalousShare), count(edge.calls))];
  const others = otherCallers === 0 ? [] : [words.phrases.otherCallers(otherCallers)];
  return [words.nodeRoles[role], ...calls, ...others].join(' · ');
}

function edgeSvg({ edge, caller, ...row }: Row): SafeHtml | undefined {
  if (edge === undefined || caller === undefined) return undefined;
  const x = leftOf(caller) + 10;
  const endX = leftOf(row);
  const startY = caller.index * ROW_HEIGHT + BOX_HEIGHT + 1;
  const endY = row.index * ROW_HEIGHT + BOX_HEIGHT / 2;
  const look = `${edge.anomalousShare > 0 ? ' hot' : ''}${edge.isOnChain ? ' chain' : ''}`;
  return html`<path class="edge${look}" d="M${x} ${startY} V${endY} H${endX}"/>`;
}

function leftOf({ depth }: Pick<Row, 'depth'>): number {
  return 1 + INDENT * Math.min(depth, INDENTS_MAX);
}

/** Chinese letters are twice as wide. */
function shortened(text: string, lettersMax: number): string {
  const chars = [...singleLine(text)];
  let width = 0;
  const end = chars.findIndex((char) => {
    width += char >= '\u1100' ? 1.8 : 1;
    return width > lettersMax;
  });
  return end === -1 ? chars.join('') : `${chars.slice(0, end - 1).join('')}…`;
}
