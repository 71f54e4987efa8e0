/** Stages render and channel: the card of an answer, and its delivery to the messenger the user writes from. */
import { SpanKind } from '@opentelemetry/api';
import { BotError } from './bot-error.ts';
import type { FaultBoard } from './faults.ts';
import { postJson } from './http-client.ts';
import type { Random } from './random.ts';
import { type Telemetry, withSpan } from './telemetry.ts';
import { CANARY } from './variant.ts';
import { wait } from './wait.ts';

const CHANNEL_TIMEOUT_MS = 5000;
/** The canary's template fails one time in this many while its fault is on. */
const CANARY_FAILS_ONE_IN = 4;

export interface Card {
  readonly title: string;
  readonly elements: readonly { readonly tag: string; readonly text: string }[];
}

export function renderCard(
  content: { readonly text: string; readonly variant: string },
  deps: { readonly telemetry: Telemetry; readonly faults: FaultBoard; readonly random: Random },
): Promise<Card> {
  const { telemetry, faults, random } = deps;
  return withSpan({ tracer: telemetry.tracer, name: 'render.card', options: {} }, async () => {
    await wait(random.latencyMs(4));
    const slow = content.variant === CANARY ? faults.active('canary_slow') : undefined;
    if (slow !== undefined) {
      await wait(random.latencyMs(slow.ms));
      if (random.below(CANARY_FAILS_ONE_IN) === 0) {
        telemetry.log.error(`卡片渲染失败 template=card-${content.variant}: unknown field "theme"`);
        throw new BotError('TemplateError', 'Cannot render the card: unknown field "theme"');
      }
    }
    return { title: '助手', elements: [{ tag: 'markdown', text: content.text }] };
  });
}

export function sendToChannel(
  message: { readonly channel: string; readonly card: Card },
  deps: { readonly telemetry: Telemetry; readonly channelUrl: string },
): Promise<void> {
  const { tracer, log } = deps.telemetry;
  const attributes = {
    'coze.channel': message.channel,
    'http.request.method': 'POST',
    'server.address': `${message.channel}-gateway`,
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  return withSpan({ tracer, name: 'channel.send', options }, async (span) => {
    const reply = await postJson({
      url: `${deps.channelUrl}/messages?channel=${message.channel}`,
      body: message.card,
      timeoutMs: CHANNEL_TIMEOUT_MS,
    });
    span.setAttribute('http.response.status_code', reply.status);
    if (reply.status !== 200) {
      throw new BotError('ChannelError', `The channel answered ${reply.status}`);
    }
    log.info(`reply sent via ${message.channel}`);
  });
}
