"""What hvac, Python's client for Vault, does with the keeper: a story a function.

    keeper_hvac.py ADDRESS TOKEN

Prints the sum the way every part of the tests does.
"""
import base64
import sys
import traceback

import hvac
from hvac import exceptions

STORIES = []


def story(function):
    STORIES.append(function)
    return function


def refused(kind, call, *args, **more):
    try:
        call(*args, **more)
    except kind as error:
        return error
    raise AssertionError(f"{call} was not refused with {kind.__name__}")


def equal(is_, wanted):
    assert is_ == wanted, f"is {is_!r}, wanted {wanted!r}"


def b64(text):
    return base64.b64encode(text.encode()).decode()


# ---- sys ----

@story
def the_keeper_says_how_it_is(c):
    assert c.sys.is_initialized() and not c.sys.is_sealed()
    health = c.sys.read_health_status(method="GET")
    health = health if isinstance(health, dict) else health.json()
    assert health["initialized"] and not health["sealed"] and not health["standby"]
    equal(c.sys.read_health_status(method="HEAD").status_code, 200)
    assert c.sys.read_leader_status()["ha_enabled"] in (True, False)
    seal = c.sys.read_seal_status()
    assert {"t", "n", "progress", "version", "type", "sealed", "cluster_name"} <= set(seal)


@story
def mounts_come_change_and_go(c):
    c.sys.enable_secrets_engine("kv", path="m1", description="one", config={"default_lease_ttl": "1h"})
    mounts = c.sys.list_mounted_secrets_engines()
    equal(mounts["data"]["m1/"]["description"], "one")
    equal(mounts["m1/"]["type"], "kv")
    refused(exceptions.InvalidRequest, c.sys.enable_secrets_engine, "kv", path="m1")
    c.sys.tune_mount_configuration("m1", default_lease_ttl="2h", max_lease_ttl="3h", description="two")
    tuned = c.sys.read_mount_configuration("m1")
    equal((tuned["data"]["default_lease_ttl"], tuned["data"]["max_lease_ttl"]), (7200, 10800))
    equal(tuned["default_lease_ttl"], 7200)
    c.secrets.kv.v1.create_or_update_secret("a", {"k": "v"}, mount_point="m1")
    c.sys.move_backend("m1", "m2")
    equal(c.secrets.kv.v1.read_secret("a", mount_point="m2")["data"], {"k": "v"})
    c.sys.disable_secrets_engine("m2")
    assert "m2/" not in c.sys.list_mounted_secrets_engines()["data"]
    refused(exceptions.InvalidPath, c.secrets.kv.v1.read_secret, "a", mount_point="m2")


@story
def policies_are_kept_as_written(c):
    text = 'path "sec/*" { capabilities = ["read", "list"] }\n'
    c.sys.create_or_update_policy("reader", text)
    equal(c.sys.read_policy("reader")["data"]["rules"], text)
    assert "reader" in c.sys.list_policies()["data"]["policies"]
    c.sys.create_or_update_policy("dict", {"path": {"a/b": {"capabilities": ["read"]}}})
    refused(exceptions.InvalidRequest, c.sys.create_or_update_policy, "bad", 'path "x" { capabilities = ["fly"] }')
    c.sys.delete_policy("reader")
    refused(exceptions.InvalidPath, c.sys.read_policy, "reader")
    refused(exceptions.InvalidRequest, c.sys.delete_policy, "root")


@story
def capabilities_are_what_the_policies_give(c):
    c.sys.create_or_update_policy("caps", 'path "secret/data/caps" { capabilities = ["read", "update"] }')
    token = c.auth.token.create(policies=["caps"])["auth"]["client_token"]
    answer = c.sys.get_capabilities(paths=["secret/data/caps", "secret/data/no"], token=token)
    equal(sorted(answer["data"]["secret/data/caps"]), ["read", "update"])
    equal(answer["data"]["secret/data/no"], ["deny"])
    equal(c.sys.get_capabilities(paths=["x"])["capabilities"], ["root"])


