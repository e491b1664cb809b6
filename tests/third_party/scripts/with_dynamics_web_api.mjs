// dynamics-web-api on Node, used as its documentation shows.
// Arguments: the job and the file for the results. The package is found in the environment that the job names.

import fs from "node:fs";
import { createRequire } from "node:module";

const [jobFile, resultFile] = process.argv.slice(2);
const job = JSON.parse(fs.readFileSync(jobFile, "utf-8"));
const { DynamicsWebApi } = createRequire(`${job.environment}/`)("dynamics-web-api");

const results = {};

async function step(name, action) {
  if (job.only.length && !job.only.includes(name)) return;
  try {
    results[name] = { value: (await action()) ?? null };
  } catch (error) {
    results[name] = { error: described(error) };
  }
  fs.writeFileSync(resultFile, JSON.stringify(results));
}

function described(error) {
  const one = Array.isArray(error) ? error[0] : error;
  const { name: type, message, status, code, cause, stack } = one ?? {};
  return { type: type ?? "Error", message: `${message} ${cause?.message ?? ""}`, status, code, trace: stack, several: Array.isArray(error) };
}

async function failing(action) {
  let done;
  try {
    done = await action();
  } catch (error) {
    return described(error);
  }
  throw new Error(`it was done: ${JSON.stringify(done)}`);
}

function value(name) {
  if (!results[name] || results[name].error) throw new Error(`the step ${name} failed`);
  return results[name].value;
}

const named = (text) => `${job.prefix} ${text}`;
const numbered = (text) => `${job.prefix}-${text}`;
const quoted = (text) => text.replaceAll("'", "''");
const range = (count) => [...Array(count).keys()];

async function token() {
  const form = { grant_type: "client_credentials", client_id: job.client_id, client_secret: job.client_secret, scope: `${job.dataverse}/.default` };
  const answer = await fetch(`${job.entra}/${job.tenant}/oauth2/v2.0/token`, { method: "POST", body: new URLSearchParams(form) });
  return (await answer.json()).access_token;
}

let signedIn;
const api = new DynamicsWebApi({ serverUrl: job.dataverse, dataApi: { version: "9.2" }, onTokenRefresh: async () => (signedIn ??= await token()) });
const BULK = "Microsoft.Dynamics.CRM.CreateMultiple";
const account = (row) => ({ "@odata.type": "Microsoft.Dynamics.CRM.account", ...row });
const listed = async (filter, more) => (await api.retrieveMultiple({ collection: "accounts", filter, ...more })).value;
const absent = async (key) => (await failing(() => api.retrieve({ collection: "accounts", key, select: ["name"] }))).status === 404 ? null : "there";

await step("sign_in", token);

await step("create", () => api.create({ collection: "accounts", data: { name: named("Größe & Söhne 株式会社"), revenue: 1234.5 } }));

await step("bulk_create", async () => {
  const targets = range(25).map((n) =>
    account({
      name: named(`row ${String(n).padStart(2, "0")}`),
      accountnumber: numbered(n),
      numberofemployees: n,
      "parentaccountid@odata.bind": `/accounts(${value("create")})`,
    }),
  );
  return (await api.callAction({ collection: "accounts", actionName: BULK, action: { Targets: targets } })).Ids;
});

await step("retrieve", async () => {
  const found = await api.retrieve({ collection: "accounts", key: value("create"), select: ["name", "revenue"], includeAnnotations: "*" });
  return { name: found.name, revenue: found.revenue, shown: found.revenue_Formatted };
});

await step("retrieve_absent", () => absent(job.absent));

await step("update", async () => {
  const keys = value("bulk_create").slice(0, 3);
  await api.update({ collection: "accounts", key: keys[0], data: { telephone1: "1" } });
  await api.update({ collection: "accounts", key: keys[1], data: { telephone1: "2" }, returnRepresentation: true, select: ["telephone1"] });
  await api.updateSingleProperty({ collection: "accounts", key: keys[2], fieldValuePair: { telephone1: "3" } });
  const found = await Promise.all(keys.map((key) => api.retrieve({ collection: "accounts", key, select: ["telephone1"] })));
  return found.map((row) => row.telephone1);
});

await step("upsert", async () => {
  const key = `accountnumber='${quoted(numbered("it's"))}'`;
  await api.upsert({ collection: "accounts", key, data: { name: named("upsert made") } });
  await api.upsert({ collection: "accounts", key, data: { name: named("upsert changed") } });
  return (await listed(`accountnumber eq '${quoted(numbered("it's"))}'`, { select: ["name"] })).map((row) => row.name);
});

