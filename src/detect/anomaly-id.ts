/** Names of anomalies, stable for equal input. */
import { createHash } from 'node:crypto';
import type { Anomaly } from '../model/anomaly.ts';

/** 16 hex digits over kind, subject and start: the same deviation seen twice is one anomaly. */
export function anomalyIdOf(anomaly: Pick<Anomaly, 'kind' | 'range'>, subject: string): string {
  const { kind, range } = anomaly;
  return createHash('sha256')
    .update(`${kind}\0${subject}\0${range.fromUs}`)
    .digest('hex')
    .slice(0, 16);
}
