"""The two-term law of compute-optimal training."""

from __future__ import annotations

from isoflop.laws import Law, Parameter, PowerSum, PowerTerm

CHINCHILLA = Law(
    name="chinchilla",
    summary="Loss falls with parameters and with tokens, each by a power law, to a floor.",
    equation="loss = E + A / n_params^alpha + B / n_tokens^beta",
    parameters=(
        Parameter(name="E", unit="nat/token"),
        Parameter(name="A", unit="nat/token x parameters^alpha"),
        Parameter(name="B", unit="nat/token x tokens^beta"),
        Parameter(name="alpha", low=0.01, high=2.5),
        Parameter(name="beta", low=0.01, high=2.5),
    ),
    form=PowerSum(
        constant="E",
        terms=(
            PowerTerm(coefficient="A", exponent="alpha", variable="n_params"),
            PowerTerm(coefficient="B", exponent="beta", variable="n_tokens"),
        ),
    ),
    variables=("n_params", "n_tokens"),
    cannot_say=(
        "How repeated data, learning-rate schedule, batch size or architecture change the loss; "
        "what happens outside the range of the runs."
    ),
    source=(
        "Hoffmann et al. 2022, equation 2 and section 3.3 (approach 3), arXiv 2203.15556; "
        "refit by Besiroglu et al. 2024, arXiv 2404.10102"
    ),
)
