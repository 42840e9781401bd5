import type { Config } from '../config/config.ts';
import {
  createEndSessions,
  createEndSessionsOf,
  type EndSessionsDeps,
} from '../customers/sessions/end-sessions.ts';
import { createSiteSignOut, type SiteSignOutDeps } from '../customers/sessions/site-sign-out.ts';
import type { ReferenceSpace } from '../identifiers/identifier.ts';
import { testCustomerEndings } from './test-customers.ts';
import { createIdentifierLife, type IdentifierLifeDeps } from './identifier-life.ts';

type Deps = IdentifierLifeDeps &
  Omit<EndSessionsDeps, 'store'> &
  Parameters<typeof createEndSessionsOf>[0] &
  Omit<SiteSignOutDeps, 'signers' | 'endSessionsOf'> & {
    config: Config;
  };

/**
 * Every way in which a customer's sessions end: by the customer, by an operator, by the company's own systems; and with
 * what becomes of identifiers.
 */
export function createCustomerEndings(deps: Deps) {
  const endSessionsOf = createEndSessionsOf(deps);
  const signers = deps.config.sign_out.signers.map(({ name, secret, reference_space }) => ({
    name,
    secret,
    space: reference_space as ReferenceSpace,
  }));
  const life = createIdentifierLife(deps);
  const testCustomers = testCustomerEndings({ ...deps, store: deps.stores.customers, endSessionsOf });
  return {
    endSessions: createEndSessions({ ...deps, store: deps.stores.customers }),
    endSessionsOf,
    life: { ...life, every: [...life.every, testCustomers] },
    siteSignOut: createSiteSignOut({ ...deps, signers, endSessionsOf }),
  };
}
