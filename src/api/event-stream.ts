/** Server-sent events: a bounded number of streams, each with a heartbeat, all ended when the API stops. */
import type { Response } from 'express';
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { formatTime } from '../base/time.ts';
import { type InvestigationEvent, isLastEvent } from '../model/events.ts';

export interface EventStreams {
  /** Throws `analysis.overloaded` when too many streams are open; then nothing is written yet. */
  open(response: Response): EventStream;
  endAll(): void;
  readonly openCount: number;
}

export interface EventStream {
  /** Writes the event; the last one of a run ends the stream. */
  send(event: InvestigationEvent): void;
  /** Called once when the stream has ended, by us or by the client; at once when it has already. */
  onEnd(listener: () => void): void;
}

export function createEventStreams(): EventStreams {
  const open = new Set<Response>();
  return {
    open(response) {
      if (open.size >= LIMITS.eventStreamsMax) {
        throw new AppError(
          'analysis.overloaded',
          `Cannot open event stream: ${open.size} are open already, limit ${LIMITS.eventStreamsMax}`,
        );
      }
      open.add(response);
      const stream = startStream(response);
      stream.onEnd(() => open.delete(response));
      return stream;
    },
    endAll() {
      for (const response of open) response.end();
    },
    get openCount() {
      return open.size;
    },
  };
}

function startStream(response: Response): EventStream {
  const listeners: (() => void)[] = [];
  let isEnded = false;
  let eventCount = 0;
  response.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.write(':\n\n'), LIMITS.eventHeartbeatMs);
  heartbeat.unref();
  response.on('close', () => {
    isEnded = true;
    clearInterval(heartbeat);
    for (const listener of listeners.splice(0)) listener();
  });
  return {
    send(event) {
      if (isEnded || response.writableEnded) return;
      eventCount += 1;
      const data = JSON.stringify({ at: formatTime(event.atUs), ...event.data });
      response.write(`id: ${eventCount}\nevent: ${event.type}\ndata: ${data}\n\n`);
      if (isLastEvent(event)) response.end();
    },
    onEnd(listener) {
      if (isEnded) listener();
      else listeners.push(listener);
    },
  };
}
