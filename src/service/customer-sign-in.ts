import {
  type AuthenticateCustomerDeps,
  createAuthenticateCustomer,
} from '../customers/sign-in/authenticate-customer.ts';
import { createRedirectSignIns, type RedirectSignInDeps } from '../customers/sign-in/redirect-sign-in.ts';
import { createSignInCodes, type SignInCodesDeps } from '../customers/sign-in/sign-in-codes.ts';
import { carriedHeaders, createCarriedBy } from '../http/site-credentials.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { OpenedVisits } from './channel-visits.ts';
import { tracedSignIn } from './traced.ts';

type Deps = AuthenticateCustomerDeps &
  Omit<SignInCodesDeps, 'sessions'> &
  Omit<RedirectSignInDeps, 'authenticateCustomer' | 'codes'> & {
    tracing: Tracing | undefined;
    visits: OpenedVisits;
  };

/** Every way in which a customer signs in, as the public endpoints need it. */
export function openCustomerSignIn(deps: Deps) {
  const authenticateCustomer = deps.visits.ofSignIns(
    tracedSignIn(createAuthenticateCustomer(deps), deps.tracing),
  );
  const signInCodes = createSignInCodes(deps);
  return {
    authenticateCustomer,
    signInCodes,
    redirectSignIns: createRedirectSignIns({ ...deps, authenticateCustomer, codes: signInCodes }),
    carriedBy: createCarriedBy(deps.authenticators),
    siteHeaders: carriedHeaders(deps.authenticators),
  };
}
