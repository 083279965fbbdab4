/*
 * policy - what a key in the keeper may sign: what a TLS server signs, and nothing else.
 *
 * The edge may have been taken over; then it can still finish handshakes that
 * it takes part in, as long as it is connected.  It cannot get a certificate,
 * a token, a document or another protocol's message signed.
 */
#ifndef WEIR_KEEPER_POLICY_INT_H
#define WEIR_KEEPER_POLICY_INT_H

#include "base/str.h"

enum tls_text { TEXT_NOT_TLS, TEXT_TLS12, TEXT_TLS13 };

/* Which of the two texts that a TLS server signs this is. */
enum tls_text policy_recognise(struct str input);

#endif
