/** What an investigation says while it runs: streamed to browsers and the CLI, never stored. */
import type { ErrorCode } from '../base/errors.ts';
import type { Evidence } from './hypothesis.ts';
import type { Report } from './report.ts';
import type { Text } from './text.ts';

export const INVESTIGATION_STEPS = [
  'collect',
  'cluster',
  'hypothesise',
  'verify',
  'report',
] as const;
export type InvestigationStep = (typeof INVESTIGATION_STEPS)[number];

export type InvestigationEvent =
  | {
      readonly type: 'phase';
      readonly atUs: number;
      readonly data: { readonly step: InvestigationStep; readonly durationMs?: number };
    }
  | {
      readonly type: 'progress';
      readonly atUs: number;
      readonly data: { readonly step: InvestigationStep; readonly message: Text };
    }
  | {
      readonly type: 'evidence';
      readonly atUs: number;
      readonly data: { readonly hypothesisId: string; readonly evidence: Evidence };
    }
  | {
      readonly type: 'verdict';
      readonly atUs: number;
      readonly data: Pick<Report, 'verdict' | 'confidence' | 'rootCause' | 'summary'>;
    }
  /** The last event of a run that made a report. */
  | {
      readonly type: 'done';
      readonly atUs: number;
      readonly data: { readonly reportId: string; readonly status: Report['status'] };
    }
  /** The last event of a run that did not. */
  | {
      readonly type: 'failed';
      readonly atUs: number;
      readonly data: { readonly code: ErrorCode; readonly message: string };
    };

export function isLastEvent(event: InvestigationEvent): boolean {
  return event.type === 'done' || event.type === 'failed';
}
