"""The system calls that no program needs, and the BPF filter that refuses them.

Refused calls fail with EPERM and the program goes on, except that `clone3` and calls newer than this table are
"not implemented" (ENOSYS: libc then falls back to calls that can be judged), sockets other than Unix ones (and, on
request, Internet ones) are an "unsupported address family", and a call made in another architecture's convention kills
the process.

The runner that watches the program has the same user id, and so has process 1 of a container, so calls that could
signal, slow or limit them are refused where they name them.
"""

from __future__ import annotations

import errno
import functools
import struct

_PTRACE = "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd pidfd_send_signal perf_event_open"
_MOUNTS = (
    "mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr "
    "open_by_handle_at name_to_handle_at fanotify_init quotactl quotactl_fd acct swapon swapoff"
)
_NAMESPACES = "unshare setns"
_KERNEL = (
    "bpf userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key kexec_load "
    "kexec_file_load init_module finit_module delete_module reboot syslog vhangup memfd_secret lookup_dcookie "
    "nfsservctl iopl ioperm modify_ldt uselib ustat sysfs _sysctl create_module get_kernel_syms query_module "
    "move_pages migrate_pages sync syncfs"
)
_WATCHING = "inotify_init inotify_init1"  # tells what others do with the system's files
_CLOCKS_AND_NAMES = "settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname"
_SHARED = (  # what would outlive the program or reach another
    "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl "
    "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr ioprio_set"
)

REFUSED = " ".join([_PTRACE, _MOUNTS, _NAMESPACES, _KERNEL, _WATCHING, _CLOCKS_AND_NAMES, _SHARED]).split()

_CLONE_NAMESPACES = 0x7E020000  # CLONE_NEW* of mounts, cgroup, uts, ipc, user, pid and net
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI, _TIOCLINUX = 0x8901, 0x8902, 0x5412, 0x541C
_PRIO_USER = 2

_NEWEST = 462  # mseal: the same numbers on both architectures since 424
_X32 = 0x40000000

# fmt: off
NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "ioctl": 16, "shmget": 29, "shmat": 30, "shmctl": 31, "socket": 41, "clone": 56, "kill": 62, "semget": 64,
        "semop": 65, "semctl": 66, "shmdt": 67, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "fcntl": 72,
        "ptrace": 101, "syslog": 103, "rt_sigqueueinfo": 129, "uselib": 134, "personality": 135, "ustat": 136,
        "sysfs": 139, "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "vhangup": 153,
        "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156, "adjtimex": 159, "chroot": 161, "acct": 163,
        "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "create_module": 174,
        "init_module": 175, "delete_module": 176, "get_kernel_syms": 177, "query_module": 178, "quotactl": 179,
        "nfsservctl": 180, "tkill": 200, "sched_setaffinity": 203, "lookup_dcookie": 212, "semtimedop": 220,
        "clock_settime": 227, "tgkill": 234, "mq_open": 240, "mq_unlink": 241, "mq_timedsend": 242,
        "mq_timedreceive": 243, "mq_notify": 244, "mq_getsetattr": 245, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "ioprio_set": 251, "migrate_pages": 256, "unshare": 272,
        "move_pages": 279, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "fanotify_init": 300,
        "prlimit64": 302, "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "sched_setattr": 314,
        "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "socketpair": 53,
        "sync": 162, "syncfs": 306, "inotify_init": 253, "inotify_init1": 294, "memfd_create": 319,
    },
    "aarch64": {
        "fcntl": 25, "ioctl": 29, "ioprio_set": 30, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42,
        "chroot": 51, "vhangup": 58, "quotactl": 60, "lookup_dcookie": 18, "acct": 89, "personality": 92,
        "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
        "syslog": 116, "ptrace": 117, "sched_setparam": 118, "sched_setscheduler": 119, "sched_setaffinity": 122,
        "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "setpriority": 140, "reboot": 142,
        "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "mq_open": 180,
        "mq_unlink": 181, "mq_timedsend": 182, "mq_timedreceive": 183, "mq_notify": 184, "mq_getsetattr": 185,
        "msgget": 186, "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "semget": 190, "semctl": 191,
        "semtimedop": 192, "semop": 193, "shmget": 194, "shmctl": 195, "shmat": 196, "shmdt": 197, "socket": 198,
        "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225,
        "migrate_pages": 238, "move_pages": 239, "rt_tgsigqueueinfo": 240, "perf_event_open": 241,
        "prlimit64": 261, "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265,
        "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "finit_module": 273, "sched_setattr": 274, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
        "socketpair": 199, "sync": 81, "syncfs": 267, "inotify_init1": 26, "memfd_create": 279,
    },
}
_SINCE_424 = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
}
# fmt: on
for _numbers in NUMBERS.values():
    _numbers.update(_SINCE_424)

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*

