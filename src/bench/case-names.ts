/** Names for the things of a simulated case: plain words, no two alike, none that gives a fault away. */
import type { Variates } from './variates.ts';

export interface WorldNames {
  readonly services: readonly string[];
  /** Hosts of platforms outside; the first is a chat channel. */
  readonly platforms: readonly string[];
  pods(service: string, count: number): readonly string[];
  /** By endpoint id. */
  operation(id: number): string;
  /** Another one each time; the fixed part of a line, without what differs from request to request. */
  logText(): string;
  functionName(): string;
}

const NOUNS = [
  ...['account', 'address', 'basket', 'booking', 'catalog', 'checkout', 'comment', 'contact'],
  ...['coupon', 'courier', 'currency', 'customer', 'delivery', 'document', 'fare', 'feed', 'gift'],
  ...['hotel', 'image', 'inventory', 'invoice', 'ledger', 'loyalty', 'media', 'menu', 'notice'],
  ...['offer', 'order', 'parcel', 'payment', 'pricing', 'profile', 'rating', 'refund', 'report'],
  ...['review', 'route', 'schedule', 'search', 'seat', 'session', 'station', 'stock', 'ticket'],
] as const;
const VERBS = [
  ...['loading', 'checking', 'building', 'merging', 'storing', 'sorting', 'reserving', 'pricing'],
  ...['resolving', 'rendering', 'collecting', 'confirming', 'counting', 'joining', 'preparing'],
] as const;
const OBJECTS = [
  ...['items', 'entries', 'limits', 'rules', 'totals', 'options', 'preferences', 'candidates'],
  ...['positions', 'details', 'attachments', 'permissions', 'windows', 'labels', 'regions'],
] as const;
const SUFFIXES = ['-service', '-api', '', '-svc'] as const;
const PLATFORMS = [
  'open.chat.example',
  'api.models.example',
  'pay.bank.example',
  'maps.geo.example',
];

export function namesOf(variates: Variates, serviceCount: number): WorldNames {
  const { random } = variates;
  const nouns = shuffle(variates, NOUNS);
  const suffix = random.pick(SUFFIXES);
  const phrases = shuffle(
    variates,
    VERBS.flatMap((verb) => OBJECTS.map((object) => `${verb} ${object}`)),
  );
  let phraseCount = 0;
  const nextPhrase = (): string => {
    const phrase = phrases[phraseCount % phrases.length]!; // below the length
    const round = Math.floor(phraseCount++ / phrases.length);
    return round === 0 ? phrase : `${phrase} in round ${'again '.repeat(round).trim()}`;
  };
  return {
    services: Array.from({ length: serviceCount }, (_, index) => `${nouns[index]}${suffix}`),
    platforms: PLATFORMS.slice(0, random.between(1, PLATFORMS.length)),
    pods: (service, count) => {
      const replicas = random.uint32().toString(16).padStart(8, '0');
      return Array.from({ length: count }, (_, index) => `${service}-${replicas}-${index}`);
    },
    operation: (id) => {
      const method = random.pick(['GET', 'GET', 'POST', 'PUT']);
      return `${method} /${random.pick(nouns)}/${random.pick(OBJECTS)}${id}`;
    },
    logText: nextPhrase,
    functionName: () => {
      const [verb = '', object = ''] = nextPhrase().split(' ');
      return `${verb}${object[0]?.toUpperCase()}${object.slice(1)}`;
    },
  };
}

function shuffle<Item>({ random }: Variates, items: readonly Item[]): readonly Item[] {
  const shuffled = [...items];
  for (let end = shuffled.length - 1; end > 0; end--) {
    const other = random.below(end + 1);
    [shuffled[end], shuffled[other]] = [shuffled[other]!, shuffled[end]!]; // both below the length
  }
  return shuffled;
}
