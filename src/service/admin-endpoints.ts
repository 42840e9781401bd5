import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { Audit } from '../audit/audit.ts';
import { verifyChains } from '../audit/audit-chain.ts';
import type { LinkAuditRecord } from '../audit/audit-record.ts';
import type { Authenticator } from '../authenticators/authenticator.ts';
import { createDirectoryUsers } from '../authenticators/directory/directory-users.ts';
import type { PasswordHasher } from '../authenticators/passwords/password-hasher.ts';
import type { Backend } from '../backends/backend-types.ts';
import type { Channels } from '../channels/channel.ts';
import type { Clients } from '../clients/clients.ts';
import type { Config } from '../config/config.ts';
import { digestConfig } from '../config/digest.ts';
import type { Secrets } from '../config/secrets.ts';
import type { createEndSessionsOf, EndSessions } from '../customers/sessions/end-sessions.ts';
import type { Identities } from '../customers/identities.ts';
import { createTryLogin } from '../customers/sign-in/try-login.ts';
import type { Devices } from '../customers/sessions/devices.ts';
import { apiKeyEndpoints } from '../http/admin/api-keys.ts';
import { auditEndpoints } from '../http/admin/audit.ts';
import { clientEndpoints } from '../http/admin/clients.ts';
import { customerEndpoints } from '../http/admin/customers.ts';
import { directoryUserEndpoints } from '../http/admin/directory-users.ts';
import { keyEndpoints } from '../http/admin/keys.ts';
import { limitEndpoints } from '../http/admin/limits.ts';
import { partnerEndpoints } from '../http/admin/partners.ts';
import { type Finding, statusEndpoints } from '../http/admin/status.ts';
import { tryLoginEndpoint } from '../http/admin/try-login.ts';
import { whyEndpoint } from '../http/admin/why.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { healthLive } from '../http/endpoints/health.ts';
import type { ReferenceSpace } from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import { programVersion } from '../platform/version.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { createExamineCustomer } from './examine-customer.ts';
import type { OpenedLimits } from './open-limits.ts';
import type { PartnerWarnings } from './partner-warnings.ts';

export interface AdminEndpointsDeps {
  config: Config;
  secrets: Pick<Secrets, 'encryptionKeys'>;
  stores: Pick<SqlStores, 'audit' | 'customers' | 'directory'>;
  clock: Clock;
  startedAtMs: number;
  audit: Audit;
  linkAudit: LinkAuditRecord;
  keyring: Keyring;
  rings: SigningRings;
  partners: Partners;
  apiKeys: ApiKeys;
  clients: Clients;
  limits: OpenedLimits;
  backends: readonly Backend[];
  partnerWarnings: PartnerWarnings;
  channels: Channels;
  hasher: PasswordHasher;
  identities: Identities;
  sessions: Sessions;
  endSessions: EndSessions;
  endSessionsOf: ReturnType<typeof createEndSessionsOf>;
  authenticators: ReadonlyMap<string, Authenticator>;
  devices: Devices;
  /** Rotation of secrets, the report on credentials, partner APIs and connections. */
  credentialEndpoints: readonly Endpoint[];
  /** Called after the secrets that sign session cookies changed. */
  onSessionSecretRotated(): void;
  /** Tries every dependency for real. */
  examine(): Promise<Finding[]>;
}

/** The reference space of each configured directory, by its name. */
function directoriesOf({ authenticators }: Config): ReadonlyMap<string, ReferenceSpace> {
  return new Map(
    authenticators
      .filter(({ type }) => type === 'directory')
      .map(({ name, reference_space }) => [name, reference_space as ReferenceSpace]),
  );
}

/** Every endpoint of the admin API, wired to the rooms that it administers. */
export function adminEndpoints(deps: AdminEndpointsDeps): Endpoint[] {
  const { config, stores, audit, partners, apiKeys, clients } = deps;
  const { limiter, assignments } = deps.limits;
  const configuration = digestConfig(config, deps.secrets);
  return [
    ...partnerEndpoints({ partners, limits: limiter, warningsOf: deps.partnerWarnings }),
    ...limitEndpoints({ limits: limiter, assignments, apiKeys, clients }),
    ...clientEndpoints({ clients }),
    ...deps.credentialEndpoints,
    ...apiKeyEndpoints({ apiKeys, tiers: limiter.tiers, assignments }),
    tryLoginEndpoint({ tryLogin: createTryLogin(deps) }),
    ...directoryUserEndpoints({
      users: createDirectoryUsers({
        ...deps,
        store: stores.directory,
        directories: directoriesOf(config),
        endSessions: deps.endSessionsOf,
      }),
    }),
    ...customerEndpoints(deps),
    ...keyEndpoints(deps),
    ...auditEndpoints({
      audit,
      store: stores.audit,
      verifyChains: () => verifyChains(stores.audit, deps.linkAudit),
    }),
    whyEndpoint({
      audit,
      store: stores.audit,
      keysOf: async (prefix) => (await apiKeys.list()).filter((key) => key.publicPrefix === prefix),
      ownerOf: (id) => {
        const channel = deps.channels.find(id);
        return channel && partners.ofGroup(channel.group)?.id;
      },
    }),
    ...statusEndpoints({
      examine: deps.examine,
      examineCustomer: createExamineCustomer({ ...deps, store: stores.customers }),
      status: async () => ({
        version: programVersion(),
        publicUrl: config.public_url,
        startedAtMs: deps.startedAtMs,
        store: config.storage.database_url.startsWith('file:') ? 'sqlite' : 'postgresql',
        customers: await stores.customers.count(),
        configuration,
      }),
    }),
    healthLive('admin'),
  ];
}
