/*
 * sandbox_calls - the tables: what each role may ask of the kernel, and why.
 *
 * Calls whose arguments matter (clone, mmap, socket...) are in sandbox.c.
 */
#include <seccomp.h>

#include "daemon/sandbox_int.h"

/* clang-format off */
const struct sandbox_group sandbox_groups[] = {
    { "Memory.", FOR_ALL,
        { SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
          SCMP_SYS(mlock2), SCMP_SYS(munlock), SANDBOX_END } },
    { "Threads, and the end of the process.", FOR_ALL,
        { SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
          SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(tgkill),
          SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
          SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(membarrier),
          SCMP_SYS(exit), SCMP_SYS(exit_group), SANDBOX_END } },
    { "Who we are, which is no secret.", FOR_ALL,
        { SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
          SCMP_SYS(getppid), SCMP_SYS(uname), SCMP_SYS(getrusage),
          SCMP_SYS(sysinfo), SANDBOX_END } },
    { "Time.", FOR_ALL,
        { SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
          SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(clock_getres), SANDBOX_END } },
    { "Random bytes for keys, ids and hash seeds.", FOR_ALL,
        { SCMP_SYS(getrandom), SANDBOX_END } },
    { "The event loop.", FOR_ALL,
        { SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl),
          SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(poll), SCMP_SYS(ppoll),
          SANDBOX_END } },
    { "Descriptors that it was given, the channels first.", FOR_ALL,
        { SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
          SCMP_SYS(pwrite64), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom),
          SCMP_SYS(sendto), SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(shutdown),
          SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2),
          SCMP_SYS(dup3), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(getsockopt),
          SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SANDBOX_END } },
    { "Secrets that are handed out, in sealed memory.", FOR_KEEPER,
        { SCMP_SYS(memfd_create), SANDBOX_END } },
    { "The log, and bodies on their way between descriptors.", FOR_EDGE | FOR_CONTROL,
        { SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(splice),
          SCMP_SYS(sendfile), SCMP_SYS(pipe2), SCMP_SYS(memfd_create), SANDBOX_END } },
    { "Clients, on sockets that it was given.", FOR_EDGE | FOR_CONTROL | FOR_VAULT,
        { SCMP_SYS(accept4), SCMP_SYS(accept), SANDBOX_END } },
    { "Origins, and name servers.", FOR_EDGE | FOR_CONTROL, { SCMP_SYS(connect), SANDBOX_END } },
    { "Which port is free for an origin process, DNS, timers in real time.", FOR_CONTROL,
        { SCMP_SYS(bind), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
          SCMP_SYS(timerfd_gettime), SCMP_SYS(ioctl), SANDBOX_END } },
    { "Files: which ones, landlock says.", FOR_CONTROL | FOR_ISSUER | FOR_STORE,
        { SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
          SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access),
          SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
          SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(rename), SCMP_SYS(renameat),
          SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir),
          SCMP_SYS(mkdirat), SCMP_SYS(fchmod), SCMP_SYS(chmod), SCMP_SYS(fchmodat),
          SCMP_SYS(fchown), SCMP_SYS(umask), SCMP_SYS(flock), SCMP_SYS(link), SCMP_SYS(linkat),
          SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fadvise64),
          SANDBOX_END } },
    { "The database and the journal.", FOR_STORE,
        { SCMP_SYS(fallocate), SCMP_SYS(sync_file_range), SCMP_SYS(utimensat), SCMP_SYS(rmdir),
          SANDBOX_END } },
    { 0 },
};

/* Nothing of ours ever makes these, whatever the C library does. */
const struct sandbox_group sandbox_intruders[] = {
    { "Other programs.", FOR_ALL,
        { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SANDBOX_END } },
    { "Other processes.", FOR_ALL,
        { SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
          SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(userfaultfd), SANDBOX_END } },
    { "The kernel.", FOR_ALL,
        { SCMP_SYS(bpf), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load),
          SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
          SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(keyctl), SCMP_SYS(add_key),
          SCMP_SYS(request_key), SCMP_SYS(perf_event_open), SCMP_SYS(io_uring_setup),
          SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SANDBOX_END } },
    { "Another user.", FOR_ALL,
        { SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
          SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(capset),
          SANDBOX_END } },
    { 0 },
};
/* clang-format on */