@story
def wrapping_hands_a_secret_over_once(c):
    made = c.write("sys/wrapping/wrap", wrap_ttl="60s", zip="zap")
    wrapping = made["wrap_info"]["token"]
    assert made["wrap_info"]["ttl"] == 60 and made["wrap_info"]["accessor"]
    equal(c.write("sys/wrapping/lookup", token=wrapping)["data"]["creation_ttl"], 60)
    other = client(c.url, wrapping)
    equal(other.sys.unwrap()["data"], {"zip": "zap"})
    refused(exceptions.InvalidRequest, c.sys.unwrap, wrapping)
    token = c.auth.token.create(wrap_ttl="1m")["wrap_info"]["token"]
    equal(len(c.sys.unwrap(token)["auth"]["client_token"].split(".")), 2)


@story
def keys_are_rotated_and_told(c):
    before = c.sys.get_encryption_key_status()
    c.sys.rotate_encryption_key()
    after = c.sys.get_encryption_key_status()
    equal(after["data"]["term"], before["data"]["term"] + 1)


@story
def audit_devices_are_listed_and_hash(c):
    c.sys.enable_audit_device("file", path="extra", options={"path": "/dev/null"})
    assert "extra/" in c.sys.list_enabled_audit_devices()["data"]
    assert c.sys.calculate_hash("extra", "x")["data"]["hash"].startswith("hmac-sha256:")
    c.sys.disable_audit_device("extra")


# ---- what hvac's users found out about Vault ----

@story
def networks_of_a_secret_id_are_kept_as_written(c):
    c.sys.enable_auth_method("approle", path="bound")
    roles = c.auth.approle
    roles.create_or_update_approle("here", token_policies=["default"], token_bound_cidrs=["127.0.0.1/32"],
                                   mount_point="bound")
    made = roles.generate_secret_id("here", cidr_list=["127.0.0.1/32"], mount_point="bound")["data"]
    seen = roles.read_secret_id_accessor("here", made["secret_id_accessor"], mount_point="bound")["data"]
    equal(seen["cidr_list"], ["127.0.0.1/32"])
    equal(roles.read_role("here", mount_point="bound")["data"]["token_bound_cidrs"], ["127.0.0.1"])
    c.sys.disable_auth_method("bound")


@story
def an_intermediate_takes_its_name_from_the_request_and_may_outlive_its_issuer(c):
    for mount in ("above", "below"):
        c.sys.enable_secrets_engine("pki", path=mount)
    c.secrets.pki.generate_root("internal", "above", extra_params={"ttl": "1h", "country": "Brazil"},
                                mount_point="above")
    asked = c.secrets.pki.generate_intermediate("internal", "it is below", mount_point="below")["data"]
    signed = c.write("above/root/sign-intermediate", csr=asked["csr"], ttl="2h")["data"]
    assert "BEGIN CERTIFICATE" in signed["certificate"]
    c.secrets.pki.set_signed_intermediate(signed["certificate"], mount_point="below")
    c.write("above/roles/any", allow_any_name=True)
    refused(exceptions.InvalidRequest, c.write, "above/issue/any", common_name="leaf", ttl="2h")
    for mount in ("above", "below"):
        c.sys.disable_secrets_engine(mount)


@story
def an_alias_of_no_group_makes_one(c):
    c.sys.enable_auth_method("approle", path="outside")
    accessor = c.sys.list_auth_methods()["data"]["outside/"]["accessor"]
    groups = c.secrets.identity
    alias = groups.create_or_update_group_alias(name="them", mount_accessor=accessor)["data"]
    group = groups.read_group(alias["canonical_id"])["data"]
    equal((group["type"], group["alias"]["name"], group["member_group_ids"]), ("external", "them", None))
    same = groups.create_or_update_group_alias(name="them", mount_accessor=accessor)["data"]
    equal(same, alias)
    refused(exceptions.InvalidRequest, groups.create_or_update_group_alias, name="x", mount_accessor="none")
    refused(exceptions.InvalidRequest, c.sys.read_backup_keys)
    groups.delete_group(alias["canonical_id"])
    c.sys.disable_auth_method("outside")


# ---- tokens ----