await step("bulk_upsert", async () => {
  const target = (number, name) => account({ "@odata.id": `accounts(accountnumber='${quoted(numbered(number))}')`, name: named(name) });
  const targets = [target("it's", "bulk upsert changed"), target("new", "bulk upsert made")];
  await api.callAction({ collection: "accounts", actionName: "Microsoft.Dynamics.CRM.UpsertMultiple", action: { Targets: targets } });
  return (await listed(`startswith(name,'${named("bulk upsert")}')`, { orderBy: ["name"] })).map((row) => row.name);
});

await step("conditional_upsert", async () => {
  const existing = `accountnumber='${quoted(numbered("it's"))}'`;
  const missing = `accountnumber='${numbered("none")}'`;
  return {
    only_update: (await api.upsert({ collection: "accounts", key: missing, data: { name: "nobody" }, ifmatch: "*" })) ?? null,
    only_create: (await api.upsert({ collection: "accounts", key: existing, data: { name: "nobody" }, ifnonematch: "*" })) ?? null,
    left: (await listed("name eq 'nobody'")).length,
  };
});

await step("query", async () => {
  const found = await listed(`startswith(name,'${named("row")}') and (numberofemployees ge 20 or telephone1 eq '2')`, {
    orderBy: ["numberofemployees desc"],
    select: ["name"],
    expand: [{ property: "parentaccountid", select: ["name"] }],
  });
  return found.map((row) => [row.name, row.parentaccountid.name]);
});

const ROWS = { collection: "accounts", filter: `startswith(name,'${named("row")}')`, orderBy: ["name desc"], select: ["name"], maxPageSize: 10 };

await step("pages", async () => {
  const found = [await api.retrieveMultiple(ROWS)];
  while (found.at(-1).oDataNextLink) found.push(await api.retrieveMultiple(ROWS, found.at(-1).oDataNextLink));
  return found.map((page) => page.value.map((row) => row.name));
});

await step("all_pages", async () => (await api.retrieveAll(ROWS)).value.length);

await step("counts", async () => ({
  filtered: await api.count({ collection: "accounts", filter: ROWS.filter }),
  all: await api.countAll({ collection: "accounts", filter: ROWS.filter, select: ["name"] }),
  whole: await api.count({ collection: "accounts" }),
}));

await step("long_query", async () => {
  const keys = value("bulk_create").slice(0, 20);
  // Beyond 2,000 characters the client puts the query into a batch of its own accord.
  const filter = [...keys, ...keys, ...keys].map((key) => `accountid eq ${key}`).join(" or ");
  return (await listed(filter, { select: ["name"] })).length;
});

await step("batch", async () => {
  api.startBatch();
  api.create({ collection: "accounts", data: { name: named("batch"), accountnumber: numbered("b") }, contentId: "1" });
  api.create({ collection: "contacts", data: { lastname: named("batch"), "parentcustomerid_account@odata.bind": "$1" } });
  api.update({ collection: "$1", data: { telephone1: "4" } });
  api.retrieveMultiple({ collection: "accounts", filter: `name eq '${named("batch")}'`, select: ["telephone1"] });
  const [first, contact, updated, found] = await api.executeBatch();
  return { ids: [first, contact], updated, read: found.value.map((row) => row.telephone1) };
});

await step("failed_batch", async () => {
  api.startBatch();
  const data = { name: named("undone"), accountnumber: numbered("u") };
  api.create({ collection: "accounts", data });
  api.create({ collection: "accounts", data });
  const { status, code, several } = await failing(() => api.executeBatch());
  return { errors: [{ status, code }], several, left: (await listed(`name eq '${named("undone")}'`)).length };
});

await step("stale", async () => {
  const request = { collection: "accounts", key: value("create") };
  const { "@odata.etag": etag } = await api.retrieve({ ...request, select: ["name"] });
  await api.update({ ...request, data: { description: "somebody else's edit" } });
  // The client says false instead of raising.
  const updated = await api.update({ ...request, data: { description: "lost" }, ifmatch: etag });
  const deleted = await api.deleteRecord({ ...request, ifmatch: etag });
  return { updated, deleted, description: (await api.retrieve({ ...request, select: ["description"] })).description };
});

