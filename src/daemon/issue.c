/*
 * issue - see issue.h.
 *
 * Keys are written before their certificates: after a crash in between the two
 * do not fit, and the next run makes them anew.  Only an authority that people
 * may already trust is never replaced silently: when its key is lost or
 * damaged, that is an error which says what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "daemon/issue.h"

enum {
    PEM_FILE_MAX = 64 * 1024,
    SERIAL_BYTES = 16,
    DAY = 86400,
    SKEW = 3600,          /* clients whose clock is behind by less see a valid certificate */
    COMMON_NAME_MAX = 64, /* RFC 5280, ub-common-name */
};

struct pair { /* a certificate and its key; both NULL: there is none */
    X509 *x509;
    EVP_PKEY *key;
};

static void pair_clear(struct pair *p)
{
    X509_free(p->x509);
    EVP_PKEY_free(p->key);
    *p = (struct pair){ 0 };
}

static int failed(struct err *err, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(
        err, ERR_SYSTEM, "issue_failed", "%s: %s", what, text != NULL ? text : "no reason given");
}

/* ---- files ---- */

static char *path_of(const char *folder, const char *name, const char *ending)
{
    return xasprintf("%s/%s.%s", folder, name, ending);
}

/* Reads what is there; a missing or damaged file leaves NULL. */
static struct pair read_pair(const char *folder, const char *name)
{
    auto_free char *crt = path_of(folder, name, "crt");
    auto_free char *key = path_of(folder, name, "key");
    struct pair p = { 0 };
    struct buf text;
    struct err err = { 0 };
    BIO *b;

    buf_init(&text, PEM_FILE_MAX);
    if (fd_read_file(crt, &text, &err) == 0) {
        b = BIO_new_mem_buf(text.data, (int)text.len);
        p.x509 = PEM_read_bio_X509(b, NULL, NULL, NULL);
        BIO_free(b);
    }
    buf_free(&text);
    if (fd_read_file(key, &text, &err) == 0) {
        b = BIO_new_mem_buf(text.data, (int)text.len);
        p.key = PEM_read_bio_PrivateKey(b, NULL, NULL, (void *)(uintptr_t) "");
        BIO_free(b);
    }
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    buf_free(&text);
    ERR_clear_error();
    return p;
}

static int write_text(const char *path, BIO *text, unsigned mode, struct err *err)
{
    char *at = NULL;
    long len = BIO_get_mem_data(text, &at);

    return fd_replace_file(path, at, (size_t)len, mode, err);
}

static int write_pair(const char *folder, const char *name, const struct pair *p, struct err *err)
{
    auto_free char *crt = path_of(folder, name, "crt");
    auto_free char *key = path_of(folder, name, "key");
    BIO *key_text = BIO_new(BIO_s_secmem());
    BIO *crt_text = BIO_new(BIO_s_mem());
    int result = -1;

    MUST(key_text != NULL && crt_text != NULL);
    if (PEM_write_bio_PKCS8PrivateKey(key_text, p->key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(crt_text, p->x509) != 1)
        failed(err, "cannot write a key as PEM");
    else if (write_text(key, key_text, 0600, err) == 0 && write_text(crt, crt_text, 0644, err) == 0)
        result = 0;
    BIO_free(key_text);
    BIO_free(crt_text);
    return result;
}

/* ---- making certificates ---- */

static bool set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_BYTES];
    BIGNUM *n;
    bool ok;

    random_bytes(bytes, sizeof(bytes));
    bytes[0] =
        (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always as long: RFC 5280 4.1.2.2 */
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_life(X509 *x, int days)
{
    time_t now = (time_t)(time_wall_usec() / 1000000);

    return X509_time_adj_ex(X509_getm_notBefore(x), 0, -SKEW, &now) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(x), days, 0, &now) != NULL;
}

