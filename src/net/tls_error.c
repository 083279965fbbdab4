/*
 * OpenSSL's reasons as words that stay the same: for logs, metrics and tests.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include "net/tls_int.h"

struct word {
    int reason;
    const char *word;
};

static const struct word ssl_words[] = {
    { SSL_R_NO_SHARED_CIPHER, "no_shared_cipher" },
    { SSL_R_NO_CIPHERS_SPECIFIED, "no_shared_cipher" },
    { SSL_R_WRONG_CIPHER_RETURNED, "no_shared_cipher" },
    { SSL_R_UNSUPPORTED_PROTOCOL, "protocol_version" },
    { SSL_R_VERSION_TOO_LOW, "protocol_version" },
    { SSL_R_VERSION_TOO_HIGH, "protocol_version" },
    { SSL_R_UNKNOWN_PROTOCOL, "protocol_version" },
    { SSL_R_NO_PROTOCOLS_AVAILABLE, "protocol_version" },
    { SSL_R_BAD_LEGACY_VERSION, "protocol_version" },
    { SSL_R_INAPPROPRIATE_FALLBACK, "inappropriate_fallback" },
    { SSL_R_HTTP_REQUEST, "plain_http" },
    { SSL_R_HTTPS_PROXY_REQUEST, "plain_http" },
    { SSL_R_WRONG_VERSION_NUMBER, "not_tls" },
    { SSL_R_NO_SUITABLE_KEY_SHARE, "no_shared_group" },
    { SSL_R_NO_SUITABLE_GROUPS, "no_shared_group" },
    { SSL_R_NO_SHARED_GROUPS, "no_shared_group" },
    { SSL_R_BAD_KEY_SHARE, "bad_key_share" },
    { SSL_R_BAD_ECPOINT, "bad_key_share" },
    { SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no_shared_signature" },
    { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no_shared_signature" },
    { SSL_R_MISSING_SIGALGS_EXTENSION, "no_shared_signature" },
    { SSL_R_NO_APPLICATION_PROTOCOL, "no_shared_alpn" },
    { SSL_R_BAD_RECORD_TYPE, "bad_record" },
    { SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "bad_record" },
    { SSL_R_DATA_LENGTH_TOO_LONG, "bad_record" },
    { SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "bad_record" },
    { SSL_R_PACKET_LENGTH_TOO_LONG, "bad_record" },
    { SSL_R_BAD_CHANGE_CIPHER_SPEC, "bad_record" },
    { SSL_R_RECORD_LENGTH_MISMATCH, "bad_record" },
    { SSL_R_RECORD_TOO_SMALL, "bad_record" },
    { SSL_R_BAD_PACKET, "bad_record" },
    { SSL_R_LENGTH_MISMATCH, "bad_message" },
    { SSL_R_LENGTH_TOO_SHORT, "bad_message" },
    { SSL_R_LENGTH_TOO_LONG, "bad_message" },
    { SSL_R_BAD_LENGTH, "bad_message" },
    { SSL_R_BAD_EXTENSION, "bad_message" },
    { SSL_R_EXCESSIVE_MESSAGE_SIZE, "bad_message" },
    { SSL_R_CLIENTHELLO_TLSEXT, "bad_message" },
    { SSL_R_NO_COMPRESSION_SPECIFIED, "bad_message" },
    { SSL_R_BAD_DIGEST_LENGTH, "bad_finished" },
    { SSL_R_DIGEST_CHECK_FAILED, "bad_finished" },
    { SSL_R_BAD_SIGNATURE, "bad_signature" },
    { SSL_R_WRONG_SIGNATURE_TYPE, "bad_signature" },
    { SSL_R_UNEXPECTED_MESSAGE, "unexpected_message" },
    { SSL_R_UNEXPECTED_RECORD, "unexpected_message" },
    { SSL_R_CCS_RECEIVED_EARLY, "unexpected_message" },
    { SSL_R_APP_DATA_IN_HANDSHAKE, "unexpected_message" },
    { SSL_R_TOO_MANY_WARN_ALERTS, "flood" },
    { SSL_R_TOO_MANY_KEY_UPDATES, "flood" },
    { SSL_R_NO_RENEGOTIATION, "renegotiation" },
    { SSL_R_UNEXPECTED_EOF_WHILE_READING, "unexpected_eof" },
    { SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "renegotiation" },
    /* What the peer said: RFC 8446 6.2 */
    { SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE, "alert_unexpected_message" },
    { SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, "alert_bad_record_mac" },
    { SSL_R_TLSV1_ALERT_RECORD_OVERFLOW, "alert_record_overflow" },
    { SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "alert_handshake_failure" },
    { SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "alert_bad_certificate" },
    { SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "alert_unsupported_certificate" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "alert_certificate_revoked" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "alert_certificate_expired" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "alert_certificate_unknown" },
    { SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER, "alert_illegal_parameter" },
    { SSL_R_TLSV1_ALERT_UNKNOWN_CA, "alert_unknown_ca" },
    { SSL_R_TLSV1_ALERT_ACCESS_DENIED, "alert_access_denied" },
    { SSL_R_TLSV1_ALERT_DECODE_ERROR, "alert_decode_error" },
    { SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "alert_decrypt_error" },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "alert_protocol_version" },
    { SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "alert_insufficient_security" },
    { SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "alert_internal_error" },
    { SSL_R_TLSV1_ALERT_INAPPROPRIATE_FALLBACK, "alert_inappropriate_fallback" },
    { SSL_R_TLSV1_ALERT_USER_CANCELLED, "alert_user_canceled" },
    { SSL_R_TLSV1_ALERT_NO_RENEGOTIATION, "alert_no_renegotiation" },
    { SSL_R_TLSV1_UNRECOGNIZED_NAME, "alert_unrecognized_name" },
    { SSL_R_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE, "alert_bad_certificate_status" },
    { SSL_R_TLSV13_ALERT_MISSING_EXTENSION, "alert_missing_extension" },
    { SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "alert_certificate_required" },
    { SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "alert_no_application_protocol" },
};

