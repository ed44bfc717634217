"""A fake of the omnihuman-1.5 video API for pytest: the fixture ``callsheet_mock``.

It is strict as the contract and can do what no sandbox does: accept a create, bill it, and lose the
answer. Afterwards it tells what was paid for, and what twice.
"""

from .server import MockError, Server, World

__all__ = ["MockError", "Server", "World"]
