/** The slow, obvious version of TemplateMiner for the differential test: texts, Maps, and every line read anew. */
import { LIMITS } from '../../src/base/limits.ts';
import { type LogColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { type Pieces, textOfPieces } from '../../src/tally/line-pieces.ts';
import { lineOfBody } from '../../src/tally/log-body-line.ts';
import { OVERFLOW_TEMPLATE, templateIdOf } from '../../src/tally/template.ts';
import {
  mergePieces,
  TemplateTree,
  type TreeTemplate,
  wordCountOf,
} from '../../src/tally/template-tree.ts';
import { slowPiecesOf } from './slow-line.ts';

interface Service {
  readonly name: string;
  readonly tree: TemplateTree<TreeTemplate>;
  readonly byLine: Map<string, TreeTemplate>;
  readonly byId: Map<string, TreeTemplate>;
}

export class SlowMiner {
  readonly #services = new Map<string, Service>();
  #lineCount = 0;

  /** Template ids of all rows. A body that comes twice in one batch keeps its template. */
  assign(columns: LogColumns): string[] {
    const byBody = new Map<string, string>();
    return Array.from({ length: columns.count }, (_, row) => {
      const service = columns.strings.text(columns.service[row]!);
      const type = columns.bodyType[row]!;
      const hasBody = type === VALUE_TYPE.string || type === VALUE_TYPE.json;
      const key = `${service}\0${columns.bodyValue[row]}`;
      const id =
        (hasBody && columns.bodyValue[row]! > 0 ? byBody.get(key) : undefined) ??
        this.#assignLine(service, lineOfBody(columns, row));
      byBody.set(key, id);
      return id;
    });
  }

  /** The texts that the templates have come to. */
  texts(): Map<string, string> {
    const templates = [...this.#services.values()].flatMap(({ byId }) => [...byId.values()]);
    return new Map(templates.map(({ templateId, pieces }) => [templateId, textOfPieces(pieces)]));
  }

  #assignLine(name: string, line: string): string {
    const service = this.#serviceOf(name);
    const pieces = slowPiecesOf(line);
    const text = textOfPieces(pieces);
    const template =
      service.byLine.get(text) ?? this.#findSimilar(service, pieces) ?? this.#add(service, pieces);
    if (!service.byLine.has(text)) this.#remember(service, text, template);
    return template.templateId;
  }

  #findSimilar(service: Service, pieces: Pieces): TreeTemplate | undefined {
    const best = service.tree.findSimilar(pieces);
    if (best === undefined) return undefined;
    const merged = mergePieces(best.pieces, pieces);
    const again = slowPiecesOf(textOfPieces(merged)).texts;
    if (merged !== best.pieces && again.join('\0') !== merged.texts.join('\0')) return undefined;
    best.pieces = merged;
    return best;
  }

  #add(service: Service, pieces: Pieces): TreeTemplate {
    const hasRoom =
      service.tree.count < LIMITS.templatesPerServiceMax && service.tree.hasRoom(pieces);
    const text = hasRoom ? textOfPieces(pieces) : OVERFLOW_TEMPLATE;
    const templateId = templateIdOf(service.name, text);
    const known = service.byId.get(templateId);
    if (known !== undefined) return known;
    const template: TreeTemplate = {
      templateId,
      pieces: hasRoom ? pieces : { texts: [text], spaces: [false] },
      wordCount: wordCountOf(pieces.texts),
      branch: '',
    };
    service.byId.set(templateId, template);
    if (text !== OVERFLOW_TEMPLATE) service.tree.add(template);
    return template;
  }

  #remember(service: Service, text: string, template: TreeTemplate): void {
    if (this.#lineCount >= LIMITS.logLinesMax) {
      for (const { byLine } of this.#services.values()) byLine.clear();
      this.#lineCount = 0;
    } else if (service.byLine.size >= LIMITS.logLinesPerServiceMax) {
      this.#lineCount -= service.byLine.size;
      service.byLine.clear();
    }
    service.byLine.set(text, template);
    this.#lineCount++;
  }

  #serviceOf(name: string): Service {
    let service = this.#services.get(name);
    if (service === undefined) {
      service = { name, tree: new TemplateTree(), byLine: new Map(), byId: new Map() };
      this.#services.set(name, service);
    }
    return service;
  }
}
