/*
 * transit - keys that never leave: a ring of versions under a name, and everything that is done with them.
 *
 * Entries of a mount, each small however many versions a key has:
 *     key/<name>                 what the key is and which versions may do what: struct transit_key
 *     version/<name>/<number>    one version with its secret: struct transit_version
 *     usage/<name>               how often versions have sealed or signed: MAP, written now and then
 *     config/keys, config/cache, wrapping_key
 *
 * A version's state (NIST SP 800-57 part 1, section 7), told by transit_state():
 *
 *     PRE_ACTIVE --its time comes--> ACTIVE --rotate, min_encryption_version--> DEACTIVATED --trim--> DESTROYED
 *                                      |                                           |                     ^
 *                                      +---------incident---> COMPROMISED <--------+---------------------+
 *
 * ACTIVE versions protect (encrypt, sign) and process (decrypt, verify), DEACTIVATED ones process, COMPROMISED ones
 * decrypt, with a warning, so that data can be saved, and neither sign nor verify; the others do nothing.  As Vault has it, a
 * request that names an older version by key_version still gets it, until min_encryption_version or a command forbids that.
 */
#ifndef WEIR_KEEPER_ENGINES_TRANSIT_INT_H
#define WEIR_KEEPER_ENGINES_TRANSIT_INT_H

#include "keeper/core/request_int.h"
#include "keeper/crypto/key_int.h"

enum transit_state {
    TRANSIT_PRE_ACTIVE,
    TRANSIT_ACTIVE,
    TRANSIT_DEACTIVATED,
    TRANSIT_COMPROMISED,
    TRANSIT_DESTROYED,
    TRANSIT_STATES
};

enum transit_kdf { TRANSIT_HMAC_COUNTER, TRANSIT_HKDF }; /* as Vault numbers them */

enum {
    TRANSIT_CONVERGENT = 3,      /* the version of convergent encryption that new keys get */
    TRANSIT_HMAC_KEY = 32,       /* bytes; a version's own, beside the key */
    TRANSIT_ROTATE_LEAST = 3600, /* s */
    TRANSIT_TRY_AGAIN = 60,      /* s, after a rotation that did not come about */
    TRANSIT_VERSIONS_MAX = 1000000,
    TRANSIT_NAME_MAX = 256,
};

/* NIST SP 800-38D section 8.3: invocations of one key with random nonces of 96 bits. */
#define TRANSIT_SEALS_MAX (UINT64_C(1) << 32)

/* What "key/<name>" says. */
struct transit_key {
    enum key_type type;
    enum transit_kdf kdf;
    bool derived;
    bool convergent;
    int convergent_version; /* -1: each version says its own */
    bool exportable;
    bool plaintext_backup;
    bool deletion_allowed;
    bool imported;
    bool allow_rotation; /* of an imported key */
    bool soft_deleted;
    uint32_t latest; /* the newest version that is not PRE_ACTIVE */
    uint32_t min_decryption;
    uint32_t min_encryption; /* 0: the latest, unless another is asked for */
    uint32_t min_available;  /* those before it are destroyed; 0: none is */
    uint32_t pending;        /* a version that is PRE_ACTIVE, or 0 */
    int64_t activates;       /* seconds since 1970, when pending becomes latest; 0: by command */
    int64_t auto_rotate;     /* seconds, 0: never */
    int64_t rotate_after;    /* uses of a version; 0: no limit of the user's own */
    int64_t rotated;         /* seconds since 1970: when latest was made */
    int64_t tried;           /* seconds since 1970: when a slow rotation was begun */
    int64_t key_size;        /* bytes, of an HMAC key */
    int64_t backed_up;       /* seconds since 1970, or 0 */
    int64_t restored;
};

/* What "version/<name>/<n>" says. */
struct transit_version {
    struct crypto_key *key;  /* NULL when destroyed */
    struct crypto_key *hmac; /* of type HMAC: key itself, or one beside it */
    int64_t created;         /* milliseconds since 1970 */
    int convergent;          /* 1 to 3; 0: as the key says */
    enum transit_state
        state; /* DEACTIVATED, COMPROMISED or DESTROYED by command; ACTIVE: nothing was said */
    int64_t changed;   /* seconds since 1970: since when it is so */
    char *reason;      /* or NULL */
    struct str *chain; /* certificates, DER, leaf first */
    unsigned nchain;
};

/* ---- transit_key.c: reading and writing ---- */

/* Letters, digits, '_', and inside '-' and '.'. */
bool transit_name_is_valid(struct str name);
/* NULL: there is none of that name. Valid until the handler returns. */
const struct transit_key *transit_key_get(struct tx *t, const struct mount *m, struct str name);
const struct transit_version *transit_version_get(
    struct tx *t, const struct mount *m, struct str name, uint32_t version);
