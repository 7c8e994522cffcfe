"""Where programs write."""

FOLDER = "/sandbox"
"""A file system of its own for each program: `work` is its working directory, `tmp` and `shm` what their names say."""
WORK = f"{FOLDER}/work"
SHARED = (FOLDER, "/tmp", "/dev/shm")
"""What programs of a container without namespaces write to, one after another."""
