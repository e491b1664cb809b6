"""What was asked of the services, in order; tests assert on it. It holds no token, no secret and no body."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

from statecfg.sandbox.wire import Request

KEPT = 50_000
_UNSHOWN = frozenset(("authorization", "cookie", "proxy-authorization"))


class RequestLog:
    """The last requests of one sandbox."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._number = 0
        self._lock = threading.Lock()

    def note(self, request: Request, at: str, status: int, note: Mapping[str, Any]) -> None:
        """Keep one request. status: 0 if the connection was dropped."""
        headers = {name: value for name, value in request.headers.items() if name not in _UNSHOWN}
        with self._lock:
            self._number += 1
            self._entries.append(
                {
                    "number": self._number,
                    "at": at,
                    "service": request.service,
                    "method": request.method,
                    "path": request.path,
                    "query": request.query,
                    "status": status,
                    "request_id": request.request_id,
                    "bytes": len(request.body),
                    "headers": headers,
                    "trusted": request.trusted,
                    **note,
                }
            )

    def entries(self, after: int = 0) -> list[dict[str, Any]]:
        """The kept entries with a greater number, oldest first."""
        with self._lock:
            return [entry for entry in self._entries if entry["number"] > after]

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest entries, oldest first."""
        with self._lock:
            return list(islice(reversed(self._entries), count))[::-1]

    def clear(self) -> None:
        """Forget everything; numbers go on."""
        with self._lock:
            self._entries.clear()
