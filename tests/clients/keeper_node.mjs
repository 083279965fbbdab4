// What three clients for Vault from npm do with the keeper: node-vault, hashi-vault-js and @litehex/node-vault.
//
//     keeper_node.mjs ADDRESS TOKEN
//
// Prints the sum the way every part of the tests does.
import assert from "node:assert/strict";
import nodeVault from "node-vault";
import HashiVault from "hashi-vault-js";
import { Client } from "@litehex/node-vault";

const [address, root] = process.argv.slice(2);
const base64 = (text) => Buffer.from(text).toString("base64");
const plain = (text) => Buffer.from(text, "base64").toString();
const stories = [];
const story = (name, told) => stories.push([name, told]);

async function refused(status, promise) {
  const error = await promise.then(() => null, (failed) => failed);
  assert.ok(error, `was not refused with ${status}`);
  assert.equal(error.response?.statusCode ?? error.response?.status, status, error.message);
  return error;
}

// ---- node-vault ----

const node = (token) => nodeVault({ endpoint: address, token });

story("node-vault sees how the keeper is", async () => {
  const v = node(root);
  assert.equal((await v.status()).sealed, false);
  assert.equal((await v.initialized()).initialized, true);
  assert.equal((await v.health()).standby, false);
  assert.equal((await v.leader()).ha_enabled, false);
  assert.ok((await v.mounts()).data["sys/"]);
  assert.ok((await v.auths())["token/"]);
  assert.ok((await v.help("sys/mounts")).help.length > 0);
  const keys = (await v.read("sys/key-status")).data.term;
  await v.rotate();
  assert.equal((await v.read("sys/key-status")).data.term, keys + 1);
});

story("node-vault keeps secrets, and moves where they are", async () => {
  const v = node(root);
  await v.mount({ mount_point: "nv", type: "kv", description: "of node-vault" });
  await v.write("nv/deep/one", { value: "world" });
  assert.deepEqual((await v.list("nv")).data.keys, ["deep/"]);
  assert.equal((await v.remount({ from: "nv", to: "nv-moved" })).data.migration_id.length, 36);
  assert.equal((await v.read("nv-moved/deep/one")).data.value, "world");
  await v.delete("nv-moved/deep/one");
  const gone = await refused(404, v.read("nv-moved/deep/one"));
  assert.equal(gone.message, "Status 404");
  await v.unmount({ mount_point: "nv-moved" });
  assert.equal((await v.mounts()).data["nv-moved/"], undefined);
});

story("node-vault patches and destroys versions", async () => {
  const v = node(root);
  await v.mount({ mount_point: "nv2", type: "kv", options: { version: 2 } });
  await v.write("nv2/data/a", { data: { one: 1, two: "x" } });
  await v.update("nv2/data/a", { data: { two: null, three: [3] } });
  const now = (await v.read("nv2/data/a")).data;
  assert.deepEqual([now.data, now.metadata.version], [{ one: 1, three: [3] }, 2]);
  await v.destroySecretVersions({ mount_point: "nv2", path: "a", versions: [1] });
  await refused(404, v.read("nv2/data/a?version=1"));
  assert.equal((await v.read("nv2/metadata/a")).data.versions["1"].destroyed, true);
  await v.unmount({ mount_point: "nv2" });
});

story("node-vault writes a policy as JSON, and logs a user in under it", async () => {
  const v = node(root);
  const rules = '{"path": {"nvp/*": {"policy": "write"}, "nvp/secret": {"policy": "deny"}}}';
  await v.addPolicy({ name: "nv-writer", rules });
  assert.equal((await v.getPolicy({ name: "nv-writer" })).rules, rules);
  assert.ok((await v.policies()).policies.includes("nv-writer"));
  await v.mount({ mount_point: "nvp", type: "kv" });
  await v.enableAuth({ mount_point: "nv-users", type: "userpass" });
  await v.write("auth/nv-users/users/ann", { password: "of ann", policies: "nv-writer" });
  const ann = node();
  const login = { mount_point: "nv-users", username: "ann" };
  await refused(400, ann.userpassLogin({ ...login, password: "of bob" }));
  await ann.userpassLogin({ ...login, password: "of ann" });
  await ann.write("nvp/open", { a: "1" });
  await refused(403, ann.read("nvp/secret"));
  await refused(403, ann.mounts());
  await v.removePolicy({ name: "nv-writer" });
  await refused(403, ann.read("nvp/open"));
  await v.disableAuth({ mount_point: "nv-users" });
  await v.unmount({ mount_point: "nvp" });
});

