"""The trace of a replayed request: which W3C trace a sample leads to (Trace Context, https://www.w3.org/TR/trace-context/).

A run with ``--traceparent`` sends each request as the child of a trace of its own. The trace's id follows from the
run's mark and the request's ``trace``, the two parts of ``X-Dress-Rehearsal``, so that no sample has to hold it.
"""

from __future__ import annotations

from hashlib import blake2b

TRACEPARENT = "traceparent"
OF_ANOTHER = frozenset({TRACEPARENT, "tracestate"})
"""Headers that would place a request in the trace that production recorded."""
_SPREAD = 0x9E3779B97F4A7C15
"""2 ** 64 over the golden ratio, made odd: multiplied by it, numbers in a row lie far apart (Knuth, TAOCP 6.4)."""
_BITS = (1 << 64) - 1


def trace_prefix(mark: str) -> str:
    """The first 16 hexadecimal digits of the trace ids of a run, whose mark this is."""
    return blake2b(mark.encode(), digest_size=8).hexdigest()


def span(trace: int) -> int:
    """The last 64 bits of a request's trace id, and the id of its span: another for each trace but 0, and none is 0.

    Samplers decide by these bits, so that they are spread evenly over all values.
    """
    return trace * _SPREAD & _BITS


def trace_id(mark: str, trace: int) -> str:
    """The id of the trace of a sample of the run whose mark this is."""
    return f"{trace_prefix(mark)}{span(trace):016x}"
