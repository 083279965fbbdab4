/*
 * schema - the words of the keeper, and of what it keeps: keys, secrets, policies; and how an
 * origin process is given a secret or a token.
 */
#include "model/schema_int.h"

/* ---- the keeper itself ---- */

static const struct word seal_words[] = {
    { "key_file", WORD_PATH, AT(keeper_seal, key_file),
        .help = "A file of at least 32 random bytes that opens the keeper when Weir starts "
                "(`weir keeper keygen`); without it, shares do (`weir keeper unseal`).",
        .example = "/etc/weir/unseal.key" },
    { NULL },
};
static const struct table seal_table = {
    .title = "`seal`",
    .words = seal_words,
    .size = sizeof(struct keeper_seal),
    .short_word = "key_file",
};

static const struct word keeper_words[] = {
    { "listen", WORD_ADDRESS, AT(keeper_rule, listen_text), ALSO(keeper_rule, listen),
        .preset = "127.0.0.1:8200",
        .help = "Where its API (HashiCorp Vault's, under /v1) is answered; always also on the unix "
                "socket keeper.sock in `state`.",
        .example = "127.0.0.1:8200" },
    { "tls", WORD_NAME, AT(keeper_rule, tls),
        .help = "The name of the certificate for that address; without it the API speaks plain "
                "HTTP, which only a loopback address should.",
        .example = "internal" },
    { "seal", WORD_TABLE, AT(keeper_rule, seal), .table = &seal_table,
        .help = "What opens the keeper besides the shares that `weir keeper init` prints.",
        .example = "{key_file: /etc/weir/unseal.key}" },
    { NULL },
};
const struct table schema_keeper = {
    .title = "`keeper`",
    .words = keeper_words,
    .size = sizeof(struct keeper_rule),
    .has_switch = TABLE_OFF,
    .on = offsetof(struct keeper_rule, on),
};

/* ---- keys ---- */

static const struct choice key_types[] = {
    { "aes128-gcm96", 0, "encrypts, AES-128-GCM" },
    { "aes256-gcm96", 1, "encrypts, AES-256-GCM" },
    { "chacha20-poly1305", 2, "encrypts" },
    { "xchacha20-poly1305", 3, "encrypts" },
    { "ed25519", 4, "signs" },
    { "ecdsa-p256", 5, "signs" },
    { "ecdsa-p384", 6, "signs" },
    { "ecdsa-p521", 7, "signs" },
    { "ecdsa-secp256k1", 8, "signs" },
    { "rsa-2048", 9, "signs and encrypts" },
    { "rsa-3072", 10, "signs and encrypts" },
    { "rsa-4096", 11, "signs and encrypts" },
    { NULL, 0, NULL },
};

const char *managed_key_type(const struct managed_key *k)
{
    return key_types[k->type].name;
}

static const struct word key_words[] = {
    { "type", WORD_CHOICE, AT(managed_key, type), .flags = WORD_REQUIRED, .choices = key_types,
        .help = "What the key can do. It cannot change once the key is there.",
        .example = "ed25519" },
    { "mount", WORD_NAME, AT(managed_key, mount), .preset = "transit",
        .help = "The transit engine it is in; made when it is not there.", .example = "transit" },
    { "rotate", WORD_DURATION, AT(managed_key, rotate), .preset = "0s", RANGE(0, DAYS(3650)),
        .preset_means = "never",
        .help = "How old its newest version may grow before there is a new one; the old ones go on "
                "verifying and decrypting. At least an hour.",
        .example = "90d" },
    { "exportable", WORD_BOOL, AT(managed_key, exportable), .preset = "false",
        .help = "Whether the key may ever leave the keeper. It cannot be taken back.",
        .example = "true" },
    { NULL },
};
const struct table schema_key = {
    .title = "a key",
    .words = key_words,
    .size = sizeof(struct managed_key),
    .short_word = "type",
    .finish = finish_key,
};

/* ---- secrets ---- */

static const struct choice generators[] = {
    { "none", GENERATE_NONE, "somebody puts it there: `weir secret put`" },
    { "password", GENERATE_PASSWORD, "letters and digits" },
    { "hex", GENERATE_HEX, "random bytes in hex" },
    { "base64", GENERATE_BASE64, "random bytes in base64" },
    { "uuid", GENERATE_UUID, "a random UUID" },
    { NULL, 0, NULL },
};

const char *managed_secret_generator(const struct managed_secret *s)
{
    return generators[s->generate].name;
}

