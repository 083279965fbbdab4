/*
 * notify - see notify.h.  One datagram to the socket that NOTIFY_SOCKET names.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "daemon/notify.h"

void notify_systemd(const char *fmt, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    auto_close int fd = -1;
    char text[1024];
    va_list args;
    int n;

    if (path == NULL || strlen(path) >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n <= 0 || (size_t)n >= sizeof(text) || fd < 0)
        return;
    sendto(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

msec_t notify_watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t n;

    if (usec == NULL || !str_to_u64(str_from(usec), UINT64_MAX, &n))
        return 0;
    if (pid != NULL) {
        uint64_t who;

        if (!str_to_u64(str_from(pid), UINT32_MAX, &who) || who != (uint64_t)getpid())
            return 0;
    }
    return n / 1000;
}
