/** Words for probabilities, the same in all forms of a report. */

/** How likely something is, see likelihoodOf(). */
export type Likelihood = 'almost certain' | 'very likely' | 'likely' | 'possible' | 'unlikely';

/**
 * Words for a confidence, by the scale of the IPCC's guidance note on uncertainties (2010): likely from 66 %,
 * very likely from 90 %, extremely likely from 95 %, about as likely as not from 33 %.
 */
export function likelihoodOf(confidence: number): Likelihood {
  if (confidence >= 0.95) return 'almost certain';
  if (confidence >= 0.9) return 'very likely';
  if (confidence >= 0.66) return 'likely';
  return confidence >= 0.33 ? 'possible' : 'unlikely';
}
