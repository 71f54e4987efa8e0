/** Stage intent: which of the bot's four skills a message asks for, by its words. */
import { SpanKind } from '@opentelemetry/api';
import type { Random } from './random.ts';
import { type Telemetry, withSpan } from './telemetry.ts';
import { wait } from './wait.ts';

export const INTENTS = ['order.status', 'weather.query', 'product.faq', 'small.talk'] as const;
export type IntentName = (typeof INTENTS)[number];

const WORDS: readonly (readonly [IntentName, RegExp])[] = [
  ['order.status', /订单|快递|物流|\b(order|parcel|package)\b/i],
  ['weather.query', /天气|下雨|气温|\b(weather|rain|forecast)\b/i],
  ['product.faq', /退款|发票|保修|积分|地址|\b(refund|invoice|warranty|points|address)\b/i],
];

export function classify(text: string): { readonly name: IntentName; readonly confidence: number } {
  const found = WORDS.filter(([, words]) => words.test(text));
  const first = found[0];
  if (first === undefined) return { name: 'small.talk', confidence: 0.55 };
  return { name: first[0], confidence: found.length === 1 ? 0.93 : 0.71 };
}

export function routeIntent(
  text: string,
  { telemetry, random }: { readonly telemetry: Telemetry; readonly random: Random },
): Promise<IntentName> {
  const options = { kind: SpanKind.INTERNAL };
  return withSpan({ tracer: telemetry.tracer, name: 'intent.route', options }, async (span) => {
    await wait(random.latencyMs(12));
    const { name, confidence } = classify(text);
    span.setAttributes({ 'ai.intent.name': name, 'ai.intent.confidence': confidence });
    telemetry.log.info(`意图识别 intent=${name} confidence=${confidence}`);
    return name;
  });
}
