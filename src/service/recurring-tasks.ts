import type { RecurringTask } from '../platform/watch.ts';
import { cleanUp } from './clean-up.ts';
import type { Foundations } from './foundations.ts';
import { keyUpkeep } from './key-upkeep.ts';
import type { Rooms } from './rooms.ts';

/** Half of the second within which every process honours what another one changed. */
const POLL_MS = 500;
const DAY_MS = 86_400_000;

/** Everything that is done time and again while the service runs. */
export function recurringTasks({ auditLog }: Foundations, rooms: Rooms): RecurringTask[] {
  const { config, clock, stores, revocations, partners, limits, cookies } = rooms;
  const { credentials, authorization, channelProofs, profiles, care, endings } = rooms;
  return [
    { name: 'revocations', everyMs: POLL_MS, run: () => revocations.refresh() },
    { name: 'partners', everyMs: POLL_MS, run: () => partners.refresh() },
    { name: 'limits', everyMs: POLL_MS, run: () => limits.assignments.refresh() },
    keyUpkeep({
      ...rooms,
      byHand: channelProofs.ringsByHand,
      signingKeyMaxAgeMs: config.tokens.signing_key_max_age_days * DAY_MS,
      onKeysChanged: cookies.readCookieSecrets,
    }),
    ...[credentials, authorization, channelProofs, profiles, care, endings.life, auditLog].flatMap(
      ({ every }) => every,
    ),
    ...cleanUp({ clock, sessions: stores.sessions, replays: rooms.replays, lifetimes: rooms.lifetimes }),
  ];
}