@story
def tokens_live_and_die(c):
    made = c.auth.token.create(policies=["default"], ttl="1h", meta={"who": "ann"}, display_name="ann")
    auth = made["auth"]
    equal((auth["lease_duration"], auth["renewable"], auth["metadata"]), (3600, True, {"who": "ann"}))
    seen = c.auth.token.lookup(auth["client_token"])["data"]
    equal((seen["display_name"], seen["path"], seen["orphan"]), ("token-ann", "auth/token/create", False))
    by = c.auth.token.lookup_accessor(auth["accessor"])["data"]
    equal((by["id"], by["accessor"]), ("", auth["accessor"]))
    equal(c.auth.token.renew(auth["client_token"], increment="2h")["auth"]["lease_duration"], 7200)
    assert auth["accessor"] in c.auth.token.list_accessors()["data"]["keys"]
    c.auth.token.revoke_accessor(auth["accessor"])
    refused(exceptions.Forbidden, c.auth.token.lookup, auth["client_token"])


@story
def a_tree_of_tokens_dies_with_its_root(c):
    parent = c.auth.token.create(policies=["root"])["auth"]["client_token"]
    child = client(c.url, parent).auth.token.create(policies=["default"])["auth"]["client_token"]
    orphan = client(c.url, parent).write("auth/token/create-orphan", policies=["default"])["auth"]["client_token"]
    c.auth.token.revoke(parent)
    refused(exceptions.Forbidden, client(c.url, child).auth.token.lookup_self)
    client(c.url, orphan).auth.token.lookup_self()


@story
def uses_are_counted(c):
    token = c.auth.token.create(policies=["default"], num_uses=2)["auth"]["client_token"]
    for _ in range(2):
        client(c.url, token).auth.token.lookup_self()
    refused(exceptions.Forbidden, client(c.url, token).auth.token.lookup_self)


@story
def token_roles_and_batch_tokens(c):
    c.write("auth/token/roles/deploy", allowed_policies="default", orphan=True, token_period="1h")
    role = c.auth.token.read_role("deploy")["data"]
    equal((role["name"], role["orphan"], role["allowed_policies"]), ("deploy", True, ["default"]))
    made = c.write("auth/token/create/deploy")["auth"]
    equal((made["orphan"], made["lease_duration"]), (True, 3600))
    refused(exceptions.InvalidRequest, c.write, "auth/token/create/deploy", policies=["root"])
    equal(c.auth.token.list_roles()["data"]["keys"], ["deploy"])
    batch = c.write("auth/token/create", type="batch", policies=["default"])["auth"]
    equal((batch["token_type"], batch["accessor"]), ("batch", ""))
    client(c.url, batch["client_token"]).auth.token.lookup_self()


# ---- kv ----

@story
def kv_v1_is_a_map_of_maps(c):
    c.sys.enable_secrets_engine("kv", path="one", options={"version": "1"})
    kv = c.secrets.kv.v1
    kv.create_or_update_secret("a/b", {"x": "1", "n": 5, "deep": {"l": [1, None, True]}}, mount_point="one")
    equal(kv.read_secret("a/b", mount_point="one")["data"], {"x": "1", "n": 5, "deep": {"l": [1, None, True]}})
    kv.create_or_update_secret("a/c", {"y": "2"}, mount_point="one")
    equal(kv.list_secrets("a", mount_point="one")["data"]["keys"], ["b", "c"])
    equal(kv.list_secrets("", mount_point="one")["data"]["keys"], ["a/"])
    kv.delete_secret("a/b", mount_point="one")
    equal(refused(exceptions.InvalidPath, kv.read_secret, "a/b", mount_point="one").errors or [], [])
    c.sys.disable_secrets_engine("one")


