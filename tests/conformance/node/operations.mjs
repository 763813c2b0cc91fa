// Runs operations of the official Node client, unmodified, against a running Twofold, in order, and
// prints a line of JSON for each: {"operation": name, "failure": null or text}. What the service
// says is compared with books that are kept here.
//
// argv: the client's parameters as JSON, the Schema document as JSON.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createFragmentClient } from "@fragment-dev/node-client";

const [params, schema] = process.argv.slice(2).map((text) => JSON.parse(text));
const client = createFragmentClient({ params });
const ending = Math.random().toString(36).slice(2, 12);
const ledgerIk = `node-${ending}`;
const key = `node-schema-${ending}`;
const ANN = "liabilities/users:ann/available";
const PENDING = "liabilities/users:ann/pending";
const CATCH_UP_MS = 20_000;

// --- Books: path, amount, currency, posted of every line that was posted --------------------------
const lines = [];
const note = (posted, ...posts) =>
  posts.forEach(([path, amount, currency = "USD"]) =>
    lines.push({ posted, path, amount: BigInt(amount), currency }),
  );
const sum = (chosen) => String(chosen.reduce((total, { amount }) => total + amount, 0n));
const own = (path, currency = "USD", before = "9999") =>
  sum(lines.filter((l) => l.path === path && l.currency === currency && l.posted < before));
const children = (path, currency = "USD", before = "9999") =>
  sum(
    lines.filter(
      (l) => l.path.startsWith(`${path}/`) && l.currency === currency && l.posted < before,
    ),
  );
const total = (...of) => String(BigInt(own(...of)) + BigInt(children(...of)));

async function eventually(read, wanted) {
  const deadline = Date.now() + CATCH_UP_MS;
  let found = await read();
  const same = () => {
    try {
      assert.deepEqual(found, wanted);
      return true;
    } catch {
      return false;
    }
  };
  while (!same() && Date.now() < deadline) {
    await sleep(100);
    found = await read();
  }
  assert.deepEqual(found, wanted);
}

async function refused(call, code) {
  await assert.rejects(call, (error) => {
    assert.equal(error.code, code, error.message);
    return true;
  });
}

async function deposit(ik, amount, fee, posted, more = {}) {
  const parameters = { user: "ann", amount: String(amount), fee: String(fee) };
  const { addLedgerEntry } = await client.addLedgerEntry({
    ik,
    ledgerIk,
    type: "deposit",
    posted,
    parameters,
    ...more,
  });
  if (!addLedgerEntry.isIkReplay) {
    note(posted, ["assets/bank", amount], [ANN, amount - fee], ["income/fees", fee]);
  }
  return addLedgerEntry;
}

const shown = (posted) => posted.map(({ account, amount }) => [account.path, amount]);
const account = (path) => ({ path });
const run = [];
const operation = (name, test) => run.push([name, test]);

operation("getWorkspace", async () => {
  const { workspace } = await client.getWorkspace();
  assert.ok(workspace.id && workspace.name);
});

operation("storeSchema", async () => {
  const document = { ...schema, key };
  for (const _ of [1, 2]) {
    const { storeSchema } = await client.storeSchema({ schema: document });
    assert.equal(storeSchema.__typename, "StoreSchemaResult");
    assert.equal(storeSchema.schema.key, key);
    assert.equal(storeSchema.schema.version.version, 1);
  }
  const chartOfAccounts = { ...schema.chartOfAccounts, accounts: [{ key: "untyped" }] };
  await refused(() => client.storeSchema({ schema: { ...document, key: "x", chartOfAccounts } }), "invalid_schema");
});

operation("getSchema", async () => {
  const found = (await client.getSchema({ key, version: 1 })).schema;
  assert.deepEqual([found.key, found.name, found.version.version], [key, schema.name, 1]);
  assert.deepEqual(found.version.json, { ...schema, key });
  assert.equal((await client.getSchema({ key: "no-such-schema" })).schema, null);
});

