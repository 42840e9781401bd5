import { MAX_PUBLISHED_PROOF_SECONDS } from '../channels/channel-proof.ts';
import type { Config } from '../config/config.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { MAX_ACCESS_TOKEN_SECONDS } from '../tokens/access-token.ts';
import { BACKEND_ASSERTION_SECONDS } from '../tokens/backend-assertion.ts';
import { MAX_CUSTOMER_TOKEN_SECONDS } from '../tokens/customer-token.ts';
import { MAX_ID_TOKEN_SECONDS } from '../tokens/id-token.ts';
import { openSigningRings, type SigningRings } from '../tokens/signing-rings.ts';

/**
 * The signing keys of every kind of token, as the configuration wants them; those of our own tokens are there at once.
 * The first RSA key takes a while: it is made beside whatever else is opened, and is there when `idKeyMade` settles.
 */
export async function openTokenSigning(deps: {
  config: Config;
  stores: Pick<SqlStores, 'signingKeys'>;
  keyring: Keyring;
  clock: Clock;
}): Promise<{ rings: SigningRings; idKeyMade: Promise<void> }> {
  const { config, stores, keyring, clock } = deps;
  const rings = await openSigningRings({
    store: stores.signingKeys,
    keyring,
    clock,
    algorithm: config.tokens.algorithm,
    algorithms: { id: config.tokens.id_token_algorithm, vendor: 'RS256' },
    maxTokenLifetimeSeconds: {
      customer: MAX_CUSTOMER_TOKEN_SECONDS,
      access: MAX_ACCESS_TOKEN_SECONDS,
      assertion: BACKEND_ASSERTION_SECONDS,
      id: MAX_ID_TOKEN_SECONDS,
      vendor: MAX_PUBLISHED_PROOF_SECONDS,
    },
  });
  // Long before the first OpenID client: a verifier that holds a key set from before it then knows the key.
  const idKeyMade = rings.ensure('id');
  // Whoever waits for it hears of a failure; a start that fails before that must not fail twice.
  idKeyMade.catch(() => {});
  return { rings, idKeyMade };
}
