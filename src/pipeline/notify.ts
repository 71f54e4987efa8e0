/**
 * Tells Alertmanagers of open incidents and of their end. What they were told is kept, so that after a restart the
 * same alerts go on under the same labels and those that ended meanwhile are resolved. Never waits: the notifier sends
 * by itself.
 */
import type { Counters } from '../base/counters.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { type Clock, US_PER_DAY } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';
import {
  createAlertmanagerNotifier,
  type NotifierTimes,
} from '../plugin/notifiers/alertmanager.ts';
import type { OutgoingAlert } from '../plugin/notifiers/outbox.ts';
import type { AlertingStore, SentAlert } from '../store/api/alerting.ts';
import type { StateStore } from '../store/api/state.ts';
import { type AlertFacts, anomalyAlert, incidentAlert, severityOf } from './incident-alert.ts';

export interface AlertNotifier {
  /** After a tick, once its findings are saved: the incidents that it opened, changed or closed. */
  update(changed: readonly Incident[], nowUs: number): void;
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

/** Incidents open at the start are looked for this far back. */
const RESUMED_US = 7 * US_PER_DAY;

/** Tells at once of what is open in the state store. */
export function createAlertNotifier(options: AlertNotifierOptions): AlertNotifier {
  const { state, clock } = options;
  const outgoing = createAlertmanagerNotifier({
    urls: options.alerting.alertmanagerUrls,
    authorization: options.alerting.authorization,
    ...options,
  });
  const board = new AlertBoard(options);
  const update: AlertNotifier['update'] = (changed, nowUs) =>
    outgoing.put(board.update(new Set(changed.map(({ incidentId }) => incidentId)), nowUs));
  const nowUs = clock.nowUs();
  const recent = { fromUs: nowUs - RESUMED_US, toUs: nowUs + 1 };
  update(state.listIncidents({ range: recent, limit: LIMITS.queryRowsMax }), nowUs);
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

  /** All that fires, and what has ended, of these incidents and of those that were told of. */
  update(incidentIds: Set<string>, nowUs: number): readonly OutgoingAlert[] {
    for (const { incidentId } of this.#sent.values()) incidentIds.add(incidentId);
    const alerts: OutgoingAlert[] = [];
    const firing = new Set<string>();
    const endedUs = new Map<string, number>();
    for (const incidentId of incidentIds) {
      const incident = this.#options.state.findIncident(incidentId);
      if (incident?.status === 'closed') endedUs.set(incidentId, incident.lastSeenUs);
      for (const alert of incident ? this.#alertsOf(incident) : []) {
        firing.add(alert.subject);
        alerts.push(...this.#tell(alert, nowUs));
      }
    }
    for (const alert of [...this.#sent.values()].filter(({ key }) => !firing.has(key))) {
      alerts.push(endOf(alert, endedUs.get(alert.incidentId) ?? nowUs));
      this.#sent.delete(alert.key);
      this.#options.alertingStore.deleteSentAlert(alert.key);
    }
    return alerts;
  }

  /** None for an incident that is closed, or all of whose anomalies are silenced. */
  #alertsOf(incident: Incident): readonly FiringAlert[] {
    if (incident.status === 'closed') return [];
    const anomalies = this.#anomaliesOf(incident).filter(
      ({ silencedBy }) => silencedBy === undefined,
    );
    if (anomalies.length === 0) return [];
    const { incidentId, onsetUs, reportId } = incident;
    const url = `${this.#options.publicUrl.replace(/\/+$/, '')}/reports${reportId === undefined ? '' : `/${reportId}`}`;
    const report = reportId === undefined ? undefined : this.#options.state.findReport(reportId);
    const subject = { incident, anomalies, report, url };
    const severityFor = (name: string, of: readonly Anomaly[]) =>
      // It never falls: people who were called would wonder.
      this.#sent.get(name)?.labels['severity'] === 'critical' ? 'critical' : severityOf(of);
    const whole: FiringAlert = {
      ...incidentAlert(subject, severityFor(incidentId, anomalies)),
      subject: incidentId,
      incidentId,
      startsAtUs: onsetUs,
      url,
    };
    if (this.#options.alerting.send === 'incidents') return [whole];
    const parts = anomalies
      .filter(({ status }) => status !== 'closed')
      .map((anomaly): FiringAlert => {
        const name = `${incidentId}/${anomaly.anomalyId}`;
        const severity = severityFor(name, [anomaly]);
        return {
          ...anomalyAlert(anomaly, { incident, url, severity }),
          subject: name,
          incidentId,
          startsAtUs: anomaly.range.fromUs,
          url,
        };
      });
    return [whole, ...parts];
  }

  #anomaliesOf(incident: Incident): readonly Anomaly[] {
    const ids = new Set(incident.anomalyIds);
    const range = { fromUs: incident.onsetUs, toUs: incident.lastSeenUs + 1 };
    return this.#options.state
      .listAnomalies({ range, limit: LIMITS.queryRowsMax })
      .filter(({ anomalyId }) => ids.has(anomalyId));
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
