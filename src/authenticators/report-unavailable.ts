import type { AuthenticationContext, AuthenticationOutcome, AuthenticatorDeps } from './authenticator.ts';

/** Passes an outcome on, and reports why the authenticator called `name` could not tell, where that is known. */
export function createUnavailableReport(
  name: string,
  { reportFailure }: Pick<AuthenticatorDeps, 'reportFailure'>,
) {
  return (outcome: AuthenticationOutcome, { requestId }: AuthenticationContext): AuthenticationOutcome => {
    if (outcome.outcome === 'unavailable' && outcome.reason !== undefined) {
      reportFailure({ event: 'authenticator.failed', name, reason: outcome.reason, requestId });
    }
    return outcome;
  };
}
