import type { ChannelProfile } from '../src/channels/channel-profile.ts';
import { adapterFile } from './channel-page.ts';
import { personalAttributes, proofInWords } from './channel-page-words.ts';

function personal(profile: ChannelProfile): string {
  const all = personalAttributes(profile);
  if (all.length === 0) return 'none';
  return all.some(([, rule]) => rule.required) ? '**mail address needed**' : 'optional';
}

/** The table of all vendors, as Markdown. */
export function channelTable(profiles: readonly ChannelProfile[]): string {
  const rows = profiles.map((profile) => {
    const { id, vendor, product, proof, identifier, web } = profile;
    const adapter = `\`${adapterFile(web.adapter)}\``;
    const cells = [
      `[${vendor}, ${product}](${id}.md)`,
      `\`${id}\``,
      proofInWords(proof),
      `\`${identifier.field}\``,
      personal(profile),
      adapter,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `# Chat vendors

<!-- Made from src/channels/profiles by \`npm run channel-pages\`. Change it there. -->

One page for each vendor takes you live: what to do in its console, what to write here, what your page needs, what the
customer sees and what leaves your house. \`profile:\` of a channel names the record that the page was made from.

| vendor | profile | proof | the customer is | personal data | SDK entry |
|---|---|---|---|---|---|
${rows.join('\n')}

The SDK entry is what the page imports from \`@symbolon/sdk-web\`; with \`widget\` it drives the vendor's widget by itself.

A vendor that is not here and takes a JWT, an HMAC or an OpenID Connect code is one record more: copy the nearest file of
\`src/channels/profiles\`, add its line to \`src/channels/profile-registry.ts\`, and run \`npm run channel-pages\`.
`;
}
