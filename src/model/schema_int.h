/*
 * schema - the tables that are spread over several files.
 */
#ifndef WEIR_MODEL_SCHEMA_INT_H
#define WEIR_MODEL_SCHEMA_INT_H

#include "model/blueprint.h"
#include "model/read_int.h"
#include "model/schema.h"

#define AT(type, member)   .at = offsetof(struct type, member)
#define ALSO(type, member) .also = offsetof(struct type, member)
#define RANGE(from, to)    .min = (from), .max = (to)
#define SECONDS(n)         ((n)*1000ULL)
#define HOURS(n)           ((n)*3600000ULL)
#define DAYS(n)            ((n)*86400000ULL)

extern const struct table schema_service;
extern const struct table schema_route;
extern const struct table schema_access;
extern const struct table schema_limit;
extern const struct table schema_client;
extern const struct table schema_keeper;
extern const struct table schema_key;
extern const struct table schema_secret;
extern const struct table schema_policy;
extern const struct table schema_run_secret;
extern const struct table schema_run_token;
extern const struct choice schema_tls_versions[];

#endif
