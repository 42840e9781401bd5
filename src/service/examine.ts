import type { Authenticator, ProbeResult } from '../authenticators/authenticator.ts';
import type { OAuthClient } from '../clients/client.ts';
import type { Config } from '../config/config.ts';
import type { Finding } from '../http/admin/status.ts';
import type { Partner } from '../partners/partner.ts';
import type { Partners } from '../partners/partners.ts';
import type { RedisConnection } from '../stores/redis.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { PartnerWarnings } from './partner-warnings.ts';

export interface Examined {
  config: Config;
  stores: SqlStores;
  redis: RedisConnection | undefined;
  authenticators: ReadonlyMap<string, Authenticator>;
  backends: readonly { name: string; probe(): Promise<{ ok: boolean; message: string }> }[];
  partners: Pick<Partners, 'all' | 'ofGroup'>;
  partnerWarnings: PartnerWarnings;
  /** What is to be said of connections: limits of partner APIs, grants, certificates. */
  connectionFindings(): Promise<readonly Finding[]>;
  /** What is to be said of channels that serve a chat vendor. */
  channelFindings(): Promise<Finding[]>;
  /** How far back the audit log goes, and what keeps its old records from going. */
  auditLog: { finding(): Promise<Finding> };
  /** How limits are counted. */
  limits(): Promise<{ ok: boolean; message: string }>;
}

/** The commands that give a group to a partner; groups that are given replace those that a partner has. */
function ownership(group: string, partners: readonly Partner[]): string {
  const create = `symbolon partners create NAME --groups ${group}`;
  const [known] = partners.filter(({ disabledAtMs }) => disabledAtMs === undefined);
  if (!known) return create;
  return `${create}, or for one that exists: symbolon partners update ${known.id} --groups ${[...known.channelGroups, group].join(',')}`;
}

/** What doctor says of clients of OpenID Connect: claims that would stay away without a word. */
async function openIdFindings(deps: {
  stores: { clients: { list(): Promise<OAuthClient[]> } };
  partners: Pick<Partners, 'all'>;
}): Promise<Finding[]> {
  const partners = new Map(deps.partners.all().map((partner) => [partner.id, partner]));
  const clients = (await deps.stores.clients.list()).filter(({ revokedAtMs }) => revokedAtMs === undefined);
  return clients.flatMap(({ clientId, partner: id, openid }): Finding[] => {
    const visible = partners.get(id)?.visibleFields ?? [];
    const hidden = Object.entries(openid?.claims ?? {}).filter(([, field]) => !visible.includes(field));
    if (hidden.length === 0) return [];
    const named = hidden.map(([claim, field]) => `${claim} (field ${field})`).join(', ');
    const message = `Partner ${id} may not see what these claims come from, so they stay away: ${named}. Run: symbolon partners update ${id} --fields …, or make the client without them.`;
    return [{ subject: `client ${clientId}`, ok: false, message }];
  });
}

/** Tries every dependency for real and says in a sentence what is wrong. */
export async function examineDependencies(deps: Examined): Promise<Finding[]> {
  const attempt = async (subject: string, probe: () => Promise<ProbeResult>): Promise<Finding> => {
    try {
      return { subject, ...(await probe()) };
    } catch {
      return { subject, ok: false, message: `${subject} cannot be reached.` };
    }
  };
  const groups = [...new Set(deps.config.channels.map(({ group }) => group))];
  const doubtful = deps.partners.all().flatMap((partner): Finding[] => {
    const warnings = partner.disabledAtMs === undefined ? deps.partnerWarnings(partner) : [];
    if (warnings.length === 0) return [];
    return [{ subject: `partner ${partner.id}`, ok: false, message: warnings.join(' ') }];
  });
  const [claims, channels, ...tried] = await Promise.all([
    openIdFindings(deps).catch((): Finding[] => []),
    deps.channelFindings(),
    attempt('database', async () => {
      await deps.stores.ping();
      return { ok: true, message: 'answers' };
    }),
    ...(deps.redis
      ? [
          attempt('redis', async () => {
            await deps.redis?.ping();
            return { ok: true, message: 'answers' };
          }),
        ]
      : []),
    attempt('limits', deps.limits),
    attempt('audit log', () => deps.auditLog.finding()),
    ...[...deps.authenticators.values()].map((one) =>
      attempt(`authenticator ${one.name}`, () => one.probe()),
    ),
    ...deps.backends.map((one) => attempt(`backend ${one.name}`, () => one.probe())),
    ...groups.map((group) =>
      attempt(`channel group ${group}`, async () => {
        const owner = deps.partners.ofGroup(group);
        return owner
          ? { ok: true, message: `belongs to partner ${owner.id}` }
          : {
              ok: false,
              message: `No partner owns this group, so nobody may ask for its customers. Run: ${ownership(group, deps.partners.all())}`,
            };
      }),
    ),
  ]);
  return [...tried, ...channels, ...doubtful, ...claims, ...(await deps.connectionFindings())];
}
