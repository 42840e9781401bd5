import type {
  ChannelProfile,
  Confidence,
  JsonValue,
  Statement,
  ValueSource,
} from '../src/channels/channel-profile.ts';
import { sampleAnswer, sampleToken } from './channel-page-sample.ts';
import { keyInWords, lifeInWords, personalInWords, proofInWords, RENEWAL } from './channel-page-words.ts';
import { appChannelYaml, channelYaml, secretVariable, settingsOf } from './channel-page-yaml.ts';

const MARKS: Record<Confidence, string> = {
  read: '',
  second_hand: ' *(second-hand)*',
  unverified: ' *(unverified)*',
};

const said = ({ text, confidence }: Statement): string => `${text}${MARKS[confidence]}`;
const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');
const steps = (lines: readonly string[]): string => lines.map((line, i) => `${i + 1}. ${line}`).join('\n');
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');
const json = (value: JsonValue): string => JSON.stringify(value, null, 2);
const code = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
const section = (title: string, ...parts: readonly string[]): string =>
  [`## ${title}`, ...parts.filter((part) => part !== '')].join('\n\n');

function overview(profile: ChannelProfile): string {
  const { proof, identifier, web } = profile;
  return table(
    ['', ''],
    [
      ['profile', `\`${profile.id}\`, version ${profile.version}`],
      ['proof', proofInWords(proof)],
      ['key', keyInWords(proof)],
      ['life', lifeInWords(proof)],
      [
        'the customer is',
        `\`${identifier.field}\`: ${identifier.is === 'opaque' ? 'the opaque identifier' : 'the mail address'}`,
      ],
      ['personal data', personalInWords(profile)],
      [
        'renewal',
        proof.shape === 'oidc_code' ? 'the widget asks; every answer holds a new code' : RENEWAL[web.style],
      ],
      ...(web.answerWithinSeconds ? [['the page must answer within', `${web.answerWithinSeconds} s`]] : []),
    ],
  );
}

/** An OpenID client for the vendor, with the words that its flow wants. */
function clientStep(profile: ChannelProfile): string {
  const { proof, web, vendor } = profile;
  if (proof.shape !== 'oidc_code') return '';
  const { acr } = web.members;
  const words = [
    `--partner PARTNER --label ${vendor} --first-party --openid`,
    ...(proof.codeChallenge === 'none' ? ['--pkce vendor'] : []),
    ...(acr && 'constant' in acr && typeof acr.constant === 'string' ? [`--acr ${acr.constant}`] : []),
  ];
  const command = `symbolon clients create ${words.join(' ')} \\\n  --redirect https://www.example.com/`;
  return [
    `${vendor} is an OpenID client of this service ([openid-provider.md](../openid-provider.md)). Make it before you edit the file, which no command reads while a variable in it is not set; the partner is the one that owns the channel group:`,
    code('sh', command),
    `\`--redirect\` is an address of your site. Nobody is sent there: the code is bound to it, and ${vendor} repeats it when it redeems the code. Of several the first counts.`,
    `Put the id that it prints into \`${secretVariable(profile, 'client_id')}\`, and give id and secret to ${vendor}.`,
  ].join('\n\n');
}

function here(profile: ChannelProfile): string {
  const settings = settingsOf(profile);
  const names = Object.keys(profile.attributes);
  return section(
    '2. Here',
    clientStep(profile),
    'Into `symbolon.yaml`:',
    code('yaml', channelYaml(profile)),
    settings.length > 0
      ? table(
          ['setting', '', 'meaning'],
          settings.map(({ name, required, description }) => [
            `\`settings.${name}\``,
            required ? 'required' : 'optional',
            description,
          ]),
        )
      : '',
    names.length > 0
      ? 'On the right of `attributes` stand profile fields of your [backends](../configuration.md#backends); a field that no backend has yet is added under `backends[].fields` first. Personal data stays in the house unless `allow_personal_data` names it.'
      : '',
  );
}

