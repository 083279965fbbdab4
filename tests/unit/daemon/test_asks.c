/* asks: each question is answered exactly once, by an answer, a death or the end of its time. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "check.h"
#include "daemon/asks.h"

struct asker {
    struct ask ask; /* must stay first */
    unsigned answers;
    unsigned nothings;
    uint16_t type;
    bool more;
};

static struct loop *loop;
static struct asks asks;
static struct channel *mine;
static int other;

static void on_answer(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    (void)arg;
    asks_answered(&asks, m);
}

static void on_close(struct channel *c, void *arg)
{
    (void)arg;
    asks_gone(&asks, c);
}

static const struct message_rule rules[] = { { 9, "answer", 100, 0, on_answer }, { 0 } };

static void start(void)
{
    int ends[2];

    MUST(channel_pair(ends) == 0);
    loop = loop_new();
    asks_init(&asks, loop);
    mine = channel_new(loop, ends[0], rules, on_close, NULL);
    other = ends[1];
}

static void finish(void)
{
    channel_free(mine);
    if (other >= 0)
        close(other);
    loop_free(loop);
}

static void answered(struct ask *a, struct message *m)
{
    struct asker *q = (struct asker *)(void *)a;

    if (m == NULL) {
        q->nothings++;
        return;
    }
    q->answers++;
    q->type = m->type;
    if (q->more) {
        q->more = false;
        ask_again(a, 1000);
    }
}

static void put(struct asker *q, msec_t timeout)
{
    ask_put(&asks, &q->ask,
        &(struct question){ .over = mine, .type = 5, .body = STR("what"), .timeout = timeout },
        answered);
}

static uint64_t heard(void)
{
    static char buffer[CHANNEL_BODY_MAX];
    struct message m;

    MUST(channel_receive_now(other, &m, buffer) == 1);
    CHECK_U64(m.type, 5);
    CHECK_STR(m.body, "what");
    return m.id;
}

static void an_answer_finds_its_question(void)
{
    struct asker a = { 0 };
    struct asker b = { .more = true };
    uint64_t id_a;
    uint64_t id_b;

    start();
    put(&a, 1000);
    put(&b, 1000);
    id_a = heard();
    id_b = heard();
    MUST(channel_send_now(other, 9, id_b, STR("1"), NULL, 0) == 0);
    MUST(channel_send_now(other, 9, id_b, STR("2"), NULL, 0) == 0);
    MUST(channel_send_now(other, 9, id_b, STR("3"), NULL, 0) == 0); /* nobody asks any more */
    MUST(channel_send_now(other, 9, id_a, STR("x"), NULL, 0) == 0);
    while (a.answers == 0)
        loop_once(loop, 1000);
    CHECK_U64(a.answers, 1);
    CHECK_U64(a.type, 9);
    CHECK_U64(b.answers, 2);
    CHECK_U64(a.nothings + b.nothings, 0);
    finish();
}

static void a_death_answers_all_that_is_open(void)
{
    struct asker a = { 0 };
    struct asker b = { 0 };

    start();
    put(&a, 60000);
    put(&b, 60000);
    close(other);
    other = -1;
    while (b.nothings == 0)
        loop_once(loop, 1000);
    CHECK_U64(a.nothings, 1);
    CHECK_U64(b.nothings, 1);
    CHECK_U64(a.answers + b.answers, 0);
    finish();
}

static void time_runs_out(void)
{
    struct asker a = { 0 };
    struct asker late = { 0 };
    struct asker nobody = { 0 };

    start();
    put(&a, 5);
    put(&late, 60000);
    ask_put(&asks, &nobody.ask, &(struct question){ .type = 5, .timeout = 60000 }, answered);
    while (a.nothings == 0 || nobody.nothings == 0)
        loop_once(loop, 1000);
    CHECK_U64(late.nothings, 0);
    ask_cancel(&late.ask);
    ask_cancel(&late.ask);
    asks_gone(&asks, mine);
    CHECK_U64(late.nothings, 0);
    finish();
}

TESTS(
    CASE(an_answer_finds_its_question), CASE(a_death_answers_all_that_is_open), CASE(time_runs_out))
