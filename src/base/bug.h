/*
 * bug - what only our own mistake can cause ends the process, in release builds too.
 *
 * Never used on input: what a peer or a user can cause is a struct err.
 */
#ifndef WEIR_BASE_BUG_H
#define WEIR_BASE_BUG_H

#define MUST(x)   ((x) ? (void)0 : bug_at(__FILE__, __LINE__, "MUST(" #x ")"))
#define BUG(text) bug_at(__FILE__, __LINE__, text)

/* Writes one line to stderr and aborts. */
void bug_at(const char *file, int line, const char *what) __attribute__((noreturn, cold));

#endif