operation("createLedger", async () => {
  const told = { ik: ledgerIk, ledger: { name: "Node" }, schemaKey: key };
  const { createLedger } = await client.createLedger(told);
  assert.equal(createLedger.isIkReplay, false);
  assert.equal(createLedger.ledger.ik, ledgerIk);
  assert.deepEqual(createLedger.ledger.schema, { key });
  const again = (await client.createLedger(told)).createLedger;
  assert.equal(again.isIkReplay, true);
  assert.deepEqual(again.ledger, createLedger.ledger);
});

operation("getLedger", async () => {
  const { ledger } = await client.getLedger({ ik: ledgerIk });
  assert.deepEqual([ledger.ik, ledger.name, ledger.balanceUTCOffset], [ledgerIk, "Node", "+00:00"]);
});

operation("updateLedger", async () => {
  const { updateLedger } = await client.updateLedger({ ledgerIk, update: { name: "New" } });
  assert.deepEqual([updateLedger.ledger.ik, updateLedger.ledger.name], [ledgerIk, "New"]);
  await eventually(async () => (await client.getLedger({ ik: ledgerIk })).ledger.name, "New");
});

operation("addLedgerEntry", async () => {
  const first = await deposit("d1", 1000, 30, "2024-03-05T07:00:00.000Z");
  assert.equal(first.isIkReplay, false);
  assert.deepEqual(shown(first.lines), [["assets/bank", "1000"], [ANN, "970"], ["income/fees", "30"]]);
  const again = await deposit("d1", 9, 9, "2024-03-05T07:00:00.000Z");
  assert.deepEqual(again, { ...first, isIkReplay: true });
  await deposit("d2", 500, 0, "2024-04-01T00:00:00.000Z");
  const parameters = { user: "ann", amount: "1471" };
  await refused(
    () => client.addLedgerEntry({ ik: "h0", ledgerIk, type: "hold", parameters }),
    "conditional_request_failed",
  );
  const hold = { ik: "h1", ledgerIk, type: "hold", posted: "2024-05-01", parameters: { user: "ann", amount: "470" } };
  await client.addLedgerEntry(hold);
  note("2024-05-01T00:00:00.000Z", [ANN, -470], [PENDING, 470]);
});

operation("addLedgerEntryRuntime", async () => {
  const euro = { currency: { code: "EUR" } };
  const told = { ik: "r1", ledgerIk, type: "correction", posted: "2024-05-02T00:00:00.000Z" };
  const given = [
    { account: account("assets/fx"), amount: "25", ...euro },
    { account: account("liabilities/fx"), amount: "25", ...euro },
  ];
  const { addLedgerEntry } = await client.addLedgerEntryRuntime({ ...told, lines: given });
  assert.deepEqual(shown(addLedgerEntry.lines), [["assets/fx", "25"], ["liabilities/fx", "25"]]);
  note(told.posted, ["assets/fx", 25, "EUR"], ["liabilities/fx", 25, "EUR"]);
  const odd = [given[0], { ...given[1], amount: "26" }];
  await refused(
    () => client.addLedgerEntryRuntime({ ...told, ik: "r2", lines: odd }),
    "invalid_entry_balance",
  );
});

operation("getLedgerEntry", async () => {
  const { ledgerEntry } = await client.getLedgerEntry({ ik: "d1", ledgerIk });
  assert.deepEqual([ledgerEntry.ik, ledgerEntry.posted], ["d1", "2024-03-05T07:00:00.000Z"]);
  assert.deepEqual(shown(ledgerEntry.lines.nodes), [["assets/bank", "1000"], [ANN, "970"], ["income/fees", "30"]]);
  assert.equal((await client.getLedgerEntry({ ik: "h0", ledgerIk })).ledgerEntry, null);
});