function pageCode({ id, web }: ChannelProfile): string {
  const name = web.adapter ?? 'attach';
  return [
    `import { createSymbolon } from '@symbolon/sdk-web';`,
    `import { ${name} } from '@symbolon/sdk-web/${adapterFile(web.adapter)}';`,
    '',
    'const symbolon = createSymbolon({',
    "  baseUrl: 'https://identity.example.com',",
    `  channel: '${id}',`,
    '  onError: console.error,',
    '});',
    web.snippet,
    'await symbolon.start();',
  ].join('\n');
}

const SDK_FROM =
  'The SDK comes from npm: `npm install @symbolon/sdk-web`. Or from a clone beside your site: `npm run build:sdk` in the clone, then `npm install ../symbolon/sdk-web` in your site. A page without a bundler loads one file ([README](../../sdk-web/README.md)).';

function page(profile: ChannelProfile): string {
  const { web, vendor } = profile;
  const place =
    web.placement === 'before'
      ? `Before ${vendor}'s own script or library is loaded:`
      : `Load ${vendor}'s own script or library as its console or its documentation shows it. Then:`;
  return section(
    '3. In your page',
    SDK_FROM,
    place,
    code('js', pageCode(profile)),
    [
      ...(web.snippet.includes('{your') ? ['`{…}` is for you to fill in.'] : []),
      'Put the origin of the page into `allowed_origins`.',
      'Whatever fails later, in the widget too, goes to `onError`.',
    ].join(' '),
    'Until someone is signed in nothing happens. A session of any channel of the same group serves; there are three ways to one:',
    bullets([
      '`siteSession: true` among the options: whoever is signed in at your site is signed in here without being asked ([site-session.md](../site-session.md), which says what has to be configured for it)',
      'a link to `/customer_sign_in` of this service, which leads to your identity provider and back ([oidc-sign-in.md](../oidc-sign-in.md))',
      '`symbolon.signIn({ username, password })`, with what your page asks for',
    ]),
  );
}

/** Entry of the SDK that holds an adapter; vendors without one are driven by the page, through `widget`. */
export const adapterFile = (adapter: string | undefined): string =>
  adapter?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) ?? 'widget';

const RESTART = '`serve` reads the file once, at its start: restart it after every change.';

function proving({ id, proof, vendor }: ChannelProfile): string {
  const commands = code('sh', `symbolon doctor\nsymbolon channels probe ${id}`);
  if (proof.shape === 'fetched_token' || proof.shape === 'oidc_code') {
    return section(
      '4. See that it holds',
      RESTART,
      commands,
      `The doctor proves the settings, the probe that a ${proof.shape === 'oidc_code' ? 'code is made' : 'token is given'} for a customer who does not exist. What ${vendor} makes of the ${proof.shape === 'oidc_code' ? 'code' : 'token'} only a sign-in at your page shows: sign in, open the chat, and look at the customer in ${vendor}'s console.`,
    );
  }
  return section(
    '4. See that it holds',
    RESTART,
    commands,
    'The probe makes a proof for a customer who does not exist, checks it as the vendor would, and shows that an altered and an unsigned one are refused.',
  );
}

function enforcing({ docs, vendor }: ChannelProfile): string {
  return section(
    `5. Make ${vendor} refuse everybody else`,
    said(docs.enforcement),
    'Apps that are out already may need time: [staged enforcement](../channels.md#staged-enforcement) holds for calls at this service.',
  );
}

function sourceIn(sources: Readonly<Record<string, ValueSource>>, path = ''): [string, ValueSource][] {
  return Object.entries(sources).flatMap(([name, source]): [string, ValueSource][] => {
    const at = path === '' ? name : `${path}.${name}`;
    if ('object' in source) return sourceIn(source.object, at);
    if ('jsonText' in source) return sourceIn(source.jsonText, at);
    if ('list' in source) return source.list.flatMap((one, i) => sourceIn({ [String(i)]: one }, at));
    return [[at, source]];
  });
}

