/**
 * A metric series as it is remembered while it is watched. Its attributes are text, made into objects when somebody asks:
 * with an attribute and a resource each, objects of 50 000 series were 17 MB more.
 */
import type { AttributeMap, MetricSeries } from '../model/span.ts';

type Name = Omit<MetricSeries, 'attributes' | 'resource'>;

export class KeptSeries implements MetricSeries {
  readonly seriesId: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: MetricSeries['kind'];
  readonly isMonotonic: boolean;
  readonly temporality: MetricSeries['temporality'];
  readonly service: string;
  readonly #attributes: string;
  readonly #resource: string;

  /** `resource`: what textOfAttributes() made of it, one text for all series of a resource. */
  constructor(
    name: Name,
    { attributes, resource }: { readonly attributes: string; readonly resource: string },
  ) {
    this.seriesId = name.seriesId;
    this.name = name.name;
    this.unit = name.unit;
    this.kind = name.kind;
    this.isMonotonic = name.isMonotonic;
    this.temporality = name.temporality;
    this.service = name.service;
    this.#attributes = attributes;
    this.#resource = resource;
  }

  get attributes(): AttributeMap {
    return attributesOfText(this.#attributes);
  }

  get resource(): AttributeMap {
    return attributesOfText(this.#resource);
  }
}

export function textOfAttributes(attributes: AttributeMap): string {
  return JSON.stringify(attributes);
}

function attributesOfText(text: string): AttributeMap {
  return JSON.parse(text) as AttributeMap; // as textOfAttributes() wrote it
}