operation("listLedgerEntries", async () => {
  const iks = async (more = {}) =>
    (await client.listLedgerEntries({ ledgerIk, ...more })).ledger.ledgerEntries.nodes.map((n) => n.ik);
  await eventually(iks, ["r1", "h1", "d2", "d1"]);
  assert.deepEqual(await iks({ filter: { type: { equalTo: "deposit" } } }), ["d2", "d1"]);
  const page = (await client.listLedgerEntries({ ledgerIk, first: 3 })).ledger.ledgerEntries;
  assert.equal(page.pageInfo.hasNextPage, true);
  assert.deepEqual(await iks({ first: 3, after: page.pageInfo.endCursor }), ["d1"]);
});

const PATHS = ["assets", "assets/bank", "assets/fx", "liabilities", "liabilities/fx"];
PATHS.push("liabilities/users:ann", ANN, PENDING, "income", "income/fees", "expense", "assets/cash");

operation("listLedgerAccounts", async () => {
  const read = async () =>
    (await client.listLedgerAccounts({ ledgerIk })).ledger.ledgerAccounts.nodes.map((n) => n.path).sort();
  await eventually(read, [...PATHS].sort());
});

operation("listLedgerAccountBalances", async () => {
  for (const [balanceAt, before] of [[undefined, "9999"], ["2024-03", "2024-04"]]) {
    const told = { ledgerIk, first: 50, balanceCurrency: { code: "USD" }, balanceAt };
    const wanted = PATHS.map((path) => [
      path, own(path, "USD", before), children(path, "USD", before), total(path, "USD", before),
    ]).sort();
    await eventually(async () => {
      const found = (await client.listLedgerAccountBalances(told)).ledger.ledgerAccounts.nodes;
      return found.map((n) => [n.path, n.ownBalance, n.childBalance, n.balance]).sort();
    }, wanted);
  }
});

operation("listMultiCurrencyLedgerAccountBalances", async () => {
  const kinds = { ownBalances: own, childBalances: children, balances: total };
  const wanted = PATHS.flatMap((path) =>
    Object.entries(kinds).flatMap(([field, of]) =>
      ["USD", "EUR"].filter((code) => of(path, code) !== "0").map((code) => [path, field, code, of(path, code)]),
    ),
  ).sort();
  await eventually(async () => {
    const told = { ledgerIk, first: 50 };
    const found = (await client.listMultiCurrencyLedgerAccountBalances(told)).ledger.ledgerAccounts.nodes;
    return found
      .flatMap((n) =>
        Object.keys(kinds).flatMap((field) =>
          n[field].nodes.map(({ currency, amount }) => [n.path, field, currency.code, amount]),
        ),
      )
      .filter(([, , , amount]) => amount !== "0")
      .sort();
  }, wanted);
});

operation("getLedgerAccountLines", async () => {
  const { lines: found, path } = (await client.getLedgerAccountLines({ path: ANN, ledgerIk })).ledgerAccount;
  assert.equal(path, ANN);
  assert.deepEqual(found.nodes.map((n) => n.amount), ["-470", "500", "970"]);
});

operation("getLedgerAccountBalance", async () => {
  const told = { path: ANN, ledgerIk, ownBalanceConsistencyMode: "strong" };
  const found = (await client.getLedgerAccountBalance(told)).ledgerAccount;
  assert.deepEqual([found.path, found.ownBalance], [ANN, own(ANN)]);
});

operation("GetLedgerAccountBalanceWithChildRollup", async () => {
  const told = { path: "liabilities/users:ann", ledgerIk };
  const read = async () => (await client.GetLedgerAccountBalanceWithChildRollup(told)).ledgerAccount.balance;
  await eventually(read, total("liabilities/users:ann"));
});

operation("updateLedgerEntry", async () => {
  const update = { tags: [{ key: "seen", value: "yes" }], groups: [{ key: "batch", value: "b1" }] };
  const { updateLedgerEntry } = await client.updateLedgerEntry({ entryIk: "d2", ledgerIk, update });
  const { tags, groups } = updateLedgerEntry.entry;
  assert.deepEqual(tags, [{ key: "user", value: "ann" }, ...update.tags]);
  assert.deepEqual(groups, [{ key: "statement", value: "ann" }, ...update.groups]);
});