story("node-vault logs a machine in", async () => {
  const v = node(root);
  const at = { mount_point: "nv-machines", role_name: "builder" };
  await v.enableAuth({ mount_point: "nv-machines", type: "approle" });
  await v.addApproleRole({ ...at, policies: "default", secret_id_ttl: 600, token_ttl: 300 });
  assert.deepEqual((await v.approleRoles(at)).data.keys, ["builder"]);
  assert.equal((await v.getApproleRole(at)).data.secret_id_ttl, 600);
  await v.updateApproleRoleId({ ...at, role_id: "the-builder" });
  const secret = (await v.getApproleRoleSecret({ ...at, metadata: '{"site": "north"}' })).data;
  const { secret_id, secret_id_accessor } = secret;
  assert.equal((await v.approleSecretLookup({ ...at, secret_id })).data.metadata.site, "north");
  assert.deepEqual((await v.approleSecretAccessors(at)).data.keys, [secret_id_accessor]);
  const machine = node();
  const role_id = (await v.getApproleRoleId(at)).data.role_id;
  const got = await machine.approleLogin({ mount_point: at.mount_point, role_id, secret_id });
  assert.equal(got.auth.metadata.role_name, "builder");
  assert.equal((await machine.tokenRenewSelf({ increment: 100 })).auth.renewable, true);
  await machine.tokenRevokeSelf();
  await refused(403, machine.tokenLookupSelf());
  await v.approleSecretAccessorDestroy({ ...at, secret_id_accessor });
  await refused(400, node().approleLogin({ mount_point: at.mount_point, role_id, secret_id }));
  await v.disableAuth({ mount_point: "nv-machines" });
});

story("node-vault makes tokens, alone, by a role, and wrapped", async () => {
  const v = node(root);
  const { auth } = await node(root).tokenCreate({ ttl: "1h", policies: ["default"], renewable: true });
  assert.equal((await v.tokenLookup({ token: auth.client_token })).data.ttl, 3600);
  assert.equal((await v.tokenLookupAccessor({ accessor: auth.accessor })).data.id, "");
  assert.ok((await v.tokenAccessors()).data.keys.includes(auth.accessor));
  await v.tokenRevokeAccessor({ accessor: auth.accessor });
  await refused(403, v.tokenLookup({ token: auth.client_token }));
  await v.addTokenRole({ role_name: "nv-short", allowed_policies: "default", period: 120 });
  assert.deepEqual((await v.tokenRoles()).data.keys, ["nv-short"]);
  assert.equal((await node(root).tokenCreateRole({ role_name: "nv-short" })).auth.lease_duration, 120);
  await v.removeTokenRole({ role_name: "nv-short" });
  const wrap = { requestOptions: { headers: { "X-Vault-Wrap-TTL": "60s" } } };
  const { wrap_info } = await node(root).tokenCreate(wrap);
  assert.equal((await node(wrap_info.token).unwrap({})).auth.policies[0], "root");
  await refused(400, node(wrap_info.token).unwrap({}));
});