await step("unchanged", async () => {
  const request = { collection: "accounts", key: value("create"), select: ["name"] };
  const { "@odata.etag": etag } = await api.retrieve(request);
  return (await api.retrieve({ ...request, ifnonematch: etag })) ?? null;
});

await step("delete", async () => {
  const keys = value("bulk_create").slice(0, 3);
  for (const key of keys) await api.deleteRecord({ collection: "accounts", key });
  return Promise.all(keys.map(absent));
});

await step("associate", async () => {
  const key = value("create");
  const contact = await api.create({ collection: "contacts", data: { lastname: named("associated") } });
  const related = async () => {
    const expand = [{ property: "contact_customer_accounts", select: ["fullname"] }, { property: "primarycontactid", select: ["fullname"] }];
    const found = await api.retrieve({ collection: "accounts", key, select: ["name"], expand });
    return [found.contact_customer_accounts.map((row) => row.fullname), found.primarycontactid?.fullname ?? null];
  };
  const collection = { collection: "accounts", primaryKey: key, relationshipName: "contact_customer_accounts", relatedKey: contact };
  const single = { collection: "accounts", primaryKey: key, navigationProperty: "primarycontactid" };
  await api.associate({ ...collection, relatedCollection: "contacts" });
  await api.associateSingleValued({ ...single, relatedCollection: "contacts", relatedKey: contact });
  const tied = await related();
  await api.disassociate(collection);
  await api.disassociateSingleValued(single);
  return { tied, loose: await related() };
});

await step("changes", async () => {
  const request = { collection: "contacts", select: ["lastname"] };
  const before = await api.retrieveMultiple({ ...request, trackChanges: true });
  const made = await api.create({ collection: "contacts", data: { lastname: named("tracked") } });
  const gone = await api.create({ collection: "contacts", data: { lastname: named("gone") } });
  await api.deleteRecord({ collection: "contacts", key: gone });
  const after = await api.retrieveMultiple(request, before.oDataDeltaLink);
  return { made, gone, changed: after.value, again: typeof after.oDataDeltaLink };
});

await step("milestones", async () => {
  const collection = "msdyn_contractlinescheduleofvalues";
  const targets = range(3).map((n) => ({
    "@odata.type": "Microsoft.Dynamics.CRM.msdyn_contractlinescheduleofvalue",
    msdyn_name: named(`milestone ${n}`),
    msdyn_amount: 100.25 + n,
    msdyn_invoicestatus: 192350000,
    msdyn_transactionclassification: 192350003,
    msdyn_transactiontypecode: 192350004,
    "msdyn_contract@odata.bind": `/salesorders(${job.contract})`,
    "msdyn_ContractLineId@odata.bind": `/salesorderdetails(${job.line})`,
  }));
  const { Ids: ids } = await api.callAction({ collection, actionName: BULK, action: { Targets: targets } });
  const found = await api.retrieveMultiple({
    collection,
    filter: `startswith(msdyn_name,'${named("milestone")}')`,
    orderBy: ["msdyn_amount desc"],
    select: ["msdyn_name", "msdyn_amount"],
    expand: [{ property: "msdyn_ContractLineId", select: ["salesorderdetailname"] }],
  });
  return { ids, shown: found.value.map((row) => [row.msdyn_name, row.msdyn_amount, row.msdyn_ContractLineId.salesorderdetailname]) };
});

await step("describe", async () => {
  const table = await api.retrieveEntity({ key: "LogicalName='account'", select: ["EntitySetName"], expand: [{ property: "Keys", select: ["KeyAttributes"] }] });
  const choices = await api.retrieveAttributes({
    entityKey: "LogicalName='msdyn_contractlinescheduleofvalue'",
    castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
    select: ["LogicalName"],
    expand: [{ property: "OptionSet", select: ["Options"] }],
  });
  const status = choices.value.find((column) => column.LogicalName === "msdyn_invoicestatus");
  return {
    set: table.EntitySetName,
    keys: table.Keys.map((key) => key.KeyAttributes),
    options: status.OptionSet.Options.map((option) => option.Value),
    user: (await api.callFunction("WhoAmI")).UserId,
    document: (await api.retrieveCsdlMetadata()).includes('<EntityType Name="account">'),
  };
});

await step("by_entity_name", async () => {
  const named = new DynamicsWebApi({ serverUrl: job.dataverse, dataApi: { version: "9.2" }, onTokenRefresh: token, useEntityNames: true });
  return (await named.retrieve({ collection: "account", key: value("create"), select: ["name"] })).name;
});