operation("listLedgerEntryGroupBalances", async () => {
  const told = { ledgerIk, groupKey: "statement", groupValue: "ann", consistencyMode: "eventual" };
  const wanted = [["assets/bank", "1500"], ["income/fees", "30"], [ANN, "1470"]];
  await eventually(async () => {
    const { ledgerEntryGroup: group } = await client.listLedgerEntryGroupBalances(told);
    return group.balances.nodes.map((n) => [n.account.path, n.ownBalance]).sort();
  }, wanted);
});

operation("reverseLedgerEntry", async () => {
  const { ledgerEntry } = await client.getLedgerEntry({ ik: "h1", ledgerIk });
  const { reverseLedgerEntry: first } = await client.reverseLedgerEntry({ id: ledgerEntry.id });
  assert.equal(first.isIkReplay, false);
  assert.equal(first.reversedLedgerEntry.id, ledgerEntry.id);
  assert.deepEqual(shown(first.reversingLedgerEntry.lines.nodes), [[ANN, "470"], [PENDING, "-470"]]);
  const { reverseLedgerEntry: again } = await client.reverseLedgerEntry({ id: ledgerEntry.id });
  assert.equal(again.isIkReplay, true);
  const told = { path: ANN, ledgerIk, ownBalanceConsistencyMode: "strong" };
  assert.equal((await client.getLedgerAccountBalance(told)).ledgerAccount.ownBalance, "1470");
});

operation("migrateLedgerEntry", async () => {
  const { ledgerEntry } = await client.getLedgerEntry({ ik: "d2", ledgerIk });
  const newLedgerEntry = {
    ledger: { ik: ledgerIk },
    type: "deposit",
    typeVersion: 2,
    parameters: { user: "ann", amount: "500" },
  };
  const { migrateLedgerEntry: moved } = await client.migrateLedgerEntry({ id: ledgerEntry.id, newLedgerEntry });
  assert.equal(moved.isIkReplay, false);
  assert.equal(moved.reversedLedgerEntry.id, ledgerEntry.id);
  assert.equal(moved.newLedgerEntry.ik, "d2");
  assert.deepEqual(shown(moved.newLedgerEntry.lines.nodes), [["assets/bank", "500"], [ANN, "500"]]);
});

// A version in which one type's version and one account are archived: what they hold is to be moved.
const archive = async () => {
  const [deposits, ...types] = schema.ledgerEntries.types;
  const [assets, ...roots] = schema.chartOfAccounts.accounts;
  const [bank, cash, ...rest] = assets.children;
  const accounts = [{ ...assets, children: [bank, { ...cash, status: "archived" }, ...rest] }, ...roots];
  const document = {
    ...schema,
    key,
    chartOfAccounts: { ...schema.chartOfAccounts, accounts },
    ledgerEntries: { types: [{ ...deposits, status: "archived" }, ...types] },
  };
  assert.equal((await client.storeSchema({ schema: document })).storeSchema.__typename, "StoreSchemaResult");
};

operation("getEntryDataMigrations", async () => {
  await archive();
  await eventually(async () => {
    const found = (await client.getEntryDataMigrations({ ledgerIk })).ledger.ledgerEntryDataMigrations.nodes;
    return found.map((n) => [n.entryType, Number(n.typeVersion), n.status]);
  }, [["deposit", 1, "active"]]);
});

operation("getEntriesToMigrateForLedgerEntryDataMigration", async () => {
  const told = { ledgerIk, entryType: "deposit", typeVersion: "1" };
  await eventually(async () => {
    const { ledger } = await client.getEntriesToMigrateForLedgerEntryDataMigration(told);
    return ledger.ledgerEntryDataMigrations.nodes.map((n) => n.ledgerEntries.nodes.map((e) => e.ik));
  }, [["d1"]]);
});

operation("getAccountDataMigrations", async () => {
  await eventually(async () => {
    const found = (await client.getAccountDataMigrations({ ledgerIk })).ledger.ledgerAccountDataMigrations.nodes;
    return found.map((n) => [n.accountPath, n.status]);
  }, [["assets/cash", "active"]]);
});

