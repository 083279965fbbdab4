/*
 * api - the handlers of the admin API, and what they share.
 */
#ifndef WEIR_DAEMON_API_INT_H
#define WEIR_DAEMON_API_INT_H

#include "base/json.h"
#include "daemon/admin.h"

enum { API_WORDS_MAX = 4, API_ANSWER_MAX = 64 << 20 };

/* The parts of the path that stand for a * in the route. */
struct api_words {
    struct str at[API_WORDS_MAX];
    unsigned n;
};

typedef void api_handler(struct exchange *x, const struct api_words *words);

/* api_state.c */
api_handler api_status, api_apply, api_stop, api_check, api_origins, api_origin_act;
/* api_model.c */
api_handler api_explain, api_schema, api_routes;
/* scrape.c */
api_handler api_metrics, api_metrics_json;

void api_answer_json(struct exchange *x, unsigned status, struct buf *b); /* frees it */
/* A parameter of the query, decoded, into the arena; at NULL when absent. */
struct str api_parameter(const struct exchange *x, const char *name, struct arena *a);

#endif
