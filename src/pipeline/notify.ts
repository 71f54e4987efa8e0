/**
 * Tells Alertmanagers of open incidents and of their end. What they were told is kept, so that after a restart the
 * same alerts go on under the same labels and those that ended meanwhile are resolved. Never waits: the notifier sends
 * by itself.
 */
import type { Counters } from '../base/counters.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import type { Incident } from '../model/anomaly.ts';
import {
  createAlertmanagerNotifier,
  type NotifierTimes,
} from '../plugin/notifiers/alertmanager.ts';
import type { OutgoingAlert } from '../plugin/notifiers/outbox.ts';
import type { AlertingStore, SentAlert } from '../store/api/alerting.ts';
import type { StateStore } from '../store/api/state.ts';
import { type AlertFacts, anomalyAlert, incidentAlert } from './incident-alert.ts';

export interface AlertNotifier {
  /** After a tick, once its findings are saved: what is open fires, what was told of and is no more is resolved. */
  update(nowUs: number): void;
  stop(timeoutMs: number): Promise<void>;
}

export interface AlertNotifierOptions {
  readonly alerting: Config['alerting'];
  /** Under which people reach the pages. */
  readonly publicUrl: string;
  readonly state: StateStore;
  readonly alertingStore: AlertingStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** Other times only in tests. */
  readonly times?: NotifierTimes;
}

/** Tells at once of what is open in the state store. */
export function createAlertNotifier(options: AlertNotifierOptions): AlertNotifier {
  const outgoing = createAlertmanagerNotifier({
    urls: options.alerting.alertmanagerUrls,
    authorization: options.alerting.authorization,
    ...options,
  });
  const board = new AlertBoard(options);
  const update = (nowUs: number): void => outgoing.put(board.update(nowUs));
  update(options.clock.nowUs());
  return { update, stop: outgoing.stop };
}

/** An alert that should fire. */
interface FiringAlert extends AlertFacts {
  /** Incident, or incident and anomaly. */
  readonly subject: string;
  readonly incidentId: string;
  readonly startsAtUs: number;
  readonly url: string;
}

/** Which alerts fire: compares what should with what Alertmanagers were told. */
class AlertBoard {
  readonly #options: AlertNotifierOptions;
  /** By subject; the same as in the store. */
  readonly #sent: Map<string, SentAlert>;

  constructor(options: AlertNotifierOptions) {
    this.#options = options;
    const sent = options.alertingStore.listSentAlerts();
    this.#sent = new Map(sent.map((alert) => [alert.key, alert]));
  }

  /** All that fires, and what has ended since the last time. */
  update(nowUs: number): readonly OutgoingAlert[] {
    const alerts: OutgoingAlert[] = [];
    const firing = new Set<string>();
    // None has been seen as late as never: what is left are those that are open.
    const open = this.#options.state.listCurrentIncidents(Number.POSITIVE_INFINITY);
    for (const alert of open.flatMap((incident) => this.#alertsOf(incident))) {
      firing.add(alert.subject);
      alerts.push(...this.#tell(alert, nowUs));
    }
    for (const alert of [...this.#sent.values()].filter(({ key }) => !firing.has(key))) {
      const incident = this.#options.state.findIncident(alert.incidentId);
      alerts.push(endOf(alert, incident?.status === 'closed' ? incident.lastSeenUs : nowUs));
      this.#sent.delete(alert.key);
      this.#options.alertingStore.deleteSentAlert(alert.key);
    }
    return alerts;
  }

  /** None for an incident all of whose open anomalies are silenced. */
  #alertsOf(incident: Incident): readonly FiringAlert[] {
    const { incidentId, onsetUs, reportId } = incident;
    const anomalies = incident.anomalyIds
      .flatMap((anomalyId) => this.#options.state.findAnomaly(anomalyId) ?? [])
      .filter(({ silencedBy }) => silencedBy === undefined);
    const open = anomalies.filter(({ status }) => status !== 'closed');
    if (open.length === 0) return [];
    const site = this.#options.publicUrl.replace(/\/+$/, '');
    const url = `${site}/incidents/${incidentId}`;
    const reportUrl = reportId === undefined ? undefined : `${site}/reports/${reportId}`;
    const report = reportId === undefined ? undefined : this.#options.state.findReport(reportId);
    const subject = { incident, anomalies, report, reportUrl };
    const whole: FiringAlert = {
      ...incidentAlert(subject),
      subject: incidentId,
      incidentId,
      startsAtUs: onsetUs,
      url,
    };
    if (this.#options.alerting.send === 'incidents') return [whole];
    const parts = open.map(
      (anomaly): FiringAlert => ({
        ...anomalyAlert(anomaly, { incident, reportUrl }),
        subject: `${incidentId}/${anomaly.anomalyId}`,
        incidentId,
        startsAtUs: anomaly.range.fromUs,
        url,
      }),
    );
    return [whole, ...parts];
  }

  /** Under the labels that it has already, unless it became worse: then the one before ends and a new one begins. */
  #tell(alert: FiringAlert, nowUs: number): readonly OutgoingAlert[] {
    const { subject, incidentId, annotations, url } = alert;
    const before = this.#sent.get(subject);
    const isWorse = before !== undefined && severityIn(before) !== severityIn(alert);
    const { labels, startsAtUs } =
      before === undefined || isWorse
        ? { ...alert, labels: { ...this.#options.alerting.labels, ...alert.labels } }
        : before;
    const sent = { key: subject, incidentId, labels, annotations, url, startsAtUs };
    if (JSON.stringify(sent) !== JSON.stringify(before)) {
      this.#sent.set(subject, sent);
      this.#options.alertingStore.saveSentAlert(sent);
    }
    return isWorse ? [endOf(before, nowUs), outgoingOf(sent)] : [outgoingOf(sent)];
  }
}

function endOf(sent: SentAlert, endedAtUs: number): OutgoingAlert {
  return { ...outgoingOf(sent), endedAtUs };
}

function outgoingOf(sent: SentAlert): OutgoingAlert {
  const { labels, annotations, startsAtUs, url } = sent;
  // Another severity is another alert.
  const key = `${sent.key}/${severityIn(sent)}`;
  return { key, labels, annotations, startsAtUs, generatorUrl: url };
}

function severityIn({ labels }: Pick<SentAlert, 'labels'>): string {
  return labels['severity'] ?? '';
}
