/*
 * err - what went wrong, in words a user can act on.
 *
 * A function that can fail for more than one reason takes a struct err and
 * returns 0 or -1.  The place that first sees the failure fills it in with
 * err_set(); each caller on the way out may put its own context in front with
 * err_wrap(); only the top of a command, request or event prints or logs it.
 * The struct lives on the caller's stack and owns nothing: reporting an error
 * never allocates.
 */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

enum err_kind {
    ERR_NONE,
    ERR_CONFIG, /* the user's file is wrong; exit 2, HTTP 400 */
    ERR_DENIED, /* policy says no; HTTP 403 */
    ERR_LIMIT,  /* a declared limit was reached; HTTP 429 or 503 */
    ERR_PEER,   /* the other side broke the protocol; HTTP 502 */
    ERR_SYSTEM, /* a system call failed, see sys; HTTP 500 */
};

struct err {
    enum err_kind kind;
    int sys;          /* errno, or 0 */
    const char *id;   /* stable name, e.g. "blueprint_unknown_key" */
    const char *file; /* where in our source; for logs only */
    int line;
    char text[480];
};

#define err_set(e, kind, id, ...) err_set_at(e, kind, id, __FILE__, __LINE__, __VA_ARGS__)

/*
 * Both return -1, so that "return err_set(...)" reads as it should.  With
 * ERR_SYSTEM, ": <strerror(errno)>" is appended.
 */
int err_set_at(struct err *e, enum err_kind kind, const char *id, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of a command that fails with this: 2 for the user's input, 1 for all else. */
int err_exit_code(const struct err *e);

#endif
