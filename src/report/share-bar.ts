/** A bar for a share, drawn inline. */
import { html, type SafeHtml } from '../base/page.ts';

const BAR_WIDTH = 64;

export function shareBar(share: number): SafeHtml {
  const width = Math.max(1, Math.round(BAR_WIDTH * Math.min(1, Math.max(0, share))));
  return html`<svg width="${BAR_WIDTH}" height="8" viewBox="0 0 ${BAR_WIDTH} 8" aria-hidden="true"><rect class="track" width="${BAR_WIDTH}" height="8" rx="4"/><rect class="bar" width="${width}" height="8" rx="4"/></svg>`;
}
