/** Cursors of pages: where the page before ended. Opaque to callers, checked when they come back. */
import { AppError } from '../../base/errors.ts';

export interface Cursor {
  readonly timeUs: number;
  /** Place among items of that time. */
  readonly tie: string;
}

export function formatCursor({ timeUs, tie }: Cursor): string {
  return `${timeUs}_${tie}`;
}

export function parseCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,16})_([0-9a-z]{0,256})$/.exec(text);
  if (!match) {
    const offendingValue = text.slice(0, 64);
    throw new AppError(
      'request.invalid',
      `Cannot use cursor "${offendingValue}": it is not one that a page gave`,
      { offendingValue },
    );
  }
  return { timeUs: Number(match[1]), tie: match[2] ?? '' };
}
