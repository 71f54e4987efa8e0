/** A report in the form that somebody asks for. */
import { unreachable } from '../base/errors.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { renderHtml, renderJson, renderMarkdown, renderText } from '../report/report.ts';

export { renderIncident, renderIncidentList, renderPicture } from '../report/report.ts';

export type ReportForm = 'json' | 'md' | 'html' | 'text';

export function renderReport(
  report: Report,
  form: ReportForm,
  language: Language,
): { readonly contentType: string; readonly body: string } {
  switch (form) {
    case 'json':
      return {
        contentType: 'application/json; charset=utf-8',
        body: `${JSON.stringify(renderJson(report, language), null, 2)}\n`,
      };
    case 'md':
      return {
        contentType: 'text/markdown; charset=utf-8',
        body: renderMarkdown(report, language),
      };
    case 'html':
      return { contentType: 'text/html; charset=utf-8', body: renderHtml(report, language, {}) };
    case 'text':
      return {
        contentType: 'text/plain; charset=utf-8',
        body: renderText(report, language, { isColour: false }),
      };
    default:
      return unreachable(form);
  }
}
