import type { ChannelProfile } from './channel-profile.ts';
import { amazonConnect } from './profiles/amazon-connect.ts';
import { asapp } from './profiles/asapp.ts';
import { botpress } from './profiles/botpress.ts';
import { chatwoot } from './profiles/chatwoot.ts';
import { crisp } from './profiles/crisp.ts';
import { drift } from './profiles/drift.ts';
import { dynamics365 } from './profiles/dynamics365.ts';
import { freshchat } from './profiles/freshchat.ts';
import { front } from './profiles/front.ts';
import { gainsight } from './profiles/gainsight.ts';
import { genesys } from './profiles/genesys.ts';
import { helpScout } from './profiles/help-scout.ts';
import { hubspot } from './profiles/hubspot.ts';
import { intercom } from './profiles/intercom.ts';
import { intercomHmac } from './profiles/intercom-hmac.ts';
import { kustomer } from './profiles/kustomer.ts';
import { livepersonCode } from './profiles/liveperson-code.ts';
import { livepersonImplicit } from './profiles/liveperson-implicit.ts';
import { livepersonPkce } from './profiles/liveperson-pkce.ts';
import { matrix } from './profiles/matrix.ts';
import { novu } from './profiles/novu.ts';
import { plain } from './profiles/plain.ts';
import { pylon } from './profiles/pylon.ts';
import { salesforce } from './profiles/salesforce.ts';
import { sendbird } from './profiles/sendbird.ts';
import { stream } from './profiles/stream.ts';
import { twilio } from './profiles/twilio.ts';
import { zendesk } from './profiles/zendesk.ts';

const profiles: readonly ChannelProfile[] = [
  amazonConnect,
  asapp,
  botpress,
  chatwoot,
  crisp,
  drift,
  dynamics365,
  freshchat,
  front,
  gainsight,
  genesys,
  helpScout,
  hubspot,
  intercom,
  intercomHmac,
  kustomer,
  livepersonCode,
  livepersonImplicit,
  livepersonPkce,
  matrix,
  novu,
  plain,
  pylon,
  salesforce,
  sendbird,
  stream,
  twilio,
  zendesk,
];

/** Every channel profile by its id, in the order of their ids. */
export const channelProfiles: ReadonlyMap<string, ChannelProfile> = new Map(
  profiles.map((profile) => [profile.id, profile]),
);
