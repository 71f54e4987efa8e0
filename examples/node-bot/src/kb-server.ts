/** The knowledge base: ranks a few dozen documents by shared character pairs, which works for both languages. */
import type { FaultBoard } from './faults.ts';
import { type HttpCall, type RunningHttpServer, startHttpServer } from './http-server.ts';
import { createRandom } from './random.ts';
import type { Telemetry } from './telemetry.ts';
import { wait } from './wait.ts';

export interface KbHit {
  readonly title: string;
  readonly score: number;
}

const TITLES = [
  '退款需要多久到账',
  '怎么修改收货地址',
  '发票如何开具',
  '会员积分怎么使用',
  '订单取消规则',
  '保修期有多长',
  '优惠券叠加规则',
  '海外配送范围',
  'How long does a refund take',
  'Changing the delivery address',
  'How to get an invoice',
  'Using member points',
  'Cancelling an order',
  'Length of the warranty',
  'Combining coupons',
  'Shipping abroad',
] as const;

export function startKbServer(options: {
  readonly host: string;
  readonly seed: number;
  readonly faults: FaultBoard;
  readonly telemetry: Telemetry;
}): Promise<RunningHttpServer> {
  const random = createRandom(options.seed);
  const documents = TITLES.map((title) => ({ title, pairs: pairsOf(title) }));
  const search = (query: string, topK: number): KbHit[] => {
    const wanted = pairsOf(query);
    return documents
      .map(({ title, pairs }) => ({ title, score: overlap(wanted, pairs) }))
      .sort((left, right) => right.score - left.score)
      .slice(0, topK);
  };
  const handle = async (call: HttpCall) => {
    const { query, topK } = parseSearch(call.body);
    await wait(random.latencyMs(22) + (options.faults.active('kb_slow')?.ms ?? 0));
    const hits = search(query, topK);
    options.telemetry.log.info(`kb search done, ${hits.length} hits`, { hits: hits.length });
    return { status: 200, body: { hits } };
  };
  return startHttpServer({
    host: options.host,
    port: 0,
    telemetry: options.telemetry,
    routes: [{ method: 'POST', path: '/search', isTraced: true, handle }],
  });
}

function parseSearch(body: unknown): { query: string; topK: number } {
  const { query, top_k } = (body ?? {}) as { query?: unknown; top_k?: unknown };
  return { query: String(query ?? ''), topK: typeof top_k === 'number' ? top_k : 3 };
}

function pairsOf(text: string): ReadonlySet<string> {
  const lower = text.toLowerCase();
  const pairs = new Set<string>();
  for (let index = 0; index + 1 < lower.length; index += 1)
    pairs.add(lower.slice(index, index + 2));
  return pairs;
}

function overlap(wanted: ReadonlySet<string>, pairs: ReadonlySet<string>): number {
  let shared = 0;
  for (const pair of wanted) if (pairs.has(pair)) shared += 1;
  return shared / Math.max(1, wanted.size);
}