static bool set_subject(X509 *x, struct str name)
{
    size_t len = name.len < COMMON_NAME_MAX ? name.len : COMMON_NAME_MAX;

    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
               (const unsigned char *)name.at, (int)len, -1, 0) == 1;
}

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX v3;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&v3, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static GENERAL_NAME *general_name(struct str name)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *value;
    struct ip ip;
    bool is_ip = ip_parse(name, &ip);

    value = is_ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    MUST(g != NULL && value != NULL);
    MUST(ASN1_STRING_set(
             value, is_ip ? (const void *)ip.bytes : name.at, is_ip ? ip.len : (int)name.len) == 1);
    GENERAL_NAME_set0_value(g, is_ip ? GEN_IPADD : GEN_DNS, value);
    return g;
}

static GENERAL_NAMES *general_names(const struct str *names, size_t n)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();

    MUST(list != NULL);
    for (size_t i = 0; i < n; i++)
        MUST(sk_GENERAL_NAME_push(list, general_name(names[i])) > 0);
    return list;
}

/* The part that an authority and a leaf share; issuer NULL: signs itself later. */
static bool begin(struct pair *p, struct str subject, int days, X509 *issuer)
{
    p->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    p->x509 = X509_new();
    if (p->key == NULL || p->x509 == NULL || !set_subject(p->x509, subject))
        return false;
    if (issuer == NULL)
        issuer = p->x509;
    return X509_set_version(p->x509, X509_VERSION_3) == 1 && set_serial(p->x509) &&
           set_life(p->x509, days) &&
           X509_set_issuer_name(p->x509, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(p->x509, p->key) == 1;
}

static int make_authority(struct pair *ca, struct err *err)
{
    char host[65] = "";
    auto_free char *name = NULL;

    if (gethostname(host, sizeof(host) - 1) == -1)
        return err_set(err, ERR_SYSTEM, "issue_failed", "the name of this machine");
    name = xasprintf("Weir local authority %s", host);
    if (begin(ca, str_from(name), ISSUE_AUTHORITY_DAYS, NULL) &&
        extend(ca->x509, ca->x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        extend(ca->x509, ca->x509, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        extend(ca->x509, ca->x509, NID_subject_key_identifier, "hash") &&
        X509_sign(ca->x509, ca->key, EVP_sha256()) > 0)
        return 0;
    return failed(err, "cannot make a certificate authority");
}

static int make_leaf(
    struct pair *leaf, const struct pair *ca, const struct str *names, size_t n, struct err *err)
{
    GENERAL_NAMES *list = general_names(names, n);
    bool ok;

    ok = begin(leaf, names[0], ISSUE_DAYS, ca->x509) &&
         extend(leaf->x509, ca->x509, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(leaf->x509, ca->x509, NID_key_usage, "critical,digitalSignature") &&
         extend(leaf->x509, ca->x509, NID_ext_key_usage, "serverAuth") &&
         extend(leaf->x509, ca->x509, NID_subject_key_identifier, "hash") &&
         extend(leaf->x509, ca->x509, NID_authority_key_identifier, "keyid:always") &&
         X509_add1_ext_i2d(leaf->x509, NID_subject_alt_name, list, 0, 0) == 1 &&
         X509_sign(leaf->x509, ca->key, EVP_sha256()) > 0;
    GENERAL_NAMES_free(list);
    return ok ? 0 : failed(err, "cannot make a certificate");
}

/* ---- are those that are there good enough? ---- */

static bool has_days_left(const X509 *x, int days)
{
    time_t then = (time_t)(time_wall_usec() / 1000000) + (time_t)days * DAY;

    return X509_cmp_time(X509_get0_notAfter(x), &then) > 0;
}

static bool has_name(GENERAL_NAMES *list, struct str name)
{
    GENERAL_NAME *wanted = general_name(name);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(list) && !found; i++)
        found = GENERAL_NAME_cmp(sk_GENERAL_NAME_value(list, i), wanted) == 0;
    GENERAL_NAME_free(wanted);
    return found;
}

static bool is_for(X509 *x, const struct str *names, size_t n)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool same = sk_GENERAL_NAME_num(list) == (int)n;

    for (size_t i = 0; i < n && same; i++)
        same = has_name(list, names[i]);
    GENERAL_NAMES_free(list);
    return same;
}

static bool is_good(
    const struct pair *leaf, const struct pair *ca, const struct str *names, size_t n)
{
    bool good = leaf->x509 != NULL && leaf->key != NULL &&
                X509_check_private_key(leaf->x509, leaf->key) == 1 &&
                X509_verify(leaf->x509, X509_get0_pubkey(ca->x509)) == 1 &&
                has_days_left(leaf->x509, ISSUE_DAYS / 3) && is_for(leaf->x509, names, n);

    ERR_clear_error();
    return good;
}

static int use_authority(const char *folder, struct pair *ca, struct err *err)
{
    auto_free char *crt = path_of(folder, "ca", "crt");

    *ca = read_pair(folder, "ca");
    if (access(crt, F_OK) == -1 || (ca->x509 != NULL && !has_days_left(ca->x509, ISSUE_DAYS))) {
        pair_clear(ca);
        if (make_authority(ca, err) == -1)
            return -1;
        return write_pair(folder, "ca", ca, err);
    }
    if (ca->x509 != NULL && ca->key != NULL && X509_check_private_key(ca->x509, ca->key) == 1)
        return 0;
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "issue_authority",
        "%s and ca.key beside it are damaged or do not belong together: restore them, or remove "
        "both to make a new authority, which clients must then trust",
        crt);
}

/* ---- what was asked for ---- */

static bool is_word(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    return n > 0 && n <= 64 && s[n] == '\0' && s[0] != '.' && strcmp(s, "ca") != 0;
}

static bool is_dns_name(struct str s)
{
    if (str_starts(s, STR("*.")))
        s = (struct str){ s.at + 2, s.len - 2 };
    if (s.len == 0 || s.len > 253 || s.at[0] == '.' || s.at[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

static int check_names(
    const struct str *names, size_t n, const char *certificate_name, struct err *err)
{
    struct ip ip;

    if (!is_word(certificate_name))
        return err_set(err, ERR_CONFIG, "issue_name",
            "\"%.64s\" cannot name a certificate: letters, digits, '-', '_' and '.' only",
            certificate_name);
    if (n == 0 || n > ISSUE_NAMES_MAX)
        return err_set(err, ERR_CONFIG, "issue_name", "a certificate is for 1 to %d names, not %zu",
            ISSUE_NAMES_MAX, n);
    for (size_t i = 0; i < n; i++)
        if (!ip_parse(names[i], &ip) && !is_dns_name(names[i]))
            return err_set(err, ERR_CONFIG, "issue_name",
                "\"%.*s\" is neither a host name nor an IP address",
                (int)(names[i].len < 100 ? names[i].len : 100), names[i].at);
    return 0;
}

/* Two at once would each make an authority. The lock goes with the descriptor. */
static int lock_folder(const char *folder, struct err *err)
{
    int fd;

    if (mkdir(folder, 0755) == -1 && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, "issue_folder", "%s", folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1 || flock(fd, LOCK_EX) == -1) {
        err_set(err, ERR_SYSTEM, "issue_folder", "%s", folder);
        if (fd != -1)
            close(fd);
        return -1;
    }
    return fd;
}

int issue_local(const char *folder, const struct str *names, size_t n, const char *certificate_name,
    struct err *err)
{
    auto_close int lock = -1;
    struct pair ca = { 0 };
    struct pair leaf = { 0 };
    int result = -1;

    if (check_names(names, n, certificate_name, err) == -1)
        return -1;
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    lock = lock_folder(folder, err);
    if (lock == -1)
        return -1;
    if (use_authority(folder, &ca, err) == 0) {
        leaf = read_pair(folder, certificate_name);
        if (is_good(&leaf, &ca, names, n)) {
            result = 0;
        } else {
            pair_clear(&leaf);
            result = make_leaf(&leaf, &ca, names, n, err) == -1
                         ? -1
                         : write_pair(folder, certificate_name, &leaf, err);
        }
    }
    pair_clear(&leaf);
    pair_clear(&ca);
    return result;
}
