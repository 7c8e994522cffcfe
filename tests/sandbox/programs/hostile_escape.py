"""Reading and writing what is not the program's: files, other processes, devices, the system's settings."""

from __future__ import annotations

from tests.sandbox.programs import Case, escape

READING: tuple[Case, ...] = (
    escape(
        "secret files",
        """
        paths = ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_rsa_key", "/root/.bash_history"]
        paths += ["/root/.ssh/id_rsa", "/root/.netrc", "/proc/kcore", "/proc/kmsg", "/proc/kpageflags", "/proc/vmcore"]
        paths += ["/var/lib/docker", "/var/lib/containerd", "/run/secrets", "/var/run/secrets", "/run/containerd"]
        for path in paths:
            attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else len(open(path, "rb").read(1)) >= 0)
        """,
    ),
    escape(
        "other people's folders",
        """
        for path in ("/root", "/home", "/mnt", "/media", "/srv", "/workspace", "/data", "/var/lib/docker"):
            attempt(path, lambda: [name for name in os.listdir(path) if os.path.join(path, name) != os.getcwd()])
        """,
    ),
    escape(
        "everything that can be read, walked for secrets",
        """
        import re, time
        secret = re.compile(b"canary" + rb"-[0-9a-f]{16}")
        end = time.monotonic() + 5
        skipped = ("/proc", "/sys", "/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
        for top in os.listdir("/"):
            if "/" + top in skipped:
                continue
            for folder, folders, names in os.walk("/" + top):
                folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
                for name in names:
                    path = os.path.join(folder, name)
                    if time.monotonic() > end or not os.path.isfile(path):
                        continue
                    try:
                        with open(path, "rb") as file:
                            if secret.search(file.read(1 << 20)):
                                found.append(path)
                    except OSError:
                        pass
        """,
    ),
    escape(
        "environments of all processes",
        """
        plain = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME"}
        found += [f"own {name}" for name in os.environ if name not in plain]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    names = [part.split(b"=")[0].decode() for part in file.read().split(b"\\0") if part]
            except OSError:
                continue
            found += [f"{pid} {name}" for name in names if name not in plain]
        """,
        note="the first process may be the one that set the sandbox up",
    ),
    escape(
        "own environment, as the shell sees it",
        """
        import subprocess
        text = subprocess.run(["/usr/bin/env"], capture_output=True, text=True).stdout
        plain = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME"}
        found += [line for line in text.splitlines() if line.split("=")[0] not in plain]
        """,
    ),
    escape(
        "other processes' memory, descriptors and roots",
        """
        def memory(pid):
            with open(f"/proc/{pid}/maps") as maps:
                start = int(maps.readline().split("-")[0], 16)
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
                file.seek(start)
                return file.read(8)


        for pid in others():
            attempt(f"memory of {pid}", lambda: memory(pid))
            attempt(f"descriptors of {pid}", lambda: [os.readlink(f"/proc/{pid}/fd/{n}")
                                                      for n in os.listdir(f"/proc/{pid}/fd")])
            attempt(f"root of {pid}", lambda: set(os.listdir(f"/proc/{pid}/root/")) - set(os.listdir("/")))
            attempt(f"home in root of {pid}", lambda: os.listdir(f"/proc/{pid}/root/root"))
        """,
    ),
    escape(
        "processes that are none of its own",
        """
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        if len(pids) > 6:
            found.append(repr(pids))
        """,
        note="a PID namespace of its own: a first process, perhaps a supervisor, the program",
    ),
    escape(
        "kernel memory layout and log",
        """
        def addresses():
            with open("/proc/kallsyms") as file:
                return any(int(line.split()[0], 16) for line in (file.readline() for _ in range(50)) if line)


        attempt("addresses", addresses)
        attempt("log", lambda: syscall(103, 116, 3, ctypes.create_string_buffer(4096), 4096) > 0)
        attempt("log device", lambda: os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK) >= 0)
        """,
    ),
    escape(
        "the container engine",
        """
        import socket
        names = ["docker.sock", "containerd/containerd.sock"]
        names += ["podman/podman.sock", "crio/crio.sock", "dbus/system_bus_socket"]
        for name in names + ["systemd/private", "user/0/bus", "user/1000/bus"]:
            for place in ("/run/", "/var/run/"):
                def connect():
                    socket.socket(socket.AF_UNIX).connect(place + name)
                    return True
                attempt(place + name, connect)
        """,
    ),
    escape(
        "files by handle",
        """
        def by_handle():
            for inode in (2, 64, 128, 256):
                handle = (8).to_bytes(4, "little") + (1).to_bytes(4, "little") + inode.to_bytes(8, "little")
                folder = os.open("/usr", os.O_RDONLY)
                try:
                    return syscall(304, 265, folder, ctypes.create_string_buffer(handle, 64), os.O_RDONLY) >= 0
                except OSError as error:
                    if error.errno == errno.ESTALE:
                        return True
            return False


        attempt("open_by_handle_at", by_handle)
        """,
    ),
    escape(
        "out of the root by links and dots",
        """
        os.symlink("/" + "../" * 50 + "root", "up")
        os.symlink("/proc/1/root/root", "over")
        os.symlink("/proc/self/root/root", "own")
        for name in ("up", "over", "own", "/proc/1/cwd", "../" * 50 + "root"):
            attempt(name, lambda: [thing for thing in os.listdir(name) if name != "/proc/1/cwd"])
        """,
    ),
)

