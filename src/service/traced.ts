import type { Backend } from '../backends/backend-types.ts';
import type { createAuthenticateCustomer } from '../customers/sign-in/authenticate-customer.ts';
import type { MintChannelProof } from '../customers/channel-proofs/mint-channel-proof.ts';
import type { Tracing } from '../platform/tracing.ts';

type AuthenticateCustomer = ReturnType<typeof createAuthenticateCustomer>;

/** The same backend, each question a span; the call below it carries that span's `traceparent`. */
export function tracedBackend(backend: Backend, tracing: Tracing | undefined): Backend {
  if (!tracing) return backend;
  const attributes = { 'symbolon.backend': backend.name };
  return {
    ...backend,
    ask: (question) =>
      tracing.span('backend call', { attributes }, async (span) => {
        const answer = await backend.ask({ ...question, traceparent: span.traceparent });
        span.set({ 'symbolon.outcome': answer.status });
        return answer;
      }),
  };
}

/** The same sign-in, as a span; the channel is one of the configuration. */
export function tracedSignIn(
  authenticate: AuthenticateCustomer,
  tracing: Tracing | undefined,
): AuthenticateCustomer {
  if (!tracing) return authenticate;
  return (request) => {
    const attributes = { 'symbolon.channel': request.channel.id, 'symbolon.proof': request.proof.kind };
    return tracing.span('customer sign-in', { attributes }, () => authenticate(request));
  };
}

/** The same minting, as a span. */
export function tracedMint(mint: MintChannelProof, tracing: Tracing | undefined): MintChannelProof {
  if (!tracing) return mint;
  return (question) =>
    tracing.span('channel proof', { attributes: { 'symbolon.channel': question.channel.id } }, () =>
      mint(question),
    );
}