/* Says when the tick must look at it. */
void transit_key_put(
    struct tx *t, const struct mount *m, struct str name, const struct transit_key *k);
/* v's fields are borrowed; a destroyed one is written without its secret. */
void transit_version_put(struct tx *t, const struct mount *m, struct str name, uint32_t version,
    const struct transit_version *v);
/* The key, its versions and its counts. */
void transit_key_remove(struct tx *t, const struct mount *m, struct str name);
enum transit_state transit_state(
    const struct transit_key *k, const struct transit_version *v, uint32_t version);
const char *transit_state_name(enum transit_state s);

/* A version made of a key (reference taken) with a fresh HMAC key, put as the latest of k, or as the one that waits until `activates`
 * (seconds since 1970; 0: until the next rotation). k is changed and put too. */
enum { TRANSIT_AT_ONCE = -1 };
void transit_version_add(struct tx *t, const struct mount *m, struct str name,
    struct transit_key *k, struct crypto_key *key, int64_t now_msec, int64_t activates);
/* Destroys the secrets of all versions before `first`; k is changed and put. */
void transit_trim(struct tx *t, const struct mount *m, struct str name, struct transit_key *k,
    uint32_t first, int64_t now_msec);

/* ---- for incidents ---- */

/*
 * Marks a version (0: all that have a secret) compromised, for r's time and `reason`, and puts a new one if the latest is among
 * them and the key may be rotated.  In r->tx.  fresh: the new version's key, of the same type (a reference is taken), made in a
 * worker where crypto_is_slow(); NULL: it is made here.  False: there is no such key or version, or no new one could be
 * made (err says why).
 */
bool transit_compromise(struct request *r, const struct mount *m, struct str name, uint32_t version,
    struct str reason, struct crypto_key *fresh, struct err *err);

/* ---- transit_use.c ---- */

/* Counts uses of a version in memory; transit_usage_flush() (from the tick) writes them down and says which keys have had their fill. */
void transit_usage_add(const struct mount *m, struct str name, uint32_t version, uint64_t uses);
/* Written and not yet written. */
uint64_t transit_usage_of(struct tx *t, const struct mount *m, struct str name, uint32_t version);
void transit_usage_flush(struct tx *t, const struct mount *m,
    void (*on_key)(void *arg, struct str name, uint32_t version, uint64_t uses), void *arg);

/* ---- transit.c and its neighbours: what handlers share ---- */

/* The key of {name}; NULL: 400 with this sentence was said (or 404 when it is NULL). */
const struct transit_key *transit_of(struct request *r, const char *missing);
/* reply_data() of this engine. */
void transit_reply(struct request *r, struct value *data);
/* A key of the request's parameters is made in a worker when it takes long, then made(r, key, arg) goes on in the core. */
void transit_generate(struct request *r, enum key_type t, int64_t key_size,
    void (*made)(struct request *r, struct crypto_key *key, void *arg), void *arg);
/* The answer of reading a key, and of changing one. */
struct value *transit_describe(
    struct request *r, struct str name, const struct transit_key *k, struct str context);
/* The fields that make a key, of the body; false: refused, and said. */
bool transit_key_fields(struct request *r, const char *type_usual, struct transit_key *k);
/* HKDF or counter mode of a version's key for a context: n bytes into secret memory (secret_free()). */
uint8_t *transit_derive(
    const struct crypto_key *key, enum transit_kdf kdf, struct str context, size_t n);
/* "encryption", ... a soft-deleted key: refused, and said. */
bool transit_is_usable(struct request *r, const struct transit_key *k);

/* Handlers, by the file that holds them. */
void transit_key_create(struct request *r);
void transit_key_read(struct request *r);
void transit_key_list(struct request *r);
void transit_key_delete(struct request *r);
void transit_key_config(struct request *r);
void transit_key_rotate(struct request *r);
void transit_key_trim(struct request *r);
void transit_key_soft_delete(struct request *r);
void transit_key_soft_restore(struct request *r);
bool transit_key_exists(struct request *r);
void transit_versions_list(struct request *r);
void transit_version_read(struct request *r);
void transit_version_write(struct request *r);
void transit_encrypt(struct request *r);
void transit_decrypt(struct request *r);
void transit_rewrap(struct request *r);
void transit_datakey(struct request *r);
void transit_sign(struct request *r);
void transit_verify(struct request *r);
void transit_hmac(struct request *r);
void transit_export(struct request *r);
void transit_export_wrapped(struct request *r);
void transit_backup(struct request *r);
void transit_restore(struct request *r);
void transit_wrapping_key(struct request *r);
void transit_import(struct request *r);
void transit_import_version(struct request *r);
void transit_csr(struct request *r);
void transit_set_certificate(struct request *r);

#endif
