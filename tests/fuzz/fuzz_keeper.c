/*
 * What a broken edge may send to the keeper: any type, any body.
 *
 * Input: the type of the message, a byte whose lowest bit puts the id of a key
 * that is there in front, and the rest of the body.  A signature may come back
 * only for one of the two texts that a TLS server signs.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "certs.h"
#include "keeper/keeper.h"
#include "keeper/messages.h"
#include "keeper/policy_int.h"
#include "net/channel.h"
#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct keeper *keeper;
static char key_id[TLS_KEY_ID];

static void start(void)
{
    static char buffer[CHANNEL_BODY_MAX];
    struct cert cert = cert_make(&(struct cert_wish){ .key = "P-256" });
    struct message m = { 0 };
    int ends[2];

    loop = loop_new();
    keeper = keeper_new(loop);
    MUST(channel_pair(ends) == 0);
    keeper_attach_control(keeper, ends[0]);
    keeper_load_key(keeper, fd_memory("key", cert.key_pem, strlen(cert.key_pem)), 1);
    MUST(channel_receive_now(ends[1], &m, buffer) == 1 && m.type == KEEPER_KEY_LOADED);
    memcpy(key_id, m.body.at, sizeof(key_id));
    cert_free(&cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char body[CHANNEL_BODY_MAX];
    static char buffer[CHANNEL_BODY_MAX];
    struct message m = { 0 };
    size_t len = 0;
    int ends[2];

    if (size < 2 || size > sizeof(body) - sizeof(key_id))
        return 0;
    if (loop == NULL)
        start();
    if ((data[1] & 1) != 0) {
        memcpy(body, key_id, sizeof(key_id));
        len = sizeof(key_id);
    }
    memcpy(body + len, data + 2, size - 2);
    len += size - 2;

    MUST(channel_pair(ends) == 0);
    keeper_attach_edge(keeper, ends[0]);
    MUST(channel_send_now(ends[1], data[0], 7, (struct str){ body, len }, NULL, 0) == 0);
    loop_once(loop, 0);
    fd_set_nonblocking(ends[1]);
    if (channel_receive_now(ends[1], &m, buffer) == 1) {
        MUST(m.id == 7 && (m.type == KEEPER_SIGNED || m.type == KEEPER_NOT_SIGNED));
        MUST(m.type == KEEPER_NOT_SIGNED ||
             (data[0] == KEEPER_SIGN && len > KEEPER_SIGN_HEAD &&
                 policy_recognise((struct str){
                     body + KEEPER_SIGN_HEAD, len - KEEPER_SIGN_HEAD }) != TEXT_NOT_TLS));
    }
    close(ends[1]);
    loop_once(loop, 0);
    return 0;
}
