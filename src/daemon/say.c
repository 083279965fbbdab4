/*
 * say - see say.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/say.h"

void say(const char *fmt, ...)
{
    char text[2048] = "weir: ";
    size_t n = strlen(text);
    va_list args;
    int more;

    va_start(args, fmt);
    more = vsnprintf(text + n, sizeof(text) - n - 1, fmt, args);
    va_end(args);
    if (more < 0)
        return;
    n += (size_t)more < sizeof(text) - n - 1 ? (size_t)more : sizeof(text) - n - 2;
    for (size_t i = 0; i < n; i++) /* a name from a file must not move the cursor */
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            text[i] = ' ';
    text[n++] = '\n';
    if (write(STDERR_FILENO, text, n) < 0)
        return; /* nobody is left to be told */
}
