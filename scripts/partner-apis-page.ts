// Writes the part of docs/partner-apis.md that the presets decide, or checks that it is current.
//   node scripts/partner-apis-page.ts --write docs/partner-apis.md
//   node scripts/partner-apis-page.ts --check docs/partner-apis.md
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { OpenPath, Place, Preset } from '../src/connections/presets/preset.ts';
import { type PresetName, presetNames, presets } from '../src/connections/presets/registry.ts';

const BEGIN = '<!-- written from src/connections/presets: begin -->';
const END = '<!-- written from src/connections/presets: end -->';

const WINDOWS: Record<number, string> = { 1: 'a second', 60: 'a minute', 86_400: 'a day' };

const count = (quota: number): string => quota.toLocaleString('en-GB');

function limitsText(limits: Preset['variants'][string]['limits']): string {
  if (limits.length === 0) return 'none published; set `limits` if your contract has some';
  return limits
    .map(({ quota, windowSeconds }) => `${count(quota)} ${WINDOWS[windowSeconds] ?? `in ${windowSeconds} s`}`)
    .join(', ');
}

function waits(list: readonly number[]): string {
  return list.length === 0 ? 'not' : `after ${list.map((ms) => `${ms / 1_000} s`).join(', then ')}`;
}

function placeText(place: Place | undefined): string {
  if (!place) return '–';
  if (place.in === 'header') return `header \`${place.name}\``;
  return place.list ? `only entry of \`${place.path}\`` : `\`${place.path}\``;
}

function pathRow({ path, identifier, token, fixed = {} }: OpenPath): string {
  const further = [
    ...(token ? [`customer token in \`${token.path}\``] : []),
    ...Object.entries(fixed).map(([name, value]) => `\`${name}\` is \`${value}\``),
  ];
  return `| \`${path}\` | ${placeText(identifier)} | ${further.join('; ') || '–'} |`;
}

function configuration(name: PresetName, preset: Preset): string {
  const connections = { [name]: { preset: name, ...preset.example } };
  return `\`\`\`yaml\n${stringify({ connections }, { lineWidth: 0 })}\`\`\``;
}

function firstCall(name: PresetName, { firstCall: call }: Preset): string {
  if (!call)
    return 'Its public pages name no call that would suit everybody; take one of your own contract:\n';
  const data = call.data === undefined ? '' : ` \\\n    --data '${call.data}'`;
  return `\`\`\`\n$ symbolon call ${name} ${call.method} ${call.path}${data}\n\`\`\`\n`;
}

function section(name: PresetName, preset: Preset): string {
  const variants = Object.entries(preset.variants).map(
    ([variant, { baseUrl, limits }], i) =>
      `| \`${variant}\`${i === 0 ? ' (default)' : ''} | ${baseUrl ?? 'set `base_url`: every account has its own'} | ${limitsText(limits)} |`,
  );
  const { retry, errors } = preset;
  const writes = retry.conflictMeansStored
    ? 'A POST, too, because a 409 then says that it has arrived.'
    : 'A GET alone: a POST could arrive twice.';
  const opened =
    preset.paths.length === 0
      ? 'No path is open by itself; name yours in `pass_through.paths`.\n'
      : `| open path | customer's identifier | also added |\n|---|---|---|\n${preset.paths.map(pathRow).join('\n')}\n`;
  const age =
    preset.maxKeyAgeDays === undefined
      ? ''
      : `\nKeys are to be replaced every ${preset.maxKeyAgeDays} days: set \`key_created_on\`, and \`symbolon doctor\` warns in time.\n`;
  const stated = errors.retryAfterSeconds.map((path) => `\`${path}\``).join(' or ');
  return `## ${preset.title}

${configuration(name, preset)}

Credentials: ${preset.authAdvice}.
${age}
| variant | address | limits kept here |
|---|---|---|
${variants.join('\n')}

${firstCall(name, preset)}
${opened}
| sign | what to do |
|---|---|
${preset.problems.map(([sign, advice]) => `| ${sign} | ${advice} |`).join('\n')}

Its error code stands in \`${errors.code}\`${stated === '' ? '' : `, the seconds to wait in \`Retry-After\` or in ${stated}`}. Called
again when it has too much to do: ${waits(retry.tooManyMs)}, unless it says how long; when it fails: ${waits(retry.serverErrorMs)}.
${writes}

Sources: ${preset.sources.join(' · ')}
`;
}

function written(page: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the page lacks ${BEGIN} and ${END}`);
  const sections = presetNames.map((name) => section(name, presets[name])).join('\n');
  return `${page.slice(0, from)}${BEGIN}\n\n${sections}\n${page.slice(to)}`;
}

const [mode, file] = process.argv.slice(2);
if (file === undefined || (mode !== '--write' && mode !== '--check')) {
  process.stderr.write('Call it with --write FILE or --check FILE.\n');
  process.exit(2);
}
const page = readFileSync(file, 'utf8');
const current = written(page);
if (mode === '--write') writeFileSync(file, current);
else if (page !== current) {
  process.stderr.write(
    `${file} differs from the presets. Run \`npm run partner-apis-page\` and commit the result.\n`,
  );
  process.exit(1);
}
process.stdout.write(mode === '--write' ? `Wrote ${file}.\n` : `${file} is up to date.\n`);
