/** What the sample company's two profile APIs know about one customer. */
export interface CustomerRecord {
  reference: string;
  username: string;
  crm: { display_name: string; email: string; plan: string };
  billing: { balance: number; currency: string; next_invoice_date: string };
}

/** First day of the month after `nowMs`, as the sample invoices have it. */
function nextInvoiceDate(nowMs: number): string {
  const now = new Date(nowMs);
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString().slice(0, 10);
}

/** The three customers of the sample company. References are the company's own account numbers. */
export function demoCustomers(nowMs: number): CustomerRecord[] {
  const next_invoice_date = nextInvoiceDate(nowMs);
  const rows: [string, string, number][] = [
    ['A-100001', 'Fibre 500', 42.5],
    ['A-100002', 'Mobile Plus', 0],
    ['A-100003', 'Home and Mobile Duo', 118.9],
  ];
  return rows.map(([reference, plan, balance], index) => ({
    reference,
    username: `customer${index + 1}`,
    crm: {
      display_name: `Demo customer ${index + 1}`,
      email: `customer${index + 1}@shop.example`,
      plan,
    },
    billing: { balance, currency: 'EUR', next_invoice_date },
  }));
}
