/**
 * One message through the bot: receive, intent, then knowledge, plugin or orders as the intent asks, LLM, card,
 * channel. HTTP 200 with a code in the body is how Coze bots report failures of a stage.
 */
import { type Span, trace } from '@opentelemetry/api';
import { BotError, errorMessageOf, errorTypeOf } from './bot-error.ts';
import type { HttpCall, HttpReply } from './http-server.ts';
import { type IntentName, routeIntent } from './intent.ts';
import { searchKnowledge } from './knowledge.ts';
import { chat, type LlmDeps } from './llm.ts';
import { RATE_LIMIT_CODE } from './llm-gateway.ts';
import { type OrdersDeps, selectOrders } from './orders.ts';
import { type PluginDeps, runPlugin } from './plugin.ts';
import { renderCard, sendToChannel } from './reply.ts';
import { variantOf } from './variant.ts';

export interface BotDeps extends PluginDeps, OrdersDeps, LlmDeps {
  readonly kbUrl: string;
  readonly channelUrl: string;
}

/** What a channel delivers: one message of a user to a bot. */
export interface BotEvent {
  readonly eventId: string;
  readonly botId: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly channel: string;
  readonly text: string;
}

/** How long a request may take whose context was lost on the way to the database. */
const LOST_DEADLINE_MS = 1200;
/** One order query in this many is the costly kind while deadline_lost is on. */
const COSTLY_ONE_IN = 3;

export async function handleWebhook(call: HttpCall, deps: BotDeps): Promise<HttpReply> {
  const event = parseEvent(call.body);
  if (event === undefined) {
    return { status: 400, body: { code: 4000, msg: 'event_id, bot_id … and text are required' } };
  }
  const variant = variantOf(event.conversationId);
  const span = trace.getActiveSpan();
  span?.setAttributes({
    'coze.bot.id': event.botId,
    'coze.channel': event.channel,
    'coze.event.id': event.eventId,
    'gen_ai.conversation.id': event.conversationId,
    'user.id': event.userId,
    'bot.variant': variant,
  });
  deps.telemetry.log.info(`收到消息 channel=${event.channel} 长度=${event.text.length}`);
  return settle(event, { deps, span, variant });
}

interface Turn {
  readonly deps: BotDeps;
  readonly span: Span | undefined;
  readonly variant: string;
}

/** Answers the event and counts the outcome. */
async function settle(event: BotEvent, turn: Turn): Promise<HttpReply> {
  const { deps, span } = turn;
  const count = (status: string): void => {
    deps.instruments.messagesProcessed.add(1, { type: event.channel, status });
  };
  try {
    await answer(event, turn);
    count('success');
    return { status: 200, body: { code: 0, msg: 'success' } };
  } catch (error) {
    count('error');
    deps.telemetry.log.error(`request failed: ${errorTypeOf(error)} ${errorMessageOf(error)}`);
    if (error instanceof BotError && error.cozeCode === RATE_LIMIT_CODE) {
      span?.setAttribute('coze.error.code', error.cozeCode);
      return { status: 200, body: { code: error.cozeCode, msg: error.message } };
    }
    throw error;
  }
}

async function answer(event: BotEvent, { deps, variant }: Turn): Promise<void> {
  const intent = await routeIntent(event.text, deps);
  const facts = await gatherFacts(event, { intent, deps });
  const text = await chat(
    [
      { role: 'system', content: `Facts: ${facts}` },
      { role: 'user', content: event.text },
    ],
    deps,
  );
  const card = await renderCard({ text, variant }, deps);
  await sendToChannel({ channel: event.channel, card }, deps);
}

async function gatherFacts(
  event: BotEvent,
  { intent, deps }: { readonly intent: IntentName; readonly deps: BotDeps },
): Promise<string> {
  switch (intent) {
    case 'order.status':
      return JSON.stringify(await lookUpOrders(event.userId, deps));
    case 'weather.query':
      return (await runPlugin(cityIn(event.text), deps)) ?? 'no weather available';
    case 'product.faq':
      return JSON.stringify(await searchKnowledge(event.text, deps));
    case 'small.talk':
      return 'none';
  }
}

/**
 * Waits for the orders, normally. With deadline_lost the request has a deadline that the query never hears of: the
 * request fails with 504 and the query goes on behind its back.
 */
async function lookUpOrders(userId: string, deps: BotDeps): Promise<unknown> {
  const lost = deps.faults.active('deadline_lost');
  const isCostly = lost !== undefined && deps.random.below(COSTLY_ONE_IN) === 0;
  if (!isCostly) return selectOrders({ userId, sleepMs: 0 }, deps);
  trace.getActiveSpan()?.setAttribute('coze.timeout_ms', LOST_DEADLINE_MS);
  const detached = selectOrders({ userId, sleepMs: lost.ms }, deps);
  // Nobody waits for it after the deadline; its own spans tell how it went.
  detached.catch(() => {});
  return Promise.race([detached, deadline()]);
}

function deadline(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => {
      const message = `context deadline exceeded, timeout=${LOST_DEADLINE_MS}ms`;
      reject(new BotError('DeadlineExceeded', message, { httpStatus: 504 }));
    }, LOST_DEADLINE_MS);
  });
}

function cityIn(text: string): string {
  return /(北京|上海|深圳|成都|London|Singapore)/.exec(text)?.[1] ?? '杭州';
}

/** The event of POST /coze/webhook; undefined when a field is missing or no text. */
function parseEvent(body: unknown): BotEvent | undefined {
  const { header, event } = (body ?? {}) as {
    header?: Record<string, unknown>;
    event?: Record<string, unknown>;
  };
  const fields = {
    eventId: header?.['event_id'],
    botId: event?.['bot_id'],
    conversationId: event?.['conversation_id'],
    userId: event?.['user_id'],
    channel: event?.['channel'],
    text: event?.['text'],
  };
  const isComplete = Object.values(fields).every(
    (field) => typeof field === 'string' && field !== '' && field.length <= 4000,
  );
  // Every field was checked to be a string on the line above.
  return isComplete ? (fields as BotEvent) : undefined;
}