operation("getEntriesToMigrateForLedgerAccountDataMigration", async () => {
  const told = { ledgerIk, accountPath: "assets/cash" };
  const { ledger } = await client.getEntriesToMigrateForLedgerAccountDataMigration(told);
  assert.deepEqual(ledger.ledgerAccountDataMigrations.nodes.map((n) => n.ledgerEntries.nodes), [[]]);
});

// The client's own slip: its document doesn't ask for __typename, which its wrapper then reads. So
// the call always fails after the answer; the currency that it made is there all the same.
operation("createCustomCurrency", async () => {
  const id = `points-${ending}`;
  const told = { id, name: "Points", precision: 2, customCode: "PTS" };
  await assert.rejects(() => client.createCustomCurrency(told), TypeError);
  const points = { currency: { code: "CUSTOM", customCurrencyId: id } };
  const given = ["assets/fx", "liabilities/fx"].map((path) => ({ account: account(path), amount: "5", ...points }));
  const { addLedgerEntry } = await client.addLedgerEntryRuntime({ ik: "p1", ledgerIk, type: "correction", lines: given });
  assert.deepEqual(shown(addLedgerEntry.lines), [["assets/fx", "5"], ["liabilities/fx", "5"]]);
});

let linkId = "";
operation("createCustomLink", async () => {
  const told = { name: "Bank", ik: `node-bank-${ending}` };
  const { createCustomLink } = await client.createCustomLink(told);
  linkId = createCustomLink.link.id;
  assert.deepEqual([createCustomLink.link.name, createCustomLink.isIkReplay], ["Bank", false]);
  const again = (await client.createCustomLink({ ...told, name: "Other" })).createCustomLink;
  assert.deepEqual([again.link, again.isIkReplay], [createCustomLink.link, true]);
});

operation("syncCustomAccounts", async () => {
  const accounts = [{ externalId: "one", name: "One" }, { externalId: "two", name: "Two" }];
  const { syncCustomAccounts } = await client.syncCustomAccounts({ linkId, accounts });
  assert.deepEqual(
    syncCustomAccounts.accounts.map((a) => [a.externalId, a.name, a.currency.code]),
    [["one", "One", "USD"], ["two", "Two", "USD"]],
  );
});

operation("syncCustomTxs", async () => {
  const posted = "1968-01-01T16:45:00.000Z";
  const tx = (externalId, amount, account) => ({
    account: { externalId: account }, externalId, amount, posted, description: externalId,
  });
  const txs = [tx("a", "-100", "one"), tx("a", "100", "two")];
  const { syncCustomTxs } = await client.syncCustomTxs({ linkId, txs });
  assert.deepEqual(
    syncCustomTxs.txs.map((t) => [t.externalAccountId, t.amount, t.posted, t.linkId]),
    [["one", "-100", posted, linkId], ["two", "100", posted, linkId]],
  );
  const again = (await client.syncCustomTxs({ linkId, txs })).syncCustomTxs;
  assert.deepEqual(again.txs, syncCustomTxs.txs);
  await refused(() => client.syncCustomTxs({ linkId, txs: [tx("a", "1", "one")] }), "tx_conflict");
});

// A Ledger whose bank is linked to the account "one"; of its Txs it has "a", of -100.
const linkedIk = `node-linked-${ending}`;
const TX_POSTED = "1968-01-01T16:45:00.000Z";
const openLinked = async () => {
  const linkedAccount = { linkId, externalId: "one" };
  const lines = [
    { key: "bank", account: account("bank"), tx: { externalId: "{{tx}}" } },
    { key: "fees", account: account("fees") },
  ];
  const document = {
    key: linkedIk,
    chartOfAccounts: {
      defaultCurrency: { code: "USD" },
      defaultCurrencyMode: "single",
      accounts: [{ key: "bank", type: "asset", linkedAccount }, { key: "fees", type: "income" }],
    },
    ledgerEntries: { types: [{ type: "receipt", lines }, { type: "by_hand" }] },
  };
  await client.storeSchema({ schema: document });
  await client.createLedger({ ik: linkedIk, ledger: { name: "Linked" }, schemaKey: linkedIk });
};
const reconciled = ({ lines }) => lines.map((l) => [l.account.path, l.amount, l.externalTxId]);
const bankBalance = async () =>
  (await client.getLedgerAccountBalance({ path: "bank", ledgerIk: linkedIk })).ledgerAccount.ownBalance;