# Classic BPF (linux/filter.h, linux/seccomp.h): opcodes, offsets into struct seccomp_data, and verdicts.
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_GREATER, _IF_AT_LEAST = 0x15, 0x25, 0x35
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


@functools.cache
def assemble(machine: str, runner: int, loopback: bool = False, memory_files: bool = True) -> bytes:
    """The filter, as an array of `struct sock_filter`.

    Args:
        machine: as `platform.machine()` says.
        runner: the process id, seen by the program, that no call may name.
        loopback: whether Internet sockets may be made.
        memory_files: whether files without a name may be made, whose memory no process is seen to hold.

    Raises:
        ValueError: there is no table of this machine's system calls.
    """
    if machine not in NUMBERS:
        raise ValueError(f"no table of system calls for {machine} (there are: {', '.join(NUMBERS)})")
    number = NUMBERS[machine]
    code: list[tuple[int, int, int, int]] = []

    def give(verdict: int) -> None:
        code.append((_RETURN, 0, 0, verdict))

    def load(offset: int) -> None:
        code.append((_LOAD, 0, 0, offset))

    def argument(index: int) -> None:
        load(16 + 8 * index)  # the lower 32 bits on little-endian machines, which both are

    def when_equal(value: int, verdict: int) -> None:
        code.append((_IF_EQUAL, 0, 1, value & 0xFFFFFFFF))
        give(verdict)

    def block(name: str, checks: list[tuple[int, list[int]]]) -> None:
        """Refuse a call where an argument has one of the values."""
        start = len(code)
        code.append((0, 0, 0, 0))
        for index, values in checks:
            argument(index)
            for value in values:
                when_equal(value, refused)
        give(_ALLOW)
        code[start] = (_IF_EQUAL, 0, len(code) - start - 1, number[name])

    refused = _ERRNO | errno.EPERM
    absent = _ERRNO | errno.ENOSYS

    load(_ARCHITECTURE_AT)
    code.append((_IF_EQUAL, 1, 0, _ARCHITECTURE[machine]))
    give(_KILL_PROCESS)
    load(_NUMBER_AT)
    code.append((_IF_GREATER, 0, 1, _X32 - 1))
    give(_KILL_PROCESS)
    code.append((_IF_GREATER, 0, 1, _NEWEST))
    give(absent)
    when_equal(number["clone3"], absent)
    names = [*REFUSED, *([] if memory_files else ["memfd_create"])]
    for first, last in _ranges(sorted(number[name] for name in names if name in number)):
        if first == last:
            when_equal(first, refused)
        else:
            code.append((_IF_AT_LEAST, 0, 2, first))
            code.append((_IF_GREATER, 1, 0, last))
            give(refused)

    def only(name: str, index: int, allowed: list[int], verdict: int, mask: int = 0xFFFFFFFF) -> None:
        """Refuse a call unless an argument has one of the values."""
        start = len(code)
        code.append((0, 0, 0, 0))
        argument(index)
        code.append((_AND, 0, 0, mask))
        for value in allowed:
            when_equal(value, _ALLOW)
        give(verdict)
        code[start] = (_IF_EQUAL, 0, len(code) - start - 1, number[name])

    only("clone", 0, [0], refused, mask=_CLONE_NAMESPACES)  # threads and children yes, namespaces no
    families = [_AF_UNIX, _AF_INET, _AF_INET6] if loopback else [_AF_UNIX]
    only("socket", 0, families, _ERRNO | errno.EAFNOSUPPORT)
    only("socketpair", 0, [_AF_UNIX], _ERRNO | errno.EAFNOSUPPORT)
    only("prlimit64", 0, [0], refused)  # of itself
    only("personality", 0, [0, 0xFFFFFFFF], refused)  # the ordinary one, or asking which

    watchers = [1, runner] if runner != 1 else [1]
    everyone = -1
    block("kill", [(0, [everyone, *watchers, -runner])])
    for name in ("tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "sched_setaffinity",
                 "sched_setparam", "sched_setscheduler", "sched_setattr"):  # fmt: skip
        block(name, [(0, watchers)])
    block("setpriority", [(0, [_PRIO_USER]), (1, watchers)])
    block("fcntl", [(1, [_F_SETOWN, _F_SETSIG, _F_SETOWN_EX])])
    block("ioctl", [(1, [_FIOSETOWN, _SIOCSPGRP, _TIOCSTI, _TIOCLINUX])])
    give(_ALLOW)
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Sorted numbers as (first, last) of each unbroken run: the kernel compiles the filter anew for every program."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