@story
def kv_v2_keeps_versions(c):
    c.sys.enable_secrets_engine("kv", path="two", options={"version": "2"})
    kv = c.secrets.kv.v2
    equal(kv.create_or_update_secret("s", {"v": "1"}, mount_point="two")["data"]["version"], 1)
    equal(kv.create_or_update_secret("s", {"v": "2"}, cas=1, mount_point="two")["data"]["version"], 2)
    refused(exceptions.InvalidRequest, kv.create_or_update_secret, "s", {"v": "x"}, cas=1, mount_point="two")
    equal(kv.read_secret_version("s", mount_point="two")["data"]["data"], {"v": "2"})
    equal(kv.read_secret_version("s", version=1, mount_point="two")["data"]["data"], {"v": "1"})
    kv.patch("s", {"w": "3"}, mount_point="two")
    equal(kv.read_secret_version("s", mount_point="two")["data"]["data"], {"v": "2", "w": "3"})
    kv.delete_secret_versions("s", [1], mount_point="two")
    refused(exceptions.InvalidPath, kv.read_secret_version, "s", version=1, mount_point="two")
    kv.undelete_secret_versions("s", [1], mount_point="two")
    equal(kv.read_secret_version("s", version=1, mount_point="two")["data"]["data"], {"v": "1"})
    kv.destroy_secret_versions("s", [1], mount_point="two")
    meta = kv.read_secret_metadata("s", mount_point="two")["data"]
    equal((meta["current_version"], meta["versions"]["1"]["destroyed"]), (3, True))
    kv.delete_latest_version_of_secret("s", mount_point="two")
    gone = refused(exceptions.InvalidPath, kv.read_secret_version, "s", mount_point="two")
    assert gone is not None
    kv.update_metadata("s", max_versions=5, delete_version_after="30m", mount_point="two")
    equal(kv.read_secret_metadata("s", mount_point="two")["data"]["delete_version_after"], "30m0s")
    kv.configure(max_versions=7, cas_required=True, mount_point="two")
    equal(kv.read_configuration(mount_point="two")["data"]["max_versions"], 7)
    refused(exceptions.InvalidRequest, kv.create_or_update_secret, "t", {"v": "1"}, mount_point="two")
    equal(kv.list_secrets("", mount_point="two")["data"]["keys"], ["s"])
    kv.delete_metadata_and_all_versions("s", mount_point="two")
    refused(exceptions.InvalidPath, kv.read_secret_metadata, "s", mount_point="two")
    c.sys.disable_secrets_engine("two")


# ---- transit ----

@story
def transit_encrypts_and_rewraps(c):
    t = c.secrets.transit
    c.sys.enable_secrets_engine("transit")
    for kind in ("aes256-gcm96", "chacha20-poly1305", "rsa-2048"):
        name = "e-" + kind
        t.create_key(name, key_type=kind)
        sealed = t.encrypt_data(name, b64("secret"))["data"]["ciphertext"]
        assert sealed.startswith("vault:v1:")
        equal(t.decrypt_data(name, sealed)["data"]["plaintext"], b64("secret"))
        t.rotate_key(name)
        fresh = t.rewrap_data(name, sealed)["data"]["ciphertext"]
        assert fresh.startswith("vault:v2:")
        t.update_key_configuration(name, min_decryption_version=2, deletion_allowed=True)
        refused(exceptions.InvalidRequest, t.decrypt_data, name, sealed)
        equal(t.decrypt_data(name, fresh)["data"]["plaintext"], b64("secret"))
        t.delete_key(name)
        refused(exceptions.InvalidPath, t.read_key, name)


@story
def transit_takes_batches_and_contexts(c):
    t = c.secrets.transit
    t.create_key("batch")
    sealed = t.encrypt_data("batch", "", batch_input=[{"plaintext": b64("a")}, {"plaintext": b64("b")}])
    items = [{"ciphertext": i["ciphertext"]} for i in sealed["data"]["batch_results"]]
    opened = t.decrypt_data("batch", "", batch_input=items)["data"]["batch_results"]
    equal([i["plaintext"] for i in opened], [b64("a"), b64("b")])
    t.create_key("derived", derived=True, convergent_encryption=True)
    one = t.encrypt_data("derived", b64("x"), context=b64("ctx"))["data"]["ciphertext"]
    two = t.encrypt_data("derived", b64("x"), context=b64("ctx"))["data"]["ciphertext"]
    equal(one, two)
    refused(exceptions.InvalidRequest, t.encrypt_data, "derived", b64("x"))
    equal(t.decrypt_data("derived", one, context=b64("ctx"))["data"]["plaintext"], b64("x"))
    refused(exceptions.InvalidRequest, t.decrypt_data, "derived", one, context=b64("other"))