/** Every place in the proof and in `web` that holds a value of this origin. */
function placesOf(
  profile: ChannelProfile,
  from: 'identifier' | 'attribute' | 'input',
  name?: string,
): string[] {
  const { proof, web } = profile;
  const inProof: [string, ValueSource][] =
    proof.shape === 'shared_secret_jwt' || proof.shape === 'published_key_jwt'
      ? sourceIn(proof.claims)
      : proof.shape === 'hmac'
        ? [['signed message', proof.message]]
        : proof.shape === 'fetched_token'
          ? sourceIn(proof.request.body)
          : [];
  const inWeb = sourceIn(web.members).map(([at, source]): [string, ValueSource] => [`web.${at}`, source]);
  return [...inProof, ...inWeb]
    .filter(([, source]) => 'from' in source && source.from === from)
    .filter(([, source]) => name === undefined || ('name' in source && source.name === name))
    .map(([at]) => `\`${at}\``);
}

/** Where the identifier is when neither a claim nor a member of `web` holds it. */
function identifierElsewhere({ proof, identifier }: ChannelProfile): string {
  if (identifier.is === 'email') return 'stays in the page (`customer_id`)';
  return proof.shape === 'oidc_code' ? '`sub` of the ID token' : `\`${identifier.field}\``;
}

function leaves(profile: ChannelProfile): string {
  const token = sampleToken(profile);
  const attributes = Object.entries(profile.attributes).map(([name, rule]) => [
    `attribute \`${name}\``,
    rule.meaning,
    [rule.type, rule.maxLength === undefined ? '' : `at most ${rule.maxLength} characters`]
      .filter(Boolean)
      .join(', '),
    rule.personal ? '**yes**' : 'no',
    rule.required ? 'always' : 'if mapped',
    placesOf(profile, 'attribute', name).join(', '),
  ]);
  const inputs = Object.entries(profile.inputs).map(([name, rule]) => [
    `input \`${name}\``,
    rule.meaning,
    'string',
    'no',
    rule.required ? 'always' : 'if the page sends it',
    placesOf(profile, 'input', name).join(', ') || 'bound to the code',
  ]);
  const identifierPlaces = placesOf(profile, 'identifier');
  const identifier = [
    'identifier',
    'the opaque identifier of the channel group',
    'string',
    'no',
    'always',
    identifierPlaces.length > 0 ? identifierPlaces.join(', ') : identifierElsewhere(profile),
  ];
  return section(
    'What leaves your house',
    table(['what', 'meaning', 'type', 'personal', 'sent', 'where'], [identifier, ...attributes, ...inputs]),
    'The page gets this from `POST /channels/{channel}/token`:',
    code('json', json(sampleAnswer(profile))),
    token ? 'The token, decoded:' : '',
    token ? code('json', json({ header: token.header, claims: token.claims })) : '',
  );
}

function contentSecurityPolicy({ docs }: ChannelProfile): string {
  const directives = Object.entries(docs.contentSecurityPolicy);
  const own =
    'Of this service your pages need `connect-src https://identity.example.com`, and nothing else: the SDK has no eval, no inline script and no style.';
  if (directives.length === 0) {
    return section(
      'Content-Security-Policy',
      own,
      'The vendor documents no list that was read for this page. Start with `Content-Security-Policy-Report-Only` and take the sources from its reports.',
    );
  }
  const lines = directives.map(([name, sources]) => `${name} ${sources.join(' ')};`);
  return section(
    'Content-Security-Policy',
    own,
    'Of the vendor, beside your own sources:',
    code('text', lines.join('\n')),
  );
}

const errorLink = (errorCode: string): string =>
  `[\`${errorCode}\`](../errors.md#${errorCode.toLowerCase()})`;

