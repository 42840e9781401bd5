import type { Authenticator, AuthenticatorDeps } from '../authenticators/authenticator.ts';
import { createPasswordHasher } from '../authenticators/passwords/password-hasher.ts';
import { authenticatorTypes } from '../authenticators/registry.ts';
import { createBackend } from '../backends/backend.ts';
import type { Config } from '../config/config.ts';
import { StartRefused } from '../errors.ts';
import { createFailureReport } from '../outbound/failure-reason.ts';
import type { EndedReferences } from '../sessions/ended-references.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { createAssertionSigner } from '../tokens/backend-assertion.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import type { Closer } from './open-stores.ts';
import { openOutboundCalls, type OutboundCallsDeps } from './outbound-calls.ts';
import { tracedBackend } from './traced.ts';

export interface CompanySystemsDeps extends OutboundCallsDeps {
  config: Config;
  rings: SigningRings;
  stores: Pick<SqlStores, 'directory' | 'outboundGrants'>;
  endedReferences: EndedReferences;
}

/** The company's own systems as we reach them: connections, authenticators and profile backends. */
export function openCompanySystems(deps: CompanySystemsDeps, opened: Closer[]) {
  const { config, clock, logger, metrics, audit } = deps;
  const outbound = openOutboundCalls(deps, opened);
  const { httpClient, connections } = outbound;
  const hasher = createPasswordHasher({
    lanes: config.passwords.lanes,
    maxWaiting: config.passwords.max_waiting,
    metrics,
  });
  opened.push(() => hasher.close());
  const reportFailure = createFailureReport({ clock, logger });
  const authenticatorDeps: AuthenticatorDeps = {
    directory: deps.stores.directory,
    hasher,
    audit,
    logger,
    reportFailure,
    connections,
    httpClient,
    clock,
    replays: deps.replays,
    endedReferences: deps.endedReferences,
    publicUrl: config.public_url,
  };
  const authenticators = new Map<string, Authenticator>(
    config.authenticators.map((options) => [
      options.name,
      authenticatorTypes[options.type].create(options as never, authenticatorDeps),
    ]),
  );
  opened.push(async () => {
    for (const one of authenticators.values()) await one.close();
  });
  const signAssertion = createAssertionSigner({ rings: deps.rings, clock, issuer: config.public_url });
  const backends = config.backends.map((options) => {
    const connection = connections.get(options.connection);
    if (!connection) throw new StartRefused(`backends.${options.name}.connection names no connection.`);
    return tracedBackend(
      createBackend(options, { connection, metrics, signAssertion, reportFailure }),
      deps.tracing,
    );
  });
  return { ...outbound, hasher, authenticators, backends, reportFailure };
}
