"""Calls into the kernel that no solution to a problem needs, and the network."""

from __future__ import annotations

from sandbox.types import Limits
from tests.sandbox.programs import Case, escape

NAMESPACES = """
SPACES = {
    "mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000,
    "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "time": 0x00000080,
}
"""

CALLS: tuple[Case, ...] = (
    escape(
        "unshare",
        NAMESPACES
        + """
for name, flag in SPACES.items():
    attempt(name, lambda: syscall(272, 97, flag) == 0)
    attempt(name + " with user", lambda: syscall(272, 97, flag | SPACES["user"]) == 0)
""",
    ),
    escape(
        "clone into namespaces",
        NAMESPACES
        + """
def clone(flag):
    pid = syscall(56, 220, flag | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return True


for name, flag in SPACES.items():
    if name != "time":
        attempt(name, lambda: clone(flag))
        attempt(name + " with user", lambda: clone(flag | SPACES["user"]))
""",
    ),
    escape(
        "clone3 into namespaces",
        NAMESPACES
        + """
def clone3(flag):
    arguments = (ctypes.c_uint64 * 11)(flag, 0, 0, 0, 17)
    pid = syscall(435, 435, ctypes.byref(arguments), 88)
    if pid == 0:
        os._exit(0)
    return True


for name, flag in SPACES.items():
    attempt(name, lambda: clone3(flag))
    attempt(name + " with user", lambda: clone3(flag | SPACES["user"]))
""",
    ),
    escape(
        "setns",
        """
        for pid in ("self", "1", str(os.getppid())):
            for name in ("mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"):
                def join():
                    return syscall(308, 268, os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0) == 0
                attempt(f"{name} of {pid}", join)
        attempt("by descriptor of process 1", lambda: syscall(308, 268, os.pidfd_open(1), 0x00020000) == 0)
        """,
    ),
    escape(
        "mounts",
        """
        os.mkdir("m")
        attempt("tmpfs", lambda: syscall(165, 40, b"none", b"m", b"tmpfs", 0, 0) == 0)
        attempt("proc", lambda: syscall(165, 40, b"none", b"m", b"proc", 0, 0) == 0)
        attempt("bind", lambda: syscall(165, 40, b"/usr", b"m", None, 4096, 0) == 0)
        attempt("writable system", lambda: syscall(165, 40, b"none", b"/usr", None, 32 | 4096, 0) == 0)
        attempt("umount", lambda: privileged(166, 39, b"m", 0))
        attempt("pivot_root", lambda: privileged(155, 41, b"m", b"m"))
        attempt("chroot", lambda: os.chroot(".") is None)
        attempt("fsopen", lambda: syscall(430, 430, b"tmpfs", 0) >= 0)
        attempt("open_tree", lambda: syscall(428, 428, -100, b"m", 1) >= 0)
        attempt("move_mount", lambda: privileged(429, 429, -1, b"", -1, b"", 0))
        attempt("mount_setattr", lambda: syscall(442, 442, -100, b"/usr", 0,
                ctypes.create_string_buffer(bytes(8) + (1).to_bytes(8, "little") + bytes(16)), 32) == 0)
        """,
    ),
    escape(
        "ptrace",
        """
        for pid in others():
            attempt(f"attach to {pid}", lambda: syscall(101, 117, 16, pid, 0, 0) == 0)
            attempt(f"seize {pid}", lambda: syscall(101, 117, 0x4206, pid, 0, 0) == 0)
        """,
    ),
    escape(
        "memory of other processes by call",
        """
        buffer = ctypes.create_string_buffer(8)
        vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)


        def remote(pid):
            with open(f"/proc/{pid}/maps") as maps:
                return (ctypes.c_size_t * 2)(int(maps.readline().split("-")[0], 16), 8)


        for pid in others():
            attempt(f"read {pid}", lambda: syscall(310, 270, pid, vector, 1, remote(pid), 1, 0) > 0)
            attempt(f"compare {pid}", lambda: syscall(312, 272, pid, os.getpid(), 1, 0, 0) >= 0)
        """,
    ),
    escape(
        "descriptors of other processes by call",
        """
        for pid in others():
            def take(number):
                return syscall(438, 438, os.pidfd_open(pid), number, 0) >= 0
            for number in range(20):
                attempt(f"{number} of {pid}", lambda: take(number))
        """,
    ),
    escape(
        "keys",
        """
        attempt("session keyring", lambda: syscall(250, 219, 0, -3, 1) != 0)
        attempt("user keyring", lambda: syscall(250, 219, 0, -4, 1) != 0)
        attempt("add_key", lambda: syscall(248, 217, b"user", b"name", b"value", 5, -2) != 0)
        attempt("request_key", lambda: privileged(249, 218, b"user", b"no such key", None, -2))
        """,
    ),
    escape(
        "bpf",
        """
        def create(kind):
            attributes = ctypes.create_string_buffer(128)
            ctypes.memmove(attributes, (ctypes.c_uint32 * 4)(kind, 4, 4, 1), 16)
            return syscall(321, 280, 0, attributes, 128) >= 0


        for kind in (1, 2, 26):
            attempt(f"map {kind}", lambda: create(kind))
        """,
    ),
    escape(
        "userfaultfd",
        """
        attempt("any faults", lambda: syscall(323, 282, 0) >= 0)
        attempt("faults of user code", lambda: syscall(323, 282, 1) >= 0)
        """,
    ),
    escape(
        "perf_event_open",
        """
        def count(exclude):
            attributes = (ctypes.c_uint64 * 16)(1 | 128 << 32, 0, 0, 0, 0, exclude)
            return syscall(298, 241, ctypes.byref(attributes), 0, -1, -1, 0) >= 0


        attempt("everything", lambda: count(0))
        attempt("user code", lambda: count(1 << 5 | 1 << 6))
        """,
    ),
    escape("io_uring", "attempt('set up', lambda: syscall(425, 425, 1, ctypes.create_string_buffer(128)) >= 0)\n"),
    escape(
        "kernel and its modules",
        """
        attempt("kexec", lambda: privileged(246, 104, 0, 0, None, 0xDEAD0000))
        attempt("kexec file", lambda: privileged(320, 294, -1, -1, 0, None, 0xDEAD))
        attempt("module", lambda: privileged(175, 105, None, 0, None))
        attempt("module file", lambda: privileged(313, 273, -1, b"", 0xDEAD))
        attempt("module removed", lambda: privileged(176, 106, b"no_such_module_here", 2048))
        attempt("ports", lambda: syscall(172, None, 3) == 0)
        attempt("port range", lambda: syscall(173, None, 0x70, 2, 1) == 0)
        """,
    ),
    escape(
        "personality",
        "attempt('no randomization', lambda: syscall(135, 92, 0x0440000) >= 0)\n",
        note="read-implies-exec and fixed addresses; tools for debugging want it, programs do not",
    ),
    escape(
        "calls by other doors",
        """
        import mmap


        def old_door():
            code = bytes.fromhex("53b836010000bb00000010cd805bc3")  # unshare(CLONE_NEWUSER) of 32 bits
            block = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            block.write(code)
            call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(block)))
            return call() == 0


        if not ARM and platform.machine() == "x86_64":
            attempt("x32", lambda: syscall(0x40000000 | 272, None, 0x10000000) == 0)
            attempt("int 0x80", old_door)
        """,
    ),
)

