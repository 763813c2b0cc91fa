// k6 users for writing, reading, listing and a mix: the same scenarios as loadtests/locustfile.py.
//
//   python -m loadtests.k6_load
//
// runs it and audits what it left. By hand, with the variables of .twofold/dev.env exported:
//
//   k6 run --log-format raw --console-output iks.txt loadtests/k6/ledger.js
//   python -m loadtests.audit --ledger <the ik it prints> --acknowledged iks.txt
//
// -e SECONDS=20 -e USERS=4 (of each kind; twice as many write). It opens a fresh ledger, and ends with
// throughput and p95 by operation. The console output holds one acknowledged ik a line.

import http from 'k6/http';
import { check, sleep } from 'k6';
import encoding from 'k6/encoding';
import { Counter, Trend } from 'k6/metrics';

const SECONDS = Number(__ENV.SECONDS || 20);
const USERS = Number(__ENV.USERS || 4);
const ACCOUNTS = 100;
const OPENING_LINES = 29;
const PAGES_MAX = 20;
const OPERATIONS = [
  'post_hot_pair', 'post_random_pair', 'post_guarded', 'post_batch_10',
  'read_balance', 'list_first_page', 'list_next_page',
];

const schema = JSON.parse(open('../common/schema.json'));
const documents = {};
for (const name of [
  'store_schema', 'create_ledger', 'open_accounts',
  'add_ledger_entry', 'add_ledger_entries', 'account_balance', 'list_entries',
]) {
  documents[name] = open(`../documents/${name}.graphql`);
}

const durations = {};
const failures = {};
for (const name of OPERATIONS) {
  durations[name] = new Trend(`op_${name}`, true);
  failures[name] = new Counter(`failed_${name}`);
}

function kind(exec, users) {
  return { executor: 'constant-vus', vus: users, duration: `${SECONDS}s`, gracefulStop: '10s', exec };
}

export const options = {
  summaryTrendStats: ['count', 'avg', 'p(50)', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    write_entries: kind('writeEntries', 2 * USERS),
    read_balances: kind('readBalances', USERS),
    list_entries: kind('listEntries', USERS),
    mixed: kind('mixed', USERS),
  },
};

// --- Requests -------------------------------------------------------------------------------------
function token() {
  const basic = encoding.b64encode(`${__ENV.TWOFOLD_CLIENT_ID}:${__ENV.TWOFOLD_CLIENT_SECRET}`);
  const form = { grant_type: 'client_credentials', scope: __ENV.TWOFOLD_SCOPE };
  const answer = http.post(__ENV.TWOFOLD_AUTH_URL, form, { headers: { Authorization: `Basic ${basic}` } });
  if (answer.status !== 200) {
    throw new Error(`no token: HTTP ${answer.status}`);
  }
  return answer.json('access_token');
}

