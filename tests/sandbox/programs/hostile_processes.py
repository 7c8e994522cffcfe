"""Fork and thread bombs, daemons, signals to everyone, tampering with the processes around."""

from __future__ import annotations

from sandbox.types import Limits
from tests.sandbox.programs import KILLED, MARK, MEMORY, NONZERO, OK, OUTPUT, TIMEOUT, Case, abuse, escape

FEW = Limits(wall_s=3.0, processes=16)
PATIENT = Limits(wall_s=30.0)
"""Programs that end at once: who waits for what they left behind comes back late."""

BOMBS: tuple[Case, ...] = (
    abuse(
        "fork bomb that goes on",
        """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        TIMEOUT,
        limits=FEW,
    ),
    abuse(
        "fork bomb that gives up",
        """
        import os
        while True:
            os.fork()
        """,
        NONZERO,
        limits=Limits(processes=16),
        exit_code=1,
    ),
    abuse(
        "fork bomb of sleepers",
        """
        import os, time
        while True:
            try:
                if os.fork() == 0:
                    time.sleep(100000)
            except OSError:
                time.sleep(0.01)
        """,
        TIMEOUT,
        limits=FEW,
    ),
    abuse(
        "fork bomb of the shell",
        """
        import subprocess, time
        subprocess.run(["/bin/sh", "-c", "bomb() { bomb | bomb & }; bomb"])
        time.sleep(100000)
        """,
        TIMEOUT,
        limits=FEW,
    ),
    abuse(
        "spawn bomb",
        """
        import subprocess, sys, time
        while True:
            try:
                subprocess.Popen([sys.executable, __file__])
            except OSError:
                time.sleep(0.1)
        """,
        TIMEOUT,
        limits=FEW,
    ),
    abuse(
        "exec for ever",
        """
        import os, sys
        os.execv(sys.executable, [sys.executable, __file__])
        """,
        TIMEOUT,
    ),
    abuse(
        "children that replace each other",
        """
        import os
        while os.fork() == 0:
            pass
        while True:
            try:
                os.wait()
            except OSError:
                pass
        """,
        TIMEOUT,
        limits=FEW,
    ),
    abuse(
        "thread bomb that is joined",
        """
        import threading, time
        while True:
            threading.Thread(target=time.sleep, args=(100000,)).start()
        """,
        TIMEOUT,
        limits=FEW,
        note="the exception ends the main thread; the interpreter then waits for the others",
    ),
    abuse(
        "thread bomb of daemon threads",
        """
        import threading, time
        while True:
            threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()
        """,
        NONZERO,
        limits=Limits(processes=16),
        exit_code=1,
    ),
    escape(
        "more processes than the limit",
        """
        import time
        children = []
        try:
            while len(children) < 100:
                pid = os.fork()
                if pid == 0:
                    time.sleep(100000)
                    os._exit(0)
                children.append(pid)
        except OSError:
            pass
        if len(children) > 16:
            found.append(f"{len(children)} children")
        """,
        limits=Limits(processes=16),
    ),
    escape(
        "more threads than the limit, after raising it",
        """
        import resource, threading, time
        for value in (resource.RLIM_INFINITY, 1 << 20):
            try:
                resource.setrlimit(resource.RLIMIT_NPROC, (value, value))
            except (OSError, ValueError):
                pass
        started = 0
        try:
            while started < 100:
                threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()
                started += 1
        except RuntimeError:
            pass
        if started > 16:
            found.append(f"{started} threads")
        conclude()
        sys.stdout.flush()
        os._exit(0)
        """,
        limits=Limits(processes=16),
    ),
    abuse(
        "zombies",
        """
        import os
        try:
            while True:
                if os.fork() == 0:
                    os._exit(0)
        except OSError:
            print("done")
        """,
        OK,
        limits=Limits(processes=16),
        stdout="done\n",
    ),
)

DAEMONS: tuple[Case, ...] = (
    abuse(
        "child that holds stdout",
        f"""
        import os
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "{MARK}"])
        print("done", flush=True)
        os._exit(0)
        """,
        OK,
        limits=PATIENT,
        stdout="done\n",
        within_s=15.0,
    ),
    abuse(
        "daemon of two forks and a session of its own",
        f"""
        import os
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv("/bin/sleep", ["sleep", "{MARK}"])
            os._exit(0)
        os.wait()
        print("done")
        """,
        OK,
        limits=PATIENT,
        stdout="done\n",
        within_s=15.0,
    ),
    abuse(
        "daemon without stdout that ignores signals",
        f"""
        import os, signal
        if os.fork() == 0:
            os.setsid()
            for number in range(3):
                os.close(number)
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            os.execv("/bin/sleep", ["sleep", "{MARK}"])
        print("done")
        """,
        OK,
        limits=PATIENT,
        stdout="done\n",
        within_s=15.0,
    ),
    abuse(
        "daemon that prints for ever",
        """
        import os
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(1, b"more ")
        print("done")
        """,
        OK,
        OUTPUT,
        limits=PATIENT,
        within_s=15.0,
        note="it depends on which comes first",
    ),
    abuse(
        "sixty daemons and a failure",
        f"""
        import os
        try:
            for _ in range(60):
                if os.fork() == 0:
                    os.setsid()
                    os.execv("/bin/sleep", ["sleep", "{MARK}"])
        except OSError:
            pass
        os._exit(5)
        """,
        NONZERO,
        limits=PATIENT,
        exit_code=5,
        within_s=15.0,
    ),
    abuse(
        "daemon outlives a timeout",
        f"""
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv("/bin/sleep", ["sleep", "{MARK}"])
            os._exit(0)
        print("started", flush=True)
        time.sleep(100000)
        """,
        TIMEOUT,
        stdout="started\n",
    ),
)

ALL_SIGNALS = """
import os, signal
for number in range(1, 65):
    try:
        os.kill({target}, number)
    except OSError:
        pass