WRITING: tuple[Case, ...] = (
    escape(
        "files in the system's folders",
        """
        folders = ["/", "/etc", "/usr", "/usr/bin", "/usr/lib"]
        folders += ["/usr/lib/python3", "/usr/local/lib", "/lib", "/bin", "/sys"]
        folders += ["/proc", "/proc/sys", "/root", "/home"]
        folders += ["/var", "/var/spool/cron", "/opt", "/boot", os.path.dirname(os.__file__)]
        for folder in folders:
            def write():
                os.close(os.open(os.path.join(folder, "planted"), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                os.unlink(os.path.join(folder, "planted"))
                return True
            attempt(folder, write)
        """,
    ),
    escape(
        "the system's own files",
        """
        paths = ["/etc/passwd", "/etc/hosts", "/etc/resolv.conf"]
        paths += ["/etc/ld.so.preload", "/etc/ld.so.cache", "/etc/profile"]
        paths += [os.path.realpath(sys.executable), os.__file__, "/usr/bin/env", "/bin/sh", "/usr/lib/os-release"]
        for path in paths:
            attempt(path, lambda: os.open(path, os.O_WRONLY) >= 0)
            attempt("mode of " + path, lambda: os.chmod(path, os.stat(path).st_mode) is None)
            attempt("times of " + path, lambda: os.utime(path, (1, 1)) is None)
        """,
    ),
    escape(
        "bytecode of the standard library",
        """
        import json
        folder = os.path.join(os.path.dirname(json.__file__), "__pycache__")
        attempt("list", lambda: [name for name in os.listdir(folder) if os.access(os.path.join(folder, name), os.W_OK)])
        attempt("create", lambda: os.open(os.path.join(folder, "x.pyc"), os.O_WRONLY | os.O_CREAT) >= 0)
        """,
    ),
    escape(
        "settings of the kernel",
        """
        names = ["kernel/core_pattern", "kernel/modprobe"]
        names += ["kernel/hostname", "kernel/sysrq", "kernel/randomize_va_space"]
        names += ["vm/overcommit_memory", "vm/drop_caches"]
        names += ["net/ipv4/ip_forward", "fs/suid_dumpable"]
        for name in names:
            attempt(name, lambda: os.open("/proc/sys/" + name, os.O_WRONLY) >= 0)
        paths = ["/proc/sysrq-trigger", "/proc/mtrr"]
        paths += ["/proc/scsi/scsi", "/proc/irq/default_smp_affinity", "/proc/self/uid_map"]
        paths += ["/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled"]
        paths += ["/sys/fs/selinux/enforce", "/sys/kernel/security/apparmor/.load", "/proc/sys/fs/binfmt_misc/register"]
        for path in paths[:4] + paths[5:]:
            attempt(path, lambda: os.open(path, os.O_WRONLY) >= 0)


        def map_users():
            with open("/proc/self/uid_map", "w") as file:
                file.write("0 0 1")
            return True


        attempt("uid_map", map_users)
        """,
    ),
    escape(
        "control groups",
        """
        import itertools
        names = ("cgroup.procs", "tasks", "memory.max", "memory.limit_in_bytes", "pids.max", "release_agent", "cpu.max")
        count = 0
        for folder, folders, files in itertools.islice(os.walk("/sys/fs/cgroup"), 2000):
            for name in set(names) & set(files):
                try:
                    os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                    found.append(os.path.join(folder, name))
                except OSError:
                    pass
            try:
                os.mkdir(os.path.join(folder, "planted"))
                found.append("new group in " + folder)
            except OSError:
                pass
        """,
    ),
    escape(
        "devices",
        """
        names = ["mem", "kmem", "port", "kmsg", "vda", "vda1"]
        names += ["sda", "sda1", "nvme0n1", "xvda", "dm-0", "loop0", "loop-control"]
        names += ["kvm", "fuse", "net/tun", "vhost-net", "vhost-vsock"]
        names += ["vsock", "uinput", "rtc0", "watchdog", "hpet", "snapshot"]
        names += ["mapper/control", "cpu/0/msr", "btrfs-control", "userfaultfd"]
        names += ["nvidiactl", "nvidia0", "dri/card0", "console"]
        names += ["tty0", "tty1", "ttyS0", "vcs", "input/event0", "autofs", "cuse", "ppp", "nbd0", "zram0", "pmem0"]
        for name in names:
            for mode in (os.O_RDONLY, os.O_RDWR):
                attempt(name, lambda: os.open("/dev/" + name, mode | os.O_NONBLOCK) >= 0)
        """,
    ),
    escape(
        "device nodes of its own",
        """
        import stat
        for name, kind, major, minor in (
            ("mem", stat.S_IFCHR, 1, 1),
            ("kmsg", stat.S_IFCHR, 1, 11),
            ("disk", stat.S_IFBLK, 254, 0),
            ("disk2", stat.S_IFBLK, 8, 0),
            ("kvm", stat.S_IFCHR, 10, 232),
        ):
            for place in (".", "/tmp", "/dev/shm", "/dev"):
                path, device = os.path.join(place, name), os.makedev(major, minor)
                attempt(path, lambda: os.mknod(path, kind | 0o600, device) is None)
        """,
    ),
    escape(
        "the terminal",
        """
        import fcntl, termios
        attempt("controlling terminal", lambda: os.open("/dev/tty", os.O_RDWR) >= 0)
        for number in range(3):
            attempt(f"typing into {number}", lambda: fcntl.ioctl(number, termios.TIOCSTI, b"x") is not None)
            attempt(f"taking {number}", lambda: fcntl.ioctl(number, termios.TIOCSCTTY, 1) is not None)
            if os.isatty(number):
                found.append(f"{number} is a terminal")
        attempt("console", lambda: fcntl.ioctl(0, termios.TIOCCONS) is not None)
        """,
    ),
)