static const struct word verify_words[] = {
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "unknown_ca" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown_ca" },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown_ca" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown_ca" },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self_signed" },
    { X509_V_ERR_CERT_HAS_EXPIRED, "certificate_expired" },
    { X509_V_ERR_CERT_NOT_YET_VALID, "certificate_not_yet_valid" },
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad_signature" },
    { X509_V_ERR_CERT_REVOKED, "certificate_revoked" },
    { X509_V_ERR_INVALID_CA, "invalid_ca" },
    { X509_V_ERR_PATH_LENGTH_EXCEEDED, "invalid_ca" },
    { X509_V_ERR_CERT_CHAIN_TOO_LONG, "chain_too_long" },
    { X509_V_ERR_INVALID_PURPOSE, "wrong_purpose" },
    { X509_V_ERR_HOSTNAME_MISMATCH, "hostname_mismatch" },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, "hostname_mismatch" },
    { X509_V_ERR_EE_KEY_TOO_SMALL, "weak_key" },
    { X509_V_ERR_CA_KEY_TOO_SMALL, "weak_key" },
    { X509_V_ERR_CA_MD_TOO_WEAK, "weak_signature" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *look_up(const struct word *words, size_t n, int reason)
{
    for (size_t i = 0; i < n; i++)
        if (words[i].reason == reason)
            return words[i].word;
    return NULL;
}

const char *tls_verify_word(long result)
{
    const char *word = look_up(verify_words, COUNT(verify_words), (int)result);

    return word != NULL ? word : "bad_certificate";
}

static const char *socket_word(int sys)
{
    switch (sys) {
    case ECONNRESET:
    case EPIPE:
        return "reset";
    case ETIMEDOUT:
        return "timeout";
    default: /* errno is an open set */
        return "socket_error";
    }
}

const char *tls_error_word(struct tls *t)
{
    unsigned long code = ERR_peek_error();
    const char *word = NULL;

    ERR_clear_error();
    if (t->key_failed != NULL)
        return t->key_failed;
    if (t->broken != 0)
        return socket_word(t->broken);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return tls_verify_word(SSL_get_verify_result(t->ssl));
        word = look_up(ssl_words, COUNT(ssl_words), ERR_GET_REASON(code));
    }
    if (word == NULL && t->eof)
        word = "unexpected_eof";
    return word != NULL ? word : "tls_error";
}

const char *tls_openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text != NULL ? text : "no reason given";
}
