import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import { isName } from '../identifiers/identifier.ts';
import type { Clock } from '../platform/clock.ts';
import type { FieldMasks, Partner, PartnerId, PartnerStore } from './partner.ts';

/** Who asks for an administrative change, for its audit record. */
export interface AdminActor {
  /** Such as `admin-api` or `command-line`. */
  actor: string;
  requestId?: string | undefined;
  address?: string | undefined;
}

export interface PartnerSettings {
  name: string;
  channelGroups: string[];
  visibleFields: string[];
  /** Default: none. One for a field that the partner may not see waits until it may. */
  fieldMasks?: FieldMasks;
  tier: string;
}

export interface Partners {
  /** From memory; at most one refresh old. */
  find(id: string): Partner | undefined;
  /**
   * The same for something that names a partner and is not older than memory, such as a key that was read a moment ago:
   * a partner that is not there yet is looked for in the store. Not for ids that callers can make up.
   */
  seek(id: string): Promise<Partner | undefined>;
  /** The partner that owns a channel group. */
  ofGroup(group: string): Partner | undefined;
  all(): readonly Partner[];
  /** Throws `CONFLICT` when the id or a group is taken, `INVALID_REQUEST` on a bad name. */
  create(id: string, settings: PartnerSettings, by: AdminActor): Promise<Partner>;
  /** Changes the given settings; `disabled` switches all of the partner's credentials off or on. */
  update(
    id: string,
    change: Partial<PartnerSettings> & { disabled?: boolean },
    by: AdminActor,
  ): Promise<Partner>;
  /** Reads the partners anew. */
  refresh(): Promise<void>;
}

const FIELD = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

export interface PartnersDeps {
  store: PartnerStore;
  clock: Clock;
  audit: Audit;
}

/** Partners are few, so all of them are held in memory: the profile hot path asks no store who a partner is. */
export async function openPartners(deps: PartnersDeps): Promise<Partners> {
  const { store, clock, audit } = deps;
  let byId = new Map<string, Partner>();
  let byGroup = new Map<string, Partner>();

  let asked = 0;
  let applied = 0;
  const refresh = async () => {
    const turn = ++asked;
    const list = await store.list();
    // Answers may overtake each other: an older one must not bring back what a newer one took away.
    if (turn < applied) return;
    applied = turn;
    byId = new Map(list.map((partner) => [partner.id, partner]));
    byGroup = new Map(list.flatMap((partner) => partner.channelGroups.map((group) => [group, partner])));
  };
  await refresh();

  const check = (settings: Partial<PartnerSettings>) => {
    const badGroup = settings.channelGroups?.find((group) => !isName(group));
    if (badGroup !== undefined) {
      throw new BridgeError('INVALID_REQUEST', {
        message: 'A channel group is named with a-z, 0-9, ".", "_" and "-".',
      });
    }
    const named = [...(settings.visibleFields ?? []), ...Object.keys(settings.fieldMasks ?? {})];
    const badField = named.find((field) => !FIELD.test(field));
    if (badField !== undefined) {
      throw new BridgeError('INVALID_REQUEST', {
        message: 'A profile field is named with letters, digits, ".", "_" and "-".',
      });
    }
  };

  const groupTaken = (id: string, groups: readonly string[]) => {
    const taken = groups.find((group) => byGroup.has(group) && byGroup.get(group)?.id !== id);
    const owner = taken === undefined ? undefined : byGroup.get(taken);
    if (!owner)
      return new BridgeError('CONFLICT', { message: 'A channel group belongs to another partner.' });
    const rest = owner.channelGroups.filter((group) => group !== taken).join(',');
    return new BridgeError('CONFLICT', {
      message: `The channel group "${taken}" belongs to partner ${owner.id}, and a group has one owner. Give this partner a group and a channel of its own, or take the group from the other: symbolon partners update ${owner.id} --groups "${rest}"`,
    });
  };

  return {
    find: (id) => byId.get(id),
    seek: async (id) => {
      if (!byId.has(id)) await refresh();
      return byId.get(id);
    },
    ofGroup: (group) => byGroup.get(group),
    all: () => [...byId.values()],
    refresh,
    create: async (id, settings, by) => {
      if (!isName(id)) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'A partner is named with a-z, 0-9, ".", "_" and "-".',
        });
      }
      check(settings);
      const partner: Partner = {
        id: id as PartnerId,
        fieldMasks: {},
        ...settings,
        createdAtMs: clock.nowMs(),
        disabledAtMs: undefined,
      };
      const record = audit.record('partner.created', { ...by, outcome: 'success', partner: id });
      if ((await store.insert(partner, record)) === 'conflict') {
        await refresh();
        throw byId.has(id)
          ? new BridgeError('CONFLICT', { message: 'A partner of this id exists.' })
          : groupTaken(id, settings.channelGroups);
      }
      await refresh();
      return partner;
    },
    update: async (id, change, by) => {
      check(change);
      await refresh();
      const known = byId.get(id);
      if (!known) throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
      const { disabled, ...settings } = change;
      const partner: Partner = {
        ...known,
        ...settings,
        disabledAtMs: disabled === undefined ? known.disabledAtMs : disabled ? clock.nowMs() : undefined,
      };
      const record = audit.record(disabled ? 'partner.disabled' : 'partner.updated', {
        ...by,
        outcome: 'success',
        partner: id,
      });
      const result = await store.update(partner, record);
      if (result === 'conflict') {
        await refresh();
        throw groupTaken(id, partner.channelGroups);
      }
      if (result === 'missing')
        throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
      await refresh();
      return partner;
    },
  };
}