story("node-vault encrypts, and works on the root token", async () => {
  const v = node(root);
  await v.mount({ mount_point: "transit", type: "transit" });
  await v.transitCreateKey({ name: "nv" });
  assert.deepEqual((await v.transitListKeys()).data.keys, ["nv"]);
  const { ciphertext } = (await v.encryptData({ name: "nv", plaintext: base64("hello") })).data;
  await v.write("transit/keys/nv/rotate", {});
  const newer = (await v.rewrapData({ name: "nv", ciphertext })).data.ciphertext;
  assert.match(newer, /^vault:v2:/);
  assert.equal(plain((await v.decryptData({ name: "nv", ciphertext: newer })).data.plaintext), "hello");
  await refused(400, v.transitDeleteKey({ name: "nv" }));
  await v.unmount({ mount_point: "transit" });
  assert.equal((await v.generateRootInit()).otp.length, 28);
  await v.generateRootCancel();
  await refused(400, v.renew({ lease_id: "none/of/these" }));
});

// ---- hashi-vault-js ----

const hashi = (path) => new HashiVault({ baseUrl: `${address}/v1`, rootPath: path, timeout: 10000, proxy: false });

story("hashi-vault-js keeps versions of a secret", async () => {
  const v = hashi("hv");
  await node(root).mount({ mount_point: "hv", type: "kv-v2" });
  assert.equal((await v.healthCheck({ standbyok: true })).sealed, false);
  await v.updateKVEngineConfig(root, { max_versions: 3, cas_required: false, delete_version_after: "3h" });
  const config = await v.readKVEngineConfig(root);
  assert.deepEqual([config.max_versions, config.delete_version_after], [3, "3h0m0s"]);
  assert.equal((await v.createKVSecret(root, "it", { a: "1" })).version, 1);
  assert.equal((await v.updateKVSecret(root, "it", { a: "2" }, 1)).version, 2);
  await refused(400, v.updateKVSecret(root, "it", { a: "3" }, 1));
  assert.deepEqual((await v.readKVSecret(root, "it", 1)).data, { a: "1" });
  assert.deepEqual((await v.listKVSecrets(root)).keys, ["it"]);
  await v.deleteLatestVerKVSecret(root, "it");
  await refused(404, v.readKVSecret(root, "it"));
  await v.undeleteVersionsKVSecret(root, "it", [2]);
  assert.deepEqual((await v.readKVSecret(root, "it")).data, { a: "2" });
  await v.destroyVersionsKVSecret(root, "it", [1]);
  assert.equal((await v.readKVSecretMeta(root, "it")).versions["1"].destroyed, true);
  await v.eliminateKVSecret(root, "it");
  await refused(404, v.listKVSecrets(root));
  await node(root).unmount({ mount_point: "hv" });
});

story("hashi-vault-js has certificates made", async () => {
  const v = hashi("hv-pki");
  await node(root).mount({ mount_point: "hv-pki", type: "pki" });
  const at = "hv-pki";
  const names = { commonName: "root.example", ttl: "8760h", keyType: "ec", keyBits: 256, country: "Brazil", type: "internal" };
  assert.match((await v.generateRootCA(root, names, at)).certificate, /^-----BEGIN CERTIFICATE-----/);
  const role = { name: "web", allowedDomains: ["example.com"], allowSubdomains: true, maxTtl: "24h", keyType: "ec", keyBits: 256 };
  await v.createPkiRole(root, role, at);
  assert.deepEqual((await v.listPkiRoles(root, at)).keys, ["web"]);
  const made = await v.genPkiCertificate(root, { role: "web", commonName: "a.example.com", ttl: "1h" }, at);
  assert.match(made.private_key, /PRIVATE KEY/);
  assert.ok((await v.listCertificates(root, at)).keys.includes(made.serial_number));
  assert.ok((await v.revokePkiCertificate(root, made.serial_number, at)).revocation_time > 0);
  assert.match(await v.readPkiCrl("pem", at), /BEGIN X509 CRL/);
  await refused(400, v.genPkiCertificate(root, { role: "web", commonName: "a.other.com" }, at));
  await node(root).unmount({ mount_point: at });
});

// ---- @litehex/node-vault: checks each answer against a schema ----

