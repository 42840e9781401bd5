import { attributesThatLeave, proofLifetime } from '../channels/channel-proof.ts';
import type { ChannelProfile } from '../channels/channel-profile.ts';
import { channelProfiles } from '../channels/profile-registry.ts';
import { secretBytes } from '../channels/shared-secret.ts';
import { TEST_MARK_FIELD } from '../customers/profile/test-profiles.ts';
import type { Config } from './config.ts';
import { type Finding, refused, type Rule, unknownName, warning } from './finding.ts';
import { nearest } from './problems.ts';
import { schemaProblems } from './schema-problems.ts';

type ChannelOptions = Config['channels'][number];

interface Profiled {
  channel: ChannelOptions;
  profile: ChannelProfile;
  path: string;
}

/** Channels whose profile there is, with their places in the list. */
function profiled({ channels }: Pick<Config, 'channels'>): Profiled[] {
  return channels.flatMap((channel, i) => {
    const profile = channel.profile === undefined ? undefined : channelProfiles.get(channel.profile);
    return profile ? [{ channel, profile, path: `channels[${i}]` }] : [];
  });
}

/** Settings that mean something only beside a profile. */
function withoutProfile(channel: ChannelOptions, path: string): Finding[] {
  const written = [
    ['settings', Object.keys(channel.settings).length > 0],
    ['attributes', Object.keys(channel.attributes).length > 0],
    ['allow_personal_data', channel.allow_personal_data.length > 0],
    ['proof_lifetime_seconds', channel.proof_lifetime_seconds !== undefined],
    ['client', channel.client !== undefined],
  ] as const;
  return written.flatMap(([name, isSet]) =>
    isSet
      ? [refused(`${path}.${name}`, 'is set without a profile', `Set ${path}.profile to a chat vendor.`)]
      : [],
  );
}

function unknownProfile(path: string, written: string): Finding {
  const known = [...channelProfiles.keys()];
  const meant = nearest(written, known);
  const advice = meant === undefined ? '' : `Did you mean "${meant}"? `;
  return refused(
    `${path}.profile`,
    `names "${written}", which is no channel profile`,
    `${advice}Known: ${known.join(', ')}.`,
  );
}

/** The record's own schema, with paths of the file. */
function settingFindings({ channel, profile, path }: Profiled): Finding[] {
  const parsed = profile.settings.safeParse(channel.settings);
  if (!parsed.success) {
    return schemaProblems(parsed.error.issues, profile.settings, channel.settings).map((one) =>
      refused(`${path}.settings${one.path === '' ? '' : `.${one.path}`}`, one.problem, one.fix),
    );
  }
  const { proof } = profile;
  if (!('secretEncoding' in proof)) return [];
  const { secret } = parsed.data as { secret?: unknown };
  if (typeof secret === 'string' && secretBytes(secret, proof.secretEncoding)) return [];
  const fix =
    proof.secretEncoding === 'utf8'
      ? 'Copy it again, without white space around it; it is used as the text that it is.'
      : `The vendor shows it as ${proof.secretEncoding}. Copy it again, whole.`;
  return [refused(`${path}.settings.secret`, `is not written as ${proof.secretEncoding}`, fix)];
}

/** An attribute is filled from a profile field, which some backend has to give. */
function unknownField(at: string, field: string, fields: ReadonlySet<string>): Finding {
  const others = fields.size === 0 ? '' : `, or map one of: ${[...fields].join(', ')}`;
  return refused(
    at,
    `names the profile field "${field}", which is not configured`,
    `Add it under backends[].fields${others}.`,
  );
}

/** Every attribute that the proof needs has a field, every field is one that a backend gives. */
function attributeFindings({ channel, profile, path }: Profiled, fields: ReadonlySet<string>): Finding[] {
  const known = Object.keys(profile.attributes);
  const leaving = new Set(attributesThatLeave(profile));
  const written = Object.entries(channel.attributes).flatMap(([name, field]) => {
    const at = `${path}.attributes.${name}`;
    const rule = Object.hasOwn(profile.attributes, name) ? profile.attributes[name] : undefined;
    if (!rule || !leaving.has(name)) return [unknownName(at, name, known)];
    const found = field === TEST_MARK_FIELD || fields.has(field) ? [] : [unknownField(at, field, fields)];
    if (!rule.personal || channel.allow_personal_data.includes(name)) return found;
    return [
      ...found,
      refused(
        at,
        `would give personal data (${rule.meaning}) to ${profile.vendor}`,
        `If that is agreed with your privacy officer, add "${name}" to ${path}.allow_personal_data; else remove the line.`,
      ),
    ];
  });
  const missing = known.filter(
    (name) => profile.attributes[name]?.required && !Object.hasOwn(channel.attributes, name),
  );
  return [
    ...written,
    ...missing.map((name) =>
      refused(
        `${path}.attributes.${name}`,
        `is missing, and ${profile.vendor} cannot do without it`,
        `Name the profile field that holds it: ${profile.attributes[name]?.meaning ?? name}.`,
      ),
    ),
    ...channel.allow_personal_data
      .filter((name) => !profile.attributes[name]?.personal)
      .map((name) =>
        unknownName(
          `${path}.allow_personal_data`,
          name,
          known.filter((one) => profile.attributes[one]?.personal),
        ),
      ),
  ];
}

