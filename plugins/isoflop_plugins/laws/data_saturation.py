"""Data saturation: at one size, loss against tokens alone."""

from __future__ import annotations

from isoflop.laws import Law, Parameter, PowerSum, PowerTerm

DATA_SATURATION = Law(
    name="data-saturation",
    summary="At one size, loss falls with tokens by a power law to the floor of that size.",
    equation="loss = E_N + B / n_tokens^beta",
    parameters=(
        Parameter(name="E_N", unit="nat/token"),
        Parameter(name="B", unit="nat/token x tokens^beta"),
        Parameter(name="beta", low=0.01, high=2.5),
    ),
    form=PowerSum(
        constant="E_N",
        terms=(PowerTerm(coefficient="B", exponent="beta", variable="n_tokens"),),
    ),
    variables=("n_tokens",),
    cannot_say=(
        "How the floor moves with size, what repeated tokens are worth, or anything about runs of "
        "several sizes: fit one size at a time."
    ),
    source=(
        "Hoffmann et al. 2022, equation 2 at fixed N, arXiv 2203.15556; a power law plus constant, "
        "Henighan et al. 2020, arXiv 2010.14701 (from memory of the paper)"
    ),
)