print("done")
"""

SIGNALS: tuple[Case, ...] = (
    abuse(
        "kill everyone",
        """
        import os
        try:
            os.kill(-1, 9)
        except OSError:
            pass
        print("done")
        """,
        OK,
        KILLED,
        stdout="done\n",
        note="the kernel spares the caller; a supervisor inside may fall",
    ),
    abuse(
        "stop everyone",
        """
        import os
        try:
            os.kill(-1, 19)
        except OSError:
            pass
        print("done")
        """,
        OK,
        TIMEOUT,
        stdout="done\n",
        note="a supervisor inside may be stopped",
    ),
    abuse("every signal to process 1", ALL_SIGNALS.format(target=1), OK, KILLED, stdout="done\n"),
    abuse(
        "every signal to the parent",
        ALL_SIGNALS.format(target="os.getppid() or 1"),
        OK,
        KILLED,
        TIMEOUT,
        stdout="done\n",
        note="signal 19 stops",
    ),
    abuse(
        "stop the parent and go on",
        """
        import os, time
        if os.getppid():
            try:
                os.kill(os.getppid(), 19)
            except OSError:
                pass
        time.sleep(100000)
        """,
        TIMEOUT,
    ),
    abuse(
        "kill every process there is",
        """
        import os
        for pid in range(1, 3000):
            if pid != os.getpid():
                try:
                    os.kill(pid, 9)
                except OSError:
                    pass
        print("done")
        """,
        OK,
        KILLED,
        stdout="done\n",
    ),
    abuse("kill the own group", "import os\nos.killpg(0, 9)\nprint('on')", KILLED, signal=9),
    abuse("kill itself", "import os\nos.kill(os.getpid(), 9)\nprint('on')", KILLED, signal=9, stdout=""),
    abuse("terminate itself", "import os\nos.kill(os.getpid(), 15)\nprint('on')", KILLED, signal=15, stdout=""),
    abuse("stop itself", "import os\nos.kill(os.getpid(), 19)\nprint('on')", TIMEOUT, stdout=""),
    abuse("stop the own group", "import os\nos.killpg(0, 19)\nprint('on')", TIMEOUT),
    abuse(
        "out-of-time signal to itself",
        "import os\nos.kill(os.getpid(), 24)\nprint('on')",
        KILLED,
        TIMEOUT,
        note="SIGXCPU is also how the kernel says that the CPU time is used up",
    ),
    abuse(
        "signal through a descriptor's owner",
        """
        import fcntl, os
        F_SETSIG = 10
        reading, writing = os.pipe()
        for pid in {1, os.getppid()} - {0}:
            try:
                fcntl.fcntl(reading, F_SETSIG, 9)
                fcntl.fcntl(reading, fcntl.F_SETOWN, pid)
                flags = fcntl.fcntl(reading, fcntl.F_GETFL)
                fcntl.fcntl(reading, fcntl.F_SETFL, flags | os.O_ASYNC)
                os.write(writing, b"x")
            except OSError:
                pass
        print("done")
        """,
        OK,
        KILLED,
        stdout="done\n",
    ),
    abuse(
        "killed by its child",
        """
        import os
        if os.fork() == 0:
            os.kill(os.getppid(), 9)
            os._exit(0)
        while True:
            os.sched_yield()
        """,
        KILLED,
        signal=9,
    ),
)

TAMPERING: tuple[Case, ...] = (
    abuse(
        "limits of the processes around",
        """
        import os, resource
        for pid in {1, os.getppid()} - {0, os.getpid()}:
            for which in ("CPU", "FSIZE", "NOFILE", "NPROC", "AS", "DATA", "STACK", "CORE"):
                try:
                    resource.prlimit(pid, getattr(resource, "RLIMIT_" + which), (0, 0))
                except OSError:
                    pass
        print("done")
        """,
        OK,
        KILLED,
        stdout="done\n",
        note="one's own group may be made to fall, nothing outside it",
    ),
    abuse(
        "priority of the processes around",
        """
        import os
        for pid in {1, os.getppid()} - {0, os.getpid()}:
            attempts = (
                lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
                lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
                lambda: os.sched_setaffinity(pid, {0}),
            )
            for attempt in attempts:
                try:
                    attempt()
                except OSError:
                    pass
        print("done")
        """,
        OK,
        stdout="done\n",
    ),
    abuse(
        "memory bomb that offers process 1 to the killer",
        """
        import os
        for pid in {1, os.getppid()} - {0}:
            try:
                with open(f"/proc/{pid}/oom_score_adj", "w") as file:
                    file.write("1000")
            except OSError:
                pass
        kept = []
        while True:
            kept.append(b"x" * (1 << 20))
        """,
        MEMORY,
        limits=Limits(memory_mb=96),
    ),
    escape(
        "better scheduling for itself",
        """
        attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) is None)
        attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20) is None)


        def spare():
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("-1000")
            return True


        attempt("spared by the memory killer", spare)
        """,
    ),
    escape(
        "own limits raised",
        """
        import resource
        for which in ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "CORE", "MEMLOCK", "NICE", "RTPRIO", "STACK"):
            number = getattr(resource, "RLIMIT_" + which)
            hard = resource.getrlimit(number)[1]
            if hard == resource.RLIM_INFINITY:
                continue
            for value in (hard + 1, resource.RLIM_INFINITY):
                def raise_it():
                    try:
                        resource.setrlimit(number, (hard, value))
                    except ValueError:
                        return False
                    return True
                attempt(which, raise_it)
        """,
    ),
    escape(
        "more descriptors than the limit, after raising it",
        """
        import resource
        for value in (resource.RLIM_INFINITY, 1 << 20):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (value, value))
            except (OSError, ValueError):
                pass
        opened = []
        try:
            while len(opened) < 1000:
                opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        if len(opened) > 64:
            found.append(f"{len(opened)} descriptors")
        """,
        limits=Limits(open_files=64),
    ),
)

PROCESSES = BOMBS + DAEMONS + SIGNALS + TAMPERING