async function said(promise) {
  const { data, error } = await promise;
  assert.equal(error, undefined, `${error?.message} ${JSON.stringify(error?.cause)}`);
  return data;
}

story("@litehex/node-vault finds every answer to be of its schema", async () => {
  const c = new Client({ endpoint: address, token: root });
  const at = { mountPath: "lh" };
  assert.equal((await said(c.sealStatus())).sealed, false);
  await said(c.health());
  await said(c.initialized());
  await said(c.mounts());
  await said(c.listDevices());
  await said(c.getRootGenerationProgress());
  await said(c.mount({ ...at, type: "kv-v2" }));
  assert.equal((await said(c.engineInfo(at))).data.options.version, "2");
  await said(c.tuneMount({ ...at, default_lease_ttl: 3600, description: "tuned" }));
  await said(c.tune(at));
  await said(c.kv2.config({ ...at, max_versions: 5 }));
  assert.equal((await said(c.kv2.readConfig(at))).data.max_versions, 5);
  await said(c.kv2.write({ ...at, path: "x", data: { foo: "bar" } }));
  await said(c.kv2.patch({ ...at, path: "x", data: { and: "so" } }));
  assert.deepEqual((await said(c.kv2.read({ ...at, path: "x" }))).data.data, { foo: "bar", and: "so" });
  assert.deepEqual((await said(c.kv2.subKeys({ ...at, path: "x" }))).data.subkeys, { and: null, foo: null });
  await said(c.kv2.writeMetadata({ ...at, path: "x", custom_metadata: { of: "us" } }));
  assert.equal((await said(c.kv2.readMetadata({ ...at, path: "x" }))).data.custom_metadata.of, "us");
  await said(c.kv2.deleteLatest({ ...at, path: "x" }));
  await said(c.kv2.undelete({ ...at, path: "x", versions: [2] }));
  await said(c.kv2.destroy({ ...at, path: "x", versions: [1] }));
  await said(c.kv2.deleteMetadata({ ...at, path: "x" }));
  assert.ok((await c.kv2.read({ ...at, path: "x" })).error);
  await said(c.unmount(at));
});

story("@litehex/node-vault uses keys that it never sees", async () => {
  const c = new Client({ endpoint: address, token: root });
  const at = { mountPath: "lh-transit" };
  const key = { ...at, name: "k" };
  const t = c.transit;
  await said(t.enable({ ...at, type: "transit" }));
  await said(t.info(at));
  await said(t.createKey({ ...key, exportable: true, allow_plaintext_backup: true }));
  const { ciphertext } = (await said(t.encrypt({ ...key, plaintext: base64("so") }))).data;
  assert.equal(plain((await said(t.decrypt({ ...key, ciphertext }))).data.plaintext), "so");
  await said(t.rotateKey(key));
  assert.match((await said(t.rewrap({ ...key, ciphertext }))).data.ciphertext, /^vault:v2:/);
  assert.equal((await said(t.readKey(key))).data.latest_version, 2);
  await said(t.generateDataKey({ ...key, type: "plaintext" }));
  const input = base64("signed");
  const algorithm = "sha2-256";
  await said(t.hash({ ...at, input, algorithm, format: "hex" }));
  const { hmac } = (await said(t.hmac({ ...key, input }))).data;
  assert.equal((await said(t.verifyHmac({ ...key, input, hmac, algorithm }))).data.valid, true);
  assert.equal(Object.keys((await said(t.exportKey({ ...key, type: "encryption-key" }))).data.keys).length, 2);
  const { backup } = (await said(t.backupKey(key))).data;
  await said(t.restoreKey({ ...at, name: "again", backup }));
  assert.deepEqual((await said(t.listKeys(at))).data.keys, ["again", "k"]);
  await said(c.unmount(at));
});

let failed = 0;
for (const [name, told] of stories) {
  try {
    await told();
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}\n${error.stack}\n${JSON.stringify(error.response?.body ?? error.response?.data ?? "")}`);
  }
}
console.log(`${stories.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
