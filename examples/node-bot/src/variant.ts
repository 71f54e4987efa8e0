/** Which version of the bot a conversation sees: a fixed fifth of all conversations gets the canary. */
import { hashOf } from './random.ts';

export const STABLE = 'v1.1-stable';
export const CANARY = 'v1.2-canary';
const CANARY_SHARE_PERCENT = 20;

export function variantOf(conversationId: string): string {
  return hashOf(conversationId) % 100 < CANARY_SHARE_PERCENT ? CANARY : STABLE;
}