function lifetimeFindings({ channel, profile, path }: Profiled): Finding[] {
  const { proof_lifetime_seconds: written } = channel;
  if (written === undefined) return [];
  const at = `${path}.proof_lifetime_seconds`;
  const lifetime = proofLifetime(profile.proof);
  if (!lifetime) {
    return [refused(at, 'is not how long this proof lives', `Set ${path}.token_lifetime_seconds instead.`)];
  }
  if (profile.proof.shape === 'oidc_code') {
    return [refused(at, 'is not how long a code lives', 'Remove it: oauth.code_lifetime_seconds says so.')];
  }
  if (written <= lifetime.maxSeconds) return [];
  const problem = `is more than ${profile.vendor} takes (${lifetime.maxSeconds})`;
  return [refused(at, problem, `Set ${lifetime.maxSeconds} or less; the page renews by itself.`)];
}

function clientFindings({ channel, profile, path }: Profiled): Finding[] {
  const needsClient = profile.proof.shape === 'oidc_code';
  if (needsClient === (channel.client !== undefined)) return [];
  return needsClient
    ? [
        refused(
          `${path}.client`,
          `is missing: ${profile.vendor} redeems codes as a client of this service`,
          'Make one with `symbolon clients create … --openid` and write its id here.',
        ),
      ]
    : [refused(`${path}.client`, 'is not used by this profile', 'Remove it.')];
}

const MIN_ACCOUNT_LENGTH = 6;

/** Values of settings by which two channels can be told to belong to one account at the vendor. */
function accountMarks({ channel, profile }: Profiled): string[] {
  return Object.values(channel.settings)
    .filter((value) => typeof value === 'string' && value.length >= MIN_ACCOUNT_LENGTH)
    .map((value) => `${profile.vendor} ${String(value)}`);
}

/** One person with two identifiers in one account is two people to the vendor. */
function splitAccounts(all: readonly Profiled[]): Finding[] {
  return all.flatMap((one, i) => {
    const marks = new Set(accountMarks(one));
    const other = all
      .slice(0, i)
      .find(
        (before) =>
          before.channel.group !== one.channel.group && accountMarks(before).some((mark) => marks.has(mark)),
      );
    return other
      ? [
          warning(
            `${one.path}.group`,
            `differs from that of channel "${other.channel.id}" although both are one account at ${one.profile.vendor}: a customer is two people there`,
            'Put both into one group, unless that is meant.',
          ),
        ]
      : [];
  });
}

/** Rules about chat vendors: what the record of a channel's profile allows. */
export const channelProfileRules: Rule[] = [
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap((channel, i) => {
        if (channel.profile === undefined) return withoutProfile(channel, `channels[${i}]`);
        return channelProfiles.has(channel.profile)
          ? []
          : [unknownProfile(`channels[${i}]`, channel.profile)];
      }),
  },
  {
    needs: ['channels'],
    check: (config) =>
      profiled(config).flatMap((one) => [
        ...settingFindings(one),
        ...lifetimeFindings(one),
        ...clientFindings(one),
      ]),
  },
  {
    needs: ['channels', 'backends'],
    check: (config) => {
      const fields = new Set(config.backends.flatMap((backend) => Object.keys(backend.fields)));
      return profiled(config).flatMap((one) => attributeFindings(one, fields));
    },
  },
  {
    needs: ['channels', 'connections'],
    check: (config) =>
      profiled(config).flatMap(({ channel, profile, path }) => {
        const { connection } = channel.settings;
        if (profile.proof.shape !== 'fetched_token' || typeof connection !== 'string') return [];
        const names = Object.keys(config.connections);
        return names.includes(connection)
          ? []
          : [unknownName(`${path}.settings.connection`, connection, names)];
      }),
  },
  { needs: ['channels'], check: (config) => splitAccounts(profiled(config)) },
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ enforcement }, i) =>
        enforcement === 'enforce'
          ? []
          : [
              warning(
                `channels[${i}].enforcement`,
                `is "${enforcement}": partners are answered about customers of this channel without a sound proof`,
                'See `symbolon channels status`, and set it to enforce when no call comes without one.',
              ),
            ],
      ),
  },
];