/** What this service itself answers when something is wrong with a channel of this kind. */
function ownErrors({ proof, attributes, vendor }: ChannelProfile): string[][] {
  const needsAttribute = Object.values(attributes).some(({ required }) => required);
  return [
    [
      `401 ${errorLink('NOT_SIGNED_IN')}`,
      'No session: the customer is signed out, or the browser sends no cookie.',
      'Sign in first; put this service on a host of your own site.',
    ],
    [
      `403 ${errorLink('ORIGIN_NOT_ALLOWED')}`,
      'The origin of the page is not in `allowed_origins`.',
      'Add it exactly as the browser writes it.',
    ],
    ...(needsAttribute
      ? [
          [
            errorLink('CHANNEL_ATTRIBUTE_MISSING'),
            'Your profile API has no mail address for this customer.',
            `Without one ${vendor} cannot know the customer: leave the chat out of the page, or anonymous.`,
          ],
        ]
      : []),
    ...(proof.shape === 'fetched_token'
      ? [
          [
            `${errorLink('CHANNEL_VENDOR_ERROR')}, ${errorLink('CHANNEL_VENDOR_UNAVAILABLE')}`,
            `${vendor}'s API refused the call, or did not answer in time.`,
            'The log has its status under `channel_vendor.failed`. Check the connection with `symbolon doctor`.',
          ],
        ]
      : []),
  ];
}

function troubles(profile: ChannelProfile): string {
  const rows = profile.docs.commonErrors.map(({ symptom, cause, mend, confidence }) => [
    `${symptom}${MARKS[confidence]}`,
    cause,
    mend,
  ]);
  return section(
    'When something is wrong',
    table(['what you see', 'why', 'what to do'], [...rows, ...ownErrors(profile)]),
  );
}

function signOut({ web }: ChannelProfile): string {
  const order = web.logoutOrder.map((step) =>
    step === 'bridge' ? 'the session at this service ends (`DELETE /customer_session`)' : step,
  );
  return section(
    'Sign-out',
    '`symbolon.logout()` does this, in this order:',
    steps(order),
    'Both are needed: without the reset the next person on the device reads the chat, without the end of the session the chat signs in again.',
  );
}

function mobile(profile: ChannelProfile): string {
  const statements = profile.docs.mobile;
  const hasSdk = !/^(No|There is no) /.test(statements[0]?.text ?? '');
  return section(
    'Mobile apps',
    bullets(statements.map(said)),
    ...(hasSdk
      ? [
          'The app has a channel of its own. In the same group the customer is the same one:',
          code('yaml', appChannelYaml(profile)),
          'It asks `POST /channels/{channel}/token` with its [refresh token](../mobile-refresh.md) instead of a cookie: [channels.md](../channels.md#asking-for-a-proof).',
        ]
      : []),
  );
}

/** The page of one vendor, as Markdown. */
export function channelPage(profile: ChannelProfile): string {
  const { docs, vendor, product } = profile;
  const title = product.startsWith(vendor) ? product : `${vendor} ${product}`;
  return `${[
    `# ${title}`,
    `<!-- Made from src/channels/profiles/${profile.id}.ts by \`npm run channel-pages\`. Change it there. -->`,
    'Sentences without a mark were read on pages or in code of the vendor. *(second-hand)* was heard from others, *(unverified)* is general knowledge: check it before you rely on it.',
    overview(profile),
    section(`1. At ${vendor}`, steps(docs.consoleSteps.map(said))),
    here(profile),
    page(profile),
    proving(profile),
    enforcing(profile),
    section('What the customer sees', bullets(docs.customerSees.map(said))),
    leaves(profile),
    signOut(profile),
    contentSecurityPolicy(profile),
    mobile(profile),
    troubles(profile),
    section('Not certain', bullets(docs.openQuestions)),
    section('Read for this page', bullets(docs.sources)),
  ].join('\n\n')}\n`;
}
