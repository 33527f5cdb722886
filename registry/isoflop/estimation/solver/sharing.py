"""Answers of the solver that several analyzers ask for, found once.

Inside `shared_solutions` a pure function marked `shared` keeps what it returned under a digest of
what it was given, so that the same fit to the same numbers is one fit, to the last bit.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")


class _Answers:
    """What was asked, with its answer or the promise of one where another thread is at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, Future[Any]] = {}
        # A function is told from another by its address, which must not be given to a third.
        self._kept: list[Any] = []

    def of(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return a copy of the answer; an error is raised and not kept."""
        question = _Digest()
        question.add((function.__module__, function.__qualname__, args, kwargs))
        key = question.hash.digest()
        with self._lock:
            promise = self._known.get(key)
            is_mine = promise is None
            if promise is None:
                promise = self._known[key] = Future()
                self._kept += question.by_address
        if is_mine:
            try:
                promise.set_result(function(*args, **kwargs))
            except BaseException as error:
                promise.set_exception(error)
                with self._lock:
                    del self._known[key]
                raise
        # Copies: what one analyzer writes into its arrays is not what the next one reads.
        answer: T = copy.deepcopy(promise.result())
        return answer


_answers: ContextVar[_Answers | None] = ContextVar("isoflop_answers", default=None)


@contextlib.contextmanager
def shared_solutions() -> Iterator[None]:
    """Find each answer of a `shared` function once until the end; inside another, share with it.

    Threads share where they run in a copy of this context.
    """
    token = _answers.set(_answers.get() or _Answers())
    try:
        yield
    finally:
        _answers.reset(token)


def shared(function: Callable[P, T]) -> Callable[P, T]:
    """Mark a pure function of numbers as one whose answers may be shared."""

    @functools.wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        answers = _answers.get()
        return (
            function(*args, **kwargs) if answers is None else answers.of(function, *args, **kwargs)
        )

    return asked


class _Digest:
    """A hash of nested values, by content; a function or an unknown object by address."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.by_address: list[Any] = []

    def add(self, value: Any) -> None:
        self._write(type(value).__qualname__)
        if isinstance(value, np.ndarray) and value.dtype != object:
            self._write(f"{value.dtype.str}{value.shape}")
            self.hash.update(np.ascontiguousarray(value).data)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            for field in dataclasses.fields(value):
                self.add(getattr(value, field.name))
        elif isinstance(value, Mapping):
            self.add(list(value.items()))
        elif isinstance(value, (list, tuple)):
            self._write(str(len(value)))
            for part in value:
                self.add(part)
        elif value is None or isinstance(value, (str, int, float, np.generic)):
            self._write(repr(value))
        else:
            self._write(str(id(value)))
            self.by_address.append(value)

    def _write(self, text: str) -> None:
        self.hash.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