@story
def transit_signs_and_verifies(c):
    t = c.secrets.transit
    for kind in ("ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096"):
        name = "s-" + kind
        t.create_key(name, key_type=kind)
        signature = t.sign_data(name, b64("text"))["data"]["signature"]
        assert t.verify_signed_data(name, b64("text"), signature=signature)["data"]["valid"]
        assert not t.verify_signed_data(name, b64("other"), signature=signature)["data"]["valid"]
        assert t.read_key(name)["data"]["keys"]["1"]["public_key"]
    mac = t.generate_hmac("s-ed25519", b64("text"))["data"]["hmac"]
    assert t.verify_signed_data("s-ed25519", b64("text"), hmac=mac)["data"]["valid"]
    pss = t.sign_data("s-rsa-2048", b64("text"), signature_algorithm="pkcs1v15")["data"]["signature"]
    assert t.verify_signed_data("s-rsa-2048", b64("text"), signature=pss, signature_algorithm="pkcs1v15")["data"]["valid"]


@story
def transit_exports_backs_up_and_restores(c):
    t = c.secrets.transit
    t.create_key("exp", exportable=True, allow_plaintext_backup=True)
    assert t.export_key("exp", "encryption-key")["data"]["keys"]["1"]
    sealed = t.encrypt_data("exp", b64("keep"))["data"]["ciphertext"]
    blob = t.backup_key("exp")["data"]["backup"]
    refused(exceptions.InternalServerError, t.restore_key, blob, name="exp")
    t.restore_key(blob, name="exp2")
    equal(t.decrypt_data("exp2", sealed)["data"]["plaintext"], b64("keep"))
    t.create_key("closed")
    refused(exceptions.InternalServerError, t.backup_key, "closed")
    refused(exceptions.InvalidRequest, t.export_key, "closed", "encryption-key")
    data = t.generate_data_key("exp", "plaintext")["data"]
    equal(t.decrypt_data("exp", data["ciphertext"])["data"]["plaintext"], data["plaintext"])
    equal(len(base64.b64decode(t.generate_random_bytes(n_bytes=16)["data"]["random_bytes"])), 16)
    equal(t.hash_data(b64("abc"), algorithm="sha2-256")["data"]["sum"],
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


# ---- logins ----

@story
def approle_logs_in(c):
    c.sys.enable_auth_method("approle")
    a = c.auth.approle
    a.create_or_update_approle("web", token_policies=["default"], token_ttl="20m", secret_id_num_uses=2)
    role = a.read_role_id("web")["data"]["role_id"]
    made = a.generate_secret_id("web", metadata={"env": "test"})["data"]
    login = client(c.url, None).auth.approle.login(role, made["secret_id"])["auth"]
    equal((login["lease_duration"], login["metadata"]), (1200, {"env": "test", "role_name": "web"}))
    seen = a.read_secret_id("web", made["secret_id"])["data"]
    equal(seen["secret_id_num_uses"], 1)
    assert a.list_secret_id_accessors("web")["data"]["keys"]
    a.destroy_secret_id_accessor("web", made["secret_id_accessor"])
    refused(exceptions.InvalidRequest, client(c.url, None).auth.approle.login, role, made["secret_id"])
    a.update_role_id("web", "custom-role-id")
    equal(a.read_role_id("web")["data"]["role_id"], "custom-role-id")
    own = a.create_custom_secret_id("web", "mine-mine-mine")["data"]["secret_id"]
    client(c.url, None).auth.approle.login("custom-role-id", own)
    equal(a.list_roles()["data"]["keys"], ["web"])
    a.delete_role("web")
    refused(exceptions.InvalidPath, a.read_role, "web")


@story
def userpass_logs_in(c):
    c.sys.enable_auth_method("userpass")
    u = c.auth.userpass
    u.create_or_update_user("joe", "pass-1", policies=["default"])
    login = client(c.url, None).auth.userpass.login("joe", "pass-1")["auth"]
    equal((login["policies"], login["metadata"]), (["default"], {"username": "joe"}))
    refused(exceptions.InvalidRequest, client(c.url, None).auth.userpass.login, "joe", "wrong")
    refused(exceptions.InvalidRequest, client(c.url, None).auth.userpass.login, "nobody", "wrong")
    u.update_password_on_user("joe", "pass-2")
    client(c.url, None).auth.userpass.login("joe", "pass-2")
    equal(u.list_user()["data"]["keys"], ["joe"])
    u.delete_user("joe")
    refused(exceptions.InvalidPath, u.read_user, "joe")


# ---- pki ----

@story
def pki_issues_and_revokes(c):
    p = c.secrets.pki
    c.sys.enable_secrets_engine("pki", config={"max_lease_ttl": "87600h"})
    root = p.generate_root("internal", "Test Root", extra_params={"ttl": "8760h"})
    assert "BEGIN CERTIFICATE" in root["data"]["certificate"]
    p.create_or_update_role("web", {"allowed_domains": "example.test", "allow_subdomains": True, "max_ttl": "72h"})
    made = p.generate_certificate("web", "www.example.test")["data"]
    assert made["private_key"] and made["serial_number"] and made["issuing_ca"] == root["data"]["certificate"]
    refused(exceptions.InvalidRequest, p.generate_certificate, "web", "www.other.test")
    assert made["serial_number"] in p.list_certificates()["data"]["keys"]
    assert p.revoke_certificate(made["serial_number"])["data"]["revocation_time"] > 0
    assert "BEGIN X509 CRL" in p.read_crl()
    assert "BEGIN CERTIFICATE" in p.read_ca_certificate()
    equal(p.read_role("web")["data"]["max_ttl"], 259200)
    equal(p.list_roles()["data"]["keys"], ["web"])
    p.set_urls({"issuing_certificates": ["http://ca.test/ca"], "crl_distribution_points": ["http://ca.test/crl"]})
    equal(p.read_urls()["data"]["issuing_certificates"], ["http://ca.test/ca"])
    p.set_crl_configuration(expiry="72h")
    equal(p.read_crl_configuration()["data"]["expiry"], "72h")
    c.sys.enable_secrets_engine("pki", path="inter", config={"max_lease_ttl": "43800h"})
    csr = p.generate_intermediate("internal", "Test Intermediate", mount_point="inter")["data"]["csr"]
    signed = p.sign_intermediate(csr, "Test Intermediate", extra_params={"ttl": "4380h"})["data"]["certificate"]
    p.set_signed_intermediate(signed, mount_point="inter")
    p.create_or_update_role("api", {"allow_any_name": True, "enforce_hostnames": False}, mount_point="inter")
    leaf = p.generate_certificate("api", "api.test", mount_point="inter")["data"]
    equal(leaf["ca_chain"][0].strip(), signed.strip())
    p.tidy({"tidy_cert_store": True})
    p.rotate_crl()


@story
def refusals_say_what_vault_says(c):
    none = client(c.url, None)
    refused(exceptions.Forbidden, client(c.url, "hvs.nonsense").auth.token.lookup_self)
    refused(exceptions.Forbidden, none.read, "auth/nowhere/role/x")
    refused((exceptions.InvalidRequest, exceptions.Forbidden), none.read, "secret/x")
    equal(c.read("cubbyhole/none"), None)
    c.write("cubbyhole/mine", a="b")
    equal(c.read("cubbyhole/mine")["data"], {"a": "b"})
    equal(c.list("cubbyhole")["data"]["keys"], ["mine"])
    c.delete("cubbyhole/mine")


def client(url, token):
    return hvac.Client(url=url, token=token, verify=False)


def main():
    url, token = sys.argv[1:3]
    only = sys.argv[3:]
    failed = 0
    chosen = [s for s in STORIES if not only or s.__name__ in only]
    for one in chosen:
        try:
            one(client(url, token))
        except Exception:  # every story is told, whatever another one meets
            failed += 1
            print(f"FAILED {one.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
