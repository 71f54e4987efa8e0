/** Senders that post one trace after the other and note the fate of each, and what of it a data folder holds. */
import { expect } from 'vitest';
import { openTelemetryReader } from '../../src/store/open.ts';

export interface Load {
  readonly acknowledged: ReadonlySet<string>;
  readonly sent: ReadonlySet<string>;
  /** Answers other than 200. */
  readonly refusals: readonly { readonly status: number; readonly retryAfter: string | null }[];
  readonly spansPerRequest: number;
  /** Waits for the answers under way. */
  stop(): Promise<void>;
}

/** A sender ends when the service is gone. */
export function startLoad(
  url: string,
  options: {
    readonly senders: number;
    readonly spansPerRequest: number;
    /** Makes bodies larger. */
    readonly attributeChars?: number;
  },
): Load {
  const { senders, spansPerRequest } = options;
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  const refusals: { status: number; retryAfter: string | null }[] = [];
  const text = 'x'.repeat(options.attributeChars ?? 0);
  let isOver = false;
  let next = 1;
  const sendOn = async () => {
    while (!isOver) {
      const traceId = (next++).toString(16).padStart(32, '0');
      sent.add(traceId);
      try {
        const response = await fetch(`${url}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: traceBody(traceId, { spansPerRequest, text }),
          signal: AbortSignal.timeout(15_000),
        });
        await response.arrayBuffer();
        const { status, headers } = response;
        if (status === 200) acknowledged.add(traceId);
        else refusals.push({ status, retryAfter: headers.get('retry-after') });
      } catch {
        // The service is gone: nothing was acknowledged.
        return;
      }
    }
  };
  const all = Promise.all(Array.from({ length: senders }, sendOn));
  return {
    acknowledged,
    sent,
    refusals,
    spansPerRequest,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
}

function traceBody(
  traceId: string,
  options: { readonly spansPerRequest: number; readonly text: string },
): string {
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const attributes = [{ key: 'text', value: { stringValue: options.text } }];
  const spans = Array.from({ length: options.spansPerRequest }, (_, index) => ({
    traceId,
    spanId: (index + 1).toString(16).padStart(16, '0'),
    name: `step ${index}`,
    startTimeUnixNano: String(nowNs),
    endTimeUnixNano: String(nowNs + 1_000_000n),
    attributes,
  }));
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

/** What was acknowledged is there, and what is there is whole and was sent. */
export function expectNothingLost(load: Load, dataDir: string): void {
  const counts = countSpans(dataDir);
  const lost = [...load.acknowledged].filter((id) => counts.get(id) !== load.spansPerRequest);
  expect(lost).toEqual([]);
  for (const [id, count] of counts) {
    expect(load.sent.has(id)).toBe(true);
    expect(count).toBe(load.spansPerRequest);
  }
}

/** Spans per trace id in a data folder. */
function countSpans(dataDir: string): Map<string, number> {
  const reader = openTelemetryReader({ dataDir });
  try {
    const counts = new Map<string, number>();
    const nowUs = Date.now() * 1000;
    const range = { fromUs: nowUs - 3_600_000_000, toUs: nowUs + 3_600_000_000 };
    reader.scanSpans({ range, sections: [] }, (columns, rows) => {
      for (const row of rows) {
        const id = Buffer.from(columns.traceId.subarray(16 * row, 16 * row + 16)).toString('hex');
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      return undefined;
    });
    return counts;
  } finally {
    reader.close();
  }
}
