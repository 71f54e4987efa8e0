/**
 * Our own counters and gauges, and their Prometheus text. A plain registry handed to whoever counts:
 * each thread has its own and the API thread adds them up by name and labels.
 */

export interface Counters {
  /** Adds to a counter; labels are few and bounded by the code that counts. */
  add(name: string, amount: number, labels?: Readonly<Record<string, string>>): void;
  /** Sets a gauge. */
  set(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  snapshot(): readonly CounterSample[];
}

export interface CounterSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly kind: 'counter' | 'gauge';
}

export function createCounters(): Counters {
  const samples = new Map<string, { sample: CounterSample; value: number }>();
  const entryOf = (
    name: string,
    kind: 'counter' | 'gauge',
    labels: Readonly<Record<string, string>>,
  ) => {
    const key = `${name}${labelText(labels)}`;
    let entry = samples.get(key);
    if (!entry) {
      entry = { sample: { name, labels, value: 0, kind }, value: 0 };
      samples.set(key, entry);
    }
    return entry;
  };
  return {
    add(name, amount, labels = {}) {
      entryOf(name, 'counter', labels).value += amount;
    },
    set(name, value, labels = {}) {
      entryOf(name, 'gauge', labels).value = value;
    },
    snapshot: () => [...samples.values()].map(({ sample, value }) => ({ ...sample, value })),
  };
}

/** Prometheus text format 0.0.4 of samples of several threads; equal name and labels are added up. */
export function formatPrometheus(samples: readonly CounterSample[]): string {
  const merged = new Map<string, { sample: CounterSample; value: number }>();
  for (const sample of samples) {
    const key = `${sample.name}${labelText(sample.labels)}`;
    const entry = merged.get(key);
    if (entry) entry.value += sample.value;
    else merged.set(key, { sample, value: sample.value });
  }
  const lines: string[] = [];
  let previousName = '';
  for (const [key, { sample, value }] of [...merged].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (sample.name !== previousName) lines.push(`# TYPE ${sample.name} ${sample.kind}`);
    previousName = sample.name;
    lines.push(`${key} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const keys = Object.keys(labels).sort();
  if (keys.length === 0) return '';
  const quoted = (text: string) =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `{${keys.map((key) => `${key}="${quoted(labels[key] ?? '')}"`).join(',')}}`;
}
