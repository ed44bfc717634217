"""The process of the fake, and a world in it for each key."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Mapping
from uuid import uuid4

_PROGRAM = Path(__file__).parent / "bin" / "callsheet-mock"
# Proxies in the environment are not for a server on this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SECONDS = 10.0


class MockError(Exception):
    """The fake refused what it was told, or did not start: its words say why."""


class World:
    """A fake API of its own: book, clock, scenario, balance and journal belong to one key.

    Point a client at :attr:`url` with :attr:`key`, then ask what became of it.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        self.key = key
        """What the client sends as ``Authorization: Bearer KEY``."""

    def book(self) -> dict[str, Any]:
        """What was accepted, and so paid for: ``creates`` (a count), ``entries``, ``duplicates``
        (requests that were accepted more than once)."""
        said: dict[str, Any] = self._ask("GET", "book")
        return said

    def state(self) -> dict[str, Any]:
        """Tasks by status, the clock, what broke the contract."""
        said: dict[str, Any] = self._ask("GET", "state")
        return said

    def journal(self) -> list[dict[str, Any]]:
        """The last requests and their answers, keys replaced."""
        said: list[dict[str, Any]] = self._ask("GET", "journal")
        return said

    def unmatched(self) -> list[dict[str, Any]]:
        """Requests that broke the contract or fit no path, and why."""
        said: list[dict[str, Any]] = self._ask("GET", "unmatched")["unmatched"]
        return said

    def scenario(self, scenario: str | Mapping[str, Any]) -> None:
        """Plays another day from the next request on: the name of one that is shipped (``calm``,
        ``busy``, ``lossy``, ``broke``, ``hostile``), one of your own as a mapping, or as YAML."""
        if isinstance(scenario, str) and "\n" not in scenario and ":" not in scenario:
            scenario = {"name": scenario}
        # JSON is YAML too.
        told = scenario if isinstance(scenario, str) else json.dumps(scenario)
        self._ask("PUT", "scenario", told)

    def verify(
        self,
        match: str | None = None,
        *,
        fields: Mapping[str, Any] | None = None,
        on: str = "create",
        exactly: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> int:
        """Holds the accepted creates to what is expected, or with ``on="poll"`` and ``on="media"``
        the polls of their tasks and downloads of their videos. Returns how many there were.

        ``match`` names an image or audio URL, ``fields`` have exactly these values in the request.
        Without a number: at least one. Raises :class:`AssertionError` with what came closest.
        """
        told: dict[str, Any] = {"on": on, "match": match, "fields": dict(fields or {})}
        told.update(exactly=exactly, at_least=at_least, at_most=at_most)
        told = {name: value for name, value in told.items() if value is not None}
        try:
            return int(self._ask("POST", "verify", told)["count"])
        except MockError as error:
            if error.args[1:] == (406,):
                raise AssertionError(error.args[0]) from None
            raise

    def task(
        self,
        task_id: str,
        status: str | None = None,
        *,
        progress: int | None = None,
        code: str | None = None,
        advance: str | None = None,
    ) -> dict[str, Any]:
        """Drives a task by hand: ``status`` is ``pending``, ``processing``, ``completed`` or
        ``failed`` (then ``code`` says why); ``advance="10s"`` makes it older. Returns where it
        stands."""
        told = {"status": status, "progress": progress, "code": code, "advance": advance}
        told = {name: value for name, value in told.items() if value is not None}
        stands: dict[str, Any] = self._ask("POST", "tasks/" + urllib.parse.quote(task_id, safe=""), told)
        return stands

    def advance(self, span: str) -> None:
        """Advances the clock, so that tasks complete and links die without waiting: ``"24h"``."""
        self._ask("POST", "clock", {"advance": span})

    def reset(self) -> None:
        """Forgets every request: book, journal, tasks, balances. Scenario and clock stay."""
        self._ask("POST", "reset", "")

    def _ask(self, method: str, what: str, told: Mapping[str, Any] | str | None = None) -> Any:
        path = "/__mock/accounts/" + urllib.parse.quote(self.key, safe="")
        url = self.url + path + (f"/{what}" if what else "")
        body = json.dumps(told) if isinstance(told, Mapping) else told
        request = urllib.request.Request(
            url, None if body is None else body.encode(), {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with _DIRECT.open(request, timeout=_SECONDS) as answer:
                said = answer.read()
        except urllib.error.HTTPError as refused:
            said = refused.read()
            try:
                message = json.loads(said)["error"]["message"]
            except (ValueError, KeyError, TypeError):
                message = said.decode(errors="replace")
            raise MockError(message, refused.code) from None
        return json.loads(said) if said else None


class Server:
    """The process of the fake, for all tests of a session. Use it as a context manager."""

    def __init__(self, program: str | os.PathLike[str] | None = None) -> None:
        told = program or os.environ.get("CALLSHEET_MOCK") or _PROGRAM
        command = [os.fspath(told), "--port", "0", "--any-key", "--json"]
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise MockError(f"cannot start the fake: {error}") from error
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        # What it says of each request is for nobody here; it serves on without a reader.
        self._process.stdout.close()
        try:
            self.url: str = json.loads(line)["url"]
        except (ValueError, KeyError):
            self.stop()
            raise MockError(f"the fake did not start; it said {line!r}") from None

    def world(self, key: str | None = None) -> World:
        """A world of its own; without a key under one that nobody else has."""
        return World(self.url, key or f"test-{uuid4().hex}")

    def end(self, world: World) -> None:
        """Forgets a world."""
        try:
            world._ask("DELETE", "")
        except MockError as error:
            # Nobody has used it.
            if error.args[1:] != (404,):
                raise

    def stop(self) -> None:
        """Ends the process; answers under way are finished within two seconds."""
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
