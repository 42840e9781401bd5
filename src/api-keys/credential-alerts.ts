import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { replayId, type ReplayStore } from '../replay/replay.ts';
import {
  countFindings,
  type CredentialFinding,
  type CredentialLine,
  type CredentialSources,
  type ExpiryWindow,
  reportCredentials,
} from './credential-report.ts';

/** What is told to people: once a day everything, and at once what comes nearer to its end. */
export interface CredentialAlert {
  type: 'credential.expiring' | 'credentials.daily';
  atMs: number;
  /** Credentials with findings; of a daily report at most `MAX_TOLD`. */
  lines: CredentialLine[];
  /** How many credentials there are to tell of, those beyond `lines` included. */
  total: number;
}

export interface CredentialAlertsDeps {
  sources(): Promise<CredentialSources>;
  /** Remembers what was told, over restarts and for every process. */
  replays: Pick<ReplayStore, 'consume'>;
  logger: Logger;
  metrics: Pick<Metrics, 'credentials'>;
  /** Takes an alert on its way and returns at once. */
  deliver?: ((alert: CredentialAlert) => void) | undefined;
}

export interface CredentialAlerts {
  /** Looks at every credential, sets the gauges, and tells what has not been told yet. */
  run(nowMs: number): Promise<void>;
}

const DAY_MS = 86_400_000;
const MAX_TOLD = 200;

const isWindow = (finding: CredentialFinding): finding is ExpiryWindow => finding.startsWith('expires_in_');

export function createCredentialAlerts(deps: CredentialAlertsDeps): CredentialAlerts {
  const { replays, logger, metrics } = deps;
  // Spares the store the question for what this process knows to be told.
  let told = new Set<string>();
  let toldDay: number | undefined;

  const logLine = (event: CredentialAlert['type'], line: CredentialLine) =>
    logger.log('warn', {
      event,
      reason: line.findings.join(' '),
      code: line.kind,
      partner: line.partner,
      key_prefix: line.publicPrefix,
      client_id: line.kind === 'client_secret' ? line.id : undefined,
      kid: line.kind === 'signing_key' ? line.id : undefined,
    });

  const tell = (alert: CredentialAlert) => {
    for (const line of alert.lines) logLine(alert.type, line);
    deps.deliver?.(alert);
  };

  /** Lines that lie in a window for which they have not been told. */
  const nearer = async (lines: readonly CredentialLine[]): Promise<CredentialLine[]> => {
    const fresh: CredentialLine[] = [];
    const known = new Set<string>();
    for (const line of lines) {
      const window = line.findings.find(isWindow);
      if (window === undefined || line.expiresAtMs === undefined) continue;
      const { kind, id, secretId = '', expiresAtMs } = line;
      const notice = replayId([kind, id, secretId, String(expiresAtMs), window]);
      known.add(notice);
      if (told.has(notice)) continue;
      if ((await replays.consume('credential-alert', notice, expiresAtMs + DAY_MS)) === 'fresh') {
        fresh.push(line);
      }
    }
    told = known;
    return fresh;
  };

  const isNewDay = async (nowMs: number): Promise<boolean> => {
    const day = Math.floor(nowMs / DAY_MS);
    if (day === toldDay) return false;
    const notice = replayId(['daily', String(day)]);
    const first = await replays.consume('credential-alert', notice, (day + 2) * DAY_MS);
    toldDay = day;
    return first === 'fresh';
  };

  return {
    run: async (nowMs) => {
      const lines = reportCredentials(await deps.sources(), nowMs);
      for (const { kind, finding, count } of countFindings(lines)) {
        metrics.credentials.set({ kind, finding }, count);
      }
      const noticed = lines.filter(({ findings }) => findings.length > 0);
      const fresh = await nearer(noticed);
      for (const line of fresh) {
        tell({ type: 'credential.expiring', atMs: nowMs, lines: [line], total: 1 });
      }
      if ((await isNewDay(nowMs)) && noticed.length > 0) {
        const shown = noticed.slice(0, MAX_TOLD);
        tell({ type: 'credentials.daily', atMs: nowMs, lines: shown, total: noticed.length });
      }
    },
  };
}
