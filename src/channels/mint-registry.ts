import { evaluateMembers } from './evaluate-value.ts';
import type { ChannelProfile, JsonValue, ProofShape } from './channel-profile.ts';
import { type Mint, type MintedProof, type MintRequest, orMissing, type ShapedRequest } from './mint.ts';
import { createFetchedTokenMint, type FetchedTokenMintDeps } from './mint-fetched-token.ts';
import { createHmacMint } from './mint-hmac.ts';
import { createOidcCodeMint, type OidcCodeMintDeps } from './mint-oidc-code.ts';
import { createPassThroughMint } from './mint-pass-through.ts';
import { createPublishedKeyMint } from './mint-published-key-jwt.ts';
import { createSharedSecretMint } from './mint-shared-secret-jwt.ts';

/** What the shapes need, all together. */
export type MintDeps = FetchedTokenMintDeps &
  OidcCodeMintDeps & {
    customerTokens: Parameters<typeof createPassThroughMint>[0];
    rings: Parameters<typeof createPublishedKeyMint>[0];
  };

/** A proof, and what the page hands to the vendor's widget, in the vendor's own spelling. */
export interface ProofForPage extends MintedProof {
  web: Record<string, JsonValue>;
}

/** Makes proofs of every shape. Throws `BridgeError` with one of the `CHANNEL_…` codes. */
export function createProofMinting(deps: MintDeps) {
  const { clock } = deps;
  const shapes: { [Name in ProofShape['shape']]: Mint<Name> } = {
    pass_through: createPassThroughMint(deps.customerTokens),
    shared_secret_jwt: createSharedSecretMint(clock),
    published_key_jwt: createPublishedKeyMint(deps.rings, clock),
    hmac: createHmacMint(clock),
    fetched_token: createFetchedTokenMint(deps),
    oidc_code: createOidcCodeMint(deps),
  };
  const mintShape = <Name extends ProofShape['shape']>(request: ShapedRequest<Name>) =>
    (shapes[request.shape.shape] as Mint<Name>)(request);
  return (request: MintRequest): Promise<ProofForPage> =>
    orMissing(async () => {
      const { profile } = request.proof;
      const minted = await mintShape({ ...request, shape: profile.proof });
      return { ...minted, web: webMembers(profile, minted) };
    });
}

const webMembers = (profile: ChannelProfile, minted: MintedProof) =>
  evaluateMembers(profile.web.members, minted.facts);

export type MintProof = ReturnType<typeof createProofMinting>;