operation("reconcileTx", async () => {
  await openLinked();
  const told = { ledgerIk: linkedIk, type: "receipt", parameters: { tx: "a" } };
  const { reconcileTx: first } = await client.reconcileTx(told);
  const { ik, posted, date } = first.entry;
  assert.deepEqual([ik, posted, date], ["a", TX_POSTED, "1968-01-01"]);
  assert.deepEqual(reconciled(first), [["bank", "-100", "a"], ["fees", "-100", null]]);
  assert.deepEqual((await client.reconcileTx(told)).reconcileTx, first);
  await refused(() => client.reconcileTx({ ...told, parameters: { tx: "none" } }), "tx_not_found");
  await eventually(bankBalance, "-100");
});

operation("reconcileTxRuntime", async () => {
  const tx = { account: { externalId: "one" }, externalId: "b", amount: "30", description: "b" };
  await client.syncCustomTxs({ linkId, txs: [{ ...tx, posted: TX_POSTED }] });
  const given = (amount) => [
    { account: account("bank"), amount, tx: { externalId: "b" } },
    { account: account("fees"), amount },
  ];
  const told = { ledgerIk: linkedIk, type: "by_hand" };
  await refused(() => client.reconcileTxRuntime({ ...told, lines: given("31") }), "tx_mismatch");
  const { reconcileTx } = await client.reconcileTxRuntime({ ...told, lines: given("30") });
  assert.deepEqual([reconcileTx.entry.ik, reconcileTx.entry.posted], ["b", TX_POSTED]);
  assert.deepEqual(reconciled(reconcileTx), [["bank", "30", "b"], ["fees", "30", null]]);
  await eventually(bankBalance, "-70");
});

operation("deleteCustomTxs", async () => {
  const posted = "1968-01-02T00:00:00.000Z";
  const tx = { account: { externalId: "one" }, externalId: "gone", amount: "7", posted, description: "Gone" };
  const [first] = (await client.syncCustomTxs({ linkId, txs: [tx] })).syncCustomTxs.txs;
  const { deleteCustomTxs } = await client.deleteCustomTxs({ txs: [first.id] });
  const [deleted] = deleteCustomTxs.txs.map((each) => each.tx);
  assert.deepEqual([deleted.id, deleted.externalId, deleted.amount], [first.id, "gone", "7"]);
  assert.ok(deleted.deletedAt);
  const [again] = (await client.syncCustomTxs({ linkId, txs: [{ ...tx, amount: "8" }] })).syncCustomTxs.txs;
  assert.notEqual(again.id, first.id);
  await refused(() => client.deleteCustomTxs({ txs: ["none"] }), "tx_not_found");
});

operation("deleteLedger", async () => {
  const ik = `node-gone-${ending}`;
  await client.createLedger({ ik, ledger: { name: "Gone" }, schemaKey: key });
  const { deleteLedger } = await client.deleteLedger({ ledger: { ik } });
  assert.equal(deleteLedger.success, true);
  await eventually(async () => (await client.getLedger({ ik })).ledger, null);
});

operation("deleteSchema", async () => {
  const alone = `node-alone-${ending}`;
  await client.storeSchema({ schema: { ...schema, key: alone } });
  assert.equal((await client.deleteSchema({ schema: { key: alone } })).deleteSchema.success, true);
  await eventually(async () => (await client.getSchema({ key: alone })).schema, null);
});

for (const [name, test] of run) {
  let failure = null;
  try {
    await test();
  } catch (error) {
    failure = String(error?.stack ?? error);
  }
  console.log(JSON.stringify({ operation: name, failure }));
}