PRIVILEGES: tuple[Case, ...] = (
    escape(
        "who it is",
        """
        if 0 in (*os.getresuid(), *os.getresgid()) or 0 in os.getgroups():
            found.append(f"user {os.getresuid()} group {os.getresgid()} groups {os.getgroups()}")
        with open("/proc/self/status") as file:
            status = dict(line.rstrip("\\n").split(":\\t", 1) for line in file if ":\\t" in line)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            if int(status[name], 16):
                found.append(f"{name} {status[name]}")
        if status["NoNewPrivs"] != "1":
            found.append("new privileges allowed")
        """,
    ),
    escape(
        "another user",
        """
        for uid in {0, 1, os.getuid() + 1, os.getuid() - 1, 1000} - {os.getuid(), os.getgid()}:
            attempt(f"setuid {uid}", lambda: os.setuid(uid) is None)
            attempt(f"setgid {uid}", lambda: os.setgid(uid) is None)
            attempt(f"setresuid {uid}", lambda: os.setresuid(-1, uid, -1) is None)
        attempt("setgroups", lambda: os.setgroups([0]) is None)
        open("own", "w").close()
        attempt("chown", lambda: os.chown("own", 0, 0) is None)
        attempt("capset", lambda: syscall(126, 91, ctypes.create_string_buffer(
            (0x20080522).to_bytes(4, "little") + bytes(4)), ctypes.create_string_buffer(b"\\xff" * 24)) == 0)
        """,
    ),
    escape(
        "set-user-id programs",
        """
        import subprocess
        os.mkdir("mounted")
        commands = [
            ["su", "-c", "id -u"],
            ["su", "root", "-c", "id -u"],
            ["sudo", "-n", "id", "-u"],
            ["pkexec", "id", "-u"],
            ["newgrp", "root"],
            ["mount", "-t", "tmpfs", "none", os.path.abspath("mounted")],
            ["umount", "-l", os.path.abspath("mounted")],
            ["unshare", "-r", "id", "-u"],
            ["chroot", "/", "id", "-u"],
            ["nsenter", "-t", "1", "-a", "id", "-u"],
        ]
        for command in commands:
            for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
                path = os.path.join(place, os.path.basename(command[0]))
                if not os.path.exists(path):
                    continue
                command[0] = path
                got = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5)
                if got.returncode == 0 and (got.stdout.strip() == "0" or "mount" in command[0]):
                    found.append(" ".join(command))
        """,
    ),
    escape(
        "set-user-id file of its own",
        """
        import shutil
        shutil.copy("/bin/sh", "shell")
        os.chmod("shell", 0o6755)
        if os.stat("shell").st_uid == 0:
            found.append("a file of root's")
        attempt("capabilities on a file", lambda: os.setxattr("shell", "security.capability",
                bytes.fromhex("0100000200002000") + bytes(12)) is None)
        """,
    ),
    escape(
        "name, time, reboot",
        """
        import socket, time
        attempt("host name", lambda: socket.sethostname(socket.gethostname()) is None)
        attempt("clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()) is None)
        attempt("domain name", lambda: privileged(171, 162, None, -1))
        attempt("reboot", lambda: privileged(169, 142, 0, 0, 0, 0))
        attempt("swap", lambda: privileged(167, 224, None, 0))
        attempt("accounting", lambda: privileged(163, 89, b"/no/such/file"))
        attempt("hang up", lambda: privileged(153, 58))
        """,
    ),
)

ESCAPES = READING + WRITING + PRIVILEGES
