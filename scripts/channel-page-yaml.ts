import { z } from 'zod';
import type { ChannelProfile } from '../src/channels/channel-profile.ts';

/** One of a record's settings, as its schema describes it. */
export interface SettingWords {
  name: string;
  description: string;
  required: boolean;
  secret: boolean;
  example?: string;
  default?: string;
  /** What the named connection looks like, for `connection`. */
  connection?: { base_url: string; auth: Record<string, string>[] };
}

/** The settings of a record in the order in which it declares them. */
export function settingsOf(profile: ChannelProfile): SettingWords[] {
  const { properties = {}, required = [] } = z.toJSONSchema(profile.settings, { io: 'input' });
  return Object.entries(
    properties as Record<string, Omit<Partial<SettingWords>, 'name' | 'required'> & { description: string }>,
  ).map(([name, words]) => ({
    name,
    description: words.description,
    required: required.includes(name),
    secret: words.secret ?? false,
    ...(words.example === undefined ? {} : { example: words.example }),
    ...(words.default === undefined ? {} : { default: words.default }),
    ...(words.connection === undefined ? {} : { connection: words.connection }),
  }));
}

/** Environment variable that the example takes a secret from. */
export const secretVariable = (profile: ChannelProfile, name = 'secret'): string =>
  `${profile.id}_${name}`.toUpperCase().replaceAll('-', '_');

/** Profile field that the example maps an attribute to. */
const FIELDS: Record<string, string> = {
  email: 'email',
  customer_email: 'email',
  email_verified: 'email_verified',
  phone_number: 'phone',
  segment: 'segment',
  first_name: 'first_name',
  last_name: 'last_name',
};
export const fieldOf = (attribute: string): string => FIELDS[attribute] ?? 'display_name';

const scalar = (text: string): string =>
  /^[A-Za-z][A-Za-z0-9._-]*$/.test(text) ? text : JSON.stringify(text);

function settingLines(profile: ChannelProfile): string[] {
  const lines = settingsOf(profile).map((setting) => {
    const value = setting.secret
      ? `\${${secretVariable(profile, setting.name)}}`
      : scalar(setting.example ?? setting.default ?? '');
    return `${setting.required ? '' : '# '}${setting.name}: ${value}`;
  });
  return lines.length === 0 ? [] : ['settings:', ...lines.map((line) => `  ${line}`)];
}

function attributeLines({ attributes }: ChannelProfile): string[] {
  const all = Object.entries(attributes);
  const required = all.filter(([, rule]) => rule.required);
  const flow = (entries: typeof all) =>
    `{ ${entries.map(([name]) => `${name}: ${fieldOf(name)}`).join(', ')} }`;
  const personal = (entries: typeof all) =>
    entries
      .filter(([, rule]) => rule.personal)
      .map(([name]) => name)
      .join(', ');
  const lines =
    required.length > 0
      ? [`attributes: ${flow(required)}`, `allow_personal_data: [${personal(required)}]`]
      : [];
  if (all.length === required.length) return lines;
  const word =
    required.length > 0 ? 'Instead of the last two lines, to send more' : 'If agents are to see more';
  return [...lines, `# ${word}:`, `# attributes: ${flow(all)}`, `# allow_personal_data: [${personal(all)}]`];
}

function connectionLines(profile: ChannelProfile): string[] {
  return settingsOf(profile).flatMap(({ name, example, connection }) => {
    if (!connection) return [];
    const auth = connection.auth.map((scheme) =>
      Object.entries(scheme)
        .map(
          ([key, value]) =>
            `${key}: ${value === '${}' ? `\${${secretVariable(profile, 'api_token')}}` : scalar(value)}`,
        )
        .map((line, index) => `${index === 0 ? '      - ' : '        '}${line}`)
        .join('\n'),
    );
    return [
      'connections:',
      `  ${example ?? name}:`,
      `    base_url: ${connection.base_url}`,
      '    auth:',
      ...auth,
    ];
  });
}

function channelLines(profile: ChannelProfile, id: string, place: readonly string[]): string[] {
  const lines = [
    `id: ${id}`,
    'group: chat',
    ...place,
    `profile: ${profile.id}`,
    ...(profile.proof.shape === 'oidc_code' ? [`client: \${${secretVariable(profile, 'client_id')}}`] : []),
    ...settingLines(profile),
    ...attributeLines(profile),
  ];
  return lines.map((line, index) => `${index === 0 ? '  - ' : '    '}${line}`);
}

/** What goes into `symbolon.yaml` for this vendor. */
export function channelYaml(profile: ChannelProfile): string {
  const channel = channelLines(profile, profile.id, ['allowed_origins: [https://www.example.com]']);
  return ['channels:', ...channel, ...connectionLines(profile)].join('\n');
}

/** The channel of an app beside that of the page. */
export function appChannelYaml(profile: ChannelProfile): string {
  const place = ['delivery: token', 'refresh_tokens: { idle_days: 30, absolute_days: 180 }'];
  const lines = channelLines(profile, `${profile.id}-app`, place).filter((line) => !line.includes('# '));
  return ['channels:', '  # … and beside the one of the page:', ...lines].join('\n');
}