function post(run, name, variables) {
  const body = JSON.stringify({ query: documents[name], variables });
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${run.token}` };
  return http.post(__ENV.TWOFOLD_API_URL, body, { headers, tags: { name } });
}

// The answer's data, or null when it is not what was asked for.
export function judge(status, body) {
  if (status !== 200 || !body || body.errors) {
    return null;
  }
  for (const member of Object.values(body.data)) {
    if (member && member.code) {
      return null;
    }
  }
  return body.data;
}

function send(run, operation, name, variables, iks) {
  const answer = post(run, name, variables);
  durations[operation].add(answer.timings.duration);
  const data = judge(answer.status, answer.status === 200 ? answer.json() : null);
  if (!check(data, { [operation]: (found) => found !== null })) {
    failures[operation].add(1);
    return null;
  }
  for (const ik of iks) {
    console.log(ik);
  }
  return data;
}

// --- A ledger to put load on ------------------------------------------------------------------------
function must(run, name, variables) {
  const answer = post(run, name, variables);
  const data = judge(answer.status, answer.status === 200 ? answer.json() : null);
  if (data === null) {
    throw new Error(`${name}: HTTP ${answer.status}: ${answer.body}`);
  }
}

export function openingLines(first, count) {
  const lines = [];
  for (let number = first; number < Math.min(first + OPENING_LINES, count); number += 1) {
    lines.push({ account: { path: `liabilities/users:u${number}` }, amount: '1000000000', key: `u${number}` });
  }
  const total = (BigInt(lines.length) * 1000000000n).toString();
  return [...lines, { account: { path: 'assets/bank' }, amount: total, key: 'source' }];
}

export function setup() {
  const run = { token: token(), ledger: `k6-${Date.now().toString(36)}` };
  must(run, 'store_schema', { schema });
  must(run, 'create_ledger', { ik: run.ledger, name: 'Load', schemaKey: 'load' });
  for (let first = 0; first < ACCOUNTS; first += OPENING_LINES) {
    must(run, 'open_accounts', {
      ik: `open-u${first}`, ledgerIk: run.ledger, lines: openingLines(first, ACCOUNTS),
    });
  }
  return run;
}

// --- Scenarios --------------------------------------------------------------------------------------
let sent = 0;

function newIk() {
  sent += 1;
  return `${__VU}-${sent}`;
}

function below(limit) {
  return Math.floor(Math.random() * limit);
}

export function parties() {
  const payer = below(ACCOUNTS);
  const payee = (payer + 1 + below(ACCOUNTS - 1)) % ACCOUNTS;
  return { from: `u${payer}`, to: `u${payee}`, amount: String(1 + below(100)) };
}

function postEntry(run, operation, type, parameters) {
  const ik = newIk();
  send(run, operation, 'add_ledger_entry', { ik, ledgerIk: run.ledger, type, parameters }, [ik]);
}

function postBatch(run) {
  const entries = [];
  for (let place = 0; place < 10; place += 1) {
    const entry = { ledger: { ik: run.ledger }, type: 'transfer', parameters: parties() };
    entries.push({ ik: newIk(), entry });
  }
  send(run, 'post_batch_10', 'add_ledger_entries', { entries }, entries.map((each) => each.ik));
}

function readBalance(run) {
  const path = `liabilities/users:u${below(ACCOUNTS)}`;
  send(run, 'read_balance', 'account_balance', { ledgerIk: run.ledger, path }, []);
}

function readPage(run, filter, after) {
  const operation = after === null ? 'list_first_page' : 'list_next_page';
  const data = send(run, operation, 'list_entries', { ledgerIk: run.ledger, first: 20, after, filter }, []);
  return data === null ? null : data.ledger.ledgerEntries.pageInfo;
}

export function writeEntries(run) {
  const drawn = Math.random();
  if (drawn < 0.33) {
    postEntry(run, 'post_hot_pair', 'deposit', { amount: String(1 + below(100)) });
  } else if (drawn < 0.66) {
    postEntry(run, 'post_random_pair', 'transfer', parties());
  } else if (drawn < 0.92) {
    postEntry(run, 'post_guarded', 'guarded_transfer', parties());
  } else {
    postBatch(run);
  }
}

export function readBalances(run) {
  readBalance(run);
}

export function listEntries(run) {
  const filter = { type: { in: ['transfer', 'guarded_transfer'] } };
  let after = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const info = readPage(run, filter, after);
    if (info === null || !info.hasNextPage) {
      return;
    }
    after = info.endCursor;
  }
}

export function mixed(run) {
  readBalance(run);
  postEntry(run, 'post_guarded', 'guarded_transfer', parties());
  readPage(run, { type: { equalTo: 'guarded_transfer' } }, null);
  sleep(0.05 + 0.15 * Math.random());
}

// --- Report -----------------------------------------------------------------------------------------
export function report(metrics, ledger) {
  const rows = [`${'operation'.padEnd(20)}${'requests'.padStart(10)}${'failed'.padStart(8)}`
    + `${'per s'.padStart(9)}${'p50 ms'.padStart(9)}${'p95 ms'.padStart(9)}`];
  for (const name of OPERATIONS) {
    const found = metrics[`op_${name}`];
    if (found && found.values.count > 0) {
      const failed = metrics[`failed_${name}`];
      rows.push(name.padEnd(20) + String(found.values.count).padStart(10)
        + String(failed ? failed.values.count : 0).padStart(8)
        + (found.values.count / SECONDS).toFixed(1).padStart(9)
        + found.values['p(50)'].toFixed(1).padStart(9) + found.values['p(95)'].toFixed(1).padStart(9));
    }
  }
  rows.push('', 'audit: python -m loadtests.audit --acknowledged <console output>'
    + ` --ledger ${ledger}`, '');
  return rows.join('\n');
}

export function handleSummary(data) {
  const ledger = data.setup_data ? data.setup_data.ledger : '';
  return { stdout: report(data.metrics, ledger) };
}