static const struct word secret_words[] = {
    { "mount", WORD_NAME, AT(managed_secret, mount), .preset = "secret",
        .help = "The KV engine (version 2) it is in; made when it is not there.",
        .example = "secret" },
    { "path", WORD_TEXT, AT(managed_secret, path), .flags = WORD_NOT_EMPTY,
        .preset_means = "its name", .help = "Where it is in that engine.",
        .example = "shop/database" },
    { "field", WORD_NAME, AT(managed_secret, field), .preset = "value",
        .help = "Which of the values at that path is meant.", .example = "password" },
    { "generate", WORD_CHOICE, AT(managed_secret, generate), .preset = "none",
        .choices = generators,
        .help = "How the keeper makes it when it is not there. Nobody sees the value on the way.",
        .example = "password" },
    { "length", WORD_UNSIGNED, AT(managed_secret, length), .preset = "32", RANGE(8, 1024),
        .help = "How many characters a generated password has, or bytes for hex and base64.",
        .example = "48" },
    { "rotate", WORD_DURATION, AT(managed_secret, rotate), .preset = "0s", RANGE(0, DAYS(3650)),
        .preset_means = "never",
        .help = "How old a generated value may grow before `weir apply` makes a new one. Origin "
                "processes that have it are replaced one after the other.",
        .example = "30d" },
    { NULL },
};
const struct table schema_secret = {
    .title = "a secret",
    .words = secret_words,
    .size = sizeof(struct managed_secret),
    .short_word = "path",
    .finish = finish_secret,
};

/* ---- policies ---- */

static const struct choice capabilities[] = {
    { "create", 1 << 0, "make what is not there" },
    { "read", 1 << 1, "read" },
    { "update", 1 << 2, "change what is there; sign, encrypt and the like" },
    { "delete", 1 << 3, "delete" },
    { "list", 1 << 4, "see names" },
    { "patch", 1 << 5, "change in parts" },
    { "sudo", 1 << 6, "paths that need it besides" },
    { "deny", 1 << 7, "nothing at all, whatever other policies say" },
    { NULL, 0, NULL },
};

const char *policy_path_capability(const struct policy_path *p, unsigned *at)
{
    while (capabilities[*at].name != NULL)
        if ((p->can & capabilities[(*at)++].value) != 0)
            return capabilities[*at - 1].name;
    return NULL;
}

static const struct word policy_path_words[] = {
    { "can", WORD_SET, AT(policy_path, can), .flags = WORD_REQUIRED, .choices = capabilities,
        .help = "What may be done there.", .example = "[read, list]" },
    { "approvals", WORD_UNSIGNED, AT(policy_path, approvals), .preset = "0", RANGE(0, 16),
        .help = "How many others must approve first; 0 for none.", .example = "2" },
    { "approvers", WORD_NAME, WORD_LIST, AT(policy_path, approvers),
        .help = "Policies that one of the approvers must have; anyone who may approve when absent.",
        .example = "[officers]" },
    { NULL },
};
static const struct table policy_path_table = {
    .title = "a path of a policy",
    .words = policy_path_words,
    .size = sizeof(struct policy_path),
    .short_word = "can",
};

static const struct word policy_words[] = {
    { "paths", WORD_TABLE, WORD_MAP, WORD_KEY_ANY, AT(managed_policy, paths),
        .table = &policy_path_table, .flags = WORD_REQUIRED,
        .help = "Paths of the API without /v1/, and what may be done there; `*` at the end stands "
                "for all that begins so, `+` for one segment.",
        .example = "{transit/sign/receipts: [update]}" },
    { NULL },
};
const struct table schema_policy = {
    .title = "a policy",
    .words = policy_words,
    .size = sizeof(struct managed_policy),
    .finish = finish_policy,
};

/* ---- what an origin process is given ---- */

static const struct choice ways[] = {
    { "environment", HAND_ENVIRONMENT, "the variable holds the value" },
    { "file", HAND_FILE, "the variable holds the path of a file in memory that holds the value" },
    { "descriptor", HAND_DESCRIPTOR,
        "the variable holds the number of an open descriptor to read it from" },
    { NULL, 0, NULL },
};

static const struct word run_secret_words[] = {
    { "secret", WORD_NAME, AT(run_secret, secret), .flags = WORD_REQUIRED,
        .help = "The name of one of `secrets`.", .example = "database" },
    { "as", WORD_CHOICE, AT(run_secret, as), .preset = "environment", .choices = ways,
        .help = "How the process gets it. A file or descriptor is not seen by its children unless "
                "it passes it on.",
        .example = "file" },
    { NULL },
};
const struct table schema_run_secret = {
    .title = "a secret of `run`",
    .words = run_secret_words,
    .size = sizeof(struct run_secret),
    .short_word = "secret",
};

static const struct word run_token_words[] = {
    { "policies", WORD_NAME, WORD_LIST, AT(run_token, policies),
        .flags = WORD_REQUIRED | WORD_NOT_EMPTY, .help = "What it may do: names of `policies`.",
        .example = "[receipts]" },
    { "variable", WORD_TEXT, AT(run_token, variable), .preset = "VAULT_TOKEN",
        .flags = WORD_NOT_EMPTY, .help = "The environment variable.", .example = "SHOP_TOKEN" },
    { "as", WORD_CHOICE, AT(run_token, as), .preset = "environment", .choices = ways,
        .help = "How the process gets it.", .example = "file" },
    { NULL },
};
const struct table schema_run_token = {
    .title = "`token` of `run`",
    .words = run_token_words,
    .size = sizeof(struct run_token),
    .short_word = "policies",
    .has_switch = TABLE_OFF,
    .on = offsetof(struct run_token, on),
};
