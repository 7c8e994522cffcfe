"""What runs inside the sandbox, between the isolation and the program: standard library only, any Python from 3.9 on.

- `zygote`: the warm interpreter; it forks a runner for each program and never touches a program's data.
- `runner`: makes the namespaces of one program, starts it, has `watch` watch it and reports how it ended.
- `program`: takes every right away from itself and becomes the program.

The sources travel to the inside as text (see `sandbox/slot.py`), so nothing has to be installed there.
"""
