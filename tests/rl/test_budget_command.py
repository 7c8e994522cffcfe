"""`ponder budget`. Pinned here:

1. An endpoint is asked at every level, by the template's variable or in a system turn; the table, the picture and the
   file say what it answered, and only the answer is judged.
2. An endpoint that refuses, or answers otherwise, is an error that names it; one that is busy is asked again.
3. What cannot be measured is refused before anything is asked.
4. The table has a row for each level, in their order, with the figures of the metrics.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rl.budget import endpoint
from rl.budget.curve import points_of, table
from rl.cli import main
from rl.errors import ConfigError, PonderError


class Server(ThreadingHTTPServer):
    """Answers right when it may think for 512 tokens or more."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.busy = 0
        self.status = 200
        self.reply: dict[str, Any] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
        status = server.status
        if server.busy:
            server.busy, status = server.busy - 1, 503
        budget = body.get("chat_template_kwargs", {}).get("thinking_budget")
        right = budget is None or budget >= 512
        reply = server.reply or {
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {
                        "content": f"\\boxed{{{4 if right else 5}}}",
                        "reasoning_content": "The answer is \\boxed{4}.",
                    },
                }
            ],
            "usage": {"completion_tokens": 30, "completion_tokens_details": {"reasoning_tokens": budget or 900}},
        }
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": f"{i} - {i} + 4 = ?", "answer": "4"}) + "\n" for i in range(3)))
    return path


def command(server: Server, data: Path, *more: str) -> list[str]:
    return ["budget", server.url, "--model-name", "m", "--data", str(data), *more]


def test_an_endpoint_is_measured_at_every_level(
    server: Server, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    picture, file = tmp_path / "curve.png", tmp_path / "points.json"
    more = ["--plot", str(picture), "--json", str(file), "--samples", "2", "--key-variable", "SOME_KEY"]
    assert main(command(server, data, "--levels", "unlimited", "600", "0", "256", *more)) == 0
    points = {one["level"]: one for one in json.loads(file.read_text())}
    assert list(points) == ["0", "256", "600", "unlimited"]
    assert [one["accuracy"] for one in points.values()] == [0, 0, 1, 1]
    assert [one["thinking_tokens"] for one in points.values()] == [900, 256, 600, 900]
    assert {one["samples"] for one in points.values()} == {6}
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["budget", "accuracy", "95%", "thinking", "tokens", "compliance", "truncated"]
    told = {json.dumps(one.get("chat_template_kwargs")) for one in server.asked}
    assert told == {
        "null",
        '{"thinking_budget": 0, "thinking_interval": 0}',
        '{"thinking_budget": 256, "thinking_interval": 128}',
        '{"thinking_budget": 600, "thinking_interval": 256}',
    }
    assert {one["path"] for one in server.asked} == {"/v1/chat/completions"}
    assert {one["key"] for one in server.asked} == {"Bearer secret"}
    assert len(server.asked) == 4 * 3 * 2
    assert main(command(server, data, "--levels", "0", "--json", str(file))) == PonderError.exit_code


def test_a_system_turn_tells_the_budget(server: Server, data: Path) -> None:
    assert main(command(server, data, "--levels", "512", "--turn", "system")) == 0
    assert all("chat_template_kwargs" not in one for one in server.asked)
    assert all("which is 512." in one["messages"][0]["content"] for one in server.asked)


def test_a_response_has_room_for_the_largest_budget(server: Server, data: Path) -> None:
    for levels, longest in (["512", "unlimited"], 2048), (["0", "4096"], 4096 + 1024):
        server.asked.clear()
        assert main(command(server, data, "--levels", *levels)) == 0
        assert {one["max_tokens"] for one in server.asked} == {longest}


def test_a_busy_endpoint_is_asked_again(server: Server, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint.time, "sleep", lambda seconds: None)
    server.busy = 2
    assert main(command(server, data, "--levels", "512")) == 0
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("status", "reply", "message"),
    [(400, {"error": "no such model"}, "refused: 400.*no such model"), (200, {"hello": 1}, "did not answer as OpenAI")],
)
def test_an_endpoint_that_refuses_is_named(
    server: Server, data: Path, capsys: pytest.CaptureFixture[str], status: int, reply: dict[str, Any], message: str
) -> None:
    server.status, server.reply = status, reply
    assert main(command(server, data, "--levels", "512")) == PonderError.exit_code
    error = capsys.readouterr().err
    assert server.url in error
    assert message.split(".*")[0] in error and message.split(".*")[-1] in error


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--levels", "lots"], "a level is a number of tokens"),
        (["--levels", "512", "--format", "other"], "none of seed, think"),
        (["--levels", "4096", "--max-response-tokens", "2048"], "no room for an answer after the largest budget"),
        (["--levels", "512", "--enforce", "cap"], "an endpoint's responses cannot be changed"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    server: Server, data: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(command(server, data, *more)) == ConfigError.exit_code
    assert message in capsys.readouterr().err
    assert not server.asked


def test_the_table_says_what_was_measured() -> None:
    metrics = {"budget/compliance": 0.7}
    for level, accuracy in (("unlimited", 1.0), ("64", 0.5)):
        figures = {"accuracy": accuracy, "thinking_tokens": 40.0, "compliance": 0.25, "truncated": 0.1, "share": 0.5}
        metrics |= {f"budget/{level}/{name}": value for name, value in figures.items()}
    lines = table(points_of(metrics, 200))
    assert [line.split() for line in lines[1:]] == [
        ["64", "0.500", "+-0.098", "40.0", "0.250", "10.0%"],
        ["unlimited", "1.000", "+-0.000", "40.0", "0.250", "10.0%"],
    ]
