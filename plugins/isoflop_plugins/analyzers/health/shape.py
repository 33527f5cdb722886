"""N against shape: the smallest and largest transformer that layers, width and vocabulary allow.

A run's row does not say biases, norms, gates or heads that share keys, so the closed forms give a
range and never an estimate; only N outside it is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isoflop.tables import RunTable
from isoflop_plugins.analyzers.health.checks import Check, Problem, handle, identity
from isoflop_plugins.analyzers.health.limits import Measured
from isoflop_plugins.counting.groups import ShapeError
from isoflop_plugins.counting.transformer import Experts, TransformerShape, parameter_groups

TOLERANCE = 0.8, 1.25
"""Times the smallest and the largest: Qwen 1 halves the d_ff that it names (arXiv 2309.16609),
vocabularies are padded, shared experts are extra. [1]"""
GRAVE = 2.0
"""Factor beyond the range from which one of the two is certainly another count. [1]"""
MOST_POSITIONS = 8_192
"""Rows of a learned position table where the sequence length is not known. [1]"""

_COLUMNS = ("n_layers", "d_model", "n_heads", "n_vocab", "d_ff", "n_experts", "sequence_length")
_NEEDED = 4
_SOURCE = "closed forms of Vaswani et al. 2017 and its variants, checked against published totals"


def parameter_range(
    n_layers: int, d_model: int, n_heads: int, n_vocab: int, d_ff: int, n_experts: int,
    sequence_length: int, *, tied: bool | None,
) -> tuple[int, int]:  # fmt: skip
    """Return the fewest and the most parameters of a transformer of this shape, 0 for unknown.

    Fewest: one key head, two matrices, no biases, no norms, tied. Most: a key head for each head,
    heads of twice the usual width, three matrices, biases, four norms, learned positions, untied.

    Examples
    --------
    >>> low, high = parameter_range(12, 768, 12, 50_257, 3_072, 0, 1_024, tied=True)
    >>> low < 124_439_808 < high
    True
    """
    d_head = -(-d_model // n_heads)
    least = TransformerShape(
        n_layers=n_layers, d_model=d_model, n_heads=n_heads, n_kv_heads=1, d_head=d_head,
        n_vocab=n_vocab, d_ff=d_ff or d_model, tied=tied is not False, norm="none",
        final_norm=False,
    )  # fmt: skip
    widest = d_ff or 8 * d_model
    most = TransformerShape(
        n_layers=n_layers, d_model=d_model, n_heads=n_heads, d_head=2 * d_head, n_vocab=n_vocab,
        d_ff=widest, tied=tied is True, n_positions=sequence_length or MOST_POSITIONS, gated=True,
        qkv_bias=True, out_bias=True, mlp_bias=True, head_bias=True, norm="bias", n_norms=4,
        query_key_norm="width",
        experts=Experts(n=n_experts, n_active=None, d_ff=widest) if n_experts > 1 else None,
    )  # fmt: skip
    return parameter_groups(least).total, parameter_groups(most).total


def _rows(measured: Measured) -> NDArray[np.int64]:
    """Return the rows of decoders with N and all that the range needs."""
    sizes = np.stack([measured[c] for c in (*_COLUMNS[:_NEEDED], "n_params")], axis=1)
    kinds = measured.runs.texts("architecture")
    decoder = np.array([kind in (None, "", "dense", "moe") for kind in kinds], dtype=bool)
    experts_unknown = measured.where("architecture", "moe") & ~np.isfinite(measured["n_experts"])
    return np.flatnonzero(np.isfinite(sizes).all(axis=1) & decoder & ~experts_unknown)


def _judged(runs: RunTable) -> int:
    return int(_rows(Measured(runs)).size)


def _find(runs: RunTable) -> Iterator[Problem]:
    measured = Measured(runs)
    shapes = np.stack([measured[c] for c in _COLUMNS], axis=1)
    n, tied = measured["n_params"], runs.flags("tied_embeddings")
    ranges: dict[tuple[object, ...], tuple[int, int] | None] = {}
    for row in _rows(measured).tolist():
        key = (*np.nan_to_num(shapes[row]).astype(np.int64).tolist(), tied[row])
        if key not in ranges:
            ranges[key] = _range(key[:-1], tied[row])
        allowed = ranges[key]
        if allowed is not None and not allowed[0] <= n[row] <= allowed[1]:
            yield _problem(runs, row, float(n[row]), allowed)


def _range(sizes: tuple[int, ...], tied: bool | None) -> tuple[int, int] | None:
    try:
        low, high = parameter_range(*sizes, tied=tied)
    except (ShapeError, ZeroDivisionError):
        return None
    return int(TOLERANCE[0] * low), int(TOLERANCE[1] * high)


def _problem(runs: RunTable, row: int, n: float, allowed: tuple[int, int]) -> Problem:
    label, uid, family = identity(runs, row)
    beyond = max(allowed[0] / n if n else np.inf, n / allowed[1])
    return Problem(
        check="shape", subject=uid, subject_name=label, family=family, number=n,
        value=f"N = {n:,.0f}", expected=f"{allowed[0]:,} to {allowed[1]:,} from its shape",
        severity="clear" if beyond >= GRAVE else "mild", source=_SOURCE,
        todo=f"Check N, its unit, and layers, width and vocabulary "
        f"(`isoflop explain {handle(uid, label)} n_params`).",
    )  # fmt: skip


SHAPE = Check(
    name="shape", statement="N is one that its shape allows", find=_find, judged=_judged,
    source=_SOURCE,
)  # fmt: skip
