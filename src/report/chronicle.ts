/**
 * The timeline with the story told: onset of the cause, first symptom, and everything else in order. Derived
 * from a finished report, so that it follows when probes change the verdict.
 */
import type { Report, TimelineEntry } from '../model/report.ts';
import { suspectOf } from './digest.ts';
import { duration } from './format.ts';
import { culpritLabel } from './labels.ts';
import { TIMELINE_ORDER } from './timeline.ts';

export function chronicleOf(report: Report): readonly TimelineEntry[] {
  const suspect = suspectOf(report);
  const onsetUs = suspect?.path?.onsetUs;
  const { firstSymptom } = report;
  const entries = [...report.timeline];
  if (suspect !== undefined && onsetUs !== undefined) {
    const isNamed = report.rootCause !== undefined;
    const place = culpritLabel(suspect.culprit);
    const order = firstSymptom && orderText(onsetUs, firstSymptom.timeUs);
    entries.push({
      timeUs: onsetUs,
      kind: 'cause',
      text: {
        zh: `${isNamed ? '根因' : '首要线索'} ${suspect.hypothesisId} 处的第一个异常 span：${place}${order ? `（${order.zh}）` : ''}`,
        en: `First bad span at the ${isNamed ? 'root cause' : 'best lead'} ${suspect.hypothesisId}: ${place}${order ? ` (${order.en})` : ''}`,
      },
    });
  }
  if (firstSymptom !== undefined) {
    entries.push({ timeUs: firstSymptom.timeUs, kind: 'symptom', text: firstSymptom.statement });
  }
  return entries.sort(
    (a, b) => a.timeUs - b.timeUs || TIMELINE_ORDER[a.kind] - TIMELINE_ORDER[b.kind],
  );
}

/**
 * A request begins before what it calls, so that a cause inside the first bad request shows later by the time
 * that the request took to get there: that is the order of a call, not of cause and effect.
 */
function orderText(causeUs: number, symptomUs: number): TimelineEntry['text'] {
  const apart = duration(Math.abs(symptomUs - causeUs));
  if (causeUs === symptomUs)
    return { zh: '与最先的症状同时', en: 'together with the first symptom' };
  return causeUs < symptomUs
    ? { zh: `比最先的症状早 ${apart}`, en: `${apart} before the first symptom` }
    : { zh: `在最先的症状开始后 ${apart}`, en: `${apart} after the first symptom began` };
}
