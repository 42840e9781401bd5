import { callerNetwork } from '../limits/caller-network.ts';
import type { AuthenticationContext } from './authenticator.ts';

/** Whose turn an attempt takes where attempts share something: the network that it comes from, if it is known. */
export function laneOf({ address }: Pick<AuthenticationContext, 'address'>): string | undefined {
  return address === undefined ? undefined : callerNetwork(address);
}