NETWORK: tuple[Case, ...] = (
    escape(
        "connections",
        """
        import socket


        def connect(family, address):
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(1)
                s.connect(address)
            return True


        addresses = [("1.1.1.1", 53), ("8.8.8.8", 443), ("169.254.169.254", 80), ("172.17.0.1", 22), ("10.0.0.1", 80)]
        addresses += [("127.0.0.1", port) for port in (22, 53, 80, 443, 2375, 5432, 6379, 8000, 8080, 8265)]
        for address in addresses:
            attempt(f"{address}", lambda: connect(socket.AF_INET, address))
        for address in (("2606:4700:4700::1111", 443), ("::1", 22), ("fe80::1", 80)):
            attempt(f"{address}", lambda: connect(socket.AF_INET6, address))
        """,
    ),
    escape(
        "datagrams",
        """
        import socket
        for family, address in (
            (socket.AF_INET, ("1.1.1.1", 53)),
            (socket.AF_INET, ("169.254.169.254", 53)),
            (socket.AF_INET, ("224.0.0.1", 5353)),
            (socket.AF_INET6, ("2606:4700:4700::1111", 53)),
        ):
            attempt(f"{address}", lambda: socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", address) > 0)
        """,
    ),
    escape(
        "names",
        """
        import socket
        for name in ("example.com", "a.example.com", "host.docker.internal", "metadata.google.internal"):
            attempt(name, lambda: socket.getaddrinfo(name, 80))
        """,
    ),
    escape(
        "raw sockets",
        """
        import socket
        attempt("ip", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP))
        attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        attempt("ping", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).sendto(
            b"\\x08\\0\\xf7\\xff\\0\\0\\0\\0", ("1.1.1.1", 0)))
        attempt("machine", lambda: socket.socket(40, socket.SOCK_STREAM).connect((2, 1024)) is None)  # AF_VSOCK
        """,
    ),
    escape(
        "routes and devices",
        """
        import fcntl, socket, struct
        try:
            with open("/proc/net/route") as file:
                found += [line.strip() for line in file.readlines()[1:]]
        except OSError:
            pass
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with open("/proc/net/dev") as file:
            names = [line.split(":")[0].strip() for line in file if ":" in line]
        for name in names:
            if name != "lo":
                attempt(f"{name} is up", lambda: struct.unpack("16xh", fcntl.ioctl(
                    s, 0x8913, struct.pack("16s16x", name.encode()))[:18])[0] & 1)
            attempt(f"{name} set", lambda: fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", name.encode(), 0x49)))
        """,
        limits=Limits(loopback=True),
    ),
    escape(
        "netlink",
        """
        import socket, struct


        def ask(kind, body):
            with socket.socket(16, socket.SOCK_RAW, 0) as s:
                s.settimeout(1)
                s.sendto(struct.pack("IHHII", 16 + len(body), kind, 5, 1, 0) + body, (0, 0))
                answer = s.recv(65536)
            return struct.unpack_from("H", answer, 4)[0] == 2 and struct.unpack_from("i", answer, 16)[0] == 0


        name = b"\\x0a\\0\\x03\\0dummy\\0\\0\\0"
        attempt("new device", lambda: ask(16, struct.pack("BxHiII", 0, 0, 0, 0, 0) + name))
        attempt("lo up", lambda: ask(16, struct.pack("BxHiII", 0, 0, 1, 1, 1)))
        attempt("audit", lambda: socket.socket(16, socket.SOCK_RAW, 9).bind((0, 1)) is None)
        """,
    ),
    escape(
        "abstract sockets around",
        """
        import socket


        def connect(name):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(name)
            return True


        try:
            with open("/proc/net/unix") as file:
                names = {line.split()[-1] for line in file.readlines()[1:] if len(line.split()) == 8}
        except OSError:
            names = set()
        names |= {"@/tmp/.X11-unix/X0", "@/tmp/dbus", "@docker", "@ponder", "@containerd-shim"}
        for name in sorted(names):
            attempt(name, lambda: connect("\\0" + name[1:] if name[0] == "@" else name))
        """,
    ),
)

KERNEL = CALLS + NETWORK
