/** Spans by operation, service or attribute. */

import { quantileOf, SketchBuilder } from '../../tally/sketch.ts';
import type { Page, SpanGroup, SpanGroupQuery } from '../api/telemetry.ts';
import { type DayPool, withDamage } from './day-pool.ts';
import { scanSpans } from './scan.ts';
import { findAttributeText } from './span-filter.ts';

export function groupSpans(pool: DayPool, query: SpanGroupQuery): Page<SpanGroup> {
  return withDamage(pool, () => groupAll(pool, query));
}

function groupAll(pool: DayPool, query: SpanGroupQuery): Page<SpanGroup> {
  const groups = new Map<string, { sketch: SketchBuilder; errors: number }>();
  const { by } = query;
  scanSpans(
    pool,
    { range: query.range, sections: by.kind === 'attribute' ? ['attributes'] : [] },
    (c, rows) => {
      for (const row of rows) {
        const v =
          by.kind === 'attribute'
            ? findAttributeText(c, row, by.key)
            : c.strings.text(by.kind === 'service' ? c.service[row]! : c.name[row]!);
        if (v === undefined) continue;
        let g = groups.get(v);
        if (!g) {
          g = { sketch: new SketchBuilder(), errors: 0 };
          groups.set(v, g);
        }
        g.sketch.add(c.durationNs[row]! / 1000);
        g.errors += c.isError[row]!;
      }
      return undefined;
    },
  );
  const items = [...groups].map(([value, g]) => {
    const s = g.sketch.build();
    return {
      value,
      count: g.sketch.count,
      errorCount: g.errors,
      durationUsP50: quantileOf(s, 0.5),
      durationUsP95: quantileOf(s, 0.95),
    };
  });
  return { items: items.sort((a, b) => b.count - a.count).slice(0, query.limit), wasCut: false };
}
