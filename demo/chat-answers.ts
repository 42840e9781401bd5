/** The chat vendor's little bot: which profile fields a question needs, and the answer made of them. */
export interface Question {
  /** Profile fields to ask the bridge for. */
  fields: readonly string[];
  answer(profile: Record<string, unknown>, customerId: string): string;
}

const NOT_AVAILABLE = 'I cannot see that at the moment. Please try again shortly.';

const known = (value: unknown): value is string | number =>
  (typeof value === 'string' && value !== '') || typeof value === 'number';

function money(amount: unknown, currency: unknown): string | undefined {
  if (typeof amount !== 'number' || typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency))
    return undefined;
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency }).format(amount);
}

function longDate(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return undefined;
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(value));
}

const plan: Question = {
  fields: ['plan'],
  answer: (profile) => (known(profile.plan) ? `You are on the ${profile.plan} plan.` : NOT_AVAILABLE),
};

const balance: Question = {
  fields: ['balance', 'currency', 'next_invoice_date'],
  answer(profile) {
    const amount = money(profile.balance, profile.currency);
    if (!amount) return NOT_AVAILABLE;
    const date = longDate(profile.next_invoice_date);
    return `Your balance is ${amount}.${date ? ` The next invoice comes on ${date}.` : ''}`;
  },
};

const whoAmI: Question = {
  fields: ['display_name'],
  answer: (profile, customerId) =>
    `You are ${known(profile.display_name) ? profile.display_name : 'a signed-in customer'}. I know you only as ${customerId}; I never see your user name, password or account number.`,
};

const other: Question = {
  fields: ['display_name'],
  answer: () => 'I am a very small bot. Ask me about your plan, your balance, or who you are.',
};

/** Finds out what is asked by a few words. */
export function understand(text: string): Question {
  if (/\bplan\b|tariff|contract/i.test(text)) return plan;
  if (/balance|invoice|bill\b|owe/i.test(text)) return balance;
  if (/who am i|\bmy name\b|know about me/i.test(text)) return whoAmI;
  return other;
}
