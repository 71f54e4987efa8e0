/** The sentence and the first remedy of a hypothesis in both languages. */
import type { Text } from '../model/text.ts';
import { CAUSE_WORDS } from './cause-words.ts';
import type { Suspect } from './merge.ts';
import { text } from './suspicion.ts';

export function stateCause(suspect: Suspect): Text {
  if (suspect.rule) return suspect.rule.statement;
  const sentence = sentenceOf(suspect);
  const who = attributesOf(suspect);
  return who === ''
    ? sentence
    : text(`${sentence.zh}（限于 ${who}）`, `${sentence.en} (only with ${who})`);
}

export function remedyFor(suspect: Suspect): Text {
  return suspect.rule ? suspect.rule.fix : CAUSE_WORDS[suspect.kind].remedy;
}

function sentenceOf({ culprit, kind, services, detail }: Suspect): Text {
  const { service, operation, dependency, version } = culprit;
  return CAUSE_WORDS[kind].sentence({
    place: operation === undefined ? service : `${service} ${operation}`,
    service,
    called: dependency ?? service,
    callers: services.size > 1 ? [...services].sort().join(', ') : service,
    from: detail['from'] ?? service,
    to: detail['to'] ?? service,
    version: version ?? '',
    function: detail['function'] ?? '',
  });
}

function attributesOf({ culprit }: Suspect): string {
  return Object.entries(culprit.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(', ');
}
