"""What runs inside the sandboxes: standard library only; the sources travel as files of a job.

- `plain`: the codec of plain data, the same on every side.
- `wire`: lines over the channel.
- `candidate`: the driver beside the program that is judged; it serves calls (`exports`, `handles`, `capture`).
- `link`, `remote`, `proxies`, `errors`: the judge's side of the connection: proxies of the program's objects.
- `judge`: runs test code over those proxies (`assert_tests`, `unittest_tests`, `pytest_tests`: `cases`) and reports.
"""
